#include "src/run/sweep_generate.hpp"

#if THALWEG_GENERATES_CODE

#include <bit>

#include "src/run/sweep_machine.hpp"
#include "src/run/vector_reducer.hpp"

namespace thalweg::run {

void VectorReducer::reduce(const Zmm& to, Reduction reduction, const Zmm& a, const Zmm& b) {
  switch (reduction) {
    case Reduction::sum: return assembler_.add(to, a, b);
    case Reduction::product: return assembler_.multiply(to, a, b);
    // Keeps `a` where it is not less (not more) than b, and where it is NaN; elsewhere b, or to + b if that is NaN.
    case Reduction::maximum:
    case Reduction::minimum:
      extreme(to, b, a, reduction == Reduction::maximum);
      return assembler_.add(to | code_.k1, to, b);
  }
}

void VectorReducer::extreme(const Zmm& to, const Zmm& first, const Zmm& second, bool larger) {
  assembler_.compare(code_.k1, first, first, Predicate::unordered);
  larger ? assembler_.larger(to, first, second) : assembler_.smaller(to, first, second);
}

/// Combines halves until one lane is left.
void VectorReducer::reduce_lanes(const Zmm& v, Reduction reduction, const Zmm& other) {
  code_.vshuff64x2(other, v, v, 0x4e);
  reduce(v, reduction, v, other);
  code_.vshuff64x2(other, v, v, 0xb1);
  reduce(v, reduction, v, other);
  code_.vpermilpd(other, v, 0x55);
  reduce(v, reduction, v, other);
  if (!assembler_.is_double()) {
    code_.vpermilps(other, v, 0xb1);
    reduce(v, reduction, v, other);
  }
  assembler_.broadcast(v, Xbyak::Xmm(v.getIdx()));
}

void VectorReducer::set_identity(const Zmm& to, Reduction reduction) {
  const double number = identity(reduction, DType::f64).floating;
  assembler_.splat(to, std::bit_cast<std::uint32_t>(static_cast<float>(number)), std::bit_cast<std::uint64_t>(number),
                   code_.rax);
}

}  // namespace thalweg::run

#endif
