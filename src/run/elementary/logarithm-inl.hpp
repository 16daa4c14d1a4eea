// log, log1p, log2, log10 and softplus over Highway vectors of f32 and f64.
//
// x = m·2^k with m in [0.75, 1.5) (f32) or [1/√2, √2) (f64), f = m - 1. f32 takes a polynomial in f; f64 the form of
// fdlibm's log, with s = f / (2 + f), which costs a division, but one that runs beside the other work. Polynomials: own
// minimax fits of the relative error, 2^-27.2 (f32) and 2^-58.8 (f64). Measured errors: docs/precision.md.

// Per-target include guard.
#if defined(THALWEG_ELEMENTARY_LOGARITHM_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef THALWEG_ELEMENTARY_LOGARITHM_INL_HPP
#undef THALWEG_ELEMENTARY_LOGARITHM_INL_HPP
#else
#define THALWEG_ELEMENTARY_LOGARITHM_INL_HPP
#endif

#include <cstdint>

#include "src/run/elementary/exponential-inl.hpp"
#include "src/run/elementary/extended_precision-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace thalweg {
namespace HWY_NAMESPACE {

/// x = (1 + f)·2^k.
template <class V>
struct LogReduced {
  V f, k;
};

/// The integer type's constant for D's lane width.
template <class DU>
HWY_INLINE hn::Vec<DU> BitsConstant(DU du, std::uint32_t for_f32, std::uint64_t for_f64) {
  return hn::Set(du, static_cast<hn::TFromD<DU>>(sizeof(hn::TFromD<DU>) == 4 ? for_f32 : for_f64));
}

/// Splits the bits of a positive normal number: `field` is k plus the exponent's bias, `mantissa` the number m.
template <class V, class VU>
struct Split {
  VU field;
  V mantissa;
};
template <class D, class V = hn::Vec<D>>
HWY_INLINE auto SplitExponent(D d, V x) {
  const hn::RebindToUnsigned<D> du;
  using VU = hn::Vec<decltype(du)>;
  constexpr int mantissa_bits = sizeof(hn::TFromD<D>) == 4 ? 23 : 52;
  const VU smallest = BitsConstant(du, 0x3f400000u, 0x3fe6a09e00000000u);  // of m
  const VU one = BitsConstant(du, 0x3f800000u, 0x3ff0000000000000u);
  const VU shifted = hn::Add(hn::BitCast(du, x), hn::Sub(one, smallest));
  const VU fraction = hn::And(shifted, BitsConstant(du, 0x7fffffu, 0xfffffffffffffu));
  return Split<V, VU>{hn::ShiftRight<mantissa_bits>(shifted), hn::BitCast(d, hn::Add(fraction, smallest))};
}

/// k as a number, from an exponent field: the field in the low bits of 2^(mantissa bits), less what is too much.
template <class D, class VU>
HWY_INLINE hn::Vec<D> ExponentFromField(D d, VU field) {
  const hn::RebindToUnsigned<D> du;
  const VU base = BitsConstant(du, 0x4b000000u, 0x4330000000000000u);
  return hn::Sub(hn::BitCast(d, hn::Or(field, base)), Constant(d, 0x1p23f + 127, 0x1p52 + 1023));
}

/// log(1 + f) + k·ln2.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V LogFromReduced(D d, LogReduced<V> x) {
  const V f = x.f;
  const V ln2_high = Constant(d, 0x1.62e4p-1f, 0x1.62e42feep-1);
  const V ln2_low = Constant(d, 0x1.7f7d1cp-20f, 0x1.a39ef35793c76p-33);
  const V f2 = hn::Mul(f, f);
  if constexpr (sizeof(hn::TFromD<D>) == 4) {
    constexpr auto c = elementary::LogarithmF32::quotient;
    const V q = Polynomial(d, f, f2, c[0], c[1], c[2], c[3], c[4], c[5], c[6], c[7]);
    // f - f²/2 + f³·q; k·ln2_low first, as it is the smallest.
    const V rest = hn::MulAdd(hn::Mul(f, f2), q, hn::Mul(x.k, ln2_low));
    return hn::MulAdd(x.k, ln2_high, hn::Add(f, hn::NegMulAdd(hn::Set(d, 0.5f), f2, rest)));
  } else {
    const V s = hn::Div(f, hn::Add(f, hn::Set(d, 2.0)));
    const V z = hn::Mul(s, s);
    const V r =
        hn::Mul(z, Polynomial(d, z, hn::Mul(z, z), 0x1.5555555555593p-1, 0x1.999999997fc65p-2, 0x1.249249420727fp-2,
                              0x1.c71c51f4f6151p-3, 0x1.746643952e51dp-3, 0x1.39a1361501a1ep-3, 0x1.2f0b0fa1b2f85p-3));
    // log(1 + f) = f - (f²/2 - s·(f²/2 + r))
    const V half_square = hn::Mul(hn::Set(d, 0.5), f2);
    const V rest = hn::MulAdd(s, hn::Add(half_square, r), hn::Mul(x.k, ln2_low));
    return hn::MulAdd(x.k, ln2_high, hn::Add(f, hn::Sub(rest, half_square)));
  }
}

/// The logarithm's values off the positive finite numbers: x for inf and NaN, -inf for 0, NaN below.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V LogSpecial(D d, V x, V result) {
  using T = hn::TFromD<D>;
  const V infinity = Infinity(d);
  const V not_positive =
      hn::IfThenElse(hn::Eq(x, hn::Zero(d)), hn::Neg(infinity), hn::Set(d, std::numeric_limits<T>::quiet_NaN()));
  result = hn::IfThenElse(hn::Lt(x, infinity), result, x);
  return hn::IfThenElse(hn::Le(x, hn::Zero(d)), not_positive, result);
}

#if HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX3
HWY_INLINE hn::Vec512<float> ExponentOf(hn::Vec512<float> x) { return hn::Vec512<float>{_mm512_getexp_ps(x.raw)}; }
HWY_INLINE hn::Vec512<double> ExponentOf(hn::Vec512<double> x) { return hn::Vec512<double>{_mm512_getexp_pd(x.raw)}; }
HWY_INLINE hn::Vec512<float> MantissaOf(hn::Vec512<float> x) {
  return hn::Vec512<float>{_mm512_getmant_ps(x.raw, _MM_MANT_NORM_1_2, _MM_MANT_SIGN_nan)};
}
HWY_INLINE hn::Vec512<double> MantissaOf(hn::Vec512<double> x) {
  return hn::Vec512<double>{_mm512_getmant_pd(x.raw, _MM_MANT_NORM_1_2, _MM_MANT_SIGN_nan)};
}
#endif

/// Splits a positive number. AVX-512's instructions also give k = -inf for 0, k = inf for inf and f = NaN for the rest.
template <class D, class V = hn::Vec<D>>
HWY_INLINE LogReduced<V> ReduceForLog(D d, V x) {
  const V one = Constant(d, 1.0f, 1.0);
  if constexpr (has_exponent_instructions<V>) {
    const V mantissa = MantissaOf(x), k = ExponentOf(x);
    const auto large = hn::Ge(mantissa, Constant(d, 1.5f, 0x1.6a09ep0));
    const V m = hn::IfThenElse(large, hn::Mul(mantissa, Constant(d, 0.5f, 0.5)), mantissa);
    return {hn::Sub(m, one), hn::IfThenElse(large, hn::Add(k, one), k)};
  }
  const auto subnormal = hn::Lt(x, Constant(d, 0x1p-126f, 0x1p-1022));
  x = hn::IfThenElse(subnormal, hn::Mul(x, Constant(d, 0x1p24f, 0x1p54)), x);
  const auto split = SplitExponent(d, x);
  const V k = hn::Sub(ExponentFromField(d, split.field), hn::IfThenElseZero(subnormal, Constant(d, 24.0f, 54.0)));
  return {hn::Sub(split.mantissa, one), k};
}

/// The natural logarithm.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V Log(D d, V x) {
  const V result = LogFromReduced(d, ReduceForLog(d, x));
  return has_exponent_instructions<V> ? result : LogSpecial(d, x, result);
}

#if HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX3
/// The logarithm's values off the positive finite numbers, else `result`.
HWY_INLINE hn::Vec512<float> WithLogSpecial(hn::Vec512<float> x, hn::Vec512<float> result) {
  return hn::Vec512<float>{
      _mm512_fixupimm_ps(result.raw, x.raw, _mm512_set1_epi32(elementary::LogarithmF32::special_table), 0)};
}
HWY_INLINE hn::Vec512<double> WithLogSpecial(hn::Vec512<double> x, hn::Vec512<double> result) {
  return hn::Vec512<double>{
      _mm512_fixupimm_pd(result.raw, x.raw, _mm512_set1_epi64(elementary::LogarithmF32::special_table), 0)};
}
#endif

/// log(1 + x).
template <class D, class V = hn::Vec<D>>
HWY_INLINE V Log1p(D d, V x) {
  const hn::RebindToUnsigned<D> du;
  const V one = Constant(d, 1.0f, 1.0);
  const V u = hn::Add(x, one);
  // u = m·2^k, and f = x·2^-k − (1 − 2^-k) rounds once, where u has lost bits of x.
  if constexpr (has_exponent_instructions<V>) {
    const auto half = hn::BitCast(d, hn::Sub(hn::BitCast(du, u), BitsConstant(du, 0x400000u, 0x6a09e00000000u)));
    const V minus_k = hn::Sub(hn::Neg(one), ExponentOf(half));
    const V scale = ScaleF(one, minus_k);
    const V f = hn::MulSub(x, scale, hn::Sub(one, scale));
    const V result = LogFromReduced(d, LogReduced<V>{f, hn::Neg(minus_k)});
    return hn::CopySign(WithLogSpecial(u, result), x);  // keeps -0
  }
  const auto split = SplitExponent(d, u);
  // With 4·2^-k, as 2^-k may be subnormal.
  const V scale = PowerOfTwoFromField(d, hn::Sub(BitsConstant(du, 256, 2048), split.field));
  const V quarter = Constant(d, 0.25f, 0.25);
  const V f = hn::MulAdd(hn::Mul(x, quarter), scale, hn::MulSub(scale, quarter, one));
  const V result = LogFromReduced(d, LogReduced<V>{f, ExponentFromField(d, split.field)});
  const auto tiny = hn::Lt(hn::Abs(x), Constant(d, 0x1p-26f, 0x1p-55));
  return hn::IfThenElse(tiny, x, LogSpecial(d, u, result));
}

/// log(1 + e^x).
template <class D, class V = hn::Vec<D>>
HWY_INLINE V Softplus(D d, V x) {
  const V positive = hn::IfThenZeroElse(hn::Lt(x, hn::Zero(d)), x);
  return hn::Add(positive, Log1p(d, Exp(d, hn::Neg(hn::Abs(x)))));
}

/// log2 x.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V Log2(D d, V x) {
  const auto reduced = ReduceForLog(d, x);
  const V log = LogFromReduced(d, LogReduced<V>{reduced.f, hn::Zero(d)});
  const V low = hn::MulAdd(log, Constant(d, 0x1.4ae0cp-26f, 0x1.777d0ffda0d24p-56), reduced.k);
  const V result = hn::MulAdd(log, Constant(d, 0x1.715476p0f, 0x1.71547652b82fep0), low);
  return has_exponent_instructions<V> ? result : LogSpecial(d, x, result);
}

/// log(1 + f) + k·ln2 in double-double, f64.
template <class D, class V = hn::Vec<D>>
HWY_INLINE DoubleDouble<V> LogDoubleDouble(D d, LogReduced<V> x) {
  // s = f / (2 + f); log(1 + f) = 2s + s·(2/3·z + 2/5·z² + ...), z = s².
  const V two = hn::Set(d, 2.0);
  const auto divisor = FastTwoSum(two, x.f);
  const V inverse = hn::Div(hn::Set(d, 1.0), divisor.high);
  const V s = hn::Mul(x.f, inverse);
  const auto back = TwoProduct(d, s, divisor.high);
  const V remainder = hn::NegMulAdd(s, divisor.low, hn::Sub(hn::Sub(x.f, back.high), back.low));
  const V s_low = hn::Mul(remainder, inverse);

  const auto z = TwoProduct(d, s, s);
  const V z_low = hn::MulAdd(hn::Add(s, s), s_low, z.low);
  const V w = Polynomial(d, z.high, hn::Mul(z.high, z.high), 0x1.9999999999996p-2, 0x1.2492492493049p-2,
                         0x1.c71c71c57dfffp-3, 0x1.745d18337a638p-3, 0x1.3b13626735d7cp-3, 0x1.1120c17c300ebp-3,
                         0x1.de318f184afecp-4, 0x1.eb20cf2d745e3p-4);
  // u = 2/3 + z·(2/5 + ...), v = z·u, t = s·v
  auto u = FastTwoSum(hn::Set(d, 0x1.5555555555555p-1), hn::Mul(w, z.high));
  u.low = hn::Add(u.low, hn::Set(d, 0x1.5555555555555p-55));
  auto v = TwoProduct(d, z.high, u.high);
  v.low = hn::MulAdd(z.high, u.low, hn::MulAdd(z_low, u.high, v.low));
  auto t = TwoProduct(d, s, v.high);
  t.low = hn::MulAdd(s, v.low, hn::MulAdd(s_low, v.high, t.low));

  const auto lead = FastTwoSum(hn::Mul(x.k, hn::Set(d, 0x1.62e42fefa38p-1)), hn::Mul(two, s));
  const auto sum = FastTwoSum(lead.high, t.high);
  const V small = hn::MulAdd(x.k, hn::Set(d, 0x1.ef35793c7673p-45), hn::MulAdd(two, s_low, t.low));
  return FastTwoSum(sum.high, hn::Add(hn::Add(lead.low, sum.low), small));
}

/// log x in f64 of an f32 number, to 2^-37.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V LogForF32(D d, V x) {
  const auto split = SplitExponent(d, x);
  const V f = hn::Sub(split.mantissa, hn::Set(d, 1.0));
  const V s = hn::Div(f, hn::Add(f, hn::Set(d, 2.0)));
  const V z = hn::Mul(s, s);
  const V r = Polynomial(d, z, hn::Mul(z, z), 2.0, 0x1.555554fd8791cp-1, 0x1.999a7acaa7e73p-2, 0x1.2438c2416efadp-2,
                         0x1.e2fa4372b9895p-3);
  const V log = hn::MulAdd(ExponentFromField(d, split.field), hn::Set(d, 0x1.62e42fefa39efp-1), hn::Mul(s, r));
  return LogSpecial(d, x, log);
}

/// log10 x, computed wider: exact for powers of 10.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V Log10(D d, V x) {
  if constexpr (sizeof(hn::TFromD<D>) == 4) {
    return InF64(
        d, [](auto wide, auto v) HWY_ATTR { return hn::Mul(LogForF32(wide, v), hn::Set(wide, 0x1.bcb7b1526e50ep-2)); },
        x);
  } else {
    const V factor = hn::Set(d, 0x1.bcb7b1526e50ep-2);
    const auto log = LogDoubleDouble(d, ReduceForLog(d, x));
    const auto product = TwoProduct(d, log.high, factor);
    const V low = hn::MulAdd(log.low, factor, hn::MulAdd(log.high, hn::Set(d, 0x1.95355baaafad3p-57), product.low));
    return LogSpecial(d, x, hn::Add(product.high, low));
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace thalweg
HWY_AFTER_NAMESPACE();

#endif  // THALWEG_ELEMENTARY_LOGARITHM_INL_HPP
