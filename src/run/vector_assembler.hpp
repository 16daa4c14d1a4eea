#pragma once
// For the JIT: instructions on vectors of f32 or f64, either AVX-512 or AVX2 with FMA.

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

#include "src/run/code_target.hpp"

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
  using Vector = Xbyak::Xmm;  // of any width: Xbyak's Ymm and Zmm are Xmm
  using Operand = Xbyak::Operand;

  VectorAssembler(Xbyak::CodeGenerator& code, bool is_double, CodeTarget target)
      : code_(code), is_double_(is_double), is_avx512_(target == CodeTarget::avx512) {}

  Xbyak::CodeGenerator& code() { return code_; }
  bool is_double() const { return is_double_; }
  bool is_avx512() const { return is_avx512_; }
  int bytes() const { return is_double_ ? 8 : 4; }
  int vector_bytes() const { return is_avx512_ ? 64 : 32; }

  int register_count() const { return is_avx512_ ? 32 : 16; }
  /// Registers for values; on AVX2 this class reserves the last two.
  int vector_count() const { return is_avx512_ ? 32 : 14; }
  Vector vector(int index) const { return is_avx512_ ? Vector(Xbyak::Zmm(index)) : Vector(Xbyak::Ymm(index)); }

  // A mask selects lanes. AVX-512 has registers for masks; on AVX2 a mask is a vector with all bits of those lanes set.
  struct Mask {
    int index;
  };
  static constexpr int first_mask = 3, masks_end = 7;  // AVX-512's for values and constants
  /// A temporary mask. Clobbered by tails, and by a maximum or minimum of VectorReducer.
  Mask temporary_mask() const { return {is_avx512_ ? 1 : 15}; }
  void compare(Mask to, const Vector& a, const Operand& b, Predicate predicate) {
    if (is_avx512_) return compare(Xbyak::Opmask(to.index), a, b, predicate);
    const auto p = static_cast<std::uint8_t>(predicate);
    is_double_ ? code_.vcmppd(vector(to.index), a, b, p) : code_.vcmpps(vector(to.index), a, b, p);
  }
  /// to = mask ? yes : no
  void blend(const Vector& to, Mask mask, const Vector& no, const Operand& yes) {
    if (is_avx512_) {
      const Vector masked = to | Xbyak::Opmask(mask.index);
      is_double_ ? code_.vblendmpd(masked, no, yes) : code_.vblendmps(masked, no, yes);
    } else {
      is_double_ ? code_.vblendvpd(to, no, yes, vector(mask.index)) : code_.vblendvps(to, no, yes, vector(mask.index));
    }
  }
  /// to = mask ? x : to
  void move_where(const Vector& to, Mask mask, const Vector& x) {
    is_avx512_ ? move(to | Xbyak::Opmask(mask.index), x) : blend(to, mask, to, x);
  }
  /// to = mask ? x : 0
  void move_or_clear(const Vector& to, Mask mask, const Vector& x) {
    is_avx512_ ? move(to | Xbyak::Opmask(mask.index) | code_.T_z, x) : bitwise_and(to, vector(mask.index), x);
  }
  /// to = mask ? to + x : to
  void add_where(const Vector& to, Mask mask, const Vector& x) {
    if (is_avx512_) return add(to | Xbyak::Opmask(mask.index), to, x);
    add(spare(), to, x);
    move_where(to, mask, spare());
  }
  /// to = mask ? a + b : 0
  void add_or_clear(const Vector& to, Mask mask, const Vector& a, const Operand& b) {
    if (is_avx512_) return add(to | Xbyak::Opmask(mask.index) | code_.T_z, a, b);
    add(to, a, b);
    bitwise_and(to, to, vector(mask.index));
  }
  /// to = mask ? a · b : a
  void multiply_where(const Vector& to, Mask mask, const Vector& a, const Operand& b) {
    if (is_avx512_) {
      move(to, a);
      multiply(to | Xbyak::Opmask(mask.index), a, b);
    } else {
      multiply(spare(), a, b);
      blend(to, mask, a, spare());
    }
  }

  // A tail is the first lanes of a row's last vector.
  /// Sets the number of lanes for what follows. Clobbers `free`.
  void set_tail(int elements, const Xbyak::Reg64& free) {
    tail_ = elements;
    if (elements == 0 || !is_avx512_) return;
    code_.mov(free.cvt32(), (1U << static_cast<unsigned>(elements)) - 1);
    code_.kmovw(Xbyak::Opmask(tail_mask), free.cvt32());
  }
  /// Sets the other lanes to 0. If an unmasked move of the same size exists, it is used: masked stores are not forwarded to
  /// loads, nor shorter stores to masked loads.
  void load_tail(const Vector& to, const Xbyak::Address& from);
  void store_tail(const Xbyak::Address& to, const Vector& from);
  /// Keeps the other lanes of `to`.
  void move_tail(const Vector& to, const Vector& x) {
    if (is_avx512_) return move(to | Xbyak::Opmask(tail_mask), x);
    load_tail_lanes();
    move_where(to, temporary_mask(), x);
  }

  void move(const Vector& to, const Operand& from) { is_double_ ? code_.vmovupd(to, from) : code_.vmovups(to, from); }
  void move(const Xbyak::Address& to, const Vector& from) {
    is_double_ ? code_.vmovupd(to, from) : code_.vmovups(to, from);
  }
  /// Every lane = the first lane of `from`.
  void broadcast(const Vector& to, const Operand& from) {
    if (!is_double_) return code_.vbroadcastss(to, from);
    is_avx512_ ? code_.vbroadcastsd(Xbyak::Zmm(to.getIdx()), from) : code_.vbroadcastsd(Xbyak::Ymm(to.getIdx()), from);
  }
  /// Every lane = the number of dtype `from` in memory. Clobbers `scratch`.
  void load_splat(const Vector& to, const Xbyak::Address& memory, DType from, const Xbyak::Reg64& scratch) {
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
  void add(const Vector& to, const Vector& a, const Operand& b) {
    is_double_ ? code_.vaddpd(to, a, b) : code_.vaddps(to, a, b);
  }
  void subtract(const Vector& to, const Vector& a, const Operand& b) {
    is_double_ ? code_.vsubpd(to, a, b) : code_.vsubps(to, a, b);
  }
  void multiply(const Vector& to, const Vector& a, const Operand& b) {
    is_double_ ? code_.vmulpd(to, a, b) : code_.vmulps(to, a, b);
  }
  void divide(const Vector& to, const Vector& a, const Operand& b) {
    is_double_ ? code_.vdivpd(to, a, b) : code_.vdivps(to, a, b);
  }
  void sqrt(const Vector& to, const Operand& a) { is_double_ ? code_.vsqrtpd(to, a) : code_.vsqrtps(to, a); }
  /// a > b ? a : b; so b if either is NaN.
  void larger(const Vector& to, const Vector& a, const Operand& b) {
    is_double_ ? code_.vmaxpd(to, a, b) : code_.vmaxps(to, a, b);
  }
  /// a < b ? a : b; so b if either is NaN.
  void smaller(const Vector& to, const Vector& a, const Operand& b) {
    is_double_ ? code_.vminpd(to, a, b) : code_.vminps(to, a, b);
  }
  /// to = a · to + b
  void multiply_add(const Vector& to, const Vector& a, const Operand& b) {
    is_double_ ? code_.vfmadd213pd(to, a, b) : code_.vfmadd213ps(to, a, b);
  }
  /// to = to + a · b
  void add_product(const Vector& to, const Vector& a, const Operand& b) {
    is_double_ ? code_.vfmadd231pd(to, a, b) : code_.vfmadd231ps(to, a, b);
  }
  /// to = to − a · b
  void subtract_product(const Vector& to, const Vector& a, const Operand& b) {
    is_double_ ? code_.vfnmadd231pd(to, a, b) : code_.vfnmadd231ps(to, a, b);
  }
  void round(const Vector& to, const Vector& a) {
    constexpr int nearest_even = 8;
    if (is_avx512_)
      is_double_ ? code_.vrndscalepd(to, a, nearest_even) : code_.vrndscaleps(to, a, nearest_even);
    else
      is_double_ ? code_.vroundpd(to, a, nearest_even) : code_.vroundps(to, a, nearest_even);
  }
  /// to = lanes `lane` and following of the concatenation of `low` and `high`, which must differ from `to`.
  void shift_lanes(const Vector& to, const Vector& high, const Vector& low, int lane);
  /// to = a · 2^n for integral n and a near 1; the result may be subnormal or infinite. Clobbers n; `to` must differ from a
  /// and n.
  void scale(const Vector& to, const Vector& a, const Vector& n);
  /// to = 2^n for integral n, if that is a normal number; `one` must hold 1.
  void power_of_two(const Vector& to, const Vector& one, const Vector& n);
  void compare(const Xbyak::Opmask& to, const Vector& a, const Operand& b, Predicate predicate) {
    const auto p = static_cast<std::uint8_t>(predicate);
    is_double_ ? code_.vcmppd(to, a, b, p) : code_.vcmpps(to, a, b, p);
  }

  void bitwise_and(const Vector& to, const Vector& a, const Operand& b) {
    if (!is_avx512_) return code_.vandps(to, a, b);
    is_double_ ? code_.vpandq(to, a, b) : code_.vpandd(to, a, b);
  }
  void bitwise_or(const Vector& to, const Vector& a, const Operand& b) {
    if (!is_avx512_) return code_.vorps(to, a, b);
    is_double_ ? code_.vporq(to, a, b) : code_.vpord(to, a, b);
  }
  void bitwise_xor(const Vector& to, const Vector& a, const Operand& b) {
    if (!is_avx512_) return code_.vxorps(to, a, b);
    is_double_ ? code_.vpxorq(to, a, b) : code_.vpxord(to, a, b);
  }
  /// Copies the sign of `from` to `to`; `signs` has the sign bits set.
  void copy_sign(const Vector& to, const Vector& from, const Operand& signs);

  /// to = 0
  void clear(const Vector& to) { bitwise_xor(to, to, to); }
  /// Every lane = a number, given by its bits. Clobbers `scratch`.
  void splat(const Vector& to, std::uint32_t single_bits, std::uint64_t double_bits, const Xbyak::Reg64& scratch) {
    if (single_bits == 0 && double_bits == 0) return clear(to);
    const Vector first(to.getIdx());
    if (is_double_) {
      code_.mov(scratch, double_bits);
      code_.vmovq(first, scratch);
      code_.vpbroadcastq(to, first);
    } else {
      code_.mov(scratch.cvt32(), single_bits);
      code_.vmovd(first, scratch.cvt32());
      code_.vpbroadcastd(to, first);
    }
  }

  /// A literal as an operand for all lanes: the register that holds it, or memory.
  const Operand& literal(float single, double number) { return literal_bits(bits_of(single, number)); }
  const Operand& literal_bits(std::uint64_t bits) {
    Literal& asked = ask(bits);
    return asked.is_held ? static_cast<const Operand&>(asked.held) : asked.memory;
  }
  /// A literal in a register: the one that holds it, or `free`.
  const Vector& literal_in(const Vector& free, float single, double number) {
    const Literal& asked = ask(bits_of(single, number));
    if (asked.is_held) return asked.held;
    load(free, asked);
    return free;
  }
  /// Every lane = a literal.
  void load_literal(const Vector& to, float single, double number) {
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
      literal.held = vector(--end);
      literal.is_held = true;
      load(literal.held, literal);
    }
    return end;
  }
  /// Emits the memory of literals and tails; after all code.
  void write_literals();

 private:
  std::uint64_t bits_of(float single, double number) const {
    return is_double_ ? std::bit_cast<std::uint64_t>(number) : std::bit_cast<std::uint32_t>(single);
  }

  /// In memory a literal is one element, which AVX-512 broadcasts; AVX2 reads a whole vector.
  struct Literal {
    Literal(VectorAssembler& assembler, std::uint64_t number)
        : bits(number), memory(assembler.code_.ptr[assembler.code_.rip + label]) {
      if (assembler.is_avx512_) memory = assembler.code_.ptr_b[assembler.code_.rip + label];
    }
    std::uint64_t bits;
    Xbyak::Label label;
    Xbyak::Address memory;
    Vector held;
    bool is_held = false, is_asked = false;
  };
  static constexpr int tail_mask = 7;  // of AVX-512
  Xbyak::CodeGenerator& code_;
  bool is_double_, is_avx512_;
  int tail_ = 0;
  std::deque<Literal> literals_;
  Xbyak::Label all_then_none_;  // lanes, for AVX2's tails
  bool has_tails_ = false;

  /// On AVX2; clobbered where one instruction of AVX-512 takes several.
  Vector spare() const { return vector(14); }
  void load_tail_lanes();
  Literal& ask(std::uint64_t bits) {
    const auto found =
        std::find_if(literals_.begin(), literals_.end(), [&](const Literal& each) { return each.bits == bits; });
    Literal& literal = found != literals_.end() ? *found : literals_.emplace_back(*this, bits);
    literal.is_asked = true;
    return literal;
  }
  void load(const Vector& to, const Literal& literal) { broadcast(to, code_.ptr[code_.rip + literal.label]); }
};

}  // namespace thalweg::run
