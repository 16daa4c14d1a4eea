// How operands and reductions lie in a (rows × columns) domain. Dimensions of 1 are ignored.

#include "src/plan/planner.hpp"

namespace thalweg::internal {

using run::Extent;

ReductionGeometry reduction_geometry(const Shape& input, std::uint32_t axes) {
  using Form = ReductionGeometry::Form;
  std::int64_t reduced = 1, kept = 1;
  bool reduced_then_kept = false, kept_then_reduced = false, any_reduced = false, any_kept = false;
  for (int axis = 0; axis < input.rank(); ++axis) {
    if (input[axis] == 1) continue;
    if (axes >> axis & 1) {
      kept_then_reduced |= any_kept;
      any_reduced = true;
      reduced *= input[axis];
    } else {
      reduced_then_kept |= any_reduced;
      any_kept = true;
      kept *= input[axis];
    }
  }
  if (!any_reduced) return {Form::nothing, 1};
  if (!any_kept) return {Form::to_single, input.back()};
  if (!reduced_then_kept) return {Form::per_row, reduced};
  if (!kept_then_reduced) return {Form::per_column, kept};
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
  if (operand.size() == 1) return {true, domain.size() == 1 ? Extent::element : Extent::single, 0};
  // From the front, the stretched dimensions come all first (per column) or all last (per row).
  std::int64_t present = 1;
  bool missing = false, gap_after_present = false, present_after_gap = false, any_present = false;
  const int lead = domain.rank() - operand.rank();
  for (int axis = 0; axis < domain.rank(); ++axis) {
    if (domain[axis] == 1) continue;
    const bool here = axis >= lead && operand[axis - lead] != 1;
    if (here) {
      present_after_gap |= missing;
      any_present = true;
      present *= domain[axis];
    } else {
      gap_after_present |= any_present;
      missing = true;
    }
  }
  if (!missing) return {true, Extent::element, 0};
  if (!gap_after_present) return {true, Extent::per_column, present};
  if (!present_after_gap && present > 0) return {true, Extent::per_row, domain.size() / present};
  return {false, Extent::element, 0};
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

}  // namespace thalweg::internal
