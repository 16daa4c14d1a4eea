#pragma once
// For the JIT: reductions of vectors as AVX-512 instructions. They repeat those of sweep_reduce-inl.hpp operation by
// operation, so the bits are the same.

#include "src/run/sweep.hpp"
#include "src/run/vector_assembler.hpp"

namespace thalweg::run {

/// All of them clobber k1.
class VectorReducer {
 public:
  using Zmm = Xbyak::Zmm;

  explicit VectorReducer(VectorAssembler& assembler) : assembler_(assembler), code_(assembler.code()) {}

  /// to = a ∘ b; `to` may be a.
  void reduce(const Zmm& to, Reduction reduction, const Zmm& a, const Zmm& b);
  /// Every lane of `v` = the reduction of all its lanes. Clobbers `other`.
  void reduce_lanes(const Zmm& v, Reduction reduction, const Zmm& other);
  /// to = the larger (or smaller) one; the second if they are equal or either is NaN. k1 = where the first is NaN.
  void extreme(const Zmm& to, const Zmm& first, const Zmm& second, bool larger);
  /// Every lane = the identity of the reduction. Clobbers rax.
  void set_identity(const Zmm& to, Reduction reduction);

 private:
  VectorAssembler& assembler_;
  Xbyak::CodeGenerator& code_;
};

}  // namespace thalweg::run
