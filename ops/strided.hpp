#pragma once
// Views with strides of any sign (steps, flips, windows, diagonals) and their adjoint, which adds elements back at the
// places they were read from. Each is the other's gradient, so derivatives of every order exist.

#include <thalweg/op.hpp>

#include "ops/axes.hpp"

namespace thalweg {

/// Element (i₀, i₁, …) of `piece` is element offset + Σ iₖ·strideₖ of `whole`, in row-major order. The offset is data.
struct Placement {
  Shape whole, piece;
  Dimensions strides{};
};

/// The unique address of a placement, as an attribute, and back.
std::uint64_t placement_attribute(const Placement& placement);
const Placement& attribute_placement(std::uint64_t attribute);

/// Reads a piece of x, whose shape is the placement's whole.
Var strided(const Operand& x, const Placement& placement, std::int64_t offset);

/// The same with the attribute and the offset of an earlier node.
Var strided_again(const Operand& x, const Var& offset, std::uint64_t attribute);

/// Calls body(offset in piece, offset in whole, count, stride) for each line of the piece along its last axis.
template <class Body>
void for_each_line(const Placement& placement, std::int64_t offset, const Body& body) {
  const int rank = placement.piece.rank();
  if (placement.piece.size() == 0) return;
  const std::int64_t count = rank == 0 ? 1 : placement.piece.back();
  const std::int64_t stride = rank == 0 ? 1 : placement.strides[rank - 1];
  Dimensions index{};
  for (std::int64_t line = 0; line < placement.piece.size(); line += count) {
    body(line, offset, count, stride);
    for (int axis = rank - 2; axis >= 0; --axis) {
      const auto at = static_cast<std::size_t>(axis);
      offset += placement.strides[at];
      if (++index[at] < placement.piece[axis]) break;
      offset -= placement.strides[at] * index[at];
      index[at] = 0;
    }
  }
}

}  // namespace thalweg
