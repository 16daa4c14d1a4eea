#include "src/run/sweep_generate.hpp"

#if THALWEG_GENERATES_CODE

#include <bit>

#include "src/run/sweep_machine.hpp"
#include "src/run/vector_reducer.hpp"

namespace thalweg::run {

void VectorReducer::reduce(const Vector& to, Reduction reduction, const Vector& a, const Vector& b) {
  switch (reduction) {
    case Reduction::sum: return assembler_.add(to, a, b);
    case Reduction::product: return assembler_.multiply(to, a, b);
    // Keeps `a` where it is not less (not more) than b, and where it is NaN; elsewhere b, or to + b if that is NaN.
    case Reduction::maximum:
    case Reduction::minimum:
      extreme(to, b, a, reduction == Reduction::maximum);
      return assembler_.add_where(to, assembler_.temporary_mask(), b);
  }
}

void VectorReducer::extreme(const Vector& to, const Vector& first, const Vector& second, bool larger) {
  assembler_.compare(assembler_.temporary_mask(), first, first, Predicate::unordered);
  larger ? assembler_.larger(to, first, second) : assembler_.smaller(to, first, second);
}

/// Combines halves until one lane is left.
void VectorReducer::reduce_lanes(const Vector& v, Reduction reduction, const Vector& other) {
  if (assembler_.is_avx512()) {
    code_.vshuff64x2(Xbyak::Zmm(other.getIdx()), Xbyak::Zmm(v.getIdx()), v, 0x4e);
    reduce(v, reduction, v, other);
    code_.vshuff64x2(Xbyak::Zmm(other.getIdx()), Xbyak::Zmm(v.getIdx()), v, 0xb1);
  } else {
    const Xbyak::Ymm whole(v.getIdx());
    code_.vperm2f128(Xbyak::Ymm(other.getIdx()), whole, whole, 1);
  }
  reduce(v, reduction, v, other);
  code_.vpermilpd(other, v, assembler_.is_avx512() ? 0x55 : 0x5);
  reduce(v, reduction, v, other);
  if (!assembler_.is_double()) {
    code_.vpermilps(other, v, 0xb1);
    reduce(v, reduction, v, other);
  }
  assembler_.broadcast(v, Xbyak::Xmm(v.getIdx()));
}

void VectorReducer::set_identity(const Vector& to, Reduction reduction) {
  const double number = identity(reduction, DType::f64).floating;
  assembler_.splat(to, std::bit_cast<std::uint32_t>(static_cast<float>(number)), std::bit_cast<std::uint64_t>(number),
                   code_.rax);
}

}  // namespace thalweg::run

#endif
