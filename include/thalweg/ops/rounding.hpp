#pragma once
// Rounding to whole numbers, and division with a whole quotient, of each element. Operands broadcast by NumPy's rule; a
// number takes the dtype of the tensor beside it. i64 is allowed; bool counts as 0 and 1.

#include <thalweg/op.hpp>

namespace thalweg {

/// ⌊x⌋, the largest whole number not above x. d/dx = 0.
Var floor(const Operand& x);
/// ⌈x⌉, the smallest whole number not below x. d/dx = 0.
Var ceil(const Operand& x);
/// The nearest whole number, of two the even one: 0.5 gives 0, 1.5 gives 2. d/dx = 0.
Var round(const Operand& x);
/// x without its fraction, rounded towards 0. d/dx = 0.
Var trunc(const Operand& x);

/// ⌊a / b⌋. d/da = d/db = 0. Of floats by 0: inf, −inf or NaN, as a / b; of i64 by 0: ValueError. The smallest i64 by −1
/// wraps.
Var floor_divide(const Operand& a, const Operand& b);
/// a − b·⌊a / b⌋, exactly where it has a's sign; it has the sign of b (Python's %; C's fmod has that of a). d/da = 1,
/// d/db = −⌊a / b⌋. Of floats by 0: NaN; of i64 by 0: ValueError.
Var remainder(const Operand& a, const Operand& b);

}  // namespace thalweg
