#pragma once
#include <optional>

#include <thalweg/op.hpp>

namespace thalweg {

/// Rows `indices` (i64, any shape) of x, along its first axis: shape indices.shape + x.shape[1:]. Negative indices count
/// from the back; IndexError naming index, axis and size where one is out of range, before anything is written.
/// d/dx: rows add up where they repeat.
Var gather(const Operand& x, const Operand& indices);
/// 1 where the class is the label, else 0: shape labels.shape + (classes,), of `dtype`. Labels are i64; IndexError where
/// one is not in [0, classes).
Var one_hot(const Operand& labels, std::int64_t classes, DType dtype = DType::f32);

namespace internal {
/// The labels themselves, once they have been seen to lie in [0, classes) or to be `ignored`.
Var checked_labels(const Operand& labels, std::int64_t classes, std::optional<std::int64_t> ignored, SourceLine line);
}  // namespace internal

}  // namespace thalweg
