#include "ops/factorize.hpp"

#include <algorithm>
#include <cmath>

#include <thalweg/dtype.hpp>

#include "src/run/aligned_memory.hpp"
#include "src/run/matmul.hpp"

namespace thalweg::factorize {

namespace {

constexpr std::int64_t small = 32, narrow = 16;  // rows, and columns of a panel: up to here without products

/// The thread's memory for products; kept, so that a repeated step allocates nothing.
void* workspace_of_thread(std::size_t bytes) {
  thread_local run::AlignedMemory memory;
  return memory.at_least(bytes);
}

template <class T>
Matrix<const T> read(const Matrix<T>& a) {
  return {a.data, a.stride, a.rows, a.columns};
}

/// c ← c + op(a)·b
template <class T>
void add_product(const Matrix<const T>& a, bool transpose_a, const Matrix<const T>& b, const Matrix<T>& c) {
  run::Matmul product;
  product.dtype = dtype_of<T>::value;
  product.transpose_a = transpose_a;
  product.m = c.rows;
  product.n = c.columns;
  product.k = b.rows;
  product.lda = a.stride;
  product.ldb = b.stride;
  product.ldc = c.stride;
  product.a = a.data;
  product.b = b.data;
  product.c = c.data;
  product.start = c.data;
  run::matmul(product, workspace_of_thread(run::matmul_workspace(product)));
}

/// Half of n, rounded to whole vectors.
std::int64_t half_of(std::int64_t n) { return n / 2 < small ? small : n / 2 / small * small; }

/// The lower triangle of c, which is square, of c + a·b; what is above it is undefined.
template <class T>
void add_lower_product(const Matrix<const T>& a, const Matrix<const T>& b, const Matrix<T>& c) {
  const std::int64_t n = c.rows;
  if (n <= 4 * small) return add_product(a, false, b, c);
  const std::int64_t first = half_of(n), rest = n - first, k = b.rows;
  const Matrix<const T> top = a.part(0, 0, first, k), bottom = a.part(first, 0, rest, k), left = b.part(0, 0, k, first);
  add_lower_product(top, left, c.part(0, 0, first, first));
  add_product(bottom, false, left, c.part(first, 0, rest, first));
  add_lower_product(bottom, b.part(0, first, k, rest), c.part(first, first, rest, rest));
}

template <class T>
void solve_small(const Triangle<T>& a, const Matrix<T>& x) {
  const bool forward = a.forward();
  for (std::int64_t step = 0; step < x.rows; ++step) {
    const std::int64_t i = forward ? step : x.rows - 1 - step;
    T* row = &x(i, 0);
    for (std::int64_t k = forward ? 0 : i + 1, end = forward ? i : x.rows; k < end; ++k) {
      const T factor = a.element(i, k);
      const T* other = &x(k, 0);
      for (std::int64_t j = 0; j < x.columns; ++j) row[j] += factor * other[j];
    }
    const T diagonal = a.unit_diagonal ? T{1} : a.of(i, i);
    for (std::int64_t j = 0; j < x.columns; ++j) row[j] = -row[j] / diagonal;
  }
}

template <class T>
std::int64_t cholesky_small(const Matrix<T>& a) {
  T column[small];
  for (std::int64_t k = 0; k < a.rows; ++k) {
    if (!(a(k, k) > 0)) return k;
    const T root = std::sqrt(a(k, k));
    a(k, k) = root;
    for (std::int64_t i = k + 1; i < a.rows; ++i) column[i] = a(i, k) /= root;
    for (std::int64_t i = k + 1; i < a.rows; ++i) {
      const T factor = column[i];
      T* row = &a(i, 0);
      for (std::int64_t j = k + 1; j <= i; ++j) row[j] -= factor * column[j];
    }
  }
  return -1;
}

template <class T>
void swap_rows(const Matrix<T>& a, std::int64_t first, std::int64_t second) {
  if (first != second) std::swap_ranges(&a(first, 0), &a(first, 0) + a.columns, &a(second, 0));
}

template <class T>
std::int64_t lu_small(const Matrix<T>& a, T* pivots) {
  for (std::int64_t k = 0; k < a.columns; ++k) {
    std::int64_t best = k;
    for (std::int64_t i = k + 1; i < a.rows; ++i)
      if (std::abs(a(i, k)) > std::abs(a(best, k))) best = i;
    pivots[k] = static_cast<T>(best);
    if (a(best, k) == 0) return k;
    swap_rows(a, k, best);
    for (std::int64_t i = k + 1; i < a.rows; ++i) {
      const T factor = a(i, k) /= a(k, k);
      T* row = &a(i, 0);
      for (std::int64_t j = k + 1; j < a.columns; ++j) row[j] -= factor * a(k, j);
    }
  }
  return -1;
}

template <class T>
void negate(const Matrix<T>& a) {
  for (std::int64_t i = 0; i < a.rows; ++i)
    for (std::int64_t j = 0; j < a.columns; ++j) a(i, j) = -a(i, j);
}

}  // namespace

template <class T>
void solve_negated(const Triangle<T>& a, const Matrix<T>& x) {
  const std::int64_t n = x.rows;
  if (n <= small) return solve_small(a, x);
  const std::int64_t first = half_of(n), rest = n - first;
  const auto block = [&](std::int64_t at, std::int64_t size) {
    Triangle<T> part = a;
    part.of = a.of.part(at, at, size, size);
    return part;
  };
  const Matrix<T> top = x.part(0, 0, first, x.columns), bottom = x.part(first, 0, rest, x.columns);
  // The block outside the diagonal: below it if `lower`, else above it.
  const Matrix<const T> beside = a.lower ? a.of.part(first, 0, rest, first) : a.of.part(0, first, first, rest);
  if (a.forward()) {
    solve_negated(block(0, first), top);
    add_product(beside, a.transposed, read(top), bottom);
    solve_negated(block(first, rest), bottom);
  } else {
    solve_negated(block(first, rest), bottom);
    add_product(beside, a.transposed, read(bottom), top);
    solve_negated(block(0, first), top);
  }
}

// [A  Bᵀ]   with A = L·Lᵀ, Z = −L⁻¹·Bᵀ: below L stands −Zᵀ, and C + (−Zᵀ)·Z remains to be factorized.
// [B  C ]
template <class T>
std::int64_t cholesky(const Matrix<T>& a) {
  const std::int64_t n = a.rows;
  if (n <= small) return cholesky_small(a);
  const std::int64_t first = half_of(n), rest = n - first;
  const Matrix<T> top = a.part(0, 0, first, first), below = a.part(first, 0, rest, first),
                  z = a.part(0, first, first, rest), last = a.part(first, first, rest, rest);
  if (const std::int64_t failed = cholesky(top); failed >= 0) return failed;
  for (std::int64_t i = 0; i < first; ++i)
    for (std::int64_t j = 0; j < rest; ++j) z(i, j) = below(j, i);
  solve_negated<T>({read(top), true, false, false}, z);
  for (std::int64_t i = 0; i < rest; ++i)
    for (std::int64_t j = 0; j < first; ++j) below(i, j) = -z(j, i);
  add_lower_product(read(below), read(z), last);
  const std::int64_t failed = cholesky(last);
  return failed < 0 ? -1 : first + failed;
}

template <class T>
std::int64_t lu(const Matrix<T>& a, T* pivots) {
  if (a.columns <= narrow) return lu_small(a, pivots);
  const std::int64_t first = a.columns / 2, rest = a.columns - first;
  const Matrix<T> left = a.part(0, 0, a.rows, first), right = a.part(0, first, a.rows, rest);
  if (const std::int64_t failed = lu(left, pivots); failed >= 0) return failed;
  for (std::int64_t i = 0; i < first; ++i) swap_rows(right, i, static_cast<std::int64_t>(pivots[i]));
  const Matrix<T> top = right.part(0, 0, first, rest), last = right.part(first, 0, a.rows - first, rest);
  solve_negated<T>({read(left.part(0, 0, first, first)), true, false, true}, top);
  add_product(read(left.part(first, 0, a.rows - first, first)), false, read(top), last);
  negate(top);
  if (const std::int64_t failed = lu(last, pivots + first); failed >= 0) return first + failed;
  for (std::int64_t i = first; i < a.columns; ++i) {
    const auto other = static_cast<std::int64_t>(pivots[i]);
    swap_rows(left, i, first + other);
    pivots[i] = static_cast<T>(first + other);
  }
  return -1;
}

template void solve_negated(const Triangle<float>&, const Matrix<float>&);
template void solve_negated(const Triangle<double>&, const Matrix<double>&);
template std::int64_t cholesky(const Matrix<float>&);
template std::int64_t cholesky(const Matrix<double>&);
template std::int64_t lu(const Matrix<float>&, float*);
template std::int64_t lu(const Matrix<double>&, double*);

}  // namespace thalweg::factorize
