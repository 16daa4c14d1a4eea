// x^y and the cube root over Highway vectors of f32 and f64. x^y is e^(y·log|x|), with IEEE 754's special cases (the
// table of C's pow).
//
// Powers of f32 are computed in f64. f64 carries the logarithm and its product with y in double-double, about 2^-65
// relative, as e^745 needs 10 bits more than it keeps. Polynomials: own minimax fits. Measured errors:
// docs/precision.md.

// Per-target include guard.
#if defined(THALWEG_ELEMENTARY_POWER_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef THALWEG_ELEMENTARY_POWER_INL_HPP
#undef THALWEG_ELEMENTARY_POWER_INL_HPP
#else
#define THALWEG_ELEMENTARY_POWER_INL_HPP
#endif

#include "src/run/elementary/logarithm-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace thalweg {
namespace HWY_NAMESPACE {

/// |x|^y in f64, for |x| given; y = 0 and |x| = 1 where the other is NaN are the caller's.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V PowerOfMagnitude(D d, V x, V y) {
  // Beyond 2^64 the result no longer changes; the products below then cannot overflow.
  y = hn::Max(hn::Set(d, -0x1p64), hn::Min(hn::Set(d, 0x1p64), y));
  const auto log = LogDoubleDouble(d, ReduceForLog(d, x));
  const auto product = TwoProduct(d, y, log.high);
  const V high = hn::Mul(y, LogSpecial(d, x, log.high));
  const auto in_range = hn::Lt(hn::Abs(high), hn::Set(d, 1000.0));
  const V low = hn::IfThenElseZero(in_range, hn::MulAdd(y, log.low, product.low));
  const V clamped = AtLeast(d, AtMost(d, high, 0.0f, 710.0), 0.0f, -746.0);
  const V n = RoundedMultipleOfLn2(d, clamped);
  const V p = Expm1Compensated(d, clamped, n, low);
  return ScaleByPowerOfTwo(d, hn::Add(p, hn::Set(d, 1.0)), n);
}

/// |x|^y of f32 numbers as f64 ones, to about 2^-30.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V PowerOfMagnitudeForF32(D d, V x, V y) {
  const V log = LogForF32(d, x);
  y = hn::Max(hn::Set(d, -0x1p64), hn::Min(hn::Set(d, 0x1p64), y));
  const V product = AtLeast(d, AtMost(d, hn::Mul(y, log), 0.0f, 90.0), 0.0f, -110.0);
  const V n = RoundedMultipleOfLn2(d, product);
  const V rest = hn::NegMulAdd(n, hn::Set(d, 0x1.62e42fefa39efp-1), product);
  const V rest2 = hn::Mul(rest, rest);
  const V q = Polynomial(d, rest, rest2, 0x1.0000002606b3ep-1, 0x1.555554ef50abbp-3, 0x1.5554b0ec49a0ep-5,
                         0x1.1111899868b88p-7, 0x1.6d723e0d38ccep-10, 0x1.a032c3539de9cp-13);
  const V expm1 = hn::MulAdd(q, rest2, rest);
  const V power = PowerOfTwo(d, n);
  return hn::MulAdd(expm1, power, power);
}

/// x^y.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V Power(D d, V x, V y) {
  using T = hn::TFromD<D>;
  const V magnitude_of_x = hn::Abs(x);
  const V one = hn::Set(d, T{1});
  V result;
  if constexpr (sizeof(T) == 4) {
    result = InF64(
        d, [](auto wide, auto a, auto b) HWY_ATTR { return PowerOfMagnitudeForF32(wide, a, b); }, magnitude_of_x, y);
  } else {
    result = PowerOfMagnitude(d, magnitude_of_x, y);
  }
  result = hn::IfThenElse(hn::Or(hn::Eq(x, one), hn::Eq(y, hn::Zero(d))), one, result);

  const V half_y = hn::Mul(y, hn::Set(d, T(0.5)));
  const auto integer = hn::Eq(hn::Round(y), y);
  const auto odd = hn::AndNot(hn::Eq(hn::Round(half_y), half_y), integer);
  const V sign = hn::IfThenElseZero(odd, hn::And(x, hn::SignBit(d)));
  const auto undefined = hn::AndNot(integer, hn::And(hn::Lt(x, hn::Zero(d)), hn::Lt(magnitude_of_x, Infinity(d))));
  return hn::IfThenElse(undefined, hn::Set(d, std::numeric_limits<T>::quiet_NaN()), hn::Xor(result, sign));
}

/// The cube root, of the sign of x.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V Cbrt(D d, V x) {
  const V one = Constant(d, 1.0f, 1.0);
  const V third = Constant(d, 1.0f / 3, 1.0 / 3);
  // |x| = m·2^(3q), m in [0.35, 3]
  const auto reduced = ReduceForLog(d, hn::Abs(x));
  const V q = hn::Round(hn::Mul(reduced.k, third));
  const V left = hn::NegMulAdd(q, Constant(d, 3.0f, 3.0), reduced.k);
  const V m = hn::Mul(hn::Add(reduced.f, one), PowerOfTwo(d, left));
  // r = m^(-1/3): a minimax fit to 2^-8, then r·(1 + e/3 + 2·e²/9) with e = 1 - m·r³, which leaves 14/81·e³.
  V r = Polynomial(d, m, hn::Mul(m, m), 0x1.ff36a6p0f, -0x1.250bdap1f, 0x1.102c2cp1f, -0x1.16e89p0f, 0x1.1fce8ep-2f,
                   -0x1.d2e2c6p-6f);
  for (int step = 0; step < (sizeof(hn::TFromD<D>) == 4 ? 1 : 2); ++step) {
    const V e = hn::NegMulAdd(hn::Mul(m, r), hn::Mul(r, r), one);
    r = hn::MulAdd(hn::Mul(r, e), hn::MulAdd(e, Constant(d, 2.0f / 9, 2.0 / 9), third), r);
  }
  // y = m·r², and one Newton step on y³ = m.
  const V r2 = hn::Mul(r, r);
  const V y = hn::Mul(m, r2);
  const V root = hn::MulAdd(hn::NegMulAdd(hn::Mul(y, y), y, m), hn::Mul(r2, third), y);
  const V result = hn::CopySignToAbs(hn::Mul(root, PowerOfTwo(d, q)), x);
  const auto finite = hn::And(hn::Lt(hn::Abs(x), Infinity(d)), hn::Ne(x, hn::Zero(d)));
  return hn::IfThenElse(finite, result, x);
}

}  // namespace HWY_NAMESPACE
}  // namespace thalweg
HWY_AFTER_NAMESPACE();

#endif  // THALWEG_ELEMENTARY_POWER_INL_HPP
