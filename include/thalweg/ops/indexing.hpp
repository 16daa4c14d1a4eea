#pragma once
// Elements chosen by index. Indices are i64; negative ones count from the back. IndexError naming index, axis and size where
// one is out of range, before anything is written; DtypeError for indices of another dtype.

#include <optional>

#include <thalweg/op.hpp>

namespace thalweg {

/// The elements of x at `indices` along `axis`: x.shape with that axis replaced by the shape of the indices, which is any
/// (NumPy's take, PyTorch's index_select). d/dx: added up where an index repeats.
Var gather(const Operand& x, const Operand& indices, int axis = 0);
/// x with `updates` added at `indices` along `axis`; where an index repeats, all of its updates are added, in their order.
/// They have the shape of gather(x, indices, axis), or are one number. d/dx = 1, d/dupdates: the gradient gathered.
Var scatter_add(const Operand& x, const Operand& indices, const Operand& updates, int axis = 0);

/// Along `axis`, with indices of their own for each line: result[i, j, k] = x[i, indices[i, j, k], k] for axis 1 (NumPy's
/// take_along_axis, PyTorch's gather). Indices have as many dimensions as x; all but the axis broadcast.
/// d/dx: added up where an index repeats.
Var take_along_axis(const Operand& x, const Operand& indices, int axis);
/// x with `updates`, which have the shape of the indices or are one number, added at x[i, indices[i, j, k], k].
/// d/dx = 1, d/dupdates: the gradient taken along the axis.
Var scatter_add_along_axis(const Operand& x, const Operand& indices, const Operand& updates, int axis);

/// `value` where the mask holds, else x; they broadcast. DtypeError for a mask that is not bool. The gradient goes to what
/// was chosen.
Var masked_fill(const Operand& x, const Operand& mask, const Operand& value);

/// 1 where the class is the label, else 0: shape labels.shape + (classes,), of `dtype`. Labels are i64; IndexError where
/// one is not in [0, classes).
Var one_hot(const Operand& labels, std::int64_t classes, DType dtype = DType::f32);

namespace internal {
/// The labels themselves, once they have been seen to lie in [0, classes) or to be `ignored`.
Var checked_labels(const Operand& labels, std::int64_t classes, std::optional<std::int64_t> ignored, SourceLine line);
}  // namespace internal

}  // namespace thalweg
