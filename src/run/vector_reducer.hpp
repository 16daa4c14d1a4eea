#pragma once
// Reductions of vectors as AVX-512 instructions, for the generator of machine code: those of sweep_reduce-inl.hpp, operation by
// operation, so with their bits.

#include "src/run/sweep.hpp"
#include "src/run/vector_assembler.hpp"

namespace thalweg::run {

/// k1 is lost in all of them.
class VectorReducer {
 public:
  using Zmm = Xbyak::Zmm;

  explicit VectorReducer(VectorAssembler& assembler) : assembler_(assembler), code_(assembler.code()) {}

  /// to = a ∘ b; `to` may be a.
  void reduce(const Zmm& to, Reduction reduction, const Zmm& a, const Zmm& b);
  /// Every lane of `v` = the reduction of all of them; `other` is lost.
  void reduce_lanes(const Zmm& v, Reduction reduction, const Zmm& other);
  /// to = the larger (or smaller) one; the second where they are equal or either is NaN. k1: where the first is NaN.
  void extreme(const Zmm& to, const Zmm& first, const Zmm& second, bool larger);
  /// Every lane = the reduction of nothing; rax is lost.
  void set_identity(const Zmm& to, Reduction reduction);

 private:
  VectorAssembler& assembler_;
  Xbyak::CodeGenerator& code_;
};

}  // namespace thalweg::run
