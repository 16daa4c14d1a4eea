#include "src/run/reduce.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <type_traits>

#include "src/run/thread_pool.hpp"

namespace thalweg::run {

namespace {

/// Axes that are all kept or all reduced, outermost first; adjacent ones are merged.
struct Axes {
  int rank = 0;
  std::int64_t count[Shape::max_rank] = {}, stride[Shape::max_rank] = {};

  void add(std::int64_t axis_count, std::int64_t axis_stride) {
    if (rank > 0 && stride[rank - 1] == axis_count * axis_stride) {
      count[rank - 1] *= axis_count;
      stride[rank - 1] = axis_stride;
    } else {
      count[rank] = axis_count;
      stride[rank++] = axis_stride;
    }
  }
  std::int64_t size() const {
    std::int64_t product = 1;
    for (int axis = 0; axis < rank; ++axis) product *= count[axis];
    return product;
  }
  /// Offset of element `index` in row-major order.
  std::int64_t offset(std::int64_t index) const {
    std::int64_t sum = 0;
    for (int axis = rank; axis-- > 0; index /= count[axis]) sum += index % count[axis] * stride[axis];
    return sum;
  }
  /// Calls body(offset) for each element in row-major order.
  template <class Body>
  void for_each(const Body& body) const {
    if (rank == 0) return body(std::int64_t{0});
    std::int64_t index[Shape::max_rank] = {}, offset = 0;
    const int last = rank - 1;
    for (;;) {
      for (std::int64_t i = 0; i < count[last]; ++i) body(offset + i * stride[last]);
      int axis = last - 1;
      for (; axis >= 0; --axis) {
        offset += stride[axis];
        if (++index[axis] < count[axis]) break;
        offset -= index[axis] * stride[axis];
        index[axis] = 0;
      }
      if (axis < 0) return;
    }
  }
};

template <class T, Reduction reduction>
struct Combine {
  using Total = std::conditional_t<reduction == Reduction::sum, double, T>;
  static constexpr T identity = reduction == Reduction::sum       ? T{0}
                                : reduction == Reduction::maximum ? -std::numeric_limits<T>::infinity()
                                                                  : std::numeric_limits<T>::infinity();
  /// A NaN replaces any number, and is never replaced.
  template <class A>
  static A of(A a, A b) {
    if constexpr (reduction == Reduction::sum) return a + b;
    const bool replaces = (reduction == Reduction::maximum ? b > a : b < a) | std::isnan(b);
    return replaces ? b : a;
  }
};

constexpr std::int64_t most_columns = 256;  // that are reduced together
constexpr std::int64_t most_terms = 32;     // of a sum before it continues in f64
constexpr int lanes = 8;

/// `columns` adjacent results, each over the elements of `reduced`.
template <class T, Reduction reduction>
void reduce_columns(const T* input, T* output, const Axes& reduced, std::int64_t columns) {
  using C = Combine<T, reduction>;
  T part[most_columns];
  double total[most_columns];
  constexpr bool continues_in_f64 = reduction == Reduction::sum && sizeof(T) == 4;
  const bool has_total = continues_in_f64 && reduced.size() > most_terms;
  if (has_total) std::fill_n(total, columns, 0.0);
  std::fill_n(part, columns, C::identity);
  std::int64_t terms = 0;
  const auto continue_in_f64 = [&] {
    for (std::int64_t k = 0; k < columns; ++k) total[k] += static_cast<double>(part[k]);
    std::fill_n(part, columns, C::identity);
    terms = 0;
  };
  reduced.for_each([&](std::int64_t offset) {
    const T* const row = input + offset;
    for (std::int64_t k = 0; k < columns; ++k) part[k] = C::of(part[k], row[k]);
    if (has_total && ++terms == most_terms) continue_in_f64();
  });
  if (!has_total) return static_cast<void>(std::copy_n(part, columns, output));
  continue_in_f64();
  for (std::int64_t k = 0; k < columns; ++k) output[k] = static_cast<T>(total[k]);
}

/// One result, over runs of adjacent elements that begin at the elements of `reduced`.
template <class T, Reduction reduction>
T reduce_runs(const T* input, const Axes& reduced, std::int64_t length) {
  using C = Combine<T, reduction>;
  using Total = typename C::Total;
  Total total = static_cast<Total>(C::identity);
  reduced.for_each([&](std::int64_t offset) {
    const T* const run = input + offset;
    std::int64_t i = 0;
    if (length >= 2 * lanes) {
      while (i + lanes <= length) {
        T part[lanes];
        std::fill_n(part, lanes, C::identity);
        const std::int64_t stop = i + std::min(most_terms, (length - i) / lanes) * lanes;
        for (; i < stop; i += lanes)
          for (int k = 0; k < lanes; ++k) part[k] = C::of(part[k], run[i + k]);
        for (const T each : part) total = C::of(total, static_cast<Total>(each));
      }
    }
    for (; i < length; ++i) total = C::of(total, static_cast<Total>(run[i]));
  });
  return static_cast<T>(total);
}

template <class T, Reduction reduction>
void reduce(const T* input, T* output, Axes kept, Axes reduced, std::int64_t elements) {
  constexpr std::int64_t worth_threads = std::int64_t{1} << 16, task_elements = std::int64_t{1} << 14;
  std::int64_t inner = 1, run = 1;  // adjacent results, or adjacent elements of one result
  if (kept.rank > 0 && kept.stride[kept.rank - 1] == 1) {
    inner = kept.count[--kept.rank];
  } else {
    run = reduced.count[--reduced.rank];
  }
  const std::int64_t results = kept.size(), each = elements / results;
  const std::int64_t at_once = std::max<std::int64_t>(1, task_elements / each);
  const auto reduce_some = [&](std::int64_t task) {
    const std::int64_t end = std::min(results, (task + 1) * at_once);
    for (std::int64_t i = task * at_once; i < end; ++i) {
      const T* const from = input + kept.offset(i);
      if (run > 1) {
        output[i] = reduce_runs<T, reduction>(from, reduced, run);
        continue;
      }
      for (std::int64_t k = 0; k < inner; k += most_columns)
        reduce_columns<T, reduction>(from + k, output + i * inner + k, reduced, std::min(most_columns, inner - k));
    }
  };
  const std::int64_t tasks = (results + at_once - 1) / at_once;
  if (elements >= worth_threads) return parallel_for(tasks, reduce_some);
  for (std::int64_t task = 0; task < tasks; ++task) reduce_some(task);
}

template <class T>
void reduce(const void* input, void* output, const Axes& kept, const Axes& reduced, Reduction reduction,
            std::int64_t elements) {
  const T* const from = static_cast<const T*>(input);
  T* const to = static_cast<T*>(output);
  switch (reduction) {
    case Reduction::maximum: return reduce<T, Reduction::maximum>(from, to, kept, reduced, elements);
    case Reduction::minimum: return reduce<T, Reduction::minimum>(from, to, kept, reduced, elements);
    default: return reduce<T, Reduction::sum>(from, to, kept, reduced, elements);
  }
}

}  // namespace

void reduce_axes(const void* input, void* output, const Shape& shape, std::uint32_t axes, Reduction reduction,
                 DType dtype) {
  Axes kept, reduced;
  std::int64_t stride[Shape::max_rank] = {}, elements = 1;
  for (int axis = shape.rank(); axis-- > 0; elements *= shape[axis]) stride[axis] = elements;
  for (int axis = 0; axis < shape.rank(); ++axis)
    if (shape[axis] != 1) ((axes >> axis & 1) != 0 ? reduced : kept).add(shape[axis], stride[axis]);
  dtype == DType::f64 ? reduce<double>(input, output, kept, reduced, reduction, elements)
                      : reduce<float>(input, output, kept, reduced, reduction, elements);
}

}  // namespace thalweg::run
