#include "src/plan/geometry.hpp"

#include <algorithm>
#include <array>

namespace thalweg::internal {

using run::Extent;

namespace {

/// Runs of adjacent dimensions that are all there, or all missing. Dimensions of 1 are ignored.
struct Runs {
  int count = 0;
  bool first_is_there = false, last_is_there = false;
  std::int64_t length[4] = {1, 1, 1, 1};  // the last one: of all runs from the fourth on

  void add(std::int64_t dimension, bool is_there) {
    if (dimension == 1) return;
    if (count == 0) first_is_there = is_there;
    if (count == 0 || is_there != last_is_there) ++count;
    last_is_there = is_there;
    length[std::min(count, 4) - 1] *= dimension;
  }
  bool are_batches() const { return count == 3 && length[0] > 0 && length[1] * length[2] >= least_batch; }
  bool are_periodic_batches() const {
    return count == 4 && length[0] > 0 && length[1] > 0 && length[2] * length[3] >= least_batch;
  }
};

bool lies_as_matrix(std::int64_t rows, std::int64_t columns, std::int64_t row_stride, std::int64_t column_stride) {
  if (columns == 1) return rows == 1 || row_stride == 1;
  return column_stride == 1 || (rows > 1 && row_stride == 1);
}

}  // namespace

ReductionGeometry reduction_geometry(const Shape& input, std::uint32_t axes) {
  using Form = ReductionGeometry::Form;
  Runs runs;  // kept axes are there
  std::int64_t reduced = 1;
  for (int axis = 0; axis < input.rank(); ++axis) {
    const bool is_kept = (axes >> axis & 1) == 0;
    runs.add(input[axis], is_kept);
    if (!is_kept) reduced *= input[axis];
  }
  const bool keeps_first = runs.first_is_there;
  if (runs.count == 0 || (runs.count == 1 && keeps_first)) return {Form::nothing, 1};
  if (runs.count == 1) return {Form::to_single, input.back()};
  if (runs.count == 2) return {keeps_first ? Form::per_row : Form::per_column, runs.length[1]};
  if (keeps_first && runs.are_batches()) return {Form::per_column, runs.length[2], runs.length[0]};
  return {Form::general, reduced};
}

std::uint32_t stretched_axes(const Shape& input, const Shape& output) {
  std::uint32_t axes = 0;
  for (int axis = 0; axis < input.rank(); ++axis) {
    const int to = axis - (input.rank() - output.rank());
    if (to < 0 || (output[to] == 1 && input[axis] != 1)) axes |= 1u << axis;
  }
  return axes;
}

OperandGeometry operand_geometry(const Shape& operand, const Shape& domain) {
  if (operand.size() == 1)
    return {.extent = domain.size() == 1 ? Extent::element : Extent::single, .moves = domain.size() == 1};
  Runs runs;
  const int lead = domain.rank() - operand.rank();
  for (int axis = 0; axis < domain.rank(); ++axis) runs.add(domain[axis], axis >= lead && operand[axis - lead] != 1);
  const bool has_first = runs.first_is_there;
  if (runs.count <= 1) return {};
  if (runs.count == 2 && !has_first) return {.extent = Extent::per_column, .columns = runs.length[1], .moves = false};
  if (runs.count == 2 && runs.length[0] > 0) return {.extent = Extent::per_row, .columns = runs.length[1]};
  if (runs.are_periodic_batches() && !has_first)
    return {.extent = Extent::per_column,
            .columns = runs.length[3],
            .batches = runs.length[0] * runs.length[1],
            .period = runs.length[1]};
  if (!runs.are_batches()) return {.simple = false};
  return {.extent = has_first ? Extent::per_column : Extent::per_row,
          .columns = runs.length[2],
          .batches = runs.length[0],
          .moves = has_first};
}

Shape stretched_to_rows(const Shape& operand, const Shape& domain) {
  std::array<std::int64_t, Shape::max_rank> dimensions{};
  const int lead = domain.rank() - operand.rank();
  bool behind = true;
  for (int axis = domain.rank(); axis-- > 0;) {
    behind = behind && (axis < lead || operand[axis - lead] == 1);
    dimensions[axis] = behind ? 1 : domain[axis];
  }
  return Shape(std::span<const std::int64_t>(dimensions.data(), static_cast<std::size_t>(domain.rank())));
}

Shape kept_axes_first(const Shape& from, std::uint32_t axes, StridedView& view) {
  std::array<std::int64_t, Shape::max_rank> strides{}, dimensions{};
  std::int64_t stride = 1;
  for (int axis = from.rank(); axis-- > 0; stride *= from[axis]) strides[axis] = stride;
  std::size_t place = 0;
  for (const bool reduced : {false, true})
    for (int axis = 0; axis < from.rank(); ++axis)
      if (((axes >> axis & 1) != 0) == reduced) {
        dimensions[place] = from[axis];
        view.strides[place++] = strides[axis];
      }
  return Shape(std::span<const std::int64_t>(dimensions.data(), place));
}

bool lies_as_matrices(const StridedView& view, const Shape& shape) {
  const int rank = shape.rank();
  if (rank < 2) return false;
  const auto rows = static_cast<std::size_t>(rank - 2), columns = static_cast<std::size_t>(rank - 1);
  return lies_as_matrix(shape[rank - 2], shape[rank - 1], view.strides[rows], view.strides[columns]);
}

}  // namespace thalweg::internal
