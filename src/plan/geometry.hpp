#pragma once
// How operands and reductions lie in a (rows × columns) domain, or in several of them. A matter of shapes alone.

#include <cstdint>

#include "src/run/sweep.hpp"
#include "src/tape/recorder.hpp"

namespace thalweg::internal {

/// Numbers of a batch from which on it is worth a sweep's start. A matter of shapes alone, as the way a reduction is
/// done determines its bits.
inline constexpr std::int64_t least_batch = 512;

/// A reduction with its input seen as a (rows × columns) matrix or, where kept axes are on both sides of the reduced
/// ones, as batches of such matrices.
struct ReductionGeometry {
  enum class Form : std::uint8_t { nothing, to_single, per_row, per_column, general } form;
  std::int64_t columns = 1;
  std::int64_t batches = 1;  // of per_column
};
ReductionGeometry reduction_geometry(const Shape& input, std::uint32_t axes);
/// The axes that summing `input` to `output` reduces.
std::uint32_t stretched_axes(const Shape& input, const Shape& output);
/// The shape and, in `view`, the strides of a view of `from` with the kept axes first and the reduced ones last.
Shape kept_axes_first(const Shape& from, std::uint32_t axes, StridedView& view);

/// How an operand that broadcasts to a domain lies in it.
struct OperandGeometry {
  bool simple = true;  // false: no extent describes it; it must be copied out first
  run::Extent extent = run::Extent::element;
  std::int64_t columns = 0;  // the number of columns the domain must have; 0: any
  std::int64_t batches = 0;  // the number of batches it must have; 0: any
  bool moves = true;         // whether each batch has numbers of its own
  std::int64_t period = 0;   // after how many batches its numbers begin anew; 0: never
};
OperandGeometry operand_geometry(const Shape& operand, const Shape& domain);
/// The shape of `operand` stretched along all axes up to its last one that is not 1, which makes it lie per row.
Shape stretched_to_rows(const Shape& operand, const Shape& domain);
/// Whether a matrix product can read the view's last two axes in place: rows or columns are contiguous.
bool lies_as_matrices(const StridedView& view, const Shape& shape);

/// The extent of a value computed from operands of extents `a` and `b`.
inline run::Extent join_extents(run::Extent a, run::Extent b) {
  if (a == b || b == run::Extent::single) return a;
  return a == run::Extent::single ? b : run::Extent::element;
}

}  // namespace thalweg::internal
