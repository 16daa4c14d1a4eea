#pragma once
// For the JIT: AVX-512 instructions on vectors of f32 or f64.

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <vector>

#define XBYAK_NO_OP_NAMES
#include <xbyak/xbyak.h>

#include <thalweg/dtype.hpp>

namespace thalweg::run {

/// Predicates of vcmpps.
enum class Predicate : std::uint8_t {
  equal = 0,
  unordered = 3,
  not_equal = 4,
  less_or_greater = 12,
  less = 17,
  less_equal = 18,
  not_less_equal = 22,
  greater_equal = 29,
  greater = 30
};

class VectorAssembler {
 public:
  using Zmm = Xbyak::Zmm;
  using Vector = Xbyak::Xmm;  // of any width: Xbyak's Ymm and Zmm are Xmm
  using Mask = Xbyak::Opmask;
  using Operand = Xbyak::Operand;

  VectorAssembler(Xbyak::CodeGenerator& code, bool is_double) : code_(code), is_double_(is_double) {}

  Xbyak::CodeGenerator& code() { return code_; }
  bool is_double() const { return is_double_; }
  int bytes() const { return is_double_ ? 8 : 4; }

  void move(const Vector& to, const Operand& from) { is_double_ ? code_.vmovupd(to, from) : code_.vmovups(to, from); }
  void move(const Xbyak::Address& to, const Vector& from) {
    is_double_ ? code_.vmovupd(to, from) : code_.vmovups(to, from);
  }
  /// Every lane = the first lane of `from`.
  void broadcast(const Zmm& to, const Operand& from) {
    is_double_ ? code_.vbroadcastsd(to, from) : code_.vbroadcastss(to, from);
  }
  /// Every lane = the number of dtype `from` in memory. Clobbers `scratch`.
  void load_splat(const Zmm& to, const Xbyak::Address& memory, DType from, const Xbyak::Reg64& scratch) {
    if (from == (is_double_ ? DType::f64 : DType::f32)) return broadcast(to, memory);
    const Vector first(to.getIdx());
    clear(first);              // breaks the dependency on the lanes that the conversion would keep
    if (from == DType::f64) {  // a number
      code_.vcvtsd2ss(first, first, memory);
      return broadcast(to, first);
    }
    from == DType::boolean ? code_.movzx(scratch.cvt32(), memory) : code_.mov(scratch, memory);
    is_double_ ? code_.vcvtsi2sd(first, first, scratch) : code_.vcvtsi2ss(first, first, scratch);
    broadcast(to, first);
  }
  void store_first(const Xbyak::Address& to, const Vector& from) {
    const Vector first(from.getIdx());
    is_double_ ? code_.vmovsd(to, first) : code_.vmovss(to, first);
  }
  /// Loads or stores the first `elements` elements of a vector; `mask` has the same. A load sets the others to 0. If an
  /// unmasked move of the same size exists, it is used: masked stores are not forwarded to loads, nor shorter stores to
  /// masked loads.
  void load_tail(const Zmm& to, const Xbyak::Address& from, int elements, const Mask& mask) {
    switch (elements * bytes()) {
      case 4: return code_.vmovss(Vector(to.getIdx()), from);
      case 8: return code_.vmovsd(Vector(to.getIdx()), from);
      case 16: return move(Vector(to.getIdx()), from);
      case 32: return move(Xbyak::Ymm(to.getIdx()), from);
      default: return move(to | mask | code_.T_z, from);
    }
  }
  void store_tail(const Xbyak::Address& to, const Zmm& from, int elements, const Mask& mask) {
    switch (elements * bytes()) {
      case 4: return code_.vmovss(to, Vector(from.getIdx()));
      case 8: return code_.vmovsd(to, Vector(from.getIdx()));
      case 16: return move(to, Vector(from.getIdx()));
      case 32: return move(to, Xbyak::Ymm(from.getIdx()));
      default: return move(to | mask, from);
    }
  }
  void add(const Vector& to, const Vector& a, const Operand& b) {
    is_double_ ? code_.vaddpd(to, a, b) : code_.vaddps(to, a, b);
  }
  void subtract(const Vector& to, const Vector& a, const Operand& b) {
    is_double_ ? code_.vsubpd(to, a, b) : code_.vsubps(to, a, b);
  }
  void multiply(const Vector& to, const Vector& a, const Operand& b) {
    is_double_ ? code_.vmulpd(to, a, b) : code_.vmulps(to, a, b);
  }
  void divide(const Zmm& to, const Zmm& a, const Operand& b) {
    is_double_ ? code_.vdivpd(to, a, b) : code_.vdivps(to, a, b);
  }
  void sqrt(const Zmm& to, const Operand& a) { is_double_ ? code_.vsqrtpd(to, a) : code_.vsqrtps(to, a); }
  /// a > b ? a : b; so b if either is NaN.
  void larger(const Zmm& to, const Zmm& a, const Operand& b) {
    is_double_ ? code_.vmaxpd(to, a, b) : code_.vmaxps(to, a, b);
  }
  /// a < b ? a : b; so b if either is NaN.
  void smaller(const Zmm& to, const Zmm& a, const Operand& b) {
    is_double_ ? code_.vminpd(to, a, b) : code_.vminps(to, a, b);
  }
  /// to = a · to + b
  void multiply_add(const Zmm& to, const Zmm& a, const Operand& b) {
    is_double_ ? code_.vfmadd213pd(to, a, b) : code_.vfmadd213ps(to, a, b);
  }
  /// to = to + a · b
  void add_product(const Vector& to, const Vector& a, const Operand& b) {
    is_double_ ? code_.vfmadd231pd(to, a, b) : code_.vfmadd231ps(to, a, b);
  }
  /// to = to − a · b
  void subtract_product(const Zmm& to, const Zmm& a, const Operand& b) {
    is_double_ ? code_.vfnmadd231pd(to, a, b) : code_.vfnmadd231ps(to, a, b);
  }
  void round(const Zmm& to, const Zmm& a) {
    constexpr int nearest_even = 8;
    is_double_ ? code_.vrndscalepd(to, a, nearest_even) : code_.vrndscaleps(to, a, nearest_even);
  }
  /// to = lanes `lane` and following of the concatenation of `low` and `high`.
  void shift_lanes(const Zmm& to, const Zmm& high, const Zmm& low, int lane) {
    const auto by = static_cast<std::uint8_t>(lane);
    is_double_ ? code_.valignq(to, high, low, by) : code_.valignd(to, high, low, by);
  }
  /// a · 2^floor(b)
  void scale(const Zmm& to, const Zmm& a, const Zmm& b) {
    is_double_ ? code_.vscalefpd(to, a, b) : code_.vscalefps(to, a, b);
  }
  void compare(const Mask& to, const Vector& a, const Operand& b, Predicate predicate) {
    const auto p = static_cast<std::uint8_t>(predicate);
    is_double_ ? code_.vcmppd(to, a, b, p) : code_.vcmpps(to, a, b, p);
  }
  /// to = its mask ? yes : no
  void blend(const Zmm& to, const Zmm& no, const Operand& yes) {
    is_double_ ? code_.vblendmpd(to, no, yes) : code_.vblendmps(to, no, yes);
  }

  void bitwise_and(const Zmm& to, const Zmm& a, const Operand& b) {
    is_double_ ? code_.vpandq(to, a, b) : code_.vpandd(to, a, b);
  }
  void bitwise_or(const Zmm& to, const Zmm& a, const Operand& b) {
    is_double_ ? code_.vporq(to, a, b) : code_.vpord(to, a, b);
  }
  void bitwise_xor(const Zmm& to, const Zmm& a, const Operand& b) {
    is_double_ ? code_.vpxorq(to, a, b) : code_.vpxord(to, a, b);
  }
  /// to = a bitwise function of to, a and b, given by its truth table.
  void logic(const Zmm& to, const Zmm& a, const Operand& b, int table) {
    const auto t = static_cast<std::uint8_t>(table);
    is_double_ ? code_.vpternlogq(to, a, b, t) : code_.vpternlogd(to, a, b, t);
  }

  /// to = 0
  void clear(const Vector& to) { code_.vpxord(to, to, to); }
  /// Every lane = a number, given by its bits. Clobbers `scratch`.
  void splat(const Zmm& to, std::uint32_t single_bits, std::uint64_t double_bits, const Xbyak::Reg64& scratch) {
    if (single_bits == 0 && double_bits == 0) return clear(to);
    if (is_double_) {
      code_.mov(scratch, double_bits);
      code_.vpbroadcastq(to, scratch);
    } else {
      code_.mov(scratch.cvt32(), single_bits);
      code_.vpbroadcastd(to, scratch.cvt32());
    }
  }

  /// A literal as an operand for all lanes: the register that holds it, or memory.
  const Operand& literal(float single, double number) { return literal_bits(bits_of(single, number)); }
  const Operand& literal_bits(std::uint64_t bits) {
    Literal& asked = ask(bits);
    return asked.is_held ? static_cast<const Operand&>(asked.held) : asked.memory;
  }
  /// A literal in a register: the one that holds it, or `free`.
  const Zmm& literal_in(const Zmm& free, float single, double number) {
    const Literal& asked = ask(bits_of(single, number));
    if (asked.is_held) return asked.held;
    load(free, asked);
    return free;
  }
  /// Every lane = a literal.
  void load_literal(const Zmm& to, float single, double number) {
    const Literal& asked = ask(bits_of(single, number));
    asked.is_held ? move(to, asked.held) : load(to, asked);
  }
  /// Forgets which literals were used.
  void forget_literals() {
    for (Literal& each : literals_) each.is_asked = false;
  }
  /// The first `most` literals that were used.
  std::vector<std::uint64_t> literals_asked_for(std::size_t most) const {
    std::vector<std::uint64_t> bits;
    for (const Literal& each : literals_)
      if (each.is_asked && bits.size() < most) bits.push_back(each.bits);
    return bits;
  }
  /// Emits code that loads exactly these literals into the registers before `end`. Returns the first of these
  /// registers.
  int hold_literals(int end, std::span<const std::uint64_t> bits) {
    for (Literal& each : literals_) each.is_held = false;
    for (const std::uint64_t each : bits) {
      Literal& literal = ask(each);
      literal.held = Zmm(--end);
      literal.is_held = true;
      load(literal.held, literal);
    }
    return end;
  }
  /// Emits the memory of literals; after all code.
  void write_literals() {
    code_.align(8);
    for (Literal& each : literals_) {
      code_.L(each.label);
      is_double_ ? code_.dq(each.bits) : code_.dd(static_cast<std::uint32_t>(each.bits));
    }
    literals_.clear();
  }

 private:
  std::uint64_t bits_of(float single, double number) const {
    return is_double_ ? std::bit_cast<std::uint64_t>(number) : std::bit_cast<std::uint32_t>(single);
  }

  struct Literal {
    Literal(Xbyak::CodeGenerator& code, std::uint64_t number) : bits(number), memory(code.ptr_b[code.rip + label]) {}
    std::uint64_t bits;
    Xbyak::Label label;
    Xbyak::Address memory;
    Zmm held;
    bool is_held = false, is_asked = false;
  };
  Xbyak::CodeGenerator& code_;
  bool is_double_;
  std::deque<Literal> literals_;

  Literal& ask(std::uint64_t bits) {
    const auto found =
        std::find_if(literals_.begin(), literals_.end(), [&](const Literal& each) { return each.bits == bits; });
    Literal& literal = found != literals_.end() ? *found : literals_.emplace_back(code_, bits);
    literal.is_asked = true;
    return literal;
  }
  void load(const Zmm& to, const Literal& literal) { broadcast(to, code_.ptr[code_.rip + literal.label]); }
};

}  // namespace thalweg::run
