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

void VectorFunctions::exponential(const Zmm& to, const Xbyak::Operand& x, const std::array<Zmm, 4>& free) {
  using E = elementary::Exponential<float>;
  using F = elementary::Exponential<double>;
  const auto& [n, square, even, odd] = free;
  assembler_.load_literal(n, E::highest, F::highest);
  assembler_.load_literal(square, E::lowest, F::lowest);
  assembler_.smaller(to, n, x);
  assembler_.larger(to, square, to);
  assembler_.multiply(n, to, assembler_.literal(E::ln2_inverse, F::ln2_inverse));
  assembler_.round(n, n);
  assembler_.subtract_product(to, n, assembler_.literal(E::ln2_high, F::ln2_high));
  assembler_.subtract_product(to, n, assembler_.literal(E::ln2_low, F::ln2_low));
  assembler_.multiply(square, to, to);
  const std::size_t count = assembler_.is_double() ? F::quotient.size() : E::quotient.size();
  every_other_term(even, square, E::quotient, F::quotient, (count - 1) / 2 * 2);
  every_other_term(odd, square, E::quotient, F::quotient, (count / 2 - 1) * 2 + 1);
  assembler_.multiply_add(odd, to, even);
  assembler_.multiply_add(odd, square, to);
  assembler_.add(odd, odd, assembler_.literal(1, 1));
  assembler_.scale(to, odd, n);
}

void VectorFunctions::log1p(const Zmm& to, const Zmm& x, const std::array<Zmm, 6>& free) {
  using E = elementary::Exponential<float>;
  const auto& quotient = elementary::LogarithmF32::quotient;
  const auto& [u, minus_k, f, square, even, low] = free;
  const auto literal = [&](float number) { return assembler_.literal(number, 0); };
  assembler_.add(u, x, literal(1));
  code_.vpsubd(minus_k, u, assembler_.literal_bits(0x400000));
  code_.vgetexpps(minus_k, minus_k);
  assembler_.load_literal(f, -1, 0);
  assembler_.subtract(minus_k, f, minus_k);
  assembler_.load_literal(even, 1, 0);
  assembler_.scale(f, even, minus_k);
  assembler_.subtract(even, even, f);
  code_.vfmsub213ps(f, x, even);
  assembler_.multiply(square, f, f);
  every_other_term(even, square, quotient, {}, quotient.size() - 2);
  every_other_term(to, square, quotient, {}, quotient.size() - 1);
  assembler_.multiply_add(to, f, even);
  assembler_.multiply(even, f, square);
  assembler_.multiply(low, minus_k, literal(-E::ln2_low));
  assembler_.multiply_add(to, even, low);
  assembler_.subtract_product(to, square, literal(0.5F));
  assembler_.add(to, f, to);
  assembler_.add_product(to, minus_k, literal(-E::ln2_high));
  code_.vfixupimmps(to, u, assembler_.literal_bits(elementary::LogarithmF32::special_table), 0);
  code_.vpternlogd(to, x, assembler_.literal_bits(sign_bit), where_last);
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
  const auto literal = [&](float number) { return assembler_.literal(number, 0); };
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
  code_.vpternlogd(of_rest, rest, assembler_.literal_bits(sign_bit), where_last);
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
  code_.vpandd(free, x, assembler_.literal_bits(sign_bit - 1));
  assembler_.compare(code_.k1, free, assembler_.literal(elementary::WaveF32::farthest, 0), Predicate::less_equal);
  code_.kortestw(code_.k1, code_.k1);
  code_.jnc(elsewhere, Xbyak::CodeGenerator::T_NEAR);
}

}  // namespace thalweg::run

#endif
