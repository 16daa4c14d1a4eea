#include "ops/moments.hpp"

#include <cmath>

#include <fmt/format.h>

#include <thalweg/ops/arithmetic.hpp>
#include <thalweg/ops/shape.hpp>

namespace thalweg::moments {

Var checked(const char* op, const Operand& x, double epsilon) {
  const Var value = as_var(x);
  if (!is_floating(value.dtype()))
    throw DtypeError(
        error_text(op, fmt::format("{} has no fractions; cast to f32 or f64 first", name(value.dtype())), x.line()));
  if (!(epsilon > 0) || std::isinf(epsilon))
    throw ValueError(error_text(op, fmt::format("epsilon is {}; it must be above 0, and finite", epsilon), x.line()));
  return value;
}

std::uint64_t mask_of(const char* op, const Shape& shape, const Axes& axes, SourceLine line) {
  if (axes.all()) return others(shape, 0);
  std::uint64_t mask = 0;
  for (const int axis : axes) {
    const int from_front = axis < 0 ? axis + shape.rank() : axis;
    if (from_front < 0 || from_front >= shape.rank())
      throw IndexError(
          error_text(op, fmt::format("axis {} is out of range for shape {}", axis, to_string(shape)), line));
    if (mask >> from_front & 1)
      throw IndexError(
          error_text(op, fmt::format("axis {} is named twice for shape {}", axis, to_string(shape)), line));
    mask |= std::uint64_t{1} << from_front;
  }
  return mask;
}

std::uint64_t others(const Shape& shape, std::uint64_t mask) {
  return ~mask & ((std::uint64_t{1} << shape.rank()) - 1);
}

Shape shape_of(const Shape& shape, std::uint64_t mask) {
  std::array<std::int64_t, Shape::max_rank> dimensions{};
  std::size_t rank = 0;
  for (int axis = 0; axis < shape.rank(); ++axis)
    if (mask >> axis & 1) dimensions[rank++] = shape[axis];
  return Shape(std::span<const std::int64_t>(dimensions.data(), rank));
}

Shape shape_beside(const Shape& shape, std::uint64_t mask) {
  std::array<std::int64_t, Shape::max_rank> dimensions{};
  for (int axis = 0; axis < shape.rank(); ++axis)
    dimensions[static_cast<std::size_t>(axis)] = mask >> axis & 1 ? shape[axis] : 1;
  return Shape(std::span<const std::int64_t>(dimensions.data(), static_cast<std::size_t>(shape.rank())));
}

Var beside(const char* op, const char* what, const Var& parameter, const Shape& x, std::uint64_t mask,
           SourceLine line) {
  const Shape wanted = shape_of(x, mask);
  if (!(parameter.shape() == wanted))
    throw ShapeError(error_text(
        op,
        fmt::format("{} {} must be {} for x {}", what, to_string(parameter.shape()), to_string(wanted), to_string(x)),
        line));
  return beside(parameter, x, mask);
}

Var beside(const Var& parameter, const Shape& x, std::uint64_t mask) {
  const int rank = parameter.rank();
  const bool last = mask == ((std::uint64_t{1} << rank) - 1) << (x.rank() - rank);  // they line up by themselves
  return last ? parameter : reshape(parameter, shape_beside(x, mask));
}

namespace {

/// Σ over axes begin ≤ axis < end, which stay as 1.
Var sum_run(const Var& x, int begin, int end) {
  if (begin + 1 == end) return sum(x, begin, true);
  const Shape shape = x.shape();
  std::array<std::int64_t, Shape::max_rank> dimensions{};
  std::int64_t outer = 1, run = 1, inner = 1;
  for (int axis = 0; axis < shape.rank(); ++axis) {
    (axis < begin ? outer : axis < end ? run : inner) *= shape[axis];
    dimensions[static_cast<std::size_t>(axis)] = axis >= begin && axis < end ? 1 : shape[axis];
  }
  const Shape kept(std::span<const std::int64_t>(dimensions.data(), static_cast<std::size_t>(shape.rank())));
  return reshape(sum(reshape(x, {outer, run, inner}), 1), kept);
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

Var mean_over(const Var& x, std::uint64_t mask) { return sum_over(x, mask) / literal(count_over(x.shape(), mask)); }

double count_over(const Shape& shape, std::uint64_t mask) { return static_cast<double>(shape_of(shape, mask).size()); }

}  // namespace thalweg::moments
