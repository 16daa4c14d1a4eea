#pragma once
// How the matrices of a product are traversed, independent of which are transposed.

#include <cstddef>
#include <cstdint>
#include <utility>

#include "src/run/matmul.hpp"

namespace thalweg::run {

/// C = A·op(B) with A given by its strides. A C of one column is computed as a row, Cᵀ = op(B)ᵀ·op(A)ᵀ, so that vectors
/// run along C's memory: A and B are then exchanged.
struct MatmulLayout {
  std::int64_t m, n, k;
  std::ptrdiff_t a_row, a_step;  // in elements; a step is one of k
  std::ptrdiff_t ldb;
  bool transpose_b;
  std::ptrdiff_t ldc;
  bool is_column = false;    // A and B are exchanged
  bool single_bias = false;  // the bias is a single value for all
};

inline MatmulLayout layout_of(const MatmulForm& form) {
  MatmulLayout layout;
  layout.m = form.m;
  layout.n = form.n;
  layout.k = form.k;
  layout.a_row = form.transpose_a ? 1 : form.lda;
  layout.a_step = form.transpose_a ? form.lda : 1;
  layout.ldb = form.ldb;
  layout.transpose_b = form.transpose_b;
  layout.ldc = form.ldc;
  layout.is_column = form.n == 1 && (form.ldc == 1 || form.m == 1);
  if (layout.is_column) {
    std::swap(layout.m, layout.n);
    layout.a_step = form.transpose_b ? 1 : form.ldb;
    layout.a_row = 1;  // a single row
    layout.ldb = form.lda;
    layout.transpose_b = !form.transpose_a;
    layout.ldc = form.m;
    layout.single_bias = form.bias_stride == 0;
  }
  if (layout.transpose_b && layout.k == 1 && layout.ldb == 1) layout.transpose_b = false;  // a contiguous row
  return layout;
}

}  // namespace thalweg::run
