#include "src/run/sweep_generate.hpp"

#if THALWEG_GENERATES_CODE

#include "src/run/elementary/constants.hpp"
#include "src/run/vector_functions.hpp"

namespace thalweg::run {

namespace {

// Three-input truth tables of vpternlogd.
constexpr int where_last = 0xD8;       // last ? second : first
constexpr int flip_where_last = 0x78;  // first ^ (second & last)
constexpr std::uint32_t sign_bit = 0x80000000U;

using SingleExponential = elementary::Exponential<float>;
using DoubleExponential = elementary::Exponential<double>;

}  // namespace

/// … + coefficients[last] · square^k, every other coefficient: those of f32 or f64.
void VectorFunctions::every_other_term(const Zmm& sum, const Zmm& square, std::span<const float> single,
                                       std::span<const double> number, std::size_t last) {
  const auto f32 = [&](std::size_t i) { return i < single.size() ? single[i] : 0; };
  const auto f64 = [&](std::size_t i) { return i < number.size() ? number[i] : 0; };
  assembler_.load_literal(sum, f32(last), f64(last));
  for (std::size_t i = last; i >= 2; i -= 2)
    assembler_.multiply_add(sum, square, assembler_.literal(f32(i - 2), f64(i - 2)));
}

/// to = x clamped to [low, high]. NaN stays, since it is the second operand.
void VectorFunctions::clamp(const Zmm& to, const Xbyak::Operand& x, float low, double number_low, float high,
                            double number_high, const Zmm& free) {
  assembler_.smaller(to, assembler_.literal_in(free, high, number_high), x);
  assembler_.larger(to, assembler_.literal_in(free, low, number_low), to);
}

/// n = round(x / ln2)
void VectorFunctions::round_multiple_of_ln2(const Zmm& n, const Zmm& x) {
  assembler_.multiply(n, x, assembler_.literal(SingleExponential::ln2_inverse, DoubleExponential::ln2_inverse));
  assembler_.round(n, n);
}

/// to = q of e^r − 1 = r + r²·q
void VectorFunctions::expm1_quotient(const Zmm& to, const Zmm& even, const Zmm& r, const Zmm& square) {
  const auto& single = SingleExponential::quotient;
  const auto& number = DoubleExponential::quotient;
  const std::size_t count = assembler_.is_double() ? number.size() : single.size();
  every_other_term(even, square, single, number, (count - 1) / 2 * 2);
  every_other_term(to, square, single, number, (count / 2 - 1) * 2 + 1);
  assembler_.multiply_add(to, r, even);
}

void VectorFunctions::exponential(const Zmm& to, const Xbyak::Operand& x, const std::array<Zmm, 4>& free) {
  using E = SingleExponential;
  using F = DoubleExponential;
  const auto& [n, square, even, p] = free;
  clamp(to, x, E::lowest, F::lowest, E::highest, F::highest, n);
  round_multiple_of_ln2(n, to);
  assembler_.subtract_product(to, n, assembler_.literal(E::ln2_high, F::ln2_high));
  assembler_.subtract_product(to, n, assembler_.literal(E::ln2_low, F::ln2_low));
  assembler_.multiply(square, to, to);
  expm1_quotient(p, even, to, square);
  assembler_.multiply_add(p, square, to);
  assembler_.add(p, p, assembler_.literal(1, 1));
  assembler_.scale(to, p, n);
}

/// to = e^(x − n·ln2) − 1, corrected for the rounding error of x − n·ln2.
void VectorFunctions::expm1_compensated(const Zmm& to, const Zmm& x, const Zmm& n, const std::array<Zmm, 4>& free) {
  using E = SingleExponential;
  using F = DoubleExponential;
  const auto& [r, low, square, even] = free;
  assembler_.move(square, x);  // the high part
  assembler_.subtract_product(square, n, assembler_.literal(E::ln2_high, F::ln2_high));
  assembler_.clear(low);
  assembler_.subtract_product(low, n, assembler_.literal(E::ln2_low, F::ln2_low));
  assembler_.add(r, square, low);
  assembler_.subtract(square, r, square);
  assembler_.subtract(low, low, square);
  assembler_.multiply(square, r, r);
  expm1_quotient(to, even, r, square);
  assembler_.multiply_add(to, square, low);
  assembler_.add(to, r, to);
}

void VectorFunctions::expm1(const Zmm& to, const Zmm& x, const std::array<Zmm, 6>& free) {
  using E = elementary::ExponentialMinusOne<float>;
  using F = elementary::ExponentialMinusOne<double>;
  const auto& [n, p, r, low, square, half_power] = free;
  clamp(half_power, x, E::lowest, F::lowest, E::highest, F::highest, n);
  round_multiple_of_ln2(n, half_power);
  expm1_compensated(p, half_power, n, {r, low, square, to});
  assembler_.load_literal(low, 1, 1);
  assembler_.subtract(n, n, low);
  assembler_.scale(half_power, low, n);
  assembler_.subtract(to, half_power, assembler_.literal(0.5F, 0.5));
  assembler_.multiply_add(p, half_power, to);
  assembler_.add(to, p, p);
  absolute(n, x);
  assembler_.compare(code_.k1, n, assembler_.literal(E::tiny, F::tiny), Predicate::less);
  assembler_.move(to | code_.k1, x);
}

void VectorFunctions::tanh(const Zmm& to, const Zmm& x, const std::array<Zmm, 6>& free) {
  const auto& [n, t, r, low, square, doubled] = free;
  absolute(doubled, x);
  assembler_.load_literal(n, elementary::HyperbolicTangent<float>::farthest,
                          elementary::HyperbolicTangent<double>::farthest);
  assembler_.smaller(doubled, n, doubled);
  assembler_.add(doubled, doubled, doubled);
  round_multiple_of_ln2(n, doubled);
  expm1_compensated(t, doubled, n, {r, low, square, to});
  const Zmm &one = low, &power = n;
  assembler_.load_literal(one, 1, 1);
  assembler_.scale(power, one, n);
  assembler_.subtract(square, power, one);
  assembler_.multiply_add(t, power, square);
  assembler_.add(to, t, assembler_.literal(2, 2));
  assembler_.divide(to, t, to);
  assembler_.compare(code_.k1, t, one, Predicate::less);
  assembler_.multiply(t, t, assembler_.literal(0.5F, 0.5));
  assembler_.move(r, t);
  assembler_.subtract_product(r, t, to);
  assembler_.move(to | code_.k1, r);
  copy_sign(to, x);
}

void VectorFunctions::sigmoid(const Zmm& to, const Zmm& x, const std::array<Zmm, 6>& free) {
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
  assembler_.scale(power, one, power);
  assembler_.clear(square);
  assembler_.compare(code_.k1, n, square, Predicate::less);
  assembler_.blend(r | code_.k1, power, one);
  assembler_.multiply_add(p, r, power);
  const Zmm &rest = p, &divisor = to;
  assembler_.add(divisor, one, rest);
  assembler_.subtract(r, divisor, one);
  assembler_.subtract(rest, rest, r);  // the rounding error of the divisor
  assembler_.divide(divisor, one, divisor);
  const Zmm& quotient = to;
  assembler_.multiply(rest, quotient, rest);
  assembler_.move(r, quotient);
  assembler_.subtract_product(r, quotient, rest);
  assembler_.smaller(n, n, square);
  assembler_.scale(to, r, n);
}

/// to = |x|
void VectorFunctions::absolute(const Zmm& to, const Zmm& x) {
  assembler_.bitwise_and(to, x,
                         assembler_.literal_bits(assembler_.is_double() ? ~std::uint64_t{0} >> 1 : sign_bit - 1));
}

/// Copies the sign of `from` to `to`.
void VectorFunctions::copy_sign(const Zmm& to, const Zmm& from) { assembler_.logic(to, from, sign_bits(), where_last); }

const Xbyak::Operand& VectorFunctions::sign_bits() {
  return assembler_.literal_bits(assembler_.is_double() ? std::uint64_t{sign_bit} << 32 : sign_bit);
}

/// to = log(1 + f) + k·ln2; k is signed.
void VectorFunctions::log_of_parts(const Zmm& to, const Zmm& f, const Zmm& k, float sign_of_k,
                                   const std::array<Zmm, 3>& free) {
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

void VectorFunctions::log(const Zmm& to, const Zmm& x, const std::array<Zmm, 5>& free) {
  constexpr int from_one_to_two = 0, nan_below_zero = 2 << 2;
  const auto& [f, k, one, even, low] = free;
  assembler_.load_literal(one, 1, 0);
  code_.vgetmantps(f, x, from_one_to_two | nan_below_zero);
  code_.vgetexpps(k, x);
  assembler_.compare(code_.k1, f, assembler_.literal(1.5F, 0), Predicate::greater_equal);
  assembler_.multiply(f | code_.k1, f, assembler_.literal(0.5F, 0));
  assembler_.add(k | code_.k1, k, one);
  assembler_.subtract(f, f, one);
  log_of_parts(to, f, k, 1, {one, even, low});
}

void VectorFunctions::log1p(const Zmm& to, const Zmm& x, const std::array<Zmm, 6>& free) {
  const auto& [u, minus_k, f, square, even, low] = free;
  const auto literal = [&](float number) -> const Xbyak::Operand& { return assembler_.literal(number, 0); };
  assembler_.add(u, x, literal(1));
  code_.vpsubd(minus_k, u, assembler_.literal_bits(0x400000));
  code_.vgetexpps(minus_k, minus_k);
  assembler_.load_literal(f, -1, 0);
  assembler_.subtract(minus_k, f, minus_k);
  assembler_.load_literal(even, 1, 0);
  assembler_.scale(f, even, minus_k);
  assembler_.subtract(even, even, f);
  code_.vfmsub213ps(f, x, even);
  log_of_parts(to, f, minus_k, -1, {square, even, low});
  code_.vfixupimmps(to, u, assembler_.literal_bits(elementary::LogarithmF32::special_table), 0);
  copy_sign(to, x);
}

/// sum = coefficients[0] + coefficients[1] · x + …
void VectorFunctions::horner(const Zmm& sum, const Zmm& x, std::span<const float> coefficients) {
  assembler_.load_literal(sum, coefficients.back(), 0);
  for (std::size_t i = coefficients.size() - 1; i-- > 0;)
    assembler_.multiply_add(sum, x, assembler_.literal(coefficients[i], 0));
}

void VectorFunctions::sine_and_cosine(const Zmm& sine, const Zmm& cosine, const Zmm& x,
                                      const std::array<Zmm, 4>& free) {
  using W = elementary::WaveF32;
  const auto& [turns, square, rest, of_rest] = free;
  const auto literal = [&](float number) -> const Xbyak::Operand& { return assembler_.literal(number, 0); };
  const Zmm& z = square;
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
  code_.vptestmd(code_.k1, turns, assembler_.literal_bits(1));
  assembler_.blend(sine | code_.k1, of_rest, cosine);
  assembler_.blend(cosine | code_.k1, cosine, of_rest);
  constexpr int to_sign = 30;
  code_.vpslld(rest, turns, to_sign);
  code_.vpternlogd(sine, rest, assembler_.literal_bits(sign_bit), flip_where_last);
  code_.vpaddd(turns, turns, assembler_.literal_bits(1));
  code_.vpslld(turns, turns, to_sign);
  code_.vpternlogd(cosine, turns, assembler_.literal_bits(sign_bit), flip_where_last);
}

void VectorFunctions::unless_near(const Zmm& x, const Zmm& free, const Xbyak::Label& elsewhere) {
  absolute(free, x);
  assembler_.compare(code_.k1, free, assembler_.literal(elementary::WaveF32::farthest, 0), Predicate::less_equal);
  code_.kortestw(code_.k1, code_.k1);
  code_.jnc(elsewhere, Xbyak::CodeGenerator::T_NEAR);
}

}  // namespace thalweg::run

#endif
