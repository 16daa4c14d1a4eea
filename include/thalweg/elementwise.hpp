#pragma once
// For authors of elementwise ops: the rules by which their results get shape and dtype.

#include <thalweg/op.hpp>

namespace thalweg {

/// Operands broadcast. Two bools count as 0 and 1, and give i64.
NodeType arithmetic_shape(const Inference& inference);
/// Operands broadcast and are f32 or f64; DtypeError for i64 and bool.
NodeType floating_shape(const Inference& inference);
/// Operands broadcast; the result is bool. Such an op says gives_bool as well.
NodeType bool_shape(const Inference& inference);

/// The Var that `x` stands for, for a composite of floating ops: DtypeError in the name of `op` for i64 and bool.
Var floating(const char* op, const Operand& x);

}  // namespace thalweg
