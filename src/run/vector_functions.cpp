#include "src/run/sweep_generate.hpp"

#if THALWEG_GENERATES_CODE

#include <limits>

#include "src/run/elementary/constants.hpp"
#include "src/run/vector_functions.hpp"

namespace thalweg::run {

namespace {

// A three-input truth table of vpternlogd.
constexpr int flip_where_last = 0x78;  // first ^ (second & last)
constexpr std::uint32_t sign_bit = 0x80000000U;

using SingleExponential = elementary::Exponential<float>;
using DoubleExponential = elementary::Exponential<double>;

}  // namespace

/// … + coefficients[last] · square^k, every other coefficient: those of f32 or f64.
void VectorFunctions::every_other_term(const Vector& sum, const Vector& square, std::span<const float> single,
                                       std::span<const double> number, std::size_t last) {
  const auto f32 = [&](std::size_t i) { return i < single.size() ? single[i] : 0; };
  const auto f64 = [&](std::size_t i) { return i < number.size() ? number[i] : 0; };
  assembler_.load_literal(sum, f32(last), f64(last));
  for (std::size_t i = last; i >= 2; i -= 2)
    assembler_.multiply_add(sum, square, assembler_.literal(f32(i - 2), f64(i - 2)));
}

/// to = x clamped to [low, high]. NaN stays, since it is the second operand.
void VectorFunctions::clamp(const Vector& to, const Xbyak::Operand& x, float low, double number_low, float high,
                            double number_high, const Vector& free) {
  assembler_.smaller(to, assembler_.literal_in(free, high, number_high), x);
  assembler_.larger(to, assembler_.literal_in(free, low, number_low), to);
}

/// n = round(x / ln2)
void VectorFunctions::round_multiple_of_ln2(const Vector& n, const Vector& x) {
  assembler_.multiply(n, x, assembler_.literal(SingleExponential::ln2_inverse, DoubleExponential::ln2_inverse));
  assembler_.round(n, n);
}

/// to = q of e^r − 1 = r + r²·q
void VectorFunctions::expm1_quotient(const Vector& to, const Vector& even, const Vector& r, const Vector& square) {
  const auto& single = SingleExponential::quotient;
  const auto& number = DoubleExponential::quotient;
  const std::size_t count = assembler_.is_double() ? number.size() : single.size();
  every_other_term(even, square, single, number, (count - 1) / 2 * 2);
  every_other_term(to, square, single, number, (count / 2 - 1) * 2 + 1);
  assembler_.multiply_add(to, r, even);
}

void VectorFunctions::exponential(const Vector& to, const Xbyak::Operand& x, const std::array<Vector, 4>& free) {
  using E = SingleExponential;
  using F = DoubleExponential;
  const auto& [n, square, even, p] = free;
  const VectorAssembler::Mask is_not_zero = assembler_.temporary_mask();
  // AVX-512 scales 0 by any power of two below 1.
  if (assembler_.is_avx512())
    assembler_.smaller(to, assembler_.literal_in(n, E::highest, F::highest), x);
  else
    clamp(to, x, E::lowest, F::lowest, E::highest, F::highest, n);
  assembler_.compare(is_not_zero, to, assembler_.literal(E::lowest, F::lowest), Predicate::not_less_equal);
  round_multiple_of_ln2(n, to);
  assembler_.subtract_product(to, n, assembler_.literal(E::ln2_high, F::ln2_high));
  assembler_.subtract_product(to, n, assembler_.literal(E::ln2_low, F::ln2_low));
  assembler_.multiply(square, to, to);
  expm1_quotient(p, even, to, square);
  assembler_.multiply_add(p, square, to);
  assembler_.add_or_clear(p, is_not_zero, p, assembler_.literal(1, 1));
  assembler_.scale(to, p, n);
}

/// to = e^(x + low − n·ln2) − 1 for a small `low` (the second of `free`), corrected for the rounding error of x − n·ln2.
void VectorFunctions::expm1_compensated(const Vector& to, const Vector& x, const Vector& n,
                                        const std::array<Vector, 4>& free) {
  using E = SingleExponential;
  using F = DoubleExponential;
  const auto& [r, low, square, even] = free;
  assembler_.move(square, x);  // the high part
  assembler_.subtract_product(square, n, assembler_.literal(E::ln2_high, F::ln2_high));
  assembler_.subtract_product(low, n, assembler_.literal(E::ln2_low, F::ln2_low));
  assembler_.add(r, square, low);
  assembler_.subtract(square, r, square);
  assembler_.subtract(low, low, square);
  assembler_.multiply(square, r, r);
  expm1_quotient(to, even, r, square);
  assembler_.multiply_add(to, square, low);
  assembler_.add(to, r, to);
}

void VectorFunctions::expm1(const Vector& to, const Vector& x, const std::array<Vector, 6>& free) {
  using E = elementary::ExponentialMinusOne<float>;
  using F = elementary::ExponentialMinusOne<double>;
  const auto& [n, p, r, low, square, half_power] = free;
  clamp(half_power, x, E::lowest, F::lowest, E::highest, F::highest, n);
  round_multiple_of_ln2(n, half_power);
  assembler_.clear(low);
  expm1_compensated(p, half_power, n, {r, low, square, to});
  assembler_.load_literal(low, 1, 1);
  assembler_.subtract(n, n, low);
  assembler_.power_of_two(half_power, low, n);
  assembler_.subtract(to, half_power, assembler_.literal(0.5F, 0.5));
  assembler_.multiply_add(p, half_power, to);
  assembler_.add(to, p, p);
  absolute(n, x);
  assembler_.compare(assembler_.temporary_mask(), n, assembler_.literal(E::tiny, F::tiny), Predicate::less);
  assembler_.move_where(to, assembler_.temporary_mask(), x);
}

void VectorFunctions::tanh(const Vector& to, const Vector& x, const std::array<Vector, 6>& free) {
  const auto& [n, t, r, low, square, doubled] = free;
  absolute(doubled, x);
  assembler_.load_literal(n, elementary::HyperbolicTangent<float>::farthest,
                          elementary::HyperbolicTangent<double>::farthest);
  assembler_.smaller(doubled, n, doubled);
  assembler_.add(doubled, doubled, doubled);
  round_multiple_of_ln2(n, doubled);
  assembler_.clear(low);
  expm1_compensated(t, doubled, n, {r, low, square, to});
  const Vector &one = low, &power = n;
  assembler_.load_literal(one, 1, 1);
  assembler_.power_of_two(power, one, n);
  assembler_.subtract(square, power, one);
  assembler_.multiply_add(t, power, square);
  assembler_.add(to, t, assembler_.literal(2, 2));
  assembler_.divide(to, t, to);
  assembler_.compare(assembler_.temporary_mask(), t, one, Predicate::less);
  assembler_.multiply(t, t, assembler_.literal(0.5F, 0.5));
  assembler_.move(r, t);
  assembler_.subtract_product(r, t, to);
  assembler_.move_where(to, assembler_.temporary_mask(), r);
  copy_sign(to, x);
}

void VectorFunctions::sigmoid(const Vector& to, const Vector& x, const std::array<Vector, 6>& free) {
  using E = SingleExponential;
  using F = DoubleExponential;
  using S = elementary::LogisticSigmoid<float>;
  using T = elementary::LogisticSigmoid<double>;
  const auto& [n, p, r, power, square, one] = free;
  clamp(r, x, S::lowest, T::lowest, S::highest, T::highest, n);
  round_multiple_of_ln2(n, r);
  assembler_.subtract_product(r, n, assembler_.literal(E::ln2_high, F::ln2_high));
  assembler_.subtract_product(r, n, assembler_.literal(E::ln2_low, F::ln2_low));
  assembler_.bitwise_xor(r, r, sign_bits());
  assembler_.multiply(square, r, r);
  expm1_quotient(p, to, r, square);
  assembler_.multiply_add(p, square, r);
  assembler_.bitwise_or(power, n, sign_bits());
  assembler_.larger(power, power, assembler_.literal(S::least_exponent, T::least_exponent));
  assembler_.load_literal(one, 1, 1);
  assembler_.power_of_two(power, one, power);
  assembler_.clear(square);
  assembler_.compare(assembler_.temporary_mask(), n, square, Predicate::less);
  assembler_.blend(r, assembler_.temporary_mask(), power, one);
  assembler_.multiply_add(p, r, power);
  const Vector &rest = p, &divisor = to;
  assembler_.add(divisor, one, rest);
  assembler_.subtract(r, divisor, one);
  assembler_.subtract(rest, rest, r);  // the rounding error of the divisor
  assembler_.divide(divisor, one, divisor);
  const Vector& quotient = to;
  assembler_.multiply(rest, quotient, rest);
  assembler_.move(r, quotient);
  assembler_.subtract_product(r, quotient, rest);
  assembler_.smaller(n, n, square);
  assembler_.scale(to, r, n);
}

void VectorFunctions::erfc(const Vector& to, const Vector& x, const std::array<Vector, 7>& free) {
  using E = elementary::ComplementaryErrorF32;
  const auto& [magnitude, scaled, n, r, low, square, even] = free;
  const auto literal = [&](float number) -> const Xbyak::Operand& { return assembler_.literal(number, 0); };
  absolute(magnitude, x);
  assembler_.smaller(magnitude, assembler_.literal_in(n, E::farthest, 0), magnitude);
  // e^(x² − low)·erfc x
  assembler_.add(even, magnitude, literal(E::shift));
  assembler_.load_literal(low, 1, 0);
  assembler_.divide(scaled, low, even);
  assembler_.subtract_product(low, scaled, even);
  assembler_.subtract(even, even, literal(E::shift));
  assembler_.subtract(even, magnitude, even);
  assembler_.subtract_product(low, scaled, even);
  assembler_.load_literal(even, 1, 0);
  assembler_.add_product(even, scaled, literal(E::sensitivity));
  assembler_.multiply(low, low, even);
  assembler_.load_literal(r, E::middle, 0);
  assembler_.subtract_product(r, scaled, literal(E::slope));
  assembler_.multiply(square, r, r);
  every_other_term(even, square, E::tail, {}, E::tail.size() - 2);
  every_other_term(to, square, E::tail, {}, E::tail.size() - 1);
  assembler_.multiply_add(to, r, even);
  assembler_.multiply_add(to, r, literal(E::first));
  assembler_.multiply(scaled, to, scaled);
  // times e^(low − x²)
  assembler_.bitwise_and(r, magnitude, assembler_.literal_bits(E::upper_half));
  assembler_.subtract(square, r, magnitude);
  assembler_.add(even, magnitude, r);
  assembler_.add_product(low, square, even);
  assembler_.multiply(n, magnitude, magnitude);
  assembler_.bitwise_xor(n, n, sign_bits());
  round_multiple_of_ln2(n, n);
  assembler_.multiply(magnitude, r, r);
  assembler_.bitwise_xor(magnitude, magnitude, sign_bits());
  expm1_compensated(to, magnitude, n, {r, low, square, even});
  assembler_.multiply_add(to, scaled, scaled);
  const Vector &tail = low, &mirrored = n;
  assembler_.scale(tail, to, n);
  assembler_.load_literal(mirrored, 2, 0);
  assembler_.subtract(mirrored, mirrored, tail);
  assembler_.clear(square);
  assembler_.compare(assembler_.temporary_mask(), x, square, Predicate::less);
  assembler_.blend(to, assembler_.temporary_mask(), tail, mirrored);
}

/// to = |x|
void VectorFunctions::absolute(const Vector& to, const Vector& x) {
  assembler_.bitwise_and(to, x,
                         assembler_.literal_bits(assembler_.is_double() ? ~std::uint64_t{0} >> 1 : sign_bit - 1));
}

/// Copies the sign of `from` to `to`.
void VectorFunctions::copy_sign(const Vector& to, const Vector& from) { assembler_.copy_sign(to, from, sign_bits()); }

const Xbyak::Operand& VectorFunctions::sign_bits() {
  return assembler_.literal_bits(assembler_.is_double() ? std::uint64_t{sign_bit} << 32 : sign_bit);
}

/// to = log(1 + f) + k·ln2; k is signed.
void VectorFunctions::log_of_parts(const Vector& to, const Vector& f, const Vector& k, float sign_of_k,
                                   const std::array<Vector, 3>& free) {
  using E = elementary::Exponential<float>;
  const auto& quotient = elementary::LogarithmF32::quotient;
  const auto& [square, even, low] = free;
  const auto literal = [&](float number) -> const Xbyak::Operand& { return assembler_.literal(number, 0); };
  assembler_.multiply(square, f, f);
  every_other_term(even, square, quotient, {}, quotient.size() - 2);
  every_other_term(to, square, quotient, {}, quotient.size() - 1);
  assembler_.multiply_add(to, f, even);
  assembler_.multiply(even, f, square);
  assembler_.multiply(low, k, literal(sign_of_k * E::ln2_low));
  assembler_.multiply_add(to, even, low);
  assembler_.subtract_product(to, square, literal(0.5F));
  assembler_.add(to, f, to);
  assembler_.add_product(to, k, literal(sign_of_k * E::ln2_high));
}

void VectorFunctions::log(const Vector& to, const Vector& x, const std::array<Vector, 5>& free) {
  const auto& [f, k, square, even, low] = free;
  if (assembler_.is_avx512()) {
    split_by_instructions(f, k, x, square);
    return log_of_parts(to, f, k, 1, {square, even, low});
  }
  split_by_bits(f, k, x, low);
  log_of_parts(to, f, k, 1, {square, even, low});
  put_special_logarithms(to, x, {even, low});
}

/// x = (1 + f)·2^k by AVX-512's instructions, which give k = ±inf for 0 and inf and f = NaN below 0.
void VectorFunctions::split_by_instructions(const Vector& f, const Vector& k, const Vector& x, const Vector& one) {
  constexpr int from_one_to_two = 0, nan_below_zero = 2 << 2;
  assembler_.load_literal(one, 1, 0);
  code_.vgetmantps(f, x, from_one_to_two | nan_below_zero);
  code_.vgetexpps(k, x);
  assembler_.compare(code_.k1, f, assembler_.literal(1.5F, 0), Predicate::greater_equal);
  assembler_.multiply(f | code_.k1, f, assembler_.literal(0.5F, 0));
  assembler_.add(k | code_.k1, k, one);
  assembler_.subtract(f, f, one);
}

/// x = (1 + f)·2^k for positive finite x. Subnormal numbers are scaled by 2^24 first; `scaled_by` is clobbered.
void VectorFunctions::split_by_bits(const Vector& f, const Vector& k, const Vector& x, const Vector& scaled_by) {
  using E = elementary::LogarithmF32;
  const VectorAssembler::Mask is_subnormal = assembler_.temporary_mask();
  assembler_.compare(is_subnormal, x, assembler_.literal(0x1p-126F, 0), Predicate::less);
  assembler_.multiply(f, x, assembler_.literal(0x1p24F, 0));
  assembler_.blend(f, is_subnormal, x, f);
  assembler_.load_literal(scaled_by, 24, 0);
  assembler_.move_or_clear(scaled_by, is_subnormal, scaled_by);
  code_.vpaddd(f, f, assembler_.literal_bits(E::one_less_smallest));
  code_.vpsrld(k, f, E::mantissa_bits);
  assembler_.bitwise_and(f, f, assembler_.literal_bits((1U << E::mantissa_bits) - 1));
  code_.vpaddd(f, f, assembler_.literal_bits(E::smallest));
  assembler_.subtract(f, f, assembler_.literal(1, 0));
  make_number_of_field(k);
  assembler_.subtract(k, k, scaled_by);
}

/// Converts an exponent field to the exponent as a number.
void VectorFunctions::make_number_of_field(const Vector& k) {
  using E = elementary::LogarithmF32;
  assembler_.bitwise_or(k, k, assembler_.literal_bits(E::field_in_mantissa));
  assembler_.subtract(k, k, assembler_.literal(E::number_of_field_0, 0));
}

/// Sets the logarithms of inf and NaN (x), 0 (−inf) and negative numbers (NaN).
void VectorFunctions::put_special_logarithms(const Vector& to, const Vector& x, const std::array<Vector, 2>& free) {
  constexpr auto infinity = std::numeric_limits<float>::infinity();
  constexpr auto nan = std::numeric_limits<float>::quiet_NaN();
  const auto& [not_positive, zero] = free;
  const VectorAssembler::Mask mask = assembler_.temporary_mask();
  assembler_.compare(mask, x, assembler_.literal(infinity, 0), Predicate::less);
  assembler_.blend(to, mask, x, to);
  assembler_.clear(zero);
  assembler_.load_literal(not_positive, nan, 0);
  assembler_.compare(mask, x, zero, Predicate::equal);
  assembler_.blend(not_positive, mask, not_positive, assembler_.literal(-infinity, 0));
  assembler_.compare(mask, x, zero, Predicate::less_equal);
  assembler_.move_where(to, mask, not_positive);
}

void VectorFunctions::log1p(const Vector& to, const Vector& x, const std::array<Vector, 6>& free) {
  assembler_.add(free[0], x, assembler_.literal(1, 0));
  assembler_.is_avx512() ? log1p_by_instructions(to, x, free) : log1p_by_bits(to, x, free);
}

/// log1p, with u = 1 + x.
void VectorFunctions::log1p_by_instructions(const Vector& to, const Vector& x, const std::array<Vector, 6>& registers) {
  using L = elementary::LogarithmF32;
  const auto& [u, minus_k, f, square, even, low] = registers;
  code_.vpsubd(minus_k, u, assembler_.literal_bits(L::one_less_smallest));
  code_.vgetexpps(minus_k, minus_k);
  assembler_.load_literal(f, -1, 0);
  assembler_.subtract(minus_k, f, minus_k);
  assembler_.load_literal(even, 1, 0);
  assembler_.scale(f, even, minus_k);
  assembler_.subtract(even, even, f);
  code_.vfmsub213ps(f, x, even);
  log_of_parts(to, f, minus_k, -1, {square, even, low});
  code_.vfixupimmps(to, u, assembler_.literal_bits(L::special_table), 0);
  copy_sign(to, x);
}

void VectorFunctions::log1p_by_bits(const Vector& to, const Vector& x, const std::array<Vector, 6>& registers) {
  using L = elementary::LogarithmF32;
  const auto& [u, k, f, square, even, low] = registers;
  code_.vpaddd(k, u, assembler_.literal_bits(L::one_less_smallest));
  code_.vpsrld(k, k, L::mantissa_bits);
  assembler_.move(f, assembler_.literal_bits(L::field_of_4));
  code_.vpsubd(f, f, k);
  code_.vpslld(f, f, L::mantissa_bits);  // 4 · 2^-k
  assembler_.load_literal(low, 0.25F, 0);
  assembler_.move(even, f);
  code_.vfmsub213ps(even, low, assembler_.literal(1, 0));
  assembler_.multiply(low, x, low);
  assembler_.multiply_add(f, low, even);
  make_number_of_field(k);
  log_of_parts(to, f, k, 1, {square, even, low});
  put_special_logarithms(to, u, {even, low});
  absolute(u, x);
  assembler_.compare(assembler_.temporary_mask(), u, assembler_.literal(L::tiny, 0), Predicate::less);
  assembler_.move_where(to, assembler_.temporary_mask(), x);
}

/// sum = coefficients[0] + coefficients[1] · x + …
void VectorFunctions::horner(const Vector& sum, const Vector& x, std::span<const float> coefficients) {
  assembler_.load_literal(sum, coefficients.back(), 0);
  for (std::size_t i = coefficients.size() - 1; i-- > 0;)
    assembler_.multiply_add(sum, x, assembler_.literal(coefficients[i], 0));
}

void VectorFunctions::sine_and_cosine(const Vector& sine, const Vector& cosine, const Vector& x,
                                      const std::array<Vector, 4>& free) {
  using W = elementary::WaveF32;
  const auto& [turns, square, rest, of_rest] = free;
  const auto literal = [&](float number) -> const Xbyak::Operand& { return assembler_.literal(number, 0); };
  const Vector& z = square;
  assembler_.load_literal(turns, W::rounder, 0);
  assembler_.add_product(turns, x, literal(W::half_pi_inverse));
  assembler_.subtract(square, turns, literal(W::rounder));
  assembler_.move(rest, x);
  for (const float part : W::half_pi) assembler_.subtract_product(rest, square, literal(part));
  assembler_.multiply(z, rest, rest);
  horner(of_rest, z, W::sine);
  assembler_.multiply(sine, rest, z);
  assembler_.multiply_add(of_rest, sine, rest);
  copy_sign(of_rest, rest);
  horner(cosine, z, W::cosine);
  assembler_.multiply_add(cosine, z, literal(-0.5F));
  assembler_.multiply_add(cosine, z, literal(1));
  constexpr int to_sign = 30;
  if (assembler_.is_avx512())
    code_.vptestmd(code_.k1, turns, assembler_.literal_bits(1));
  else
    code_.vpslld(assembler_.vector(assembler_.temporary_mask().index), turns, to_sign + 1);  // a blend tests sign bits
  assembler_.blend(sine, assembler_.temporary_mask(), of_rest, cosine);
  assembler_.blend(cosine, assembler_.temporary_mask(), cosine, of_rest);
  const auto flip = [&](const Vector& to, const Vector& signs) {
    if (assembler_.is_avx512()) return code_.vpternlogd(to, signs, assembler_.literal_bits(sign_bit), flip_where_last);
    assembler_.bitwise_and(signs, signs, assembler_.literal_bits(sign_bit));
    assembler_.bitwise_xor(to, to, signs);
  };
  code_.vpslld(rest, turns, to_sign);
  flip(sine, rest);
  code_.vpaddd(turns, turns, assembler_.literal_bits(1));
  code_.vpslld(turns, turns, to_sign);
  flip(cosine, turns);
}

void VectorFunctions::unless_near(const Vector& x, const Vector& free, const Xbyak::Label& elsewhere) {
  absolute(free, x);
  assembler_.compare(assembler_.temporary_mask(), free, assembler_.literal(elementary::WaveF32::farthest, 0),
                     Predicate::less_equal);
  if (assembler_.is_avx512()) {
    code_.kortestw(code_.k1, code_.k1);
    return code_.jnc(elsewhere, Xbyak::CodeGenerator::T_NEAR);
  }
  constexpr std::uint32_t all_lanes = 0xff;
  code_.vmovmskps(code_.eax, assembler_.vector(assembler_.temporary_mask().index));
  code_.cmp(code_.eax, all_lanes);
  code_.jne(elsewhere, Xbyak::CodeGenerator::T_NEAR);
}

}  // namespace thalweg::run

#endif
