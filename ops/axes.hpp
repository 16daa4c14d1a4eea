#pragma once
// Helpers for ops along axes: checking the user's axes, converting them for the engine, and grouping them into one.

#include <array>
#include <cstdint>
#include <vector>

#include <thalweg/op.hpp>
#include <thalweg/ops/reduction.hpp>

#include "ops/errors.hpp"

namespace thalweg {

using Dimensions = std::array<std::int64_t, Shape::max_rank>;

inline Shape make_shape(const Dimensions& dimensions, int rank) {
  return Shape(std::span<const std::int64_t>(dimensions.data(), static_cast<std::size_t>(rank)));
}

/// The numbers in the braces of a user's argument.
inline std::vector<std::int64_t> numbers_of(internal::DimensionList braces) { return {braces.begin(), braces.end()}; }

/// The shape of a result that may be too large: ShapeError naming the op if the element count overflows int64.
Shape checked_shape(const char* op, std::initializer_list<std::int64_t> dimensions, SourceLine line);
Shape checked_shape(const char* op, const Dimensions& dimensions, int rank, SourceLine line);

/// Row-major strides in elements.
Dimensions contiguous_strides(const Shape& shape);

/// Shape and dtype of a node, and whether it is a number.
NodeType type_of(const Var& x);

/// `axis` as a non-negative index, for a shape with `extra` more dimensions; IndexError if it is out of range.
int axis_from_front(const char* op, int axis, const Shape& shape, SourceLine line, int extra = 0);

/// The axes as a bit mask; IndexError for one out of range or given twice.
std::uint64_t named_axes_mask(const char* op, const Shape& shape, const Axes& axes, SourceLine line);
inline std::uint64_t axes_mask(const char* op, const Shape& shape, const Axes& axes, SourceLine line) {
  return axes.all() ? (std::uint64_t{1} << shape.rank()) - 1 : named_axes_mask(op, shape, axes, line);
}

/// The axis in the three lowest bits of an attribute.
inline int attribute_axis(std::uint64_t attribute) { return static_cast<int>(attribute & 7); }

/// A shape and an axis as one attribute, and the shape back.
std::uint64_t shape_and_axis(const Shape& shape, int axis);
const Shape& shape_beside_axis(std::uint64_t attribute);

/// The axes that are not in `mask`.
std::uint64_t other_axes(const Shape& shape, std::uint64_t mask);

/// The number of elements along the axes of `mask`: those that a sum over these axes combines into one.
double count_over(const Shape& shape, std::uint64_t mask);

/// The attribute of a reduction of `shape`: its axes as a mask, and whether they are kept.
inline std::uint64_t axes_attribute(const char* op, const Shape& shape, const ReductionOptions& options,
                                    SourceLine line) {
  return axes_mask(op, shape, options.axes, line) | (options.keep_dimensions ? keep_dimensions_bit : 0);
}

/// `shape` reduced over the axes of a reduction's attribute: they become 1 (`keep`) or are dropped.
Shape reduced_shape(const Shape& shape, std::uint64_t attribute, bool keep);

/// A reduction's result, or its gradient, reshaped to broadcast to the input's shape `from`: with dimensions of 1 for
/// the reduced axes.
Var beside_input(const Var& result, const Shape& from, std::uint64_t attribute);

/// A shape as (outer, count, inner): the product of the dimensions before an axis, the axis, the product of those after
/// it.
struct AxisSplit {
  std::int64_t outer = 1, count = 1, inner = 1;
};
inline AxisSplit split_at(const Shape& shape, int axis) {
  AxisSplit split;
  for (int i = 0; i < axis; ++i) split.outer *= shape[i];
  split.count = shape[axis];
  for (int i = axis + 1; i < shape.rank(); ++i) split.inner *= shape[i];
  return split;
}

/// x as (outer, count, inner) with the axes of `mask` merged into `count`. If other axes lie between them, x is first
/// permuted so that they come last (`inner` is then 1).
Var group_axes(const Var& x, std::uint64_t mask);

}  // namespace thalweg
