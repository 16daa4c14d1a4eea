#pragma once
// The precision of f32 matrix products: bf16 factors on request.

#include <cstdint>

namespace thalweg {

/// For f32 matrix products. `highest` multiplies the numbers as they are. `medium` first rounds both factors to bf16 (8
/// significant bits, to nearest even), multiplies exactly and sums in f32, where the processor is faster at that (twice, or
/// eight times by AMX); elsewhere it is `highest`. Products of f64 are not affected. docs/precision.md lists the errors.
enum class Precision : std::uint8_t { highest, medium };

/// Attribute bit of a contraction, beside those in op.hpp: Precision::medium.
constexpr std::uint64_t medium_precision_bit = 4;

/// Sets the precision of products that this thread records during the guard's lifetime, unless they name their own.
/// `MatmulPrecision precision(Precision::medium);` at the start of a program makes it the default. Gradients have the
/// precision of their product, whatever is in effect when they are recorded.
class MatmulPrecision {
 public:
  explicit MatmulPrecision(Precision precision);
  ~MatmulPrecision();
  MatmulPrecision(const MatmulPrecision&) = delete;
  MatmulPrecision& operator=(const MatmulPrecision&) = delete;

 private:
  Precision previous_;
};

/// The precision in effect on this thread; `highest` by default.
Precision matmul_precision();

}  // namespace thalweg
