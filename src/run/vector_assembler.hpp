#pragma once
// AVX-512 instructions on vectors of f32 or f64, for the generator of machine code.

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <deque>

#include "src/run/elementary/exponential_constants.hpp"

#define XBYAK_NO_OP_NAMES
#include <xbyak/xbyak.h>

namespace thalweg::run {

/// Predicates of vcmpps.
enum class Predicate : std::uint8_t {
  equal = 0,
  unordered = 3,
  not_equal = 4,
  less = 17,
  less_equal = 18,
  greater_equal = 29,
  greater = 30
};

class VectorAssembler {
 public:
  using Zmm = Xbyak::Zmm;
  using Mask = Xbyak::Opmask;
  using Operand = Xbyak::Operand;

  VectorAssembler(Xbyak::CodeGenerator& code, bool is_double) : code_(code), is_double_(is_double) {}

  Xbyak::CodeGenerator& code() { return code_; }
  bool is_double() const { return is_double_; }

  void move(const Zmm& to, const Operand& from) { is_double_ ? code_.vmovupd(to, from) : code_.vmovups(to, from); }
  void move(const Xbyak::Address& to, const Zmm& from) {
    is_double_ ? code_.vmovupd(to, from) : code_.vmovups(to, from);
  }
  /// Every lane = the first one of `from`.
  void broadcast(const Zmm& to, const Xbyak::Xmm& from) {
    is_double_ ? code_.vbroadcastsd(to, from) : code_.vbroadcastss(to, from);
  }
  void add(const Zmm& to, const Zmm& a, const Operand& b) {
    is_double_ ? code_.vaddpd(to, a, b) : code_.vaddps(to, a, b);
  }
  void subtract(const Zmm& to, const Zmm& a, const Operand& b) {
    is_double_ ? code_.vsubpd(to, a, b) : code_.vsubps(to, a, b);
  }
  void multiply(const Zmm& to, const Zmm& a, const Operand& b) {
    is_double_ ? code_.vmulpd(to, a, b) : code_.vmulps(to, a, b);
  }
  void divide(const Zmm& to, const Zmm& a, const Operand& b) {
    is_double_ ? code_.vdivpd(to, a, b) : code_.vdivps(to, a, b);
  }
  void sqrt(const Zmm& to, const Operand& a) { is_double_ ? code_.vsqrtpd(to, a) : code_.vsqrtps(to, a); }
  /// a > b ? a : b, so b where either is NaN.
  void larger(const Zmm& to, const Zmm& a, const Operand& b) {
    is_double_ ? code_.vmaxpd(to, a, b) : code_.vmaxps(to, a, b);
  }
  /// a < b ? a : b, so b where either is NaN.
  void smaller(const Zmm& to, const Zmm& a, const Operand& b) {
    is_double_ ? code_.vminpd(to, a, b) : code_.vminps(to, a, b);
  }
  /// to = a · to + b
  void multiply_add(const Zmm& to, const Zmm& a, const Operand& b) {
    is_double_ ? code_.vfmadd213pd(to, a, b) : code_.vfmadd213ps(to, a, b);
  }
  /// to = to − a · b
  void subtract_product(const Zmm& to, const Zmm& a, const Operand& b) {
    is_double_ ? code_.vfnmadd231pd(to, a, b) : code_.vfnmadd231ps(to, a, b);
  }
  void round(const Zmm& to, const Zmm& a) {
    constexpr int nearest_even = 8;
    is_double_ ? code_.vrndscalepd(to, a, nearest_even) : code_.vrndscaleps(to, a, nearest_even);
  }
  /// a · 2^floor(b)
  void scale(const Zmm& to, const Zmm& a, const Zmm& b) {
    is_double_ ? code_.vscalefpd(to, a, b) : code_.vscalefps(to, a, b);
  }
  void compare(const Mask& to, const Zmm& a, const Operand& b, Predicate predicate) {
    const auto p = static_cast<std::uint8_t>(predicate);
    is_double_ ? code_.vcmppd(to, a, b, p) : code_.vcmpps(to, a, b, p);
  }
  /// to = its mask ? yes : no
  void blend(const Zmm& to, const Zmm& no, const Operand& yes) {
    is_double_ ? code_.vblendmpd(to, no, yes) : code_.vblendmps(to, no, yes);
  }

  /// A number's bits in every lane; `scratch` is lost.
  void splat(const Zmm& to, std::uint32_t single_bits, std::uint64_t double_bits, const Xbyak::Reg64& scratch) {
    if (single_bits == 0 && double_bits == 0) return code_.vpxord(to, to, to);
    if (is_double_) {
      code_.mov(scratch, double_bits);
      code_.vpbroadcastq(to, scratch);
    } else {
      code_.mov(scratch.cvt32(), single_bits);
      code_.vpbroadcastd(to, scratch.cvt32());
    }
  }

  /// to = e^x with the bits of Exp (exponential-inl.hpp); `highest` and `lowest` hold the numbers of that name.
  void exponential(const Zmm& to, const Operand& x, const Zmm& highest, const Zmm& lowest,
                   const std::array<Zmm, 4>& free) {
    using E = elementary::Exponential<float>;
    using F = elementary::Exponential<double>;
    const auto& [n, square, even, odd] = free;
    smaller(to, highest, x);
    larger(to, lowest, to);
    multiply(n, to, literal(E::ln2_inverse, F::ln2_inverse));
    round(n, n);
    subtract_product(to, n, literal(E::ln2_high, F::ln2_high));
    subtract_product(to, n, literal(E::ln2_low, F::ln2_low));
    multiply(square, to, to);
    const std::size_t count = is_double_ ? F::quotient.size() : E::quotient.size();
    terms(even, square, (count - 1) / 2 * 2);
    terms(odd, square, (count / 2 - 1) * 2 + 1);
    multiply_add(odd, to, even);
    multiply_add(odd, square, to);
    add(odd, odd, literal(1, 1));
    scale(to, odd, n);
  }

  /// What literals refer to; after all code.
  void write_literals() {
    code_.align(8);
    for (Literal& each : literals_) {
      code_.L(each.label);
      is_double_ ? code_.dq(each.bits) : code_.dd(static_cast<std::uint32_t>(each.bits));
    }
    literals_.clear();
  }

 private:
  struct Literal {
    std::uint64_t bits;
    Xbyak::Label label;
  };
  Xbyak::CodeGenerator& code_;
  bool is_double_;
  std::deque<Literal> literals_;

  Xbyak::Label& label(float single, double number) {
    const std::uint64_t bits = is_double_ ? std::bit_cast<std::uint64_t>(number) : std::bit_cast<std::uint32_t>(single);
    for (Literal& each : literals_)
      if (each.bits == bits) return each.label;
    literals_.push_back({bits, {}});
    return literals_.back().label;
  }
  /// A number in memory, as an operand for all lanes.
  Xbyak::Address literal(float single, double number) { return code_.ptr_b[code_.rip + label(single, number)]; }

  /// Every other coefficient of the exponential's quotient, up to the last: … + quotient[last] · square^k.
  void terms(const Zmm& sum, const Zmm& square, std::size_t last) {
    const auto coefficient = [&](std::size_t i) -> Xbyak::Label& {
      const auto& single = elementary::Exponential<float>::quotient;
      return label(i < single.size() ? single[i] : 0, elementary::Exponential<double>::quotient[i]);
    };
    if (is_double_) {
      code_.vbroadcastsd(sum, code_.qword[code_.rip + coefficient(last)]);
    } else {
      code_.vbroadcastss(sum, code_.dword[code_.rip + coefficient(last)]);
    }
    for (std::size_t i = last; i >= 2; i -= 2) multiply_add(sum, square, code_.ptr_b[code_.rip + coefficient(i - 2)]);
  }
};

}  // namespace thalweg::run
