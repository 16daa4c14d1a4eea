#pragma once
// Elementwise comparisons, logic and selection. Operands broadcast by NumPy's rules; everything except 0 counts as
// true, including NaN. Results are bool and have no gradient, except that of `where`.

#include <thalweg/op.hpp>

namespace thalweg {

/// a < b and so on; NaN compares unequal to everything. DtypeError if two tensor dtypes differ (bool aside).
Var less(const Operand& a, const Operand& b);
Var less_equal(const Operand& a, const Operand& b);
Var greater(const Operand& a, const Operand& b);
Var greater_equal(const Operand& a, const Operand& b);
Var equal(const Operand& a, const Operand& b);
Var not_equal(const Operand& a, const Operand& b);

/// Whether both are true. a and b must have the same dtype, which may be any.
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
/// Whether x is neither NaN nor infinite: always true for i64 and bool.
Var isfinite(const Operand& x);

/// a where `condition` is true (not 0), else b. The gradient goes to the selected operand; the other gets 0, whatever
/// its value.
Var where(const Operand& condition, const Operand& a, const Operand& b);

// Operators. Numbers and tensors may be on either side of a Var.
inline Var operator<(const Operand& a, const Operand& b) { return less(a, b); }
inline Var operator<=(const Operand& a, const Operand& b) { return less_equal(a, b); }
inline Var operator>(const Operand& a, const Operand& b) { return greater(a, b); }
inline Var operator>=(const Operand& a, const Operand& b) { return greater_equal(a, b); }
inline Var operator==(const Operand& a, const Operand& b) { return equal(a, b); }
inline Var operator!=(const Operand& a, const Operand& b) { return not_equal(a, b); }

}  // namespace thalweg
