#pragma once
// Activation functions of each element; f32 and f64.

#include <thalweg/op.hpp>

namespace thalweg {

/// tanh x. d/dx = 1 − tanh² x.
Var tanh(const Operand& x);
/// 1 / (1 + e⁻ˣ), accurate in both tails. d/dx = s(1 − s).
Var sigmoid(const Operand& x);
/// max(x, 0); NaN stays. d/dx = 1 above 0, else 0.
Var relu(const Operand& x);

}  // namespace thalweg
