#pragma once
// Products of matrices and vectors, and parts of matrices. Axes may be negative; IndexError for one out of range.

#include <thalweg/op.hpp>
#include <thalweg/precision.hpp>

namespace thalweg {

/// The matrix product over the last two axes: (…, m, k) by (…, k, n) gives (…, m, n), where the axes before them broadcast;
/// f32 and f64. A vector (k,) counts as a row on the left and as a column on the right, and the result does not have that
/// axis: (k,) by (k,) is a number.
/// Each element sums over k in order, with fused multiply-adds where the processor has them; a result of one row or column
/// in a few sums of a fixed pattern. d/dA = Ḡ·Bᵀ, d/dB = Aᵀ·Ḡ. Transposing a factor costs nothing: it is read in place, as
/// is one with permuted axes whose rows or columns stay contiguous.
/// f32 is multiplied in the precision that holds (MatmulPrecision), or in the one given; so are its gradients.
/// ShapeError where a factor is 0-d, the inner dimensions differ or the others do not broadcast; DtypeError for i64 and bool.
Var matmul(const Operand& a, const Operand& b);
Var matmul(const Operand& a, const Operand& b, Precision precision);
/// Σ aᵢbᵢ of two vectors of one length; f32 and f64. d/da = ḡb, d/db = ḡa. ShapeError for anything else.
Var dot(const Operand& a, const Operand& b);
/// aᵢbⱼ of two vectors, (m,) and (n,): (m, n). Dtypes as `multiply`. d/da = Ḡb, d/db = Ḡᵀa.
Var outer(const Operand& a, const Operand& b);

/// The elements (i, i + offset) of the matrices along axes `axis1` and `axis2`. The result lacks these two axes, and has the
/// diagonal as its last one.
/// IndexError where the two are one axis. d/dx: the gradient in its place, zeros elsewhere.
Var diagonal(const Operand& x, std::int64_t offset = 0, int axis1 = 0, int axis2 = 1);
/// The sum of a diagonal; of bools: how many hold. d/dx: the gradient on the diagonal.
Var trace(const Operand& x, std::int64_t offset = 0, int axis1 = 0, int axis2 = 1);
/// The lower triangle of the last two axes: x where column − row ≤ diagonal, else 0. d/dx: that of the gradient.
Var tril(const Operand& x, std::int64_t diagonal = 0);
/// The upper triangle of the last two axes: x where column − row ≥ diagonal, else 0. d/dx: that of the gradient.
Var triu(const Operand& x, std::int64_t diagonal = 0);

}  // namespace thalweg
