#include <thalweg/ops/sorting.hpp>

#include <algorithm>
#include <numeric>

#include <fmt/format.h>

#include <thalweg/ops/indexing.hpp>
#include <thalweg/ops/shape.hpp>

#include "ops/axes.hpp"
#include "ops/buffers.hpp"
#include "src/tensor/visit.hpp"

namespace thalweg {

namespace {

// Attribute: bit 0 is whether to sort in descending order; the bits above are the number of elements to return per row.

/// Whether index `a` comes before index `b`. Ties are broken by index, which makes this a total order: std::sort gives
/// the result of a stable sort, without allocating memory.
template <class T, bool descending>
struct ComesBefore {
  const T* row;
  bool operator()(std::int64_t a, std::int64_t b) const {
    const T left = descending ? row[b] : row[a], right = descending ? row[a] : row[b];
    if (left < right || (is_nan(right) && !is_nan(left))) return true;
    if (right < left || (is_nan(left) && !is_nan(right))) return false;
    return a < b;
  }
};

/// The first `wanted` of `count` indices in sorted order. For few of many, uses a heap with the last of them on top.
template <class Before>
void order_row(std::int64_t* places, std::int64_t wanted, std::int64_t count, const Before& before) {
  std::iota(places, places + wanted, 0);
  if (wanted == count) return std::sort(places, places + count, before);
  if (wanted == 0) return;
  std::make_heap(places, places + wanted, before);
  for (std::int64_t place = wanted; place < count; ++place) {
    if (!before(place, places[0])) continue;
    std::pop_heap(places, places + wanted, before);
    places[wanted - 1] = place;
    std::push_heap(places, places + wanted, before);
  }
  std::sort_heap(places, places + wanted, before);
}

template <class T, bool descending>
void order_rows(const OpaqueCall& call) {
  constexpr std::int64_t worth_threads = 1 << 14;
  const Shape& shape = call.input_types[0].shape;
  const std::int64_t count = shape.back(), wanted = call.output_type.shape.back();
  if (call.output_type.shape.size() == 0) return;
  const T* x = static_cast<const T*>(call.inputs[0]);
  auto* places = static_cast<std::int64_t*>(call.output);
  const auto order = [&](std::int64_t row) {
    order_row(places + row * wanted, wanted, count, ComesBefore<T, descending>{x + row * count});
  };
  for_each_index(shape.size() / count, shape.size(), order, worth_threads);
}

template <class T>
void order_rows(const OpaqueCall& call) {
  if (call.attribute & 1) {
    order_rows<T, true>(call);
  } else {
    order_rows<T, false>(call);
  }
}

NodeType order_shape(const Inference& inference) {
  const Shape& shape = inference.shape(0);
  Dimensions dimensions{};
  std::copy(shape.begin(), shape.end(), dimensions.begin());
  dimensions[shape.rank() - 1] = static_cast<std::int64_t>(inference.attribute() >> 1);
  return {make_shape(dimensions, shape.rank()), DType::i64, false};
}

void order_kernel(const OpaqueCall& call) {
  internal::visit_dtype(call.input_types[0].dtype, [&]<class T>() { order_rows<T>(call); });
}

constexpr Op order(const char* name) {
  return {.name = name, .kind = Kind::opaque, .shape_rule = order_shape, .opaque_kernel = order_kernel};
}
const Op argsort_op = order("argsort");
const Op top_k_op = order("top_k");

/// Swaps axis `axis` with the last one.
Var swap_with_last(const Var& x, int axis) {
  if (axis == x.rank() - 1) return x;
  std::array<int, Shape::max_rank> axes{};
  std::iota(axes.begin(), axes.end(), 0);
  std::swap(axes[axis], axes[x.rank() - 1]);
  return permute(x, std::span<const int>(axes.data(), static_cast<std::size_t>(x.rank())));
}

Var places(const Op& op, const Var& x, int axis, std::int64_t wanted, bool descending) {
  const Var rows = swap_with_last(x, axis);
  return swap_with_last(record(op, rows, static_cast<std::uint64_t>(wanted) << 1 | (descending ? 1 : 0)), axis);
}

}  // namespace

Var argsort(const Operand& x, const SortOptions& options) {
  const OpScope scope("argsort", x.line());
  const Var value = as_var(x, "argsort");
  const int axis = axis_from_front("argsort", options.axis, value.shape(), x.line());
  return places(argsort_op, value, axis, value.shape()[axis], options.descending);
}

Var argsort(const Operand& x, OneAxis axis, bool descending) {
  return argsort(x, SortOptions{.axis = axis, .descending = descending});
}

Sorted sort(const Operand& x, const SortOptions& options) {
  const OpScope scope("sort", x.line());
  const Var value = as_var(x, "sort");
  const int axis = axis_from_front("sort", options.axis, value.shape(), x.line());
  const Var indices = places(argsort_op, value, axis, value.shape()[axis], options.descending);
  return {take_along_axis(value, indices, axis), indices};
}

Sorted sort(const Operand& x, OneAxis axis, bool descending) {
  return sort(x, SortOptions{.axis = axis, .descending = descending});
}

Sorted top_k(const Operand& x, std::int64_t k, const TopKOptions& options) {
  const OpScope scope("top_k", x.line());
  const Var value = as_var(x, "top_k");
  const int axis = axis_from_front("top_k", options.axis, value.shape(), x.line());
  const std::int64_t size = value.shape()[axis];
  if (k < 0 || k > size)
    fail<IndexError>("top_k", fmt::format("k is {}; axis {} has size {}", k, options.axis, size), x.line());
  const Var indices = places(top_k_op, value, axis, k, options.largest);
  return {take_along_axis(value, indices, axis), indices};
}

Sorted top_k(const Operand& x, std::int64_t k, OneAxis axis, bool largest) {
  return top_k(x, k, TopKOptions{.axis = axis, .largest = largest});
}

}  // namespace thalweg
