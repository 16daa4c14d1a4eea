#pragma once
// Running sums and products along one axis. Negative axes count from the back; IndexError for one out of range.
// Each runs in order along the axis, whatever else is computed beside it; f32 is carried in f64.

#include <thalweg/op.hpp>

namespace thalweg {

struct CumulativeOptions {
  bool reverse = false;    // from the last element to the first
  bool exclusive = false;  // element i without element i itself: the first is 0, or 1 of a product
};

/// yᵢ = x₀ + … + xᵢ along `axis`; f32, f64 and i64 (wraps modulo 2⁶⁴), bools count as i64. d/dx: the cumulative sum of the
/// gradient from the other end.
Var cumulative_sum(const Operand& x, int axis, const CumulativeOptions& options = {});
/// yᵢ = x₀ · … · xᵢ along `axis`; dtypes as above. An element overflows only where it lies outside the range itself.
/// d/dxₖ = Σ_{i ≥ k} ḡᵢ·Π_{j ≤ i, j ≠ k} xⱼ, without a division: exact where there are zeros.
Var cumulative_product(const Operand& x, int axis, const CumulativeOptions& options = {});

}  // namespace thalweg
