#pragma once
// Matrix products between guard pages, and the sums that the contract of src/run/matmul.hpp says they are.

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <random>
#include <string>
#include <type_traits>
#include <vector>

#include <hwy/highway.h>
#include <catch2/catch.hpp>

#include "src/run/amx.hpp"
#include "src/run/matmul.hpp"
#include "tests/running/guarded_memory.hpp"

namespace thalweg::run::testing_matmul {

struct Shape {
  std::int64_t m, n, k;
  bool transpose_a = false, transpose_b = false;
  std::int64_t gap = 0;  // between the rows of every matrix
  enum Start { from_zero, from_start, from_c } start = from_zero;
  bool bias = false;
  Activation activation = Activation::none;
  double zeros = 0;  // share of A that is 0: single elements, and as much again in stripes of rows and of k
  Precision precision = Precision::highest;
  bool bias_by_row = false;  // the bias has a row for each of C's
};

inline std::string text(const Shape& shape) {
  return std::to_string(shape.m) + "x" + std::to_string(shape.n) + "x" + std::to_string(shape.k) +
         (shape.transpose_a ? " T" : " N") + (shape.transpose_b ? "T" : "N") + ", gap " + std::to_string(shape.gap) +
         ", start " + std::to_string(shape.start) + ", bias " + std::to_string(shape.bias) + ", activation " +
         std::to_string(static_cast<int>(shape.activation)) + ", zeros " + std::to_string(shape.zeros) +
         (shape.precision == Precision::medium ? ", in bf16" : "") + (shape.bias_by_row ? ", bias by row" : "");
}

/// Runs `body` with each of the CPU's SIMD targets in turn. Products in bf16 use AMX if `may_use_amx`, with AVX-512 only.
template <class Body>
void for_each_target(const Body& body, bool may_use_amx = false) {
  const bool used_amx = uses_amx();
  for (std::int64_t left = hwy::SupportedTargets() & HWY_TARGETS; left != 0; left &= left - 1) {
    const std::int64_t target = left & -left;
    hwy::SetSupportedTargetsForTest(target);
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
    const bool by_amx = may_use_amx && used_amx && target == HWY_AVX3;
    allow_amx(by_amx);
    INFO("target " << hwy::TargetName(target) << (by_amx ? ", AMX" : ""));
    body(target == HWY_SSE4);
  }
  allow_amx(used_amx);
  hwy::SetSupportedTargetsForTest(0);
  hwy::GetChosenTarget().Update(hwy::SupportedTargets());
}

template <class T>
T multiply_add(T a, T b, T sum, bool two_roundings) {
  if (!two_roundings) return std::fma(a, b, sum);
  const T product = a * b;
  return product + sum;
}

/// The nearest bf16, of two the even one; subnormals are 0.
inline float in_bf16(float x) {
  if (std::isnan(x) || std::isinf(x)) return x;
  int exponent = 0;
  const double fraction = std::frexp(double{x}, &exponent);  // 8 bits of it stay
  const double rounded = std::ldexp(std::nearbyint(std::ldexp(fraction, 8)), exponent - 8);
  if (std::abs(x) < std::numeric_limits<float>::min()) return std::copysign(0.0F, x);
  return std::abs(rounded) > 0x1.FEp127 ? std::copysign(std::numeric_limits<float>::infinity(), x)
                                        : static_cast<float>(rounded);
}

/// `y`: what the activation has made, where this is its gradient.
template <class T>
T activated(T x, Activation activation, T y = 0) {
  if (activation == Activation::relu) return x <= 0 ? T{0} : x;
  if (activation == Activation::relu_gradient) return y > 0 ? x : T{0};
  if (activation == Activation::tanh_gradient) return x == 0 ? x : x * (1 - y * y);
  return x;
}

/// Runs `body` with each way to multiply in bf16.
template <class Body>
void for_each_bf16_target(const Body& body) {
  for_each_target(body);
  if (!uses_amx()) return;
  for_each_target(
      [&](bool is_without_fma) {
        if (uses_amx()) body(is_without_fma);
      },
      true);
}

inline float without_subnormal(float x) {
  return std::abs(x) < std::numeric_limits<float>::min() ? std::copysign(0.0F, x) : x;
}

/// A matmul's buffers, each ending at a guard page.
template <class T>
class Buffers {
 public:
  Buffers() : a_(capacity), b_(capacity), c_(capacity), start_(capacity), bias_(capacity), activated_(capacity) {}

  /// Fills the operands, gaps with NaN, and binds them.
  void bind(const Shape& shape, std::uint32_t seed) {
    shape_ = shape;
    random_.seed(seed);
    Matmul& p = matmul;
    p = {};
    p.dtype = dtype_of<T>::value;
    p.precision = shape.precision;
    p.m = shape.m;
    p.n = shape.n;
    p.k = shape.k;
    p.transpose_a = shape.transpose_a;
    p.transpose_b = shape.transpose_b;
    p.activation = shape.activation;
    p.lda = (shape.transpose_a ? shape.m : shape.k) + shape.gap;
    p.ldb = (shape.transpose_b ? shape.k : shape.n) + shape.gap;
    p.ldc = shape.n + shape.gap;
    p.a = matrix(a_, shape.transpose_a ? shape.k : shape.m, p.lda);
    if (shape.zeros > 0) make_zeros(shape.transpose_a ? shape.k : shape.m, p.lda);
    p.b = matrix(b_, shape.transpose_b ? shape.n : shape.k, p.ldb);
    c = matrix(c_, shape.m, p.ldc);
    p.c = c;
    start = c;
    if (shape.start == Shape::from_start) start = matrix(start_, shape.m, p.ldc);
    if (shape.start != Shape::from_zero) p.start = start;
    if (shape.bias) p.bias = matrix(bias_, shape.bias_by_row ? shape.m : 1, p.ldc);
    if (shape.bias_by_row) p.bias_stride = p.ldc;
    const bool is_gradient =
        shape.activation == Activation::relu_gradient || shape.activation == Activation::tanh_gradient;
    if (is_gradient) p.activated = matrix(activated_, shape.m, p.ldc);
    initial_c.assign(c, c + size(shape.m, p.ldc));
    const std::size_t bytes = matmul_workspace(p);
    if (bytes > workspace_bytes_) {
      workspace_ = std::make_unique<testing::GuardedMemory>(bytes);
      workspace_bytes_ = bytes;
    }
    workspace = bytes ? workspace_->last<std::byte>((bytes + 63) / 64 * 64) : nullptr;
  }

  void run() {
    std::copy(initial_c.begin(), initial_c.end(), c);
    thalweg::run::matmul(matmul, workspace);
  }
  std::vector<T> result() const { return {c, c + initial_c.size()}; }

  /// C as the contract says it comes out, gaps unchanged. `by_amx`: in bf16, in AMX's order.
  std::vector<T> reference(bool two_roundings, bool by_amx = false) const {
    std::vector<T> expected = initial_c;
    const Matmul& p = matmul;
    const auto* a = static_cast<const T*>(p.a);
    const auto* b = static_cast<const T*>(p.b);
    const auto at = [&](std::int64_t i, std::int64_t j, std::int64_t k, T sum) {
      const T left = p.transpose_a ? a[k * p.lda + i] : a[i * p.lda + k];
      const T right = p.transpose_b ? b[j * p.ldb + k] : b[k * p.ldb + j];
      if constexpr (std::is_same_v<T, float>) {
        if (p.precision == Precision::medium) return multiply_add(in_bf16(left), in_bf16(right), sum, two_roundings);
      }
      return multiply_add(left, right, sum, two_roundings);
    };
    for (std::int64_t i = 0; i < p.m; ++i) {
      for (std::int64_t j = 0; j < p.n; ++j) {
        const T* start_value = p.start ? &initial_start(i * p.ldc + j) : nullptr;
        T sum = 0;
        if (p.precision == Precision::medium && by_amx) {  // of each 32 steps, even and odd ones by themselves
          if (start_value) sum = *start_value;
          for (std::int64_t k = 0; k < p.k; k += 32) {
            T sums[2] = {};
            for (std::int64_t step = k; step < std::min(p.k, k + 32); ++step)
              sums[step % 2] = flushed(at(i, j, step, sums[step % 2]));
            sum = flushed(flushed(sum) + flushed(sums[0] + sums[1]));
          }
        } else if (p.precision == Precision::medium) {  // the second step of a pair first
          if (start_value) sum = *start_value;
          for (std::int64_t k = 0; k < p.k; k += 2) {
            if (k + 1 < p.k) sum = at(i, j, k + 1, sum);
            sum = at(i, j, k, sum);
          }
        } else if (p.m == 1 && p.n == 1) {  // sixteen sums, folded, start last
          T sums[16] = {};
          for (std::int64_t k = 0; k < p.k; ++k) sums[k % 16] = at(i, j, k, sums[k % 16]);
          for (int width = 8; width > 0; width /= 2)
            for (int l = 0; l < width; ++l) sums[l] += sums[l + width];
          sum = start_value ? *start_value + sums[0] : sums[0];
        } else if (p.m == 1 || (p.n == 1 && p.ldc == 1)) {  // stretches of 64, each in four sums
          if (start_value) sum = *start_value;
          for (std::int64_t stretch = 0; stretch < p.k; stretch += 64) {
            T sums[4] = {};
            for (std::int64_t k = stretch; k < std::min(p.k, stretch + 64); ++k) sums[k % 4] = at(i, j, k, sums[k % 4]);
            sum += (sums[0] + sums[1]) + (sums[2] + sums[3]);
          }
        } else {
          if (start_value) sum = *start_value;
          for (std::int64_t k = 0; k < p.k; ++k) sum = at(i, j, k, sum);
        }
        if (p.bias) sum += static_cast<const T*>(p.bias)[i * p.bias_stride + j];
        const T y = p.activated ? static_cast<const T*>(p.activated)[i * p.ldc + j] : T{0};
        expected[static_cast<std::size_t>(i * p.ldc + j)] = activated(sum, p.activation, y);
      }
    }
    return expected;
  }

  Matmul matmul;
  T* c = nullptr;
  T* start = nullptr;
  std::vector<T> initial_c;
  void* workspace = nullptr;

 private:
  static constexpr std::size_t capacity = std::size_t{48} << 20;

  /// The last row has no gap: the buffer ends where the matrix does.
  std::size_t size(std::int64_t rows, std::int64_t stride) const {
    return rows == 0 ? 0 : static_cast<std::size_t>(rows * stride - shape_.gap);
  }

  T* matrix(testing::GuardedMemory& memory, std::int64_t rows, std::int64_t stride) {
    const std::size_t count = size(rows, stride);
    T* values = memory.last<T>(count);
    std::uniform_real_distribution<T> distribution(-1, 1);
    for (std::size_t i = 0; i < count; ++i) {
      const bool is_gap = static_cast<std::int64_t>(i) % stride >= stride - shape_.gap;
      values[i] = is_gap ? std::numeric_limits<T>::quiet_NaN() : distribution(random_);
    }
    return values;
  }

  void make_zeros(std::int64_t rows, std::int64_t stride) {
    T* const values = static_cast<T*>(const_cast<void*>(matmul.a));
    std::bernoulli_distribution is_zero(shape_.zeros);
    std::vector<char> striped(static_cast<std::size_t>(rows + stride));
    for (std::size_t i = 0; i < striped.size(); ++i) striped[i] = static_cast<char>(is_zero(random_) && i % 16 != 3);
    for (std::int64_t i = 0; i < rows * stride - shape_.gap; ++i) {
      const bool is_striped = striped[static_cast<std::size_t>(i / stride / 8)] != 0 ||
                              striped[static_cast<std::size_t>(rows + i % stride)] != 0;
      if (i % stride < stride - shape_.gap && (is_striped || is_zero(random_))) values[i] = 0;
    }
  }

  /// As AMX does.
  static T flushed(T x) {
    if constexpr (std::is_same_v<T, float>) return without_subnormal(x);
    return x;
  }

  const T& initial_start(std::int64_t index) const {
    return shape_.start == Shape::from_c ? initial_c[static_cast<std::size_t>(index)] : start[index];
  }

  Shape shape_{};
  std::mt19937 random_;
  testing::GuardedMemory a_, b_, c_, start_, bias_, activated_;
  std::unique_ptr<testing::GuardedMemory> workspace_;
  std::size_t workspace_bytes_ = 0;
};

template <class T>
bool same_bits(const std::vector<T>& x, const std::vector<T>& y) {
  using Bits = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;
  return std::equal(x.begin(), x.end(), y.begin(), y.end(), [](T a, T b) {
    return std::bit_cast<Bits>(a) == std::bit_cast<Bits>(b) || (std::isnan(a) && std::isnan(b));
  });
}

/// Every target gives the contract's bits.
template <class T>
void check(Buffers<T>& buffers, const Shape& shape) {
  INFO(text(shape));
  buffers.bind(shape, static_cast<std::uint32_t>(shape.m * 7 + shape.n * 11 + shape.k * 13));
  const std::vector<T> one_rounding = buffers.reference(false), two_roundings = buffers.reference(true);
  const auto run = [&](bool is_without_fma) {
    buffers.run();
    const bool is_right =
        same_bits(buffers.result(), uses_amx() && shape.precision == Precision::medium ? buffers.reference(false, true)
                                    : is_without_fma                                   ? two_roundings
                                                                                       : one_rounding);
    REQUIRE(is_right);
  };
  if (shape.precision == Precision::medium) return for_each_bf16_target(run);
  for_each_target(run);
}

}  // namespace thalweg::run::testing_matmul
