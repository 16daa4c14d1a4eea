#pragma once
// Comparisons, logic and choice on each element. Operands broadcast by NumPy's rule; what is not 0 counts as true, NaN
// too. The results are bool and have no gradient, but for `where`.

#include <thalweg/op.hpp>

namespace thalweg {

/// a < b, and the like; NaN compares unequal to everything. DtypeError where two number dtypes differ.
Var less(const Operand& a, const Operand& b);
Var less_equal(const Operand& a, const Operand& b);
Var greater(const Operand& a, const Operand& b);
Var greater_equal(const Operand& a, const Operand& b);
Var equal(const Operand& a, const Operand& b);
Var not_equal(const Operand& a, const Operand& b);

/// Both, at least one, exactly one is true; x is not. Of any one dtype.
Var logical_and(const Operand& a, const Operand& b);
Var logical_or(const Operand& a, const Operand& b);
Var logical_xor(const Operand& a, const Operand& b);
Var logical_not(const Operand& x);

/// Whether x is NaN; is inf or −inf; is neither. i64 and bool are always finite.
Var isnan(const Operand& x);
Var isinf(const Operand& x);
Var isfinite(const Operand& x);

/// a where `condition` holds (is not 0), else b. The gradient goes to the branch taken; 0 to the other, whatever its
/// value.
Var where(const Operand& condition, const Operand& a, const Operand& b);

// The operators; numbers and tensors go on either side of a Var.
inline Var operator<(const Operand& a, const Operand& b) { return less(a, b); }
inline Var operator<=(const Operand& a, const Operand& b) { return less_equal(a, b); }
inline Var operator>(const Operand& a, const Operand& b) { return greater(a, b); }
inline Var operator>=(const Operand& a, const Operand& b) { return greater_equal(a, b); }
inline Var operator==(const Operand& a, const Operand& b) { return equal(a, b); }
inline Var operator!=(const Operand& a, const Operand& b) { return not_equal(a, b); }

}  // namespace thalweg
