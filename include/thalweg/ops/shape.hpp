#pragma once
// The same elements in another shape or order. Reshapes, slices along the first axis, and transposed factors of a
// matmul are read in place; the others are copied when they are needed.
//
// A start, shift or fill value that is called data below may change from step to step without a new plan.

#include <optional>
#include <span>
#include <vector>

#include <thalweg/op.hpp>
#include <thalweg/ops/axes.hpp>

namespace thalweg {

/// The same elements, row-major, in another shape; one dimension may be −1: it follows from the others.
/// ShapeError naming both element counts if they differ, and for a −1 combined with a 0, which is ambiguous.
Var reshape(const Operand& x, internal::DimensionList dimensions);
Var reshape(const Operand& x, std::span<const std::int64_t> dimensions);
Var reshape(const Operand& x, const Shape& shape);
/// All axes from `first_axis` on, merged into one.
Var flatten(const Operand& x, int first_axis = 0);
/// Without the dimensions of 1.
Var squeeze(const Operand& x);
/// Without `axis`. ShapeError unless its dimension is 1.
Var squeeze(const Operand& x, int axis);
/// With a dimension of 1 inserted as axis `axis` of the result.
Var unsqueeze(const Operand& x, int axis);
/// The axes in reverse order.
Var transpose(const Operand& x);
/// With two axes swapped. IndexError for one out of range.
Var transpose(const Operand& x, int axis1, int axis2);
/// The axes in another order: axis i of the result is axis order[i] of x. IndexError if an axis is missing or named twice.
Var permute(const Operand& x, std::span<const int> order);
Var permute(const Operand& x, std::initializer_list<int> order);
/// Another name of `permute`.
Var transpose(const Operand& x, std::span<const int> order);
Var transpose(const Operand& x, std::initializer_list<int> order);
/// Repeated along dimensions of 1, or missing in front, to give `shape`. d/dx: the sum over the repeated axes.
Var broadcast_to(const Operand& x, const Shape& shape);
/// Elements start ≤ i < stop along `axis`; negative bounds count from the back. The start is data. IndexError if the
/// bounds are out of range. d/dx: the gradient at these elements, zeros elsewhere.
Var slice(const Operand& x, int axis, std::int64_t start, std::int64_t stop);

/// Indices from `start` in steps of `step` up to, but not including, `stop`, as in Python's start:stop:step. Negative
/// bounds count from the back, and omitted ones mean the first or last element: `{.step = -1}` reverses the axis.
struct SliceRange {
  std::optional<std::int64_t> start = {}, stop = {};
  std::int64_t step = 1;
};
/// The elements of a range along `axis`, as above. ValueError for a step of 0.
Var slice(const Operand& x, int axis, const SliceRange& range);
/// One range per axis; axes without a range are taken whole.
Var slice(const Operand& x, std::initializer_list<SliceRange> ranges);
Var slice(const Operand& x, std::span<const SliceRange> ranges);
/// `parts` equal parts along `axis`; ShapeError if the axis is not divisible by `parts`.
std::vector<Var> split(const Operand& x, internal::Dimension parts, int axis = 0);
/// Parts of the given sizes; ShapeError if they do not add up to the size of the axis.
std::vector<Var> split(const Operand& x, internal::DimensionList sizes, int axis = 0);
std::vector<Var> split(const Operand& x, std::span<const std::int64_t> sizes, int axis = 0);
/// The elements in reverse order along the axes, by default all. d/dx: the gradient flipped.
Var flip(const Operand& x, const Axes& axes = {});
/// Each element moved by `shift` along `axis`, with the last ones wrapping around to the front; without an axis, in
/// row-major order. The shift is data. d/dx: the gradient rolled back.
Var roll(const Operand& x, std::int64_t shift, int axis);
Var roll(const Operand& x, std::int64_t shift);

struct Padding {
  internal::Dimension before = 0, after = 0;
};
/// x with `fill_value` before and after it along each axis; one Padding per axis. The fill value is data. ShapeError
/// unless there is one Padding per axis, ValueError for a negative one. d/dx: the gradient without the padding.
Var pad(const Operand& x, std::initializer_list<Padding> padding, double fill_value = 0);
Var pad(const Operand& x, std::span<const Padding> padding, double fill_value = 0);
Var pad(const Operand& x, int axis, std::int64_t before, std::int64_t after, double fill_value = 0);

/// The parts one after another along `axis`, where their sizes may differ; all other dimensions must be equal.
/// ShapeError if they are not, DtypeError if the dtypes differ. d/dpart: its slice of the gradient.
/// Parts of different types go in braces: `concatenate({tensor, var, parameter}, 1)`.
Var concatenate(std::span<const Var> parts, int axis = 0, SourceLine line = SourceLine::here());
Var concatenate(std::span<const Tensor> parts, int axis = 0, SourceLine line = SourceLine::here());
Var concatenate(std::span<const Parameter> parts, int axis = 0, SourceLine line = SourceLine::here());
Var concatenate(std::initializer_list<Var> parts, int axis = 0, SourceLine line = SourceLine::here());
/// The parts, of one shape, along a new axis `axis`; numbers take the others' dtype. d/dpart: as for `concatenate`.
Var stack(std::span<const Var> parts, int axis = 0, SourceLine line = SourceLine::here());
Var stack(std::span<const Tensor> parts, int axis = 0, SourceLine line = SourceLine::here());
Var stack(std::span<const Parameter> parts, int axis = 0, SourceLine line = SourceLine::here());
Var stack(std::initializer_list<Var> parts, int axis = 0, SourceLine line = SourceLine::here());
/// Repeats the whole of x along each axis: (1, 2) twice is (1, 2, 1, 2). Fewer repetitions than axes apply to the last
/// axes, more of them add axes in front. d/dx: the sum over the copies. ValueError for a negative number.
Var tile(const Operand& x, internal::DimensionList repetitions);
Var tile(const Operand& x, std::span<const std::int64_t> repetitions);
/// Repeats each element along `axis`: (1, 2) twice is (1, 1, 2, 2). d/dx: the sum over the copies.
/// ValueError for a negative number.
Var repeat(const Operand& x, internal::Dimension times, int axis);
/// Repeats element i times[i] times. ShapeError unless there is one count per element along the axis.
Var repeat(const Operand& x, internal::DimensionList times, int axis);
Var repeat(const Operand& x, std::span<const std::int64_t> times, int axis);

}  // namespace thalweg
