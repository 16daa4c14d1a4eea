// asin, acos, atan and atan2 over Highway vectors of f32 and f64; f32 is computed in f64.
//
// Odd polynomials x + x·z·p(z), z = x² (fit_polynomials.py): asin to 2^-58.7 for |x| ≤ 1/2, from there by
// asin x = π/2 - 2·asin √((1 - x)/2); atan to 2^-58.2 for |x| ≤ √2 - 1, from there by
// atan x = π/4 + atan((x - 1) / (x + 1)) and π/2 + atan(-1 / x).

// Per-target include guard.
#if defined(THALWEG_ELEMENTARY_INVERSE_TRIGONOMETRIC_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef THALWEG_ELEMENTARY_INVERSE_TRIGONOMETRIC_INL_HPP
#undef THALWEG_ELEMENTARY_INVERSE_TRIGONOMETRIC_INL_HPP
#else
#define THALWEG_ELEMENTARY_INVERSE_TRIGONOMETRIC_INL_HPP
#endif

#include "src/run/elementary/exponential-inl.hpp"
#include "src/run/elementary/extended_precision-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace thalweg {
namespace HWY_NAMESPACE {

/// π/2 in two parts.
inline constexpr double half_pi = 0x1.921fb54442d18p0, half_pi_low = 0x1.1a62633145c07p-54;

/// asin s - s for |s| ≤ 1/2, z = s².
template <class D, class V = hn::Vec<D>>
HWY_INLINE V AsinRest(D d, V s, V z) {
  const V p = Polynomial(d, z, hn::Mul(z, z), 0x1.5555555555555p-3, 0x1.3333333333388p-4, 0x1.6db6db6dac1e0p-5,
                         0x1.f1c71c7a52ba3p-6, 0x1.6e8ba123e494cp-6, 0x1.1c4efce23019fp-6, 0x1.c990ad3d8fdcap-7,
                         0x1.7b027ee1dd585p-7, 0x1.3b49de7121487p-7, 0x1.31622469ce5adp-7, 0x1.8f193743418ffp-9,
                         0x1.406192d124629p-6, -0x1.3b416bb7d9257p-6, 0x1.e529c6fce9bb4p-6);
  return hn::Mul(hn::Mul(s, z), p);
}

/// What asin and acos share: z, and s with s² = z, of |x| or, beyond 1/2, of √((1 - |x|)/2).
template <class V>
struct AsinReduced {
  V s, z;
};
template <class D, class V, class M>
HWY_INLINE AsinReduced<V> ReduceForAsin(D d, V magnitude, M large) {
  const V half = hn::Set(d, 0.5);
  const V z = hn::IfThenElse(large, hn::NegMulAdd(half, magnitude, half), hn::Mul(magnitude, magnitude));
  return {hn::IfThenElse(large, hn::Sqrt(z), magnitude), z};
}

template <class D, class V = hn::Vec<D>>
HWY_INLINE V AsinInF64(D d, V x) {
  const V magnitude = hn::Abs(x);
  const auto large = hn::Gt(magnitude, hn::Set(d, 0.5));
  const auto reduced = ReduceForAsin(d, magnitude, large);
  const V rest = AsinRest(d, reduced.s, reduced.z);
  // π/2 - 2·(s + rest), the small terms first.
  const V two = hn::Set(d, 2.0);
  const V small = hn::NegMulAdd(two, rest, hn::Set(d, half_pi_low));
  const V from_right = hn::Add(hn::NegMulAdd(two, reduced.s, hn::Set(d, half_pi)), small);
  const V result = hn::IfThenElse(large, from_right, hn::Add(reduced.s, rest));
  return hn::CopySignToAbs(result, x);
}

template <class D, class V = hn::Vec<D>>
HWY_INLINE V AcosInF64(D d, V x) {
  const V magnitude = hn::Abs(x);
  const auto large = hn::Gt(magnitude, hn::Set(d, 0.5));
  const auto reduced = ReduceForAsin(d, magnitude, large);
  const V rest = AsinRest(d, reduced.s, reduced.z);
  const V asin = hn::Add(reduced.s, rest);
  const V low = hn::Set(d, half_pi_low);
  // π/2 - asin x; 2·asin s; π - 2·asin s.
  const V sign = hn::And(x, hn::SignBit(d));
  const V middle = hn::Sub(hn::Set(d, half_pi), hn::Sub(hn::Xor(asin, sign), low));
  const V right = hn::Add(asin, asin);
  const V left = hn::Sub(hn::Set(d, 2 * half_pi), hn::Sub(right, hn::Add(low, low)));
  return hn::IfThenElse(large, hn::IfThenElse(hn::Lt(x, hn::Zero(d)), left, right), middle);
}

/// atan(y / x) for x, y ≥ 0, not both 0 or inf.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V AtanOfRatio(D d, V y, V x) {
  const auto middle = hn::Gt(y, hn::Mul(x, hn::Set(d, 0x1.a827999fcef32p-2)));  // √2 - 1
  const auto large = hn::Gt(y, hn::Mul(x, hn::Set(d, 0x1.3504f333f9de6p1)));    // √2 + 1
  const V above = hn::IfThenElse(large, hn::Neg(x), hn::IfThenElse(middle, hn::Sub(y, x), y));
  const V below = hn::IfThenElse(large, y, hn::IfThenElse(middle, hn::Add(y, x), x));
  const V u = hn::Div(above, below);
  const V z = hn::Mul(u, u);
  const V p = Polynomial(d, z, hn::Mul(z, z), -0x1.5555555555555p-2, 0x1.9999999999953p-3, -0x1.249249248d7eep-3,
                         0x1.c71c71c304b68p-4, -0x1.745d165df3f95p-4, 0x1.3b1392d9e785cp-4, -0x1.110e880a7a521p-4,
                         0x1.e19a13b9fc6dfp-5, -0x1.ac7a938b69c93p-5, 0x1.74ddd408bb4c1p-5, -0x1.1b33b923aa954p-5,
                         0x1.0ad36a455cafbp-6);
  const V base = hn::IfThenElse(large, hn::Set(d, half_pi), hn::IfThenElseZero(middle, hn::Set(d, half_pi / 2)));
  const V base_low =
      hn::IfThenElse(large, hn::Set(d, half_pi_low), hn::IfThenElseZero(middle, hn::Set(d, half_pi_low / 2)));
  return hn::Add(base, hn::Add(u, hn::MulAdd(hn::Mul(u, z), p, base_low)));
}

template <class D, class V = hn::Vec<D>>
HWY_INLINE V AtanInF64(D d, V x) {
  return hn::CopySignToAbs(AtanOfRatio(d, hn::Abs(x), hn::Set(d, 1.0)), x);
}

template <class D, class V = hn::Vec<D>>
HWY_INLINE V Atan2InF64(D d, V y, V x) {
  const V one = hn::Set(d, 1.0), infinity = hn::Inf(d);
  V rise = hn::Abs(y), run = hn::Abs(x);
  const auto too_large = hn::Gt(hn::Max(rise, run), hn::Set(d, 0x1p1020));  // their sum might be inf
  const V scale = hn::IfThenElse(too_large, hn::Set(d, 0x1p-3), one);
  rise = hn::Mul(rise, scale), run = hn::Mul(run, scale);
  const auto both_infinite = hn::And(hn::Eq(rise, infinity), hn::Eq(run, infinity));
  rise = hn::IfThenElse(both_infinite, one, rise);
  run = hn::IfThenElse(hn::Or(both_infinite, hn::Eq(hn::Max(rise, run), hn::Zero(d))), one, run);
  const V angle = AtanOfRatio(d, rise, run);
  const V from_left = hn::Sub(hn::Set(d, 2 * half_pi), hn::Sub(angle, hn::Set(d, 2 * half_pi_low)));
  const auto is_left = hn::Lt(hn::CopySign(one, x), hn::Zero(d));
  const V result = hn::CopySign(hn::IfThenElse(is_left, from_left, angle), y);
  return hn::IfThenElse(hn::Eq(x, x), hn::IfThenElse(hn::Eq(y, y), result, y), x);
}

/// The arc sine in [-π/2, π/2]; NaN beyond ±1.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V Asin(D d, V x) {
  return AlwaysInF64(
      d, [](auto wide, auto v) HWY_ATTR { return AsinInF64(wide, v); }, x);
}

/// The arc cosine in [0, π]; NaN beyond ±1.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V Acos(D d, V x) {
  return AlwaysInF64(
      d, [](auto wide, auto v) HWY_ATTR { return AcosInF64(wide, v); }, x);
}

/// The arc tangent in [-π/2, π/2].
template <class D, class V = hn::Vec<D>>
HWY_INLINE V Atan(D d, V x) {
  return AlwaysInF64(
      d, [](auto wide, auto v) HWY_ATTR { return AtanInF64(wide, v); }, x);
}

/// The angle of the point (x, y) in [-π, π], with C's signed zeros and infinities.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V Atan2(D d, V y, V x) {
  return AlwaysInF64(
      d, [](auto wide, auto a, auto b) HWY_ATTR { return Atan2InF64(wide, a, b); }, y, x);
}

}  // namespace HWY_NAMESPACE
}  // namespace thalweg
HWY_AFTER_NAMESPACE();

#endif  // THALWEG_ELEMENTARY_INVERSE_TRIGONOMETRIC_INL_HPP
