#pragma once
// C = epilogue(start + op(A)·op(B)): blocked, vectorized, and packed where that pays off.
//
// Determinism: an element's sum runs over k in order, starting from `start` (or 0), however C is divided into blocks
// and k into slices, and each block of C belongs to one thread. So neither blocking nor the number of threads changes a
// bit. If C is one row, or one contiguous column, there are several partial sums in a fixed pattern (see compute_row
// and multiply_dot). On targets that have fused multiply-adds, each product is added with one.
//
// With Precision::medium, A and B are rounded to bf16, and the sum runs over pairs of steps, the second of each pair
// first, as in the processor's instruction (see matmul_bf16-inl.hpp), or as AMX sums (see matmul_amx-inl.hpp).

#include <array>
#include <cstddef>
#include <cstdint>

#include <thalweg/dtype.hpp>
#include <thalweg/precision.hpp>

namespace thalweg::run {

/// An activation, or the gradient of one: then the sum is the incoming gradient, `activated` the activation's output.
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
  bool looks_for_zeros = true;  // false for a merged product whose parts do not skip zeros (see may_skip_zeros)
  std::int64_t m = 0, n = 0, k = 0;
  std::int64_t lda = 0, ldb = 0, ldc = 0;
  std::int64_t bias_stride = 0;  // distance of the bias's rows; 0: the same row of n values for all
  bool operator==(const MatmulForm&) const = default;
};

/// The addresses of the matrices. The epilogue works on the finished sum: it adds the bias, then applies the
/// activation; each step rounds as the separate op would.
struct MatmulMemory {
  const void* a = nullptr;
  const void* b = nullptr;
  void* c = nullptr;
  const void* start = nullptr;  // (m, n) with leading dimension ldc; may be c itself; null: 0
  const void* bias = nullptr;
  const void* activated = nullptr;  // the output of the activation whose gradient is applied; laid out as C
};

struct Matmul : MatmulForm, MatmulMemory {};

/// Whether a product of this size is done faster in bf16 than in f32: else Precision::medium is `highest`. By its size alone,
/// for transposes and what is merged differ between a plan and eager execution.
bool is_faster_in_bf16(std::int64_t m, std::int64_t n, std::int64_t k);
/// In bf16 a sum of products over k is the sum over its parts, in order, only if these are multiples of so many steps.
std::int64_t bf16_steps();

/// A batch of products of one shape. The matrices of C (and `start`) are contiguous, row-major over `counts`; those of
/// A and B have the given strides, in elements: 0 for a matrix shared by all.
struct MatmulBatch {
  static constexpr std::size_t max_rank = 6;
  int rank = 0;
  std::array<std::int64_t, max_rank> counts{}, a_strides{}, b_strides{};
};

/// Bytes of scratch memory that `matmul` needs for this form on up to thread_limit() threads. The caller passes 64-byte
/// aligned memory, so that nothing is allocated.
std::size_t matmul_workspace(const MatmulForm& form);
void matmul(const Matmul& matmul, void* workspace);

/// The arguments of the kernels for a C of one panel, opaque because their type depends on the SIMD target.
struct MatmulPanel {
  alignas(8) std::array<std::byte, 160> bytes;
};
/// The kernel chosen for a product whose matrices do not move, with its arguments; later, code generated for its form
/// (matmul_generate.hpp), which takes none. It matters in small nets, where choosing the kernel anew would dominate a
/// product's time.
struct PreparedMatmul {
  using Run = void (*)(const MatmulPanel* panel, const MatmulForm& form, const MatmulMemory& memory, void* workspace);
  Run run = nullptr;
  bool takes_panel = false;
  MatmulPanel panel;
};
void prepare(PreparedMatmul& prepared, const Matmul& matmul);
/// The products of a batch, of which `first` has the first matrices. Each has the same bits as alone. The workspace is
/// that of a single product.
void matmul(const Matmul& first, const MatmulBatch& batch, void* workspace);

/// to[k·ldt + j] = from[j·ldf + k] for j < rows, k < columns; elements of 4 or 8 bytes.
void transpose(const void* from, std::int64_t ldf, std::int64_t rows, std::int64_t columns, void* to, std::int64_t ldt,
               std::size_t element_bytes);

}  // namespace thalweg::run
