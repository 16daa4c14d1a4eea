#pragma once
// Elementwise exponentials, logarithms and powers of f32 and f64. Operands broadcast by NumPy's rules; a number takes
// the tensor operand's dtype. DtypeError for i64 and bool (but see power): cast first. Precision: docs/precision.md.

#include <thalweg/op.hpp>

namespace thalweg {

/// eˣ. d/dx = eˣ.
Var exp(const Operand& x);
/// 2ˣ, exact for whole x. d/dx = 2ˣ·ln 2.
Var exp2(const Operand& x);
/// eˣ − 1 without cancellation near 0. d/dx = eˣ.
Var expm1(const Operand& x);
/// ln x: −inf at 0, NaN below. d/dx = 1/x.
Var log(const Operand& x);
/// log₂ x, exact for powers of 2: −inf at 0, NaN below. d/dx = 1/(x·ln 2).
Var log2(const Operand& x);
/// log₁₀ x, exact for powers of 10: −inf at 0, NaN below. d/dx = 1/(x·ln 10).
Var log10(const Operand& x);
/// ln(1 + x) without cancellation near 0. d/dx = 1/(1 + x).
Var log1p(const Operand& x);
/// ln(eᵃ + eᵇ) without overflow: max(a, b) + ln(1 + e^−|a−b|). d/da = eᵃ / (eᵃ + eᵇ), d/db likewise; 0 where both are −inf,
/// ½ where both are inf.
Var logaddexp(const Operand& a, const Operand& b);
/// base^exponent as in IEEE 754: 0⁰ = 1; NaN for a negative base and a fractional exponent.
/// d/dbase = exponent·base^(exponent−1), 0 where the exponent is 0; d/dexponent = base^exponent·ln base, 0 at base 0.
/// i64 to the power of i64 wraps modulo 2⁶⁴; ValueError for a negative exponent. The number 2 gives base · base.
Var power(const Operand& base, const Operand& exponent);
/// ∛x, with the sign of x. d/dx = 1/(3∛x²): inf at 0.
Var cbrt(const Operand& x);

}  // namespace thalweg
