#pragma once
// Cumulative sums and products along one axis. Negative axes count from the back; IndexError for one out of range.
// Each accumulates strictly in order along the axis; f32 accumulates in f64.

#include <thalweg/op.hpp>

namespace thalweg {

struct CumulativeOptions {
  bool reverse = false;    // from the last element to the first
  bool exclusive = false;  // element i excludes x_i: the first is 0, or 1 for a product
};

/// yᵢ = x₀ + … + xᵢ along `axis`; f32, f64 and i64 (wraps modulo 2⁶⁴), bools count as i64. d/dx: the cumulative sum of the
/// gradient from the other end.
Var cumulative_sum(const Operand& x, int axis, const CumulativeOptions& options = {});
/// yᵢ = x₀ · … · xᵢ along `axis`; dtypes as above. An element overflows only if its exact value is out of range.
/// d/dxₖ = Σ_{i ≥ k} ḡᵢ·Π_{j ≤ i, j ≠ k} xⱼ, computed without division: exact with zeros among x.
Var cumulative_product(const Operand& x, int axis, const CumulativeOptions& options = {});

}  // namespace thalweg
