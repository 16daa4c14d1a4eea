#pragma once
// The same elements in another shape or order. Reshapes, leading slices and what a matmul reads transposed are read in
// place; others are copied where they are needed.

#include <span>
#include <vector>

#include <thalweg/op.hpp>

namespace thalweg {

/// The same elements, row-major, in another shape; one dimension may be −1 and follows from the others.
/// ShapeError naming both element counts where they differ.
Var reshape(const Operand& x, std::initializer_list<std::int64_t> dimensions);
Var reshape(const Operand& x, const Shape& shape);
/// All axes from `first_axis` on as one.
Var flatten(const Operand& x, int first_axis = 0);
/// Without the dimensions of 1 (or without axis `axis`, which must be one).
Var squeeze(const Operand& x);
Var squeeze(const Operand& x, int axis);
/// With a dimension of 1 before axis `axis` of the result.
Var unsqueeze(const Operand& x, int axis);
/// The axes in another order: axis i of the result is axis order[i] of x; without an order, reversed.
Var transpose(const Operand& x);
Var permute(const Operand& x, std::initializer_list<int> order);
/// Repeated along dimensions of 1 (or missing in front) to `shape`. d/dx: the sum over what was stretched.
Var broadcast_to(const Operand& x, const Shape& shape);
/// Elements start ≤ i < stop along `axis`; negative bounds count from the back. The start is data: another one makes no
/// new plan. IndexError where the bounds are out of range.
Var slice(const Operand& x, int axis, std::int64_t start, std::int64_t stop);
/// Along `axis`, which may differ between the parts; the other dimensions are equal.
Var concatenate(std::span<const Var> parts, int axis = 0, SourceLine line = SourceLine::here());
Var concatenate(std::initializer_list<Var> parts, int axis = 0, SourceLine line = SourceLine::here());

}  // namespace thalweg
