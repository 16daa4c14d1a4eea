#pragma once
// Arithmetic on each element. Operands broadcast by NumPy's rule; a number takes the dtype of the tensor beside it; bool
// counts as 0 and 1 beside numbers. ShapeError where shapes do not broadcast, DtypeError where two number dtypes differ.

#include <thalweg/op.hpp>

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
/// |x|. d/dx = sign x, 0 at 0.
Var abs(const Operand& x);
/// −1, 0 or 1; NaN stays. d/dx = 0.
Var sign(const Operand& x);
/// The larger of the two; NaN where either is. d/da = 1 where a > b, ½ where they are equal.
Var maximum(const Operand& a, const Operand& b);
/// The smaller of the two; NaN where either is. d/da = 1 where a < b, ½ where they are equal.
Var minimum(const Operand& a, const Operand& b);

/// Comparisons give bool and have no gradient; NaN compares unequal to everything.
Var less(const Operand& a, const Operand& b);
Var less_equal(const Operand& a, const Operand& b);
Var greater(const Operand& a, const Operand& b);
Var greater_equal(const Operand& a, const Operand& b);
Var equal(const Operand& a, const Operand& b);
Var not_equal(const Operand& a, const Operand& b);

/// a where `condition` holds (is not 0), else b. The gradient goes to the branch taken; 0 to the other, whatever its value.
Var where(const Operand& condition, const Operand& a, const Operand& b);

// The operators; numbers and tensors go on either side of a Var.
inline Var operator+(const Operand& a, const Operand& b) { return add(a, b); }
inline Var operator-(const Operand& a, const Operand& b) { return subtract(a, b); }
inline Var operator*(const Operand& a, const Operand& b) { return multiply(a, b); }
inline Var operator/(const Operand& a, const Operand& b) { return divide(a, b); }
inline Var operator-(const Operand& x) { return negate(x); }
inline Var operator<(const Operand& a, const Operand& b) { return less(a, b); }
inline Var operator<=(const Operand& a, const Operand& b) { return less_equal(a, b); }
inline Var operator>(const Operand& a, const Operand& b) { return greater(a, b); }
inline Var operator>=(const Operand& a, const Operand& b) { return greater_equal(a, b); }
inline Var operator==(const Operand& a, const Operand& b) { return equal(a, b); }
inline Var operator!=(const Operand& a, const Operand& b) { return not_equal(a, b); }
inline Var& operator+=(Var& a, const Operand& b) { return a = add(a, b); }
inline Var& operator-=(Var& a, const Operand& b) { return a = subtract(a, b); }
inline Var& operator*=(Var& a, const Operand& b) { return a = multiply(a, b); }
inline Var& operator/=(Var& a, const Operand& b) { return a = divide(a, b); }

}  // namespace thalweg
