#pragma once
// Products of matrices and vectors, and parts of matrices. Axes may be negative; IndexError for one out of range.

#include <thalweg/op.hpp>
#include <thalweg/precision.hpp>

namespace thalweg {

/// The matrix product over the last two axes: (…, m, k) by (…, k, n) gives (…, m, n); the leading axes broadcast. f32
/// and f64. A vector (k,) acts as a row on the left and as a column on the right, and that axis is dropped from the
/// result: (k,) by (k,) gives a number.
/// Each element sums over k in order, with fused multiply-adds if the processor has them; a result of one row or column
/// uses several partial sums in a fixed pattern. d/dA = Ḡ·Bᵀ, d/dB = Aᵀ·Ḡ. Transposing a factor costs nothing: it is
/// read in place, as is one with permuted axes whose rows or columns stay contiguous.
/// f32 products and their gradients have the precision in effect (MatmulPrecision), or the one given. ShapeError if a
/// factor is 0-d, the inner dimensions differ or the others do not broadcast; DtypeError for i64 and bool.
Var matmul(const Operand& a, const Operand& b);
Var matmul(const Operand& a, const Operand& b, Precision precision);
/// Σ aᵢbᵢ of two vectors of equal length; f32 and f64. d/da = ḡb, d/db = ḡa. ShapeError for anything else.
Var dot(const Operand& a, const Operand& b);
/// aᵢbⱼ of two vectors, (m,) and (n,): (m, n). Dtypes as `multiply`. d/da = Ḡb, d/db = Ḡᵀa.
Var outer(const Operand& a, const Operand& b);

/// The elements (i, i + offset) of the matrices along axes `axis1` and `axis2`. In the result these two axes are
/// replaced by a last axis for the diagonal.
/// IndexError if the two are the same axis. d/dx: the gradient on the diagonal, zeros elsewhere.
Var diagonal(const Operand& x, std::int64_t offset = 0, int axis1 = 0, int axis2 = 1);
/// The sum of a diagonal; for bools, the number of true elements. d/dx: the gradient on the diagonal.
Var trace(const Operand& x, std::int64_t offset = 0, int axis1 = 0, int axis2 = 1);
/// The lower triangle of the last two axes: x where column − row ≤ diagonal, else 0. d/dx: the gradient's triangle.
Var tril(const Operand& x, std::int64_t diagonal = 0);
/// The upper triangle of the last two axes: x where column − row ≥ diagonal, else 0. d/dx: the gradient's triangle.
Var triu(const Operand& x, std::int64_t diagonal = 0);

}  // namespace thalweg
