#pragma once
// The same elements in another shape or order. Reshapes, slices along the first axis and what a matmul reads transposed are
// read in place; others are copied where they are needed.
//
// Where a comment says that a start, a shift or a fill value is data, changing it from step to step makes no new plan.

#include <optional>
#include <span>
#include <vector>

#include <thalweg/op.hpp>
#include <thalweg/ops/axes.hpp>

namespace thalweg {

/// The same elements, row-major, in another shape; one dimension may be −1 and follows from the others.
/// ShapeError naming both element counts where they differ, and for a −1 beside a 0, which could be anything.
Var reshape(const Operand& x, std::initializer_list<std::int64_t> dimensions);
Var reshape(const Operand& x, std::span<const std::int64_t> dimensions);
Var reshape(const Operand& x, const Shape& shape);
/// All axes from `first_axis` on joined to one.
Var flatten(const Operand& x, int first_axis = 0);
/// Without the dimensions of 1.
Var squeeze(const Operand& x);
/// Without axis `axis`. ShapeError where its dimension is not 1.
Var squeeze(const Operand& x, int axis);
/// With a dimension of 1 before axis `axis` of the result.
Var unsqueeze(const Operand& x, int axis);
/// The axes in reverse order.
Var transpose(const Operand& x);
/// The axes in another order: axis i of the result is axis order[i] of x. IndexError where an axis is missing or named twice.
Var permute(const Operand& x, std::span<const int> order);
Var permute(const Operand& x, std::initializer_list<int> order);
/// Repeated along dimensions of 1 (or missing in front) to `shape`. d/dx: the sum over what was stretched.
Var broadcast_to(const Operand& x, const Shape& shape);
/// Elements start ≤ i < stop along `axis`; negative bounds count from the back. The start is data. IndexError where the
/// bounds are out of range. d/dx: the gradient in its place, zeros elsewhere.
Var slice(const Operand& x, int axis, std::int64_t start, std::int64_t stop);

/// Indices from `start` in steps of `step` until `stop`, which is left out; negative bounds count from the back. A bound
/// that is not given is the end that the steps come from or go to: `{.step = -1}` is all of them backwards.
struct SliceRange {
  std::optional<std::int64_t> start = {}, stop = {};
  std::int64_t step = 1;
};
/// The elements of a range along `axis`. Start and steps as above; ValueError for a step of 0.
Var slice(const Operand& x, int axis, const SliceRange& range);
/// A range for each axis; those after the last are taken whole.
Var slice(const Operand& x, std::initializer_list<SliceRange> ranges);
/// `parts` equal parts along `axis`; ShapeError where it does not divide.
std::vector<Var> split(const Operand& x, std::int64_t parts, int axis = 0);
/// Parts of these sizes; ShapeError where they do not add up to the axis.
std::vector<Var> split(const Operand& x, std::initializer_list<std::int64_t> sizes, int axis = 0);
/// The order of the elements reversed along the axes: all of them unless some are named. d/dx: the gradient flipped.
Var flip(const Operand& x, const Axes& axes = {});
/// Each element `shift` places further along `axis`, the last ones coming in front; without an axis, in row-major order.
/// The shift is data. d/dx: the gradient rolled back.
Var roll(const Operand& x, std::int64_t shift, int axis);
Var roll(const Operand& x, std::int64_t shift);

struct Padding {
  std::int64_t before = 0, after = 0;
};
/// x with `fill_value` before and after it along each axis: a padding for each of them. The fill value is data.
/// ShapeError for other numbers of paddings than axes, ValueError for a negative one. d/dx: the gradient without the edges.
Var pad(const Operand& x, std::initializer_list<Padding> padding, double fill_value = 0);
Var pad(const Operand& x, std::span<const Padding> padding, double fill_value = 0);
Var pad(const Operand& x, int axis, std::int64_t before, std::int64_t after, double fill_value = 0);

/// One after the other along `axis`, in which their sizes may differ; the other dimensions are equal, as are the dtypes.
/// ShapeError where they do not fit, DtypeError for several dtypes. d/dpart: its slice of the gradient.
/// Parts of several types go in braces: `concatenate({tensor, var, parameter}, 1)`.
Var concatenate(std::span<const Var> parts, int axis = 0, SourceLine line = SourceLine::here());
Var concatenate(std::span<const Tensor> parts, int axis = 0, SourceLine line = SourceLine::here());
Var concatenate(std::span<const Parameter> parts, int axis = 0, SourceLine line = SourceLine::here());
Var concatenate(std::initializer_list<Var> parts, int axis = 0, SourceLine line = SourceLine::here());
/// Beside each other along a new axis before axis `axis` of the result; all have one shape. d/dpart: as `concatenate`.
Var stack(std::span<const Var> parts, int axis = 0, SourceLine line = SourceLine::here());
Var stack(std::span<const Tensor> parts, int axis = 0, SourceLine line = SourceLine::here());
Var stack(std::span<const Parameter> parts, int axis = 0, SourceLine line = SourceLine::here());
Var stack(std::initializer_list<Var> parts, int axis = 0, SourceLine line = SourceLine::here());
/// The whole of x this many times along each axis: (1, 2) twice is (1, 2, 1, 2). Fewer numbers than axes count from the
/// back, more of them give new axes in front. d/dx: the sum over the copies. ValueError for a negative number.
Var tile(const Operand& x, std::initializer_list<std::int64_t> repetitions);
/// Each element this many times along `axis`: (1, 2) twice is (1, 1, 2, 2). d/dx: the sum over the copies.
/// ValueError for a negative number.
Var repeat(const Operand& x, std::int64_t times, int axis);
/// Element i times[i] times; ShapeError for other numbers of counts than elements along the axis.
Var repeat(const Operand& x, std::initializer_list<std::int64_t> times, int axis);

}  // namespace thalweg
