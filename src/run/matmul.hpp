#pragma once
// C = epilogue(start + op(A)·op(B)), blocked, packed where it pays, on vector registers.
//
// Determinism: an element's sum runs over k in order, starting from `start` (or 0), however C is cut into blocks and k
// into stretches; each block of C is one thread's. So neither blocking nor the number of threads changes a bit. Where C is
// one row, or one column without gaps, the sum is taken in several sums of a fixed pattern (see compute_row and
// multiply_dot). Each product is rounded as an explicit fused multiply-add, on targets that have one.
//
// With Precision::medium A and B are rounded to bf16, and the sum runs over pairs of steps, the second of a pair first: as
// the processor's instruction does it (see matmul_bf16-inl.hpp).

#include <array>
#include <cstddef>
#include <cstdint>

#include <thalweg/dtype.hpp>
#include <thalweg/precision.hpp>

namespace thalweg::run {

/// Or the gradient of one: what `activated` says becomes of the sum as the gradient of what the activation has made.
enum class Activation : std::uint8_t { none, relu, tanh, sigmoid, relu_gradient, tanh_gradient };
constexpr bool is_gradient(Activation activation) {
  return activation == Activation::relu_gradient || activation == Activation::tanh_gradient;
}

/// Row-major matrices. op(A) is (m, k): stored (m, k) with leading dimension lda, or (k, m) where transpose_a.
/// op(B) is (k, n): stored (k, n) with leading dimension ldb, or (n, k) where transpose_b. C is (m, n).
/// m, n or k may be 0; k = 0 gives epilogue(start).
struct MatmulForm {
  DType dtype = DType::f32;                  // f32 or f64
  Precision precision = Precision::highest;  // medium: f32 only
  bool transpose_a = false, transpose_b = false;
  Activation activation = Activation::none;
  bool looks_for_zeros = true;  // false: it stands for products of other forms, which do not (see may_skip_zeros)
  std::int64_t m = 0, n = 0, k = 0;
  std::int64_t lda = 0, ldb = 0, ldc = 0;
  std::int64_t bias_stride = 0;  // how far apart the bias's rows are; 0: it has one, of n values, for all
  bool operator==(const MatmulForm&) const = default;
};

/// Where the matrices lie. The epilogue works on the finished sum: first + bias, then the activation; each step rounds as
/// the separate op would.
struct MatmulMemory {
  const void* a = nullptr;
  const void* b = nullptr;
  void* c = nullptr;
  const void* start = nullptr;  // (m, n) with leading dimension ldc; may be c itself; null: 0
  const void* bias = nullptr;
  const void* activated = nullptr;  // what the activation made of which this is the gradient; lies as C does
};

struct Matmul : MatmulForm, MatmulMemory {};

/// Many products of one shape. The matrices of C (and of `start`) lie one after the other, row-major over `counts`; those
/// of A and B are as far apart as the strides say, in elements: 0 where one serves all.
struct MatmulBatch {
  static constexpr std::size_t max_rank = 6;
  int rank = 0;
  std::array<std::int64_t, max_rank> counts{}, a_strides{}, b_strides{};
};

/// Bytes of scratch memory that `matmul` wants for this shape (on up to thread_limit() threads); 64-byte aligned memory
/// is passed in, so that nothing is allocated.
std::size_t matmul_workspace(const MatmulForm& form);
void matmul(const Matmul& matmul, void* workspace);

/// What the kernels take for a C of one panel, in the form of the SIMD target.
struct MatmulPanel {
  alignas(8) std::array<std::byte, 160> bytes;
};
/// The kernel chosen for a product whose matrices stay where they are, and what it takes; later the code written for its form
/// (matmul_generate.hpp), which takes nothing. For nets so small that finding
/// them each time is what counts.
struct PreparedMatmul {
  using Run = void (*)(const MatmulPanel* panel, const MatmulForm& form, const MatmulMemory& memory, void* workspace);
  Run run = nullptr;
  bool takes_panel = false;
  MatmulPanel panel;
};
void prepare(PreparedMatmul& prepared, const Matmul& matmul);
/// The product of each of the batch's matrices, of which `first` has the first ones; each has the bits it has alone. The
/// workspace is that of one.
void matmul(const Matmul& first, const MatmulBatch& batch, void* workspace);

/// to[k·ldt + j] = from[j·ldf + k] for j < rows, k < columns; elements of 4 or 8 bytes.
void transpose(const void* from, std::int64_t ldf, std::int64_t rows, std::int64_t columns, void* to, std::int64_t ldt,
               std::size_t element_bytes);

}  // namespace thalweg::run
