#pragma once
// For authors of elementwise ops: their shape rules.

#include <thalweg/op.hpp>

namespace thalweg {

/// Operands broadcast. Bools count as 0 and 1; bools alone give i64.
NodeType arithmetic_shape(const Inference& inference);
/// Operands broadcast and must be f32 or f64; DtypeError for i64 and bool.
NodeType floating_shape(const Inference& inference);
/// Operands broadcast; the result is bool. Such an op must also set gives_bool.
NodeType bool_shape(const Inference& inference);

/// `x` as a Var, for a composite of floating-point ops; DtypeError naming `op` for i64 and bool.
Var floating(const char* op, const Operand& x);

}  // namespace thalweg
