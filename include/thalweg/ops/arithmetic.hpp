#pragma once
// Elementwise arithmetic. Operands broadcast by NumPy's rules; a number takes the dtype of the tensor operand; bools
// count as 0 and 1. ShapeError if shapes do not broadcast, DtypeError if two tensor dtypes differ (bool aside).

#include <thalweg/op.hpp>
#include <thalweg/ops/logic.hpp>

namespace thalweg {

/// a + b. d/da = d/db = 1. i64 wraps modulo 2⁶⁴.
Var add(const Operand& a, const Operand& b);
/// a − b. d/da = 1, d/db = −1. i64 wraps modulo 2⁶⁴.
Var subtract(const Operand& a, const Operand& b);
/// a · b. d/da = b, d/db = a. i64 wraps modulo 2⁶⁴.
Var multiply(const Operand& a, const Operand& b);
/// a / b. d/da = 1/b, d/db = −(a/b)/b. DtypeError for i64: cast first.
Var divide(const Operand& a, const Operand& b);
/// −x. d/dx = −1.
Var negate(const Operand& x);
/// x². d/dx = 2x.
Var square(const Operand& x);
/// √x; NaN below 0. d/dx = 1/(2√x): +inf at 0.
Var sqrt(const Operand& x);
/// 1/x: inf at 0. d/dx = −1/x².
Var reciprocal(const Operand& x);
/// 1/√x: inf at 0, NaN below. d/dx = −1/(2x√x).
Var rsqrt(const Operand& x);
/// √(a² + b²) without intermediate overflow or underflow; NaN where either is. d/da = a/hypot, d/db = b/hypot, 0 where
/// both are 0.
Var hypot(const Operand& a, const Operand& b);
/// |x|. d/dx = sign x, 0 at 0.
Var abs(const Operand& x);
/// −1, 0 or 1; NaN stays. d/dx = 0.
Var sign(const Operand& x);
/// The larger of the two; NaN where either is. d/da = 1 where a > b, ½ where they are equal.
Var maximum(const Operand& a, const Operand& b);
/// The smaller of the two; NaN where either is. d/da = 1 where a < b, ½ where they are equal.
Var minimum(const Operand& a, const Operand& b);
/// x, at least `low` and at most `high`; NaN where any is. d/dx = 1 strictly between them, d/dlow = 1 where x is below,
/// d/dhigh = 1 where x is above, else 0. ValueError if low > high: at once if both are numbers (which then must not be
/// NaN), otherwise when the result is computed.
Var clamp(const Operand& x, const Operand& low, const Operand& high);

// Operators. Numbers and tensors may be on either side of a Var.
inline Var operator+(const Operand& a, const Operand& b) { return add(a, b); }
inline Var operator-(const Operand& a, const Operand& b) { return subtract(a, b); }
inline Var operator*(const Operand& a, const Operand& b) { return multiply(a, b); }
inline Var operator/(const Operand& a, const Operand& b) { return divide(a, b); }
inline Var operator-(const Operand& x) { return negate(x); }
inline Var& operator+=(Var& a, const Operand& b) { return a = add(Operand(a, b.line()), b); }
inline Var& operator-=(Var& a, const Operand& b) { return a = subtract(Operand(a, b.line()), b); }
inline Var& operator*=(Var& a, const Operand& b) { return a = multiply(Operand(a, b.line()), b); }
inline Var& operator/=(Var& a, const Operand& b) { return a = divide(Operand(a, b.line()), b); }

}  // namespace thalweg
