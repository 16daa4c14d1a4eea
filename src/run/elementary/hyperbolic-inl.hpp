// sinh, cosh, asinh, acosh and atanh over Highway vectors of f32 and f64, from the parts of expm1 and log1p.

// Per-target include guard.
#if defined(THALWEG_ELEMENTARY_HYPERBOLIC_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef THALWEG_ELEMENTARY_HYPERBOLIC_INL_HPP
#undef THALWEG_ELEMENTARY_HYPERBOLIC_INL_HPP
#else
#define THALWEG_ELEMENTARY_HYPERBOLIC_INL_HPP
#endif

#include <limits>

#include "src/run/elementary/exponential-inl.hpp"
#include "src/run/elementary/logarithm-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace thalweg {
namespace HWY_NAMESPACE {

/// (e^x ± e^-x) / 4 for x ≥ 0, up to where twice that overflows. With e^x = 2^n·(1 + p), e^-x = 2^-n·(1 + q) and
/// h = 2^(n-2), g = 2^(-n-2) it is (h ± g) + (h·p ± g·q): no cancellation, as q has the sign of -p.
template <bool minus, class D, class V = hn::Vec<D>>
HWY_INLINE V HalfHyperbolic(D d, V x) {
  const V zero = hn::Zero(d), two = Constant(d, 2.0f, 2.0);
  x = AtMost(d, x, 89.6f, 710.6);
  const V n = RoundedMultipleOfLn2(d, x);
  const V p = Expm1Compensated(d, x, n, zero);
  const V q = Expm1Compensated(d, hn::Neg(x), hn::Neg(n), zero);
  const V h = PowerOfTwo(d, hn::Sub(n, two));
  // 2^-n vanishes beside 2^n long before it is too small a number.
  const V g = PowerOfTwo(d, hn::Sub(hn::Neg(AtMost(d, n, 60.0f, 200.0)), two));
  const V signed_g = minus ? hn::Neg(g) : g;
  return hn::Add(hn::Add(h, signed_g), hn::MulAdd(h, p, hn::Mul(signed_g, q)));
}

template <class D, class V = hn::Vec<D>>
HWY_INLINE V Sinh(D d, V x) {
  const V magnitude = hn::Abs(x);
  const V half = HalfHyperbolic<true>(d, magnitude);
  const auto tiny = hn::Lt(magnitude, Constant(d, 0x1p-13f, 0x1p-27));
  return hn::IfThenElse(tiny, x, hn::CopySignToAbs(hn::Add(half, half), x));
}

template <class D, class V = hn::Vec<D>>
HWY_INLINE V Cosh(D d, V x) {
  const V half = HalfHyperbolic<false>(d, hn::Abs(x));
  return hn::Add(half, half);
}

/// log(2x) for x so large that 1 vanishes beside x².
template <class D, class V = hn::Vec<D>>
HWY_INLINE V LogOfDouble(D d, V x) {
  auto reduced = ReduceForLog(d, x);
  reduced.k = hn::Add(reduced.k, Constant(d, 1.0f, 1.0));
  return hn::IfThenElse(hn::Lt(x, Infinity(d)), LogFromReduced(d, reduced), x);
}

/// log(x + √(x² + 1)) = log1p(x + x² / (1 + √(x² + 1))) for x > 0.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V Asinh(D d, V x) {
  const V one = Constant(d, 1.0f, 1.0);
  const V magnitude = hn::Abs(x);
  const auto large = hn::Gt(magnitude, Constant(d, 0x1p14f, 0x1p28));
  const V moderate = hn::IfThenZeroElse(large, magnitude);
  const V square = hn::Mul(moderate, moderate);
  const V rest = hn::Div(square, hn::Add(one, hn::Sqrt(hn::Add(square, one))));
  const V result = Log1p(d, hn::Add(moderate, rest));
  return hn::CopySignToAbs(hn::IfThenElse(large, LogOfDouble(d, magnitude), result), x);
}

/// log(x + √(x² - 1)) = log1p(t + √(2t + t²)) with t = x - 1.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V Acosh(D d, V x) {
  const V one = Constant(d, 1.0f, 1.0);
  const auto large = hn::Gt(x, Constant(d, 0x1p14f, 0x1p28));
  const V t = hn::Sub(hn::IfThenElse(large, one, x), one);
  const V result = Log1p(d, hn::Add(t, hn::Sqrt(hn::MulAdd(t, t, hn::Add(t, t)))));
  const V undefined = hn::Set(d, std::numeric_limits<hn::TFromD<D>>::quiet_NaN());
  return hn::IfThenElse(hn::Lt(x, one), undefined, hn::IfThenElse(large, LogOfDouble(d, x), result));
}

/// log((1 + x) / (1 - x)) / 2 = log1p(2x / (1 - x)) / 2.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V Atanh(D d, V x) {
  const V one = Constant(d, 1.0f, 1.0);
  const V magnitude = hn::Abs(x);
  const V twice = Log1p(d, hn::Div(hn::Add(magnitude, magnitude), hn::Sub(one, magnitude)));
  const auto tiny = hn::Lt(magnitude, Constant(d, 0x1p-13f, 0x1p-27));
  return hn::IfThenElse(tiny, x, hn::CopySignToAbs(hn::Mul(twice, Constant(d, 0.5f, 0.5)), x));
}

}  // namespace HWY_NAMESPACE
}  // namespace thalweg
HWY_AFTER_NAMESPACE();

#endif  // THALWEG_ELEMENTARY_HYPERBOLIC_INL_HPP
