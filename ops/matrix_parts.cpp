// Diagonals and triangles.

#include <algorithm>

#include <fmt/format.h>

#include <thalweg/ops/arithmetic.hpp>
#include <thalweg/ops/matmul.hpp>
#include <thalweg/ops/reduction.hpp>
#include <thalweg/ops/shape.hpp>

#include "ops/axes.hpp"
#include "ops/strided.hpp"
#include "src/core_ops/core_ops.hpp"

namespace thalweg {

namespace {

/// The diagonal as a view: each step advances along both axes.
Var diagonal_of(const char* op, const Operand& x, std::int64_t offset, int axis1, int axis2) {
  const Var value = as_var(x, op);
  const Shape& shape = value.shape();
  const int rows = axis_from_front(op, axis1, shape, x.line()), columns = axis_from_front(op, axis2, shape, x.line());
  if (rows == columns)
    fail<IndexError>(op, fmt::format("axes {} and {} of shape {} are one", axis1, axis2, to_string(shape)), x.line());
  const Dimensions strides = contiguous_strides(shape);
  Placement placement{shape, shape, {}};
  Dimensions dimensions{};
  std::size_t rank = 0;
  for (int axis = 0; axis < shape.rank(); ++axis)
    if (axis != rows && axis != columns) {
      placement.strides[rank] = strides[axis];
      dimensions[rank++] = shape[axis];
    }
  const std::int64_t first_row = std::max<std::int64_t>(0, -offset), first_column = std::max<std::int64_t>(0, offset);
  const std::int64_t row_stride = strides[rows], column_stride = strides[columns];
  dimensions[rank] = std::max<std::int64_t>(0, std::min(shape[rows] - first_row, shape[columns] - first_column));
  placement.strides[rank] = row_stride + column_stride;
  placement.piece = make_shape(dimensions, static_cast<int>(rank) + 1);
  const std::int64_t first = first_row * row_stride + first_column * column_stride;
  return strided(Operand(value, x.line()), placement, placement.piece.size() == 0 ? 0 : first);
}

/// A (rows, columns) mask of the elements on the side of the diagonal that is kept.
Var triangle(const char* op, const Operand& x, std::int64_t diagonal, bool lower) {
  const OpScope scope(op, x.line());
  const Var value = as_var(x, op);
  const Shape& shape = value.shape();
  if (shape.rank() < 2) fail<ShapeError>(op, fmt::format("shape {} is not a matrix", to_string(shape)), x.line());
  const Var ones = internal::typed_literal(1, DType::f64);
  const std::int64_t count_of_rows = shape[shape.rank() - 2];
  const Var row = reshape(column_index(count_of_rows) * ones, Shape{count_of_rows, 1}) + diagonal;
  const Var column = column_index(shape.back()) * ones;
  const Var kept = where(lower ? column <= row : column >= row, value, 0);
  return value.dtype() == DType::boolean ? kept != 0 : kept;
}

}  // namespace

Var diagonal(const Operand& x, std::int64_t offset, int axis1, int axis2) {
  return diagonal_of("diagonal", x, offset, axis1, axis2);
}

Var trace(const Operand& x, std::int64_t offset, int axis1, int axis2) {
  const OpScope scope("trace", x.line());
  return sum(diagonal_of("trace", x, offset, axis1, axis2), -1);
}

Var tril(const Operand& x, std::int64_t diagonal) { return triangle("tril", x, diagonal, true); }
Var triu(const Operand& x, std::int64_t diagonal) { return triangle("triu", x, diagonal, false); }

}  // namespace thalweg
