#pragma once
// Ops on i64 that can fail, unlike elementwise kernels: division by 0, negative powers.

#include <thalweg/op.hpp>

namespace thalweg {

extern const Op integer_floor_divide_op, integer_remainder_op, integer_power_op;

/// Records `integer_op` if both operands are i64 or bool, else `floating_op`.
Var integer_or_floating(const Op& floating_op, const Op& integer_op, const Operand& a, const Operand& b);

}  // namespace thalweg
