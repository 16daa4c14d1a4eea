#include "ops/axes.hpp"

#include <algorithm>

#include <fmt/format.h>

#include <thalweg/ops/shape.hpp>

#include "src/core_ops/core_ops.hpp"
#include "src/tape/recorder.hpp"
#include "src/tensor/shape_error.hpp"

namespace thalweg {

Axes::Axes(std::span<const int> axes) : count_(axes.empty() ? -1 : static_cast<int>(axes.size())) {
  if (axes.size() > axes_.size())
    throw IndexError(
        error_text("axes", fmt::format("{} axes are named; a tensor has at most {}", axes.size(), axes_.size())));
  std::copy(axes.begin(), axes.end(), axes_.begin());
}

Shape checked_shape(const char* op, std::initializer_list<std::int64_t> dimensions, SourceLine line) {
  return internal::made_for(blamed(op), blamed(line), [&] { return Shape(dimensions); });
}

Shape checked_shape(const char* op, const Dimensions& dimensions, int rank, SourceLine line) {
  return internal::made_for(blamed(op), blamed(line), [&] { return make_shape(dimensions, rank); });
}

Dimensions contiguous_strides(const Shape& shape) {
  Dimensions strides{};
  std::int64_t stride = 1;
  for (int axis = shape.rank(); axis-- > 0; stride *= shape[axis]) strides[axis] = stride;
  return strides;
}

NodeType type_of(const Var& x) { return internal::Recorder::current()->type(x.id()); }

int axis_from_front(const char* op, int axis, const Shape& shape, SourceLine line, int extra) {
  const int rank = shape.rank() + extra, from_front = axis < 0 ? axis + rank : axis;
  if (from_front < 0 || from_front >= rank)
    fail<IndexError>(op, fmt::format("axis {} is out of range for shape {}", axis, to_string(shape)), line);
  return from_front;
}

std::uint64_t named_axes_mask(const char* op, const Shape& shape, const Axes& axes, SourceLine line) {
  std::uint64_t mask = 0;
  for (const int axis : axes) {
    const int from_front = axis_from_front(op, axis, shape, line);
    if (mask >> from_front & 1)
      fail<IndexError>(op, fmt::format("axis {} is named twice for shape {}", axis, to_string(shape)), line);
    mask |= std::uint64_t{1} << from_front;
  }
  return mask;
}

std::uint64_t shape_and_axis(const Shape& shape, int axis) {
  return shape_attribute(shape) | static_cast<std::uint64_t>(axis);
}

const Shape& shape_beside_axis(std::uint64_t attribute) { return attribute_shape(attribute & ~std::uint64_t{7}); }

std::uint64_t other_axes(const Shape& shape, std::uint64_t mask) {
  return ~mask & ((std::uint64_t{1} << shape.rank()) - 1);
}

double count_over(const Shape& shape, std::uint64_t mask) {
  double count = 1;
  for (int axis = 0; axis < shape.rank(); ++axis)
    if (mask >> axis & 1) count *= static_cast<double>(shape[axis]);
  return count;
}

Shape reduced_shape(const Shape& shape, std::uint64_t attribute, bool keep) {
  Dimensions dimensions{};
  int rank = 0;
  for (int axis = 0; axis < shape.rank(); ++axis) {
    const bool reduced = attribute >> axis & 1;
    if (!reduced) dimensions[rank++] = shape[axis];
    if (reduced && keep) dimensions[rank++] = 1;
  }
  return make_shape(dimensions, rank);
}

Var beside_input(const Var& result, const Shape& from, std::uint64_t attribute) {
  const Shape kept = reduced_shape(from, attribute, true);
  return result.shape() == kept ? result : internal::reshape(result, kept);
}

namespace {

/// Whether the axes of `mask` are adjacent (ignoring dimensions of 1); then `three` is the shape as (outer, count,
/// inner).
bool are_neighbors(const Shape& shape, std::uint64_t mask, Shape& three) {
  Dimensions sizes{1, 1, 1};
  int part = 0;  // 0 before the axes of the mask, 1 among them, 2 after them
  for (int axis = 0; axis < shape.rank(); ++axis) {
    const bool joined = mask >> axis & 1;
    if (shape[axis] == 1) continue;
    if (joined && part == 2) return false;
    if (joined) part = 1;
    if (!joined && part == 1) part = 2;
    sizes[part] *= shape[axis];
  }
  three = make_shape(sizes, 3);
  return true;
}

/// The order of axes with those of `mask` last.
std::array<int, Shape::max_rank> kept_first(const Shape& shape, std::uint64_t mask) {
  std::array<int, Shape::max_rank> order{};
  std::size_t place = 0;
  for (const bool joined : {false, true})
    for (int axis = 0; axis < shape.rank(); ++axis)
      if (((mask >> axis & 1) != 0) == joined) order[place++] = axis;
  return order;
}

}  // namespace

Var group_axes(const Var& x, std::uint64_t mask) {
  const Shape shape = x.shape();
  Shape three;
  if (are_neighbors(shape, mask, three)) return internal::reshape(x, three);
  const auto order = kept_first(shape, mask);
  const std::int64_t kept = reduced_shape(shape, mask, false).size();
  std::int64_t joined = 1;
  for (int axis = 0; axis < shape.rank(); ++axis)
    if (mask >> axis & 1) joined *= shape[axis];
  return internal::reshape(permute(x, std::span<const int>(order.data(), static_cast<std::size_t>(shape.rank()))),
                           Shape{kept, joined, 1});
}

}  // namespace thalweg
