#pragma once
// Exponentials and powers of each element. f32 and f64; DtypeError for i64 and bool: cast first.

#include <thalweg/op.hpp>

namespace thalweg {

/// eˣ. d/dx = eˣ.
Var exp(const Operand& x);
/// eˣ − 1 without cancellation near 0. d/dx = eˣ.
Var expm1(const Operand& x);
/// ln x: −inf at 0, NaN below. d/dx = 1/x.
Var log(const Operand& x);
/// ln(1 + x) without cancellation near 0. d/dx = 1/(1 + x).
Var log1p(const Operand& x);
/// base^exponent by IEEE 754: 0⁰ = 1, a negative base only with a whole exponent.
/// d/dbase = exponent·base^(exponent−1), 0 where the exponent is 0; d/dexponent = base^exponent·ln base, 0 at base 0.
Var power(const Operand& base, const Operand& exponent);

}  // namespace thalweg
