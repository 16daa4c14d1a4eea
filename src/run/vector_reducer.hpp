#pragma once
// For the JIT: reductions of vectors. They repeat those of sweep_reduce-inl.hpp operation by
// operation, so the bits are the same.

#include "src/run/sweep.hpp"
#include "src/run/vector_assembler.hpp"

namespace thalweg::run {

/// Clobbers the temporary mask.
class VectorReducer {
 public:
  using Vector = VectorAssembler::Vector;

  explicit VectorReducer(VectorAssembler& assembler) : assembler_(assembler), code_(assembler.code()) {}

  /// to = a ∘ b; `to` may be a.
  void reduce(const Vector& to, Reduction reduction, const Vector& a, const Vector& b);
  /// Every lane of `v` = the reduction of all its lanes. Clobbers `other`.
  void reduce_lanes(const Vector& v, Reduction reduction, const Vector& other);
  /// to = the larger (or smaller) one; the second if they are equal or either is NaN. The temporary
  /// mask = where the first is NaN.
  void extreme(const Vector& to, const Vector& first, const Vector& second, bool larger);
  /// Every lane = the identity of the reduction. Clobbers rax.
  void set_identity(const Vector& to, Reduction reduction);

 private:
  VectorAssembler& assembler_;
  Xbyak::CodeGenerator& code_;
};

}  // namespace thalweg::run
