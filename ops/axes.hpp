#pragma once
// What ops over axes share: axes as the user names them, checked; as the engine wants them; and grouped into one.

#include <array>
#include <cstdint>

#include <thalweg/op.hpp>
#include <thalweg/ops/reduction.hpp>

#include "ops/errors.hpp"

namespace thalweg {

using Dimensions = std::array<std::int64_t, Shape::max_rank>;

inline Shape make_shape(const Dimensions& dimensions, int rank) {
  return Shape(std::span<const std::int64_t>(dimensions.data(), static_cast<std::size_t>(rank)));
}

/// Row-major strides in elements.
Dimensions contiguous_strides(const Shape& shape);

/// Shape and dtype of a node, and whether it is a number.
NodeType type_of(const Var& x);

/// `axis` from the front, of a shape with `extra` more dimensions; IndexError where it is out of range.
int axis_from_front(const char* op, int axis, const Shape& shape, SourceLine line, int extra = 0);

/// The axes as a mask; IndexError for one out of range or named twice.
std::uint64_t axes_mask(const char* op, const Shape& shape, const Axes& axes, SourceLine line);

/// The axes that are not in `mask`.
std::uint64_t other_axes(const Shape& shape, std::uint64_t mask);

/// How many elements the axes of `mask` bring together.
double count_over(const Shape& shape, std::uint64_t mask);

/// The attribute of a reduction of `shape`: its axes as a mask, and whether they are kept.
std::uint64_t axes_attribute(const char* op, const Shape& shape, const ReductionOptions& options, SourceLine line);

/// `shape` reduced over the axes of `attribute`, which go or (`keep`) become 1.
Shape reduced_shape(const Shape& shape, std::uint64_t attribute, bool keep);

/// A result's shape as it lies beside a reduction's input of shape `from`: with dimensions of 1 where it was reduced.
Var beside_input(const Var& result, const Shape& from, std::uint64_t attribute);

/// A shape seen from one axis.
struct AxisSplit {
  std::int64_t outer = 1, count = 1, inner = 1;
};
AxisSplit split_at(const Shape& shape, int axis);

/// x with the axes of `mask` joined into axis 1 of three, and back. Neighbouring axes are joined in place; others are
/// brought together behind the rest first.
Var group_axes(const Var& x, std::uint64_t mask);
Var ungroup_axes(const Var& grouped, const Shape& shape, std::uint64_t mask);

}  // namespace thalweg
