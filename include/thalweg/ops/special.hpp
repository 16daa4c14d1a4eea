#pragma once
// Elementwise special functions of f32 and f64. DtypeError for i64 and bool: cast first. Precision: docs/precision.md.

#include <thalweg/op.hpp>

namespace thalweg {

/// The error function, 2/√π·∫ e^(−t²) dt from 0 to x. d/dx = 2/√π·e^(−x²).
Var erf(const Operand& x);
/// 1 − erf(x), accurate where the result is small. d/dx = −2/√π·e^(−x²).
Var erfc(const Operand& x);
/// ln |Γ(x)|: inf at 0, −1, −2, …. d/dx = digamma(x).
Var lgamma(const Operand& x);
/// ψ(x) = d ln |Γ(x)| / dx: −inf at 0, NaN at −1, −2, …. d/dx = polygamma(1, x).
Var digamma(const Operand& x);
/// The order-th derivative of digamma; order 0 is digamma itself. At 0, −1, −2, …: inf for odd orders, NaN for even
/// ones. d/dx = polygamma(order + 1, x). ValueError for a negative order.
Var polygamma(int order, const Operand& x);

}  // namespace thalweg
