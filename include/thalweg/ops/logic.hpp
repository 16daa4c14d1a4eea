#pragma once
// Comparisons, logic and choice on each element. Operands broadcast by NumPy's rule; everything but 0 counts as true, NaN
// included. The results are bool and have no gradient, except that of `where`.

#include <thalweg/op.hpp>

namespace thalweg {

/// a < b, and the like; NaN compares unequal to everything. DtypeError where two number dtypes differ.
Var less(const Operand& a, const Operand& b);
Var less_equal(const Operand& a, const Operand& b);
Var greater(const Operand& a, const Operand& b);
Var greater_equal(const Operand& a, const Operand& b);
Var equal(const Operand& a, const Operand& b);
Var not_equal(const Operand& a, const Operand& b);

/// Whether both are true. a and b have one dtype, which may be any.
Var logical_and(const Operand& a, const Operand& b);
/// Whether at least one is true. Dtypes as above.
Var logical_or(const Operand& a, const Operand& b);
/// Whether exactly one is true. Dtypes as above.
Var logical_xor(const Operand& a, const Operand& b);
/// Whether x is 0.
Var logical_not(const Operand& x);

/// Whether x is NaN.
Var isnan(const Operand& x);
/// Whether x is inf or −inf.
Var isinf(const Operand& x);
/// Whether x is neither NaN nor infinite: always true of i64 and bool.
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
