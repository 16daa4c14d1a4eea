#include "src/run/sweep_generate.hpp"

#if THALWEG_GENERATES_CODE

#include "src/run/vector_assembler.hpp"

namespace thalweg::run {

void VectorAssembler::load_tail(const Vector& to, const Xbyak::Address& from) {
  switch (tail_ * bytes()) {
    case 4: return code_.vmovss(Vector(to.getIdx()), from);
    case 8: return code_.vmovsd(Vector(to.getIdx()), from);
    case 16: return move(Vector(to.getIdx()), from);
    case 32: return move(Xbyak::Ymm(to.getIdx()), from);
    default: break;
  }
  if (is_avx512_) return move(to | Xbyak::Opmask(tail_mask) | code_.T_z, from);
  load_tail_lanes();
  is_double_ ? code_.vmaskmovpd(to, vector(temporary_mask().index), from)
             : code_.vmaskmovps(to, vector(temporary_mask().index), from);
}

/// On AVX2 in parts, since many processors take as long for a masked store as for 20 others.
void VectorAssembler::store_tail(const Xbyak::Address& to, const Vector& from) {
  const int size = tail_ * bytes();
  if (size == 32) return move(to, Xbyak::Ymm(from.getIdx()));
  const bool is_part = size == 4 || size == 8 || size == 16;
  if (is_avx512_ && !is_part) return move(to | Xbyak::Opmask(tail_mask), from);
  const Vector rest(spare().getIdx());
  Vector part(from.getIdx());
  const auto place = [&](int offset) { return code_.ptr[to.getRegExp() + offset]; };
  int stored = 0;
  if (size - stored >= 16) {
    move(place(stored), part);
    stored += 16;
    if (stored < size) code_.vextractf128(rest, Xbyak::Ymm(from.getIdx()), 1);
    part = rest;
  }
  if (size - stored >= 8) {
    code_.vmovsd(place(stored), part);
    stored += 8;
    if (stored < size) code_.vpermilpd(rest, part, 1);
    part = rest;
  }
  if (size - stored == 4) code_.vmovss(place(stored), part);
}

/// The temporary mask = the tail.
void VectorAssembler::load_tail_lanes() {
  has_tails_ = true;
  code_.vmovups(vector(temporary_mask().index),
                code_.ptr[code_.rip + all_then_none_ + (vector_bytes() - tail_ * bytes())]);
}

void VectorAssembler::shift_lanes(const Vector& to, const Vector& high, const Vector& low, int lane) {
  if (is_avx512_) {
    const auto by = static_cast<std::uint8_t>(lane);
    return is_double_ ? code_.valignq(to, high, low, by) : code_.valignd(to, high, low, by);
  }
  constexpr int half = 16, high_of_first_low_of_second = 0x21;
  const auto ymm = [](const Vector& v) { return Xbyak::Ymm(v.getIdx()); };
  const int by = lane * bytes();
  code_.vperm2f128(ymm(to), ymm(low), ymm(high), high_of_first_low_of_second);
  if (by < half) code_.vpalignr(to, to, low, static_cast<std::uint8_t>(by));
  if (by > half) code_.vpalignr(to, high, to, static_cast<std::uint8_t>(by - half));
}

/// On AVX2 by two factors, like ScaleByPowerOfTwo of elementary/exponential-inl.hpp.
void VectorAssembler::scale(const Vector& to, const Vector& a, const Vector& n) {
  if (is_avx512_) return is_double_ ? code_.vscalefpd(to, a, n) : code_.vscalefps(to, a, n);
  add(n, n, literal(0x1.8p23F + 254, 0x1.8p52 + 2046));
  if (is_double_) {
    code_.vpsrlq(to, n, 1);
    code_.vpsubq(n, n, to);
    code_.vpsllq(to, to, 52);
    code_.vpsllq(n, n, 52);
  } else {
    code_.vpsrld(to, n, 1);
    code_.vpsubd(n, n, to);
    code_.vpslld(to, to, 23);
    code_.vpslld(n, n, 23);
  }
  multiply(to, a, to);
  multiply(to, to, n);
}

void VectorAssembler::power_of_two(const Vector& to, const Vector& one, const Vector& n) {
  if (is_avx512_) return scale(to, one, n);
  add(to, n, literal(0x1.8p23F + 127, 0x1.8p52 + 1023));
  is_double_ ? code_.vpsllq(to, to, 52) : code_.vpslld(to, to, 23);
}

void VectorAssembler::copy_sign(const Vector& to, const Vector& from, const Operand& signs) {
  if (is_avx512_) {
    constexpr int second_where_last = 0xD8;  // truth table: last ? second : first
    return is_double_ ? code_.vpternlogq(to, from, signs, second_where_last)
                      : code_.vpternlogd(to, from, signs, second_where_last);
  }
  move(spare(), signs);
  code_.vandnps(to, spare(), to);
  code_.vandps(spare(), spare(), from);
  code_.vorps(to, to, spare());
}

void VectorAssembler::write_literals() {
  code_.align(is_avx512_ ? 8 : static_cast<std::size_t>(vector_bytes()));
  for (Literal& each : literals_) {
    code_.L(each.label);
    for (int lane = 0; lane < (is_avx512_ ? 1 : vector_bytes() / bytes()); ++lane)
      is_double_ ? code_.dq(each.bits) : code_.dd(static_cast<std::uint32_t>(each.bits));
  }
  literals_.clear();
  if (!has_tails_) return;
  code_.L(all_then_none_);
  for (int i = 0; i < 2 * vector_bytes() / 8; ++i) code_.dq(i < vector_bytes() / 8 ? ~std::uint64_t{0} : 0);
}

}  // namespace thalweg::run

#endif
