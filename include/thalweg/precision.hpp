#pragma once
// How exactly f32 matrix products are computed: the speed of bf16 on request.

#include <cstdint>

namespace thalweg {

/// Of a matrix product of f32: `highest` multiplies the numbers as they are. `medium` rounds both factors to bf16 first (8
/// significant bits, to nearest even), multiplies exactly and sums in f32: about twice as fast where the processor has
/// an instruction for it. f64 is always exact to its own precision. docs/precision.md has the errors.
enum class Precision : std::uint8_t { highest, medium };

/// Attribute bit of a contraction, beside those in op.hpp: Precision::medium.
constexpr std::uint64_t medium_precision_bit = 4;

/// The precision of the products that this thread records until the end of the scope and that name none themselves; then
/// the one before it holds again. `MatmulPrecision precision(Precision::medium);` at the start of a program makes it the default.
/// Gradients of a product have its precision, whatever holds when they are recorded.
class MatmulPrecision {
 public:
  explicit MatmulPrecision(Precision precision);
  ~MatmulPrecision();
  MatmulPrecision(const MatmulPrecision&) = delete;
  MatmulPrecision& operator=(const MatmulPrecision&) = delete;

 private:
  Precision previous_;
};

/// The precision that holds on this thread; `highest` where nothing was said.
Precision matmul_precision();

}  // namespace thalweg
