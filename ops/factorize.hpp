#pragma once
// Dense factorizations and triangular solves of one matrix in place, row-major. Recursive, so that nearly all of the
// arithmetic is in matrix products. The order of every sum is a function of the shape.

#include <cstdint>

namespace thalweg::factorize {

/// The matrix `rows` × `columns` at `data`, whose rows are `stride` elements apart.
template <class T>
struct Matrix {
  T* data;
  std::int64_t stride;
  std::int64_t rows, columns;

  T& operator()(std::int64_t i, std::int64_t j) const { return data[i * stride + j]; }
  Matrix part(std::int64_t row, std::int64_t column, std::int64_t height, std::int64_t width) const {
    return {data + row * stride + column, stride, height, width};
  }
};

/// A triangular matrix: the lower or upper triangle of `of`, or that transposed.
template <class T>
struct Triangle {
  Matrix<const T> of;
  bool lower, transposed, unit_diagonal;

  /// Whether the result is lower triangular, so that it is solved from the first row on.
  bool forward() const { return lower != transposed; }
  T element(std::int64_t i, std::int64_t k) const { return transposed ? of(k, i) : of(i, k); }
};

/// x ← −A⁻¹·x. (With this sign, each step of the substitution adds a product.)
template <class T>
void solve_negated(const Triangle<T>& a, const Matrix<T>& x);

/// a ← its Cholesky factor, in the lower triangle; what is above the diagonal is undefined. Returns the number of the
/// first row whose pivot is not positive, or −1.
template <class T>
std::int64_t cholesky(const Matrix<T>& a);

/// a ← its factors L (below the diagonal; its own is 1) and U, with rows swapped: row i with row pivots[i] ≥ i, for i
/// from 0 on. Returns the number of the first column without a pivot, or −1.
template <class T>
std::int64_t lu(const Matrix<T>& a, T* pivots);

}  // namespace thalweg::factorize
