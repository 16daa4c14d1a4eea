#include <thalweg/shape.hpp>

#include <algorithm>

#include <fmt/format.h>

#include <thalweg/error.hpp>

namespace thalweg {

namespace {

std::string text_of(std::span<const std::int64_t> dimensions) {
  if (dimensions.size() == 1) return fmt::format("({},)", dimensions[0]);
  std::string text = "(";
  for (std::size_t i = 0; i < dimensions.size(); ++i) text += fmt::format("{}{}", i == 0 ? "" : ", ", dimensions[i]);
  return text + ")";
}

}  // namespace

void Shape::fail(std::span<const std::int64_t> dimensions, const char* why, SourceLine line) {
  throw ShapeError(error_text("shape", fmt::format("{} {}", text_of(dimensions), why), line));
}

std::string to_string(const Shape& shape) { return text_of(std::span<const std::int64_t>(shape.begin(), shape.end())); }

Shape broadcast_shapes(const char* op, const Shape& lhs, const Shape& rhs) {
  const int rank = std::max(lhs.rank(), rhs.rank());
  std::array<std::int64_t, Shape::max_rank> dimensions{};
  for (int axis = 0; axis < rank; ++axis) {
    const int lhs_axis = axis - (rank - lhs.rank());
    const int rhs_axis = axis - (rank - rhs.rank());
    const std::int64_t from_lhs = lhs_axis < 0 ? 1 : lhs[lhs_axis];
    const std::int64_t from_rhs = rhs_axis < 0 ? 1 : rhs[rhs_axis];
    if (from_lhs != from_rhs && from_lhs != 1 && from_rhs != 1)
      throw ShapeError(
          error_text(op, fmt::format("shapes do not broadcast: lhs {}, rhs {}", to_string(lhs), to_string(rhs))));
    dimensions[static_cast<std::size_t>(axis)] = from_lhs == 1 ? from_rhs : from_lhs;
  }
  return Shape(std::span<const std::int64_t>(dimensions.data(), static_cast<std::size_t>(rank)));
}

int axis_of(const char* op, std::int64_t axis, int rank) {
  if (axis < -rank || axis >= rank)
    throw IndexError(error_text(op, fmt::format("axis {} is out of range for rank {}", axis, rank)));
  return static_cast<int>(axis < 0 ? axis + rank : axis);
}

}  // namespace thalweg
