#pragma once
// Systems of linear equations and factorizations: f32 and f64, batches of matrices (…, n, n). ShapeError for matrices
// that are not square, DtypeError for i64 and bool. A ValueError, on evaluation, for a matrix that has no solution names
// the matrix; the request then has no effect. All have derivatives of every order.
// Gradients: M. B. Giles, "Collected matrix derivative results for forward and reverse mode algorithmic
// differentiation", 2008; of the Cholesky factor: I. Murray, "Differentiation of the Cholesky decomposition",
// arXiv:1602.07527, 2016.

#include <thalweg/op.hpp>

namespace thalweg {

/// The lower triangular L with L·Lᵀ = A and a positive diagonal, of a symmetric positive definite A. Only the symmetric
/// part (A + Aᵀ)/2 is read. ValueError if it is not positive definite.
/// d/dA = ½(S + Sᵀ) with S = L⁻ᵀ·Φ(Lᵀ·L̄)·L⁻¹; Φ takes the lower triangle and half the diagonal.
Var cholesky(const Operand& a);

struct TriangularOptions {
  bool lower = true;           // which triangle of a is read
  bool transposed = false;     // solve Aᵀ·X = B
  bool unit_diagonal = false;  // the diagonal is taken as 1, and not read
};

/// X with A·X = B for a triangular A. B is (…, n, m), or a vector (n,); leading axes broadcast. ValueError for a 0 on
/// the diagonal. d/dB = A⁻ᵀ·X̄; d/dA = −(d/dB)·Xᵀ, in the triangle that is read.
Var solve_triangular(const Operand& a, const Operand& b, const TriangularOptions& options = {});

/// X with A·X = B, by Gaussian elimination with partial pivoting. B is (…, n, m), or a vector (n,); leading axes
/// broadcast. ValueError for a singular A. d/dB = A⁻ᵀ·X̄, from the same factorization; d/dA = −(d/dB)·Xᵀ.
Var solve(const Operand& a, const Operand& b);

/// A⁻¹. To multiply by an inverse, `solve` is faster and more accurate. ValueError for a singular A.
/// d/dA = −A⁻ᵀ·Ḡ·A⁻ᵀ.
Var inverse(const Operand& a);

/// ln |det A|: shape (…). ValueError for a singular A. d/dA = ḡ·A⁻ᵀ. (Of a symmetric positive definite A with the
/// Cholesky factor L it is 2·Σ ln Lᵢᵢ.)
Var log_determinant(const Operand& a);

}  // namespace thalweg
