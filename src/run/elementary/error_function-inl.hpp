// erf and erfc over Highway vectors of f32 and f64.
//
// Below 1 it is x + x·P(x²), from 1 on 1 - e^(-x²)·G with G = erfc(x)·e^(x²) a polynomial in (x - a) / (x + a) (after
// Shepherd and Laframboise, "Chebyshev approximation of (1 + 2x)·exp(x²)·erfc x", 1981). Both are own minimax fits of
// erf's relative error: 2^-28.7 (f32) and 2^-55 (f64). erfc is e^(-x²)·H, in f64 from 1/2 on, with x² in two parts, as the power
// multiplies its error (fit_polynomials.py). In f64 H is a polynomial in (x - 3.5) / (x + 3.5), divided by 1 + 2x, to 2^-56;
// in f32, with one division, t times a polynomial in t = 1 / (x + 2), to 2^-27.7.

// Per-target include guard.
#if defined(THALWEG_ELEMENTARY_ERROR_FUNCTION_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef THALWEG_ELEMENTARY_ERROR_FUNCTION_INL_HPP
#undef THALWEG_ELEMENTARY_ERROR_FUNCTION_INL_HPP
#else
#define THALWEG_ELEMENTARY_ERROR_FUNCTION_INL_HPP
#endif

#include "src/run/elementary/exponential-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace thalweg {
namespace HWY_NAMESPACE {

/// erf(x) / x - 1 at z = x² ≤ 1.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V ErfSmall(D d, V z) {
  const V z2 = hn::Mul(z, z);
  if constexpr (sizeof(hn::TFromD<D>) == 4) {
    return PolynomialOf(d, z, z2, elementary::ComplementaryErrorF32::small);
  } else {
    return Polynomial(d, z, z2, 0x1.06eba8214db68p-3, -0x1.812746b0379bdp-2, 0x1.ce2f21a040d16p-4,
                      -0x1.b82ce311fa93ep-6, 0x1.565bccf92b2f9p-8, -0x1.c02db03dd71d3p-11, 0x1.f9a2baa8fedc5p-14,
                      -0x1.f4ca4d6f3e3b8p-17, 0x1.b97fd3d993b94p-20, -0x1.5c0726f058accp-23, 0x1.d71b0f1b725dap-27,
                      -0x1.abae491da18ecp-31);
  }
}

/// erfc(x)·e^(x²) for x from 1 to where erf rounds to 1.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V ErfcScaled(D d, V x) {
  const V center = Constant(d, 2.0f, 3.0);
  const V u = hn::Div(hn::Sub(x, center), hn::Add(x, center));
  const V u2 = hn::Mul(u, u);
  if constexpr (sizeof(hn::TFromD<D>) == 4) {
    return Polynomial(d, u, u2, 0x1.058672p-2f, -0x1.b57036p-2f, 0x1.eee9fap-3f, -0x1.438854p-4f, 0x1.e8a0c6p-9f,
                      0x1.d88b5ep-8f);
  } else {
    return Polynomial(d, u, u2, 0x1.6e9827d2297c3p-3, -0x1.4e102b9d0559cp-2, 0x1.f6ff203f5c2cfp-3,
                      -0x1.336ffbe8888c8p-3, 0x1.258b175353156p-4, -0x1.8fa4d0b5cab68p-6, 0x1.17dd225e601f6p-8,
                      0x1.75f5bcd313fccp-11, -0x1.308d0f6886643p-11, 0x1.41956c1b4d934p-14, 0x1.b0b2cd0810638p-14,
                      0x1.003ee3b6e6b44p-16);
  }
}

/// The error function, 2/√π·∫ e^(-t²) dt from 0 to x.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V Erf(D d, V x) {
  const V one = Constant(d, 1.0f, 1.0);
  const V magnitude = AtMost(d, hn::Abs(x), 4.0f, 6.0);
  const V square = hn::Mul(magnitude, magnitude);
  const V small = hn::MulAdd(x, ErfSmall(d, square), x);
  const V minus_square = hn::Neg(square);
  const V n = RoundedMultipleOfLn2(d, minus_square);
  const V power = PowerOfTwo(d, n);
  const V e = hn::MulAdd(Expm1Reduced(d, SubtractLn2(d, minus_square, n)), power, power);
  const V large = hn::CopySignToAbs(hn::NegMulAdd(e, ErfcScaled(d, magnitude), one), x);
  return hn::IfThenElse(hn::Lt(magnitude, one), small, large);
}

/// e^(x² − left)·erfc(x) for x from 0 (f32) or 1/2 to where erfc has become 0. Sets `left` only if it is not 0.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V ErfcScaledTail(D d, V x, V& left) {
  if constexpr (sizeof(hn::TFromD<D>) == 4) {
    using E = elementary::ComplementaryErrorF32;
    const V one = hn::Set(d, 1.0f), divisor = hn::Add(x, hn::Set(d, E::shift));
    const V t = hn::Div(one, divisor);
    const V v = hn::NegMulAdd(t, hn::Set(d, E::slope), hn::Set(d, E::middle));
    const V numerator = hn::MulAdd(PolynomialOf(d, v, hn::Mul(v, v), E::tail), v, hn::Set(d, E::first));
    // The relative error of t.
    const V rounded_off = hn::Sub(x, hn::Sub(divisor, hn::Set(d, E::shift)));
    const V sensitivity = hn::MulAdd(t, hn::Set(d, E::sensitivity), one);
#if HWY_NATIVE_FMA
    left = hn::Mul(hn::NegMulAdd(t, rounded_off, hn::NegMulAdd(t, divisor, one)), sensitivity);
    return hn::Mul(numerator, t);
#else
    left = hn::Neg(hn::Mul(hn::Mul(t, rounded_off), sensitivity));
    return hn::Div(numerator, divisor);
#endif
  } else {
    const V one = hn::Set(d, 1.0), center = hn::Set(d, 3.5);
    const V u = hn::Div(hn::Sub(x, center), hn::Add(x, center));
    const V u2 = hn::Mul(u, u);
    const V shape =
        Polynomial(d, u, u2, 0x1.3e0a99a0ee914p+0, -0x1.1ebd220ea593cp-3, -0x1.59e2c284b11f3p-7, 0x1.8f702ec6b33a9p-4,
                   -0x1.d76830c3531bdp-4, 0x1.686106046da46p-4, -0x1.8ff5ef76d2abdp-5, 0x1.38ec6671729c0p-6,
                   -0x1.143c4ca683e7bp-8, -0x1.3cf36a55eb542p-12, 0x1.27e6649d4456fp-11, -0x1.fda8f7873d481p-14,
                   -0x1.66e20d9d2fb39p-15, 0x1.9707ce43554fcp-16, 0x1.387bb87e8bdc2p-19, -0x1.fff241d35329dp-19,
                   -0x1.79987dcf403c5p-25, 0x1.4220542a28efap-21, -0x1.1ec0eb0c44986p-27, -0x1.8ef74d3090fb9p-24,
                   0x1.00a07803b5dd5p-30, 0x1.63ce15405c67ap-27, -0x1.292c5e6cb19c5p-33);
    return hn::Div(shape, hn::Add(one, hn::Add(x, x)));
  }
}

/// erfc(x) for x ≥ 0 (f32) or 1/2.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V ErfcLarge(D d, V x) {
  const hn::RebindToUnsigned<D> du;
  x = AtMost(d, x, elementary::ComplementaryErrorF32::farthest, 28.0);  // where it has become 0
  V left = hn::Zero(d);
  const V scaled = ErfcScaledTail(d, x, left);
  // x = a + b with a short enough that a² is exact; x² = a² + b·(x + a). e^left is the error of what comes of roundings.
  const auto upper_half = hn::Set(
      du, static_cast<hn::TFromD<decltype(du)>>(
              sizeof(hn::TFromD<D>) == 4 ? elementary::ComplementaryErrorF32::upper_half : 0xfffffffff8000000u));
  const V a = hn::BitCast(d, hn::And(hn::BitCast(du, x), upper_half));
  const V minus_square = hn::Neg(hn::Mul(a, a));
  const V rest = hn::MulAdd(hn::Sub(a, x), hn::Add(x, a), left);
  const V n = RoundedMultipleOfLn2(d, hn::Neg(hn::Mul(x, x)));  // NaN, as a may have become inf
  const V p = Expm1Compensated(d, minus_square, n, rest);
  return ScaleByPowerOfTwo(d, hn::MulAdd(p, scaled, scaled), n);
}

/// The complementary error function, 1 - erf(x), accurate where that is small. NaN stays, as in all that it is computed from.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V Erfc(D d, V x) {
  constexpr bool single = sizeof(hn::TFromD<D>) == 4;
  const V magnitude = hn::Abs(x);
  const V tail = ErfcLarge(d, single ? magnitude : AtLeast(d, magnitude, 0.5f, 0.5));
  const V large = hn::IfThenElse(hn::Lt(x, hn::Zero(d)), hn::Sub(Constant(d, 2.0f, 2.0), tail), tail);
  if constexpr (single) return large;
  const V near_one = hn::Sub(Constant(d, 1.0f, 1.0), hn::MulAdd(x, ErfSmall(d, hn::Mul(magnitude, magnitude)), x));
  return hn::IfThenElse(hn::Lt(magnitude, Constant(d, 0.5f, 0.5)), near_one, large);
}

}  // namespace HWY_NAMESPACE
}  // namespace thalweg
HWY_AFTER_NAMESPACE();

#endif  // THALWEG_ELEMENTARY_ERROR_FUNCTION_INL_HPP
