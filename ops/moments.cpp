#include "ops/moments.hpp"

#include <algorithm>
#include <limits>

#include <fmt/format.h>

#include <thalweg/ops/arithmetic.hpp>
#include <thalweg/ops/logic.hpp>
#include <thalweg/ops/shape.hpp>

#include "src/core_ops/core_ops.hpp"

namespace thalweg::moments {

Var beside(const char* op, const char* what, const Var& parameter, const Shape& x, std::uint64_t mask,
           SourceLine line) {
  const Shape wanted = reduced_shape(x, other_axes(x, mask), false);
  if (!(parameter.shape() == wanted))
    fail<ShapeError>(
        op,
        fmt::format("{} {} must be {} for x {}", what, to_string(parameter.shape()), to_string(wanted), to_string(x)),
        line);
  return beside(parameter, x, mask);
}

Var beside(const Var& parameter, const Shape& x, std::uint64_t mask) {
  const int rank = parameter.rank();
  // The last axes of x broadcast without a reshape.
  const bool are_last = mask == ((std::uint64_t{1} << rank) - 1) << (x.rank() - rank);
  return are_last ? parameter : reshape(parameter, reduced_shape(x, other_axes(x, mask), true));
}

Var along_rows(const Var& v, const Shape& x, std::uint64_t mask) {
  int first = 0, last = x.rank() - 1;
  while (first < x.rank() && ((mask >> first & 1) || x[first] == 1)) ++first;  // the first of the other axes
  while (last >= 0 && ((mask >> last & 1) == 0 || x[last] == 1)) --last;       // the last of those of the mask
  if (first > last) return v;                                                  // none before
  const bool none_behind = last == x.rank() - 1 || count_over(x, ~((std::uint64_t{2} << last) - 1)) == 1;
  if (none_behind) return v;
  Dimensions rows{};
  std::fill_n(rows.begin(), x.rank(), 1);
  std::copy_n(x.begin(), last + 1, rows.begin());
  return v * internal::broadcast_to(internal::typed_literal(1, v.dtype()), make_shape(rows, x.rank()));
}

namespace {

/// Σ over axes begin ≤ axis < end, which stay as 1.
Var sum_run(const Var& x, int begin, int end) {
  if (begin + 1 == end) return sum(x, begin, true);
  const Shape shape = x.shape();
  Dimensions kept{}, three{1, 1, 1};
  for (int axis = 0; axis < shape.rank(); ++axis) {
    three[axis < begin ? 0 : axis < end ? 1 : 2] *= shape[axis];
    kept[axis] = axis >= begin && axis < end ? 1 : shape[axis];
  }
  return reshape(sum(reshape(x, make_shape(three, 3)), 1), make_shape(kept, shape.rank()));
}

}  // namespace

Var sum_over(const Var& x, std::uint64_t mask) {
  Var result = x;
  for (int end = x.rank(); end > 0; --end) {
    if ((mask >> (end - 1) & 1) == 0) continue;
    int begin = end - 1;
    while (begin > 0 && (mask >> (begin - 1) & 1)) --begin;
    result = sum_run(result, begin, end);
    end = begin + 1;
  }
  return result;
}

Var in_range(const Var& v) { return abs(v) < literal(std::numeric_limits<double>::infinity()); }

double shrinking_power_of_2(DType dtype) { return dtype == DType::f32 ? 0x1p-96 : 0x1p-768; }

Var mean_over(const Var& x, std::uint64_t mask) { return sum_over(x, mask) / literal(count_over(x.shape(), mask)); }

}  // namespace thalweg::moments
