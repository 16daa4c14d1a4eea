#pragma once
// Elementwise rounding to integers, and division with an integer quotient. Operands broadcast by NumPy's rules; a
// number takes the dtype of the tensor operand. i64 is allowed; bools count as 0 and 1.

#include <thalweg/op.hpp>

namespace thalweg {

/// ⌊x⌋, the largest integer not above x. d/dx = 0.
Var floor(const Operand& x);
/// ⌈x⌉, the smallest integer not below x. d/dx = 0.
Var ceil(const Operand& x);
/// The nearest integer; ties go to the even one: 0.5 gives 0, 1.5 gives 2. d/dx = 0.
Var round(const Operand& x);
/// x rounded toward 0. d/dx = 0.
Var trunc(const Operand& x);

/// ⌊a / b⌋. d/da = d/db = 0. Division by 0: inf, −inf or NaN for floats, as a / b; ValueError for i64. The smallest i64
/// divided by −1 wraps.
Var floor_divide(const Operand& a, const Operand& b);
/// a − b·⌊a / b⌋, with the sign of b (as Python's %; C's fmod has the sign of a); exact if a and b have the same sign.
/// d/da = 1, d/db = −⌊a / b⌋. Division by 0: NaN for floats, ValueError for i64.
Var remainder(const Operand& a, const Operand& b);

}  // namespace thalweg
