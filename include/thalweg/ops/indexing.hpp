#pragma once
// Selecting elements by index. Indices are i64; negative ones count from the back. IndexError naming index, axis and
// size if one is out of range, before anything is written; DtypeError for indices of another dtype.

#include <optional>

#include <thalweg/op.hpp>

namespace thalweg {

/// The elements of x at `indices` along `axis` (NumPy's take, PyTorch's index_select). In the result's shape that axis
/// is replaced by the shape of the indices, which may have any rank. d/dx: summed where an index repeats.
Var gather(const Operand& x, const Operand& indices, int axis = 0);
/// x with `updates` added at `indices` along `axis`; updates for a repeated index are all added, in their order.
/// `updates` has the shape of gather(x, indices, axis), or is one number. d/dx = 1, d/dupdates: the gradient gathered.
Var scatter_add(const Operand& x, const Operand& indices, const Operand& updates, int axis = 0);
/// x with `updates` in place of the elements at `indices` along `axis` (PyTorch's index_copy, JAX's x.at[indices].set).
/// `updates` has the shape of gather(x, indices, axis), or is one number. The last update for a repeated index wins.
/// d/dx: the gradient, with zeros at the indices. d/dupdates: the gradient gathered; zeros for updates that do not win.
Var scatter(const Operand& x, const Operand& indices, const Operand& updates, int axis = 0);

/// Selects along `axis` with separate indices for each line: result[i, j, k] = x[i, indices[i, j, k], k] for axis 1
/// (NumPy's take_along_axis, PyTorch's gather). Indices have the rank of x; all axes but `axis` broadcast.
/// d/dx: summed where an index repeats.
Var take_along_axis(const Operand& x, const Operand& indices, int axis);
/// x with `updates`, of the shape of the indices or one number, added at x[i, indices[i, j, k], k].
/// d/dx = 1, d/dupdates: the gradient taken along the axis.
Var scatter_add_along_axis(const Operand& x, const Operand& indices, const Operand& updates, int axis);
/// x with `updates`, of the shape of the indices or one number, in place of x[i, indices[i, j, k], k] (PyTorch's
/// scatter). The last update for a repeated index wins. Derivatives as for `scatter`, along the axis.
Var scatter_along_axis(const Operand& x, const Operand& indices, const Operand& updates, int axis);

/// x with the largest (scatter_max) or smallest of x and all `updates` at `indices` along `axis` (JAX's
/// x.at[indices].max); NaN if one of them is NaN. `updates` has the shape of gather(x, indices, axis), or is one number.
/// The gradient is divided evenly among the values that equal the result, as for `max`.
Var scatter_max(const Operand& x, const Operand& indices, const Operand& updates, int axis = 0);
Var scatter_min(const Operand& x, const Operand& indices, const Operand& updates, int axis = 0);
/// The same at x[i, indices[i, j, k], k], with `updates` of the shape of the indices or one number (PyTorch's
/// scatter_reduce with "amax" and "amin").
Var scatter_max_along_axis(const Operand& x, const Operand& indices, const Operand& updates, int axis);
Var scatter_min_along_axis(const Operand& x, const Operand& indices, const Operand& updates, int axis);

/// `value` where the mask is true, else x; all three broadcast. DtypeError for a mask that is not bool. The gradient
/// goes to the selected operand.
Var masked_fill(const Operand& x, const Operand& mask, const Operand& value);

/// 1 where the class is the label, else 0: shape labels.shape + (classes,), of `dtype`. Labels are i64; IndexError if
/// one is not in [0, classes).
Var one_hot(const Operand& labels, std::int64_t classes, DType dtype = DType::f32);

namespace internal {
/// Returns the labels, after checking that each lies in [0, classes) or equals `ignored`.
Var checked_labels(const Operand& labels, std::int64_t classes, std::optional<std::int64_t> ignored, SourceLine line);
}  // namespace internal

}  // namespace thalweg
