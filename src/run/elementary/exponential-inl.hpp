// exp, exp2, expm1, tanh, sigmoid and silu over Highway vectors of f32 and f64.
//
// All reduce x = n·ln2 + r, |r| ≤ ln2 / 2 (Cody and Waite), and take e^r - 1 = r + r²·q(r) with q a minimax
// polynomial fitted for the relative error of e^r - 1: 2^-25.8 (f32) and 2^-59.6 (f64) with the coefficients as
// rounded. A lane's bits depend on that lane alone. Measured errors: docs/precision.md.

// Per-target include guard.
#if defined(THALWEG_ELEMENTARY_EXPONENTIAL_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef THALWEG_ELEMENTARY_EXPONENTIAL_INL_HPP
#undef THALWEG_ELEMENTARY_EXPONENTIAL_INL_HPP
#else
#define THALWEG_ELEMENTARY_EXPONENTIAL_INL_HPP
#endif

#include <array>
#include <cstddef>
#include <limits>
#include <utility>

#include "hwy/highway.h"
#include "src/run/elementary/constants.hpp"

HWY_BEFORE_NAMESPACE();
namespace thalweg {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

/// The constant for D's lane type.
template <class D>
HWY_INLINE hn::Vec<D> Constant(D d, float for_f32, double for_f64) {
  if constexpr (sizeof(hn::TFromD<D>) == 4) {
    return hn::Set(d, for_f32);
  } else {
    return hn::Set(d, for_f64);
  }
}

template <class D>
HWY_INLINE hn::Vec<D> Infinity(D d) {
  return hn::Set(d, std::numeric_limits<hn::TFromD<D>>::infinity());
}

/// min(x, high) and max(x, low) that keep NaN. The constant stands first because the x86 instructions return their
/// second operand where either is NaN; elsewhere they return NaN anyway.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V AtMost(D d, V x, float high_f32, double high_f64) {
  return hn::Min(Constant(d, high_f32, high_f64), x);
}
template <class D, class V = hn::Vec<D>>
HWY_INLINE V AtLeast(D d, V x, float low_f32, double low_f64) {
  return hn::Max(Constant(d, low_f32, low_f64), x);
}

template <class D, class V = hn::Vec<D>, class T = hn::TFromD<D>>
HWY_INLINE V AtMost(D d, V x, T high) {
  return hn::Min(hn::Set(d, high), x);
}
template <class D, class V = hn::Vec<D>, class T = hn::TFromD<D>>
HWY_INLINE V AtLeast(D d, V x, T low) {
  return hn::Max(hn::Set(d, low), x);
}

/// c0 + c2·x² + c4·x⁴ + ...
template <class D, class V = hn::Vec<D>, class T = hn::TFromD<D>>
HWY_INLINE V EvenTerms(D d, V, T c0) {
  return hn::Set(d, c0);
}
template <class D, class V = hn::Vec<D>, class T = hn::TFromD<D>>
HWY_INLINE V EvenTerms(D d, V, T c0, T) {
  return hn::Set(d, c0);
}
template <class D, class V = hn::Vec<D>, class T = hn::TFromD<D>, class... C>
HWY_INLINE V EvenTerms(D d, V x2, T c0, T, T c2, C... c) {
  return hn::MulAdd(EvenTerms(d, x2, c2, c...), x2, hn::Set(d, c0));
}

/// Σ c_i·x^i, even and odd powers apart: two chains in flight, and x² is at hand in most callers.
template <class D, class V = hn::Vec<D>, class T = hn::TFromD<D>, class... C>
HWY_INLINE V Polynomial(D d, V x, V x2, T c0, T c1, C... c) {
  return hn::MulAdd(EvenTerms(d, x2, c1, c...), x, EvenTerms(d, x2, c0, c1, c...));
}

template <class D, class V, class Coefficients, std::size_t... i>
HWY_INLINE V PolynomialOf(D d, V x, V x2, const Coefficients& c, std::index_sequence<i...>) {
  return Polynomial(d, x, x2, c[i]...);
}
/// Likewise of an array of coefficients.
template <class D, class V, class T, std::size_t count>
HWY_INLINE V PolynomialOf(D d, V x, V x2, const std::array<T, count>& coefficients) {
  return PolynomialOf(d, x, x2, coefficients, std::make_index_sequence<count>());
}

template <class D>
using ExponentialOf = elementary::Exponential<hn::TFromD<D>>;

/// q of e^r - 1 = r + r²·q, |r| ≤ ln2 / 2.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V Expm1Quotient(D d, V r, V r2) {
  return PolynomialOf(d, r, r2, ExponentialOf<D>::quotient);
}

/// e^r - 1.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V Expm1Reduced(D d, V r) {
  const V r2 = hn::Mul(r, r);
  return hn::MulAdd(Expm1Quotient(d, r, r2), r2, r);
}

/// x - n·ln2.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V SubtractLn2(D d, V x, V n) {
  const V r = hn::NegMulAdd(n, hn::Set(d, ExponentialOf<D>::ln2_high), x);
  return hn::NegMulAdd(n, hn::Set(d, ExponentialOf<D>::ln2_low), r);
}

/// e^(x - n·ln2) - 1, with what rounding x - n·ln2 loses: for callers that subtract from 2^n times it.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V Expm1Compensated(D d, V x, V n, V x_low) {
  const V high = hn::NegMulAdd(n, hn::Set(d, ExponentialOf<D>::ln2_high), x);
  const V low = hn::NegMulAdd(n, hn::Set(d, ExponentialOf<D>::ln2_low), x_low);
  const V r = hn::Add(high, low);
  const V r2 = hn::Mul(r, r);
  return hn::Add(r, hn::MulAdd(Expm1Quotient(d, r, r2), r2, hn::Sub(low, hn::Sub(r, high))));
}

/// Whether V has AVX-512's instructions on exponents.
#if HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX3
template <class V>
inline constexpr bool has_exponent_instructions = sizeof(V) == 64;

/// x·2^floor(n), which overflows, underflows and rounds as it should.
HWY_INLINE hn::Vec512<float> ScaleF(hn::Vec512<float> x, hn::Vec512<float> n) {
  return hn::Vec512<float>{_mm512_scalef_ps(x.raw, n.raw)};
}
HWY_INLINE hn::Vec512<double> ScaleF(hn::Vec512<double> x, hn::Vec512<double> n) {
  return hn::Vec512<double>{_mm512_scalef_pd(x.raw, n.raw)};
}
#else
template <class V>
inline constexpr bool has_exponent_instructions = false;
#endif

/// The power of two whose exponent field is in the low bits of `field`.
template <class D, class VU>
HWY_INLINE hn::Vec<D> PowerOfTwoFromField(D d, VU field) {
  constexpr int mantissa_bits = sizeof(hn::TFromD<D>) == 4 ? 23 : 52;
  return hn::BitCast(d, hn::ShiftLeft<mantissa_bits>(field));
}

/// 2^n for integral n, the result normal.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V PowerOfTwo(D d, V n) {
  if constexpr (has_exponent_instructions<V>) return ScaleF(Constant(d, 1.0f, 1.0), n);
  // Adding 1.5·2^(mantissa bits) leaves an integer in the low bits, here n and the exponent's bias.
  const hn::RebindToUnsigned<D> du;
  return PowerOfTwoFromField(d, hn::BitCast(du, hn::Add(n, Constant(d, 0x1.8p23f + 127, 0x1.8p52 + 1023))));
}

/// x·2^n for integral n, |x| around 1 and the result anywhere from 0 to inf; it rounds once, where it is subnormal.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V ScaleByPowerOfTwo(D d, V x, V n) {
  if constexpr (has_exponent_instructions<V>) return ScaleF(x, n);
  // In two factors, as neither 2^1024 nor 2^-1075 is a number: the sum of their exponent fields, halved.
  const hn::RebindToUnsigned<D> du;
  const auto field = hn::BitCast(du, hn::Add(n, Constant(d, 0x1.8p23f + 254, 0x1.8p52 + 2046)));
  const auto half = hn::ShiftRight<1>(field);
  return hn::Mul(hn::Mul(x, PowerOfTwoFromField(d, half)), PowerOfTwoFromField(d, hn::Sub(field, half)));
}

/// round(x / ln2).
template <class D, class V = hn::Vec<D>>
HWY_INLINE V RoundedMultipleOfLn2(D d, V x) {
  return hn::Round(hn::Mul(x, hn::Set(d, ExponentialOf<D>::ln2_inverse)));
}

/// e^x.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V Exp(D d, V x) {
  using E = elementary::Exponential<float>;
  using F = elementary::Exponential<double>;
  x = AtLeast(d, AtMost(d, x, E::highest, F::highest), E::lowest, F::lowest);
  // Scaling to 0 is an underflow, for which processors take 100 cycles and more; masked attention has many.
  const auto is_zero = hn::Le(x, Constant(d, E::lowest, F::lowest));
  const V n = RoundedMultipleOfLn2(d, x);
  const V p = Expm1Reduced(d, SubtractLn2(d, x, n));
  return ScaleByPowerOfTwo(d, hn::IfThenZeroElse(is_zero, hn::Add(p, Constant(d, 1.0f, 1.0))), n);
}

/// 2^x; exact for integers.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V Exp2(D d, V x) {
  constexpr float lowest_f32 = -151.0f;
  constexpr double lowest_f64 = -1076.0;
  x = AtLeast(d, AtMost(d, x, 129.0f, 1025.0), lowest_f32, lowest_f64);
  const auto is_zero = hn::Le(x, Constant(d, lowest_f32, lowest_f64));
  const V n = hn::Round(x);
  const V p = Expm1Reduced(d, hn::Mul(hn::Sub(x, n), Constant(d, 0x1.62e43p-1f, 0x1.62e42fefa39efp-1)));
  return ScaleByPowerOfTwo(d, hn::IfThenZeroElse(is_zero, hn::Add(p, Constant(d, 1.0f, 1.0))), n);
}

/// e^x - 1.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V Expm1(D d, V x) {
  // 2^n·(1 + p) - 1 = 2·(h·p + (h - 1/2)) with h = 2^(n-1): h stays finite up to where the result overflows.
  const V one = Constant(d, 1.0f, 1.0);
  using E = elementary::ExponentialMinusOne<hn::TFromD<D>>;
  const V clamped = AtLeast(d, AtMost(d, x, E::highest), E::lowest);
  const V n = RoundedMultipleOfLn2(d, clamped);
  const V h = PowerOfTwo(d, hn::Sub(n, one));
  const V p = Expm1Compensated(d, clamped, n, hn::Zero(d));
  const V half_result = hn::MulAdd(h, p, hn::Sub(h, Constant(d, 0.5f, 0.5)));
  // Halving and doubling would lose the last bit of a subnormal, and the sign of zero.
  const auto tiny = hn::Lt(hn::Abs(x), hn::Set(d, E::tiny));
  return hn::IfThenElse(tiny, x, hn::Add(half_result, half_result));
}

/// tanh |x| = t / (t + 2) with t = e^(2|x|) - 1.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V Tanh(D d, V x) {
  const V one = Constant(d, 1.0f, 1.0);
  const V magnitude = AtMost(d, hn::Abs(x), elementary::HyperbolicTangent<hn::TFromD<D>>::farthest);
  const V doubled = hn::Add(magnitude, magnitude);
  const V n = RoundedMultipleOfLn2(d, doubled);
  const V power = PowerOfTwo(d, n);
  const V t = hn::MulAdd(power, Expm1Compensated(d, doubled, n, hn::Zero(d)), hn::Sub(power, one));
  const V quotient = hn::Div(t, hn::Add(t, Constant(d, 2.0f, 2.0)));
  // For small t as t/2 - t/2·quotient: the quotient's rounding errors then count less.
  const V half = hn::Mul(t, Constant(d, 0.5f, 0.5));
  const V result = hn::IfThenElse(hn::Lt(t, one), hn::NegMulAdd(half, quotient, half), quotient);
  return hn::CopySignToAbs(result, x);
}

/// (divisor + divisor_low) / 2^exponent = 1 + e^-x; the second part is what the first is rounded by.
template <class V>
struct SigmoidParts {
  V divisor, divisor_low, exponent;
};

/// With e^-x = 2^-n·(1 + p): 1 + 2^-n·(1 + p) for n ≥ 0 and (1 + p + 2^n) / 2^n for n < 0. The second form keeps the tail's
/// accuracy down to the subnormals.
template <class D, class V = hn::Vec<D>>
HWY_INLINE SigmoidParts<V> SigmoidInParts(D d, V x) {
  const V zero = hn::Zero(d);
  const V one = Constant(d, 1.0f, 1.0);
  using S = elementary::LogisticSigmoid<hn::TFromD<D>>;
  x = AtLeast(d, AtMost(d, x, S::highest), S::lowest);
  const V n = RoundedMultipleOfLn2(d, x);
  const V p = Expm1Reduced(d, hn::Neg(SubtractLn2(d, x, n)));
  // 2^-|n|
  const V power = PowerOfTwo(d, hn::Max(hn::Or(n, hn::SignBit(d)), hn::Set(d, S::least_exponent)));
  const V rest = hn::MulAdd(hn::IfThenElse(hn::Lt(n, zero), one, power), p, power);
  const V divisor = hn::Add(one, rest);
  return {divisor, hn::Sub(rest, hn::Sub(divisor, one)), hn::Min(n, zero)};
}

/// 1 / (1 + e^-x).
template <class D, class V = hn::Vec<D>>
HWY_INLINE V Sigmoid(D d, V x) {
  const auto parts = SigmoidInParts(d, x);
  const V quotient = hn::Div(Constant(d, 1.0f, 1.0), parts.divisor);
  const V fraction = hn::NegMulAdd(quotient, hn::Mul(quotient, parts.divisor_low), quotient);
  return ScaleByPowerOfTwo(d, fraction, parts.exponent);
}

/// x / (1 + e^-x); -0 at -inf. Scaled last, so that a subnormal result is rounded once.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V Silu(D d, V x) {
  const auto parts = SigmoidInParts(d, x);
  using S = elementary::LogisticSigmoid<hn::TFromD<D>>;
  const V numerator = AtLeast(d, x, S::lowest);
  // The quotient, and what it leaves of the numerator, divided in turn.
#if HWY_NATIVE_FMA
  const V reciprocal = hn::Div(Constant(d, 1.0f, 1.0), parts.divisor);
  const V quotient = hn::Mul(numerator, reciprocal);
  const V left = hn::NegMulAdd(quotient, parts.divisor_low, hn::NegMulAdd(quotient, parts.divisor, numerator));
  const V fraction = hn::MulAdd(left, reciprocal, quotient);
#else
  const V quotient = hn::Div(numerator, parts.divisor);
  const V fraction = hn::Sub(quotient, hn::Mul(quotient, hn::Div(parts.divisor_low, parts.divisor)));
#endif
  const V large = hn::Set(d, S::highest);  // where e^-x vanishes beside 1, and inf leaves NaN
  const V scaled = ScaleByPowerOfTwo(d, hn::CopySign(fraction, x), parts.exponent);  // -0 too
  return hn::IfThenElse(hn::Gt(x, large), x, scaled);
}

}  // namespace HWY_NAMESPACE
}  // namespace thalweg
HWY_AFTER_NAMESPACE();

#endif  // THALWEG_ELEMENTARY_EXPONENTIAL_INL_HPP
