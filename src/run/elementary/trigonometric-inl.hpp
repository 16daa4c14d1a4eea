// sin, cos and tan over Highway vectors of f32 and f64, for arguments of any size.
//
// f64: x = m·π/2 + r with |r| ≤ π/2, m even for sin and odd for cos, so that both are ±sin r: one odd polynomial, a minimax
// fit of the relative error (2^-57.9; 2^-35.3 where the result is f32), with π/2 in three parts of 53 bits and r in
// double-double. f32 up to 2048 takes any m, |r| ≤ π/4, sin r and cos r (2^-27.9 and 2^-33), all in f32; it is computed in
// f64 beyond. tan takes any m, |r| ≤ π/4, and is tan r or -1 / tan r; f32 is computed in f64. From 2^45 on the C library's
// function takes over. Each for those lanes alone.

// Per-target include guard.
#if defined(THALWEG_ELEMENTARY_TRIGONOMETRIC_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef THALWEG_ELEMENTARY_TRIGONOMETRIC_INL_HPP
#undef THALWEG_ELEMENTARY_TRIGONOMETRIC_INL_HPP
#else
#define THALWEG_ELEMENTARY_TRIGONOMETRIC_INL_HPP
#endif

#include <array>
#include <cmath>

#include "src/run/elementary/exponential-inl.hpp"
#include "src/run/elementary/extended_precision-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace thalweg {
namespace HWY_NAMESPACE {

enum class Wave { sine, cosine, tangent };

/// Beyond, an error in x·(1/π) could pick the wrong multiple.
inline constexpr double wave_limit = 0x1p45;

/// out[i] = sin, cos or tan of x[i] where |x[i]| is beyond wave_limit or x[i] is NaN.
HWY_NOINLINE inline void WaveOfLarge(Wave wave, const double* x, double* out, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) {
    if (std::abs(x[i]) <= wave_limit) continue;
    out[i] = wave == Wave::sine ? std::sin(x[i]) : wave == Wave::cosine ? std::cos(x[i]) : std::tan(x[i]);
  }
}

/// sin r for f32 results.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V SineReducedForF32(D d, V r) {
  const V z = hn::Mul(r, r);
  const V q = Polynomial(d, z, hn::Mul(z, z), -0x1.5555554765c06p-3, 0x1.11110c4901f4ap-7, -0x1.a017d94a6873dp-13,
                         0x1.717074d5e0b5dp-19, -0x1.9a6782ab65fc2p-26);
  return hn::MulAdd(hn::Mul(r, z), q, r);
}

/// sin(r.high + r.low).
template <class D, class V = hn::Vec<D>>
HWY_INLINE V SineReduced(D d, DoubleDouble<V> r) {
  const V z = hn::Mul(r.high, r.high);
  const V cube = hn::Mul(r.high, z);
  const V q = hn::Mul(
      z, Polynomial(d, z, hn::Mul(z, z), 0x1.11111111110c1p-7, -0x1.a01a01a0148a1p-13, 0x1.71de3a5287075p-19,
                    -0x1.ae6454cafd160p-26, 0x1.6123cb11ca7f9p-33, -0x1.ae43176a72db4p-41, 0x1.8828f8d754db4p-49));
  // The low part times about cos r; the largest term of the polynomial last.
  const V low = hn::NegMulAdd(hn::Mul(z, hn::Set(d, 0.5)), r.low, r.low);
  return hn::Add(r.high, hn::MulAdd(cube, hn::Set(d, -0x1.5555555555555p-3), hn::MulAdd(cube, q, low)));
}

/// `result`, with the C library's where |x| is beyond wave_limit.
template <Wave wave, class D, class V = hn::Vec<D>>
HWY_INLINE V WithLarge(D d, V x, V result) {
  if (HWY_LIKELY(hn::AllTrue(d, hn::Le(hn::Abs(x), hn::Set(d, wave_limit))))) return result;
  HWY_ALIGN double arguments[hn::MaxLanes(d)], results[hn::MaxLanes(d)];
  hn::Store(x, d, arguments);
  hn::Store(result, d, results);
  WaveOfLarge(wave, arguments, results, hn::Lanes(d));
  return hn::Load(d, results);
}

/// x - m·π/2 for f64, given its difference from the first part.
template <class D, class V = hn::Vec<D>>
HWY_INLINE DoubleDouble<V> SubtractSmallParts(D d, V first, V m) {
  const auto product = TwoProduct(d, m, hn::Set(d, 0x1.1a62633145c07p-54));
  const auto second = FastTwoSum(first, hn::Neg(product.high));
  const V low = hn::NegMulAdd(m, hn::Set(d, -0x1.f1976b7ed8fbcp-110), hn::Sub(second.low, product.low));
  return FastTwoSum(second.high, low);
}

template <Wave wave, bool for_f32, class D, class V = hn::Vec<D>>
HWY_INLINE V WaveInF64(D d, V x) {
  const V one = hn::Set(d, 1.0);
  const V turns = hn::Mul(x, hn::Set(d, 0x1.45f306dc9c883p-2));
  // x = h·π + r for sin, h·π + π/2 + r for cos, which is (-1)^(h+1)·sin r.
  const V h = hn::Round(wave == Wave::sine ? turns : hn::Sub(turns, hn::Set(d, 0.5)));
  const V m = wave == Wave::sine ? hn::Add(h, h) : hn::Add(hn::Add(h, h), one);
  const V first = SubtractExactly(d, x, m, hn::Set(d, 0x1.921fb54442d18p0));
  V sine;
  if constexpr (for_f32) {
    sine = SineReducedForF32(d, hn::NegMulAdd(m, hn::Set(d, 0x1.1a62633145c07p-54), first));
  } else {
    sine = SineReduced(d, SubtractSmallParts(d, first, m));
  }
  const hn::RebindToUnsigned<D> du;
  const V parity = hn::Add(wave == Wave::sine ? h : hn::Add(h, one), hn::Set(d, 0x1.8p52));
  const V result = hn::Xor(sine, hn::BitCast(d, hn::ShiftLeft<63>(hn::BitCast(du, parity))));

  return WithLarge<wave>(d, x, result);
}

/// x − turns·π/2 for f32, |x| ≤ WaveF32::farthest.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V SubtractQuarterTurns(D d, V x, V turns) {
#if HWY_NATIVE_FMA
  constexpr auto parts = elementary::WaveF32::half_pi;
#else
  constexpr auto parts = elementary::WaveF32::short_half_pi;
#endif
  for (const float part : parts) x = hn::NegMulAdd(turns, hn::Set(d, part), x);
  return x;
}

/// c[0] + c[1]·z + c[2]·z²
template <class D, class V = hn::Vec<D>>
HWY_INLINE V Quadratic(D d, V z, const std::array<float, 3>& c) {
  return hn::MulAdd(hn::MulAdd(hn::Set(d, c[2]), z, hn::Set(d, c[1])), z, hn::Set(d, c[0]));
}

/// sin or cos of f32 numbers by f32 arithmetic, |x| ≤ WaveF32::farthest: x = q·π/2 + r, ±sin r or ±cos r.
template <Wave wave, class D, class V = hn::Vec<D>>
HWY_INLINE V WaveInF32(D d, V x) {
  using W = elementary::WaveF32;
  const hn::RebindToUnsigned<D> du;
  const V one = hn::Set(d, 1.0f), rounder = hn::Set(d, W::rounder);
  const V rounded = hn::MulAdd(x, hn::Set(d, W::half_pi_inverse), rounder);
  const V r = SubtractQuarterTurns(d, x, hn::Sub(rounded, rounder));
  const V z = hn::Mul(r, r);
  V sine = hn::MulAdd(hn::Mul(r, z), Quadratic(d, z, W::sine), r);
  sine = hn::CopySign(sine, r);  // keeps -0
  const V cosine = hn::MulAdd(hn::MulAdd(Quadratic(d, z, W::cosine), z, hn::Set(d, -0.5f)), z, one);
  auto q = hn::BitCast(du, rounded);
  const auto odd = hn::RebindMask(d, hn::TestBit(q, hn::Set(du, 1)));
  const V result = wave == Wave::sine ? hn::IfThenElse(odd, cosine, sine) : hn::IfThenElse(odd, sine, cosine);
  if (wave == Wave::cosine) q = hn::Add(q, hn::Set(du, 1));
  return hn::Xor(result, hn::And(hn::BitCast(d, hn::ShiftLeft<30>(q)), hn::SignBit(d)));
}

/// `result` where it is good, else the function computed in f64.
template <Wave wave, class D, class V = hn::Vec<D>>
HWY_NOINLINE V WithF64(D d, V x, V result, hn::Mask<D> good) {
  const V wide = InF64(
      d, [](auto dw, auto v) HWY_ATTR { return WaveInF64<wave, true>(dw, v); }, x);
  return hn::IfThenElse(good, result, wide);
}

template <Wave wave, class D, class V = hn::Vec<D>>
HWY_INLINE V WaveOf(D d, V x) {
  if constexpr (sizeof(hn::TFromD<D>) == 4) {
    const auto good = hn::Le(hn::Abs(x), hn::Set(d, elementary::WaveF32::farthest));
    const V result = WaveInF32<wave>(d, x);
    return HWY_LIKELY(hn::AllTrue(d, good)) ? result : WithF64<wave>(d, x, result, good);
  } else {
    return WaveInF64<wave, false>(d, x);
  }
}

template <class D, class V = hn::Vec<D>>
HWY_INLINE V Sin(D d, V x) {
  const V sine = WaveOf<Wave::sine>(d, x);
  return sizeof(hn::TFromD<D>) == 4 ? sine : hn::IfThenElse(hn::Eq(x, hn::Zero(d)), x, sine);  // keeps -0
}

template <class D, class V = hn::Vec<D>>
HWY_INLINE V Cos(D d, V x) {
  return WaveOf<Wave::cosine>(d, x);
}

template <class D, class V = hn::Vec<D>>
HWY_INLINE V TanInF64(D d, V x) {
  const V m = hn::Round(hn::Mul(x, hn::Set(d, 0x1.45f306dc9c883p-1)));
  const auto r = SubtractSmallParts(d, SubtractExactly(d, x, m, hn::Set(d, 0x1.921fb54442d18p0)), m);
  const V z = hn::Mul(r.high, r.high);
  const V p = Polynomial(d, z, hn::Mul(z, z), 0x1.5555555555555p-2, 0x1.111111111111bp-3, 0x1.ba1ba1ba1a515p-5,
                         0x1.664f48834f964p-6, 0x1.226e353ec9d10p-7, 0x1.d6d3d9595bd98p-9, 0x1.7da2a66ef5c08p-10,
                         0x1.35639716825dap-11, 0x1.f4827866d91b9p-13, 0x1.9e442245f7eccp-14, 0x1.1c9dc42563c4dp-15,
                         0x1.c6ce88efb7998p-16, -0x1.5629f83918912p-17, 0x1.47c6450c63687p-16, -0x1.46fee54eb56fdp-17,
                         0x1.090d7f0e7cdbap-18);
  const V t = hn::Add(r.high, hn::MulAdd(hn::Mul(r.high, z), p, hn::MulAdd(z, r.low, r.low)));
  const hn::RebindToUnsigned<D> du;
  const V parity = hn::BitCast(d, hn::ShiftLeft<63>(hn::BitCast(du, hn::Add(m, hn::Set(d, 0x1.8p52)))));
  const V one = hn::Set(d, 1.0);
  const auto odd = hn::Lt(hn::Or(one, parity), hn::Zero(d));
  const V result = hn::Div(hn::IfThenElse(odd, hn::Neg(one), t), hn::IfThenElse(odd, t, one));
  return WithLarge<Wave::tangent>(d, x, result);
}

template <class D, class V = hn::Vec<D>>
HWY_INLINE V Tan(D d, V x) {
  const V result = AlwaysInF64(
      d, [](auto wide, auto v) HWY_ATTR { return TanInF64(wide, v); }, x);
  return hn::IfThenElse(hn::Eq(x, hn::Zero(d)), x, result);
}

}  // namespace HWY_NAMESPACE
}  // namespace thalweg
HWY_AFTER_NAMESPACE();

#endif  // THALWEG_ELEMENTARY_TRIGONOMETRIC_INL_HPP
