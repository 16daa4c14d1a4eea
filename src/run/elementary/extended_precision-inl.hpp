// Double-double arithmetic in f64 (Dekker, "A floating-point technique for extending the available precision", 1971),
// and f32 functions computed in f64.

// Per-target include guard.
#if defined(THALWEG_ELEMENTARY_EXTENDED_PRECISION_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef THALWEG_ELEMENTARY_EXTENDED_PRECISION_INL_HPP
#undef THALWEG_ELEMENTARY_EXTENDED_PRECISION_INL_HPP
#else
#define THALWEG_ELEMENTARY_EXTENDED_PRECISION_INL_HPP
#endif

#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace thalweg {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

/// An unevaluated sum, |low| at most half an ulp of high.
template <class V>
struct DoubleDouble {
  V high, low;
};

/// a + b exactly, for |a| ≥ |b| or a = 0.
template <class V>
HWY_INLINE DoubleDouble<V> FastTwoSum(V a, V b) {
  const V sum = hn::Add(a, b);
  return {sum, hn::Sub(b, hn::Sub(sum, a))};
}

/// a·b exactly.
template <class D, class V = hn::Vec<D>>
HWY_INLINE DoubleDouble<V> TwoProduct(D d, V a, V b) {
  const V product = hn::Mul(a, b);
#if HWY_NATIVE_FMA
  (void)d;
  return {product, hn::MulSub(a, b, product)};
#else
  const V splitter = hn::Set(d, 0x1p27 + 1);  // Veltkamp: halves of 26 bits
  const V a_scaled = hn::Mul(a, splitter), b_scaled = hn::Mul(b, splitter);
  const V a_high = hn::Sub(a_scaled, hn::Sub(a_scaled, a)), b_high = hn::Sub(b_scaled, hn::Sub(b_scaled, b));
  const V a_low = hn::Sub(a, a_high), b_low = hn::Sub(b, b_high);
  V error = hn::Sub(hn::Mul(a_high, b_high), product);
  error = hn::Add(hn::Add(error, hn::Mul(a_high, b_low)), hn::Mul(a_low, b_high));
  return {product, hn::Add(error, hn::Mul(a_low, b_low))};
#endif
}

/// x - n·c where that is a number of the format, as it is where n·c is near x.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V SubtractExactly(D d, V x, V n, V c) {
#if HWY_NATIVE_FMA
  (void)d;
  return hn::NegMulAdd(n, c, x);
#else
  const auto product = TwoProduct(d, n, c);
  return hn::Sub(hn::Sub(x, product.high), product.low);
#endif
}

/// An f32 function from one of f64 vectors of half as many lanes.
template <class D, class Function, class... V>
HWY_INLINE hn::Vec<D> InF64(D d, const Function& function, V... x) {
  const hn::Half<D> half;
  const hn::Rebind<double, decltype(half)> wide;
  const auto low = function(wide, hn::PromoteTo(wide, hn::LowerHalf(half, x))...);
  const auto high = function(wide, hn::PromoteTo(wide, hn::UpperHalf(half, x))...);
  return hn::Combine(d, hn::DemoteTo(half, high), hn::DemoteTo(half, low));
}

/// A function of f64 vectors for either type.
template <class D, class Function, class... V>
HWY_INLINE hn::Vec<D> AlwaysInF64(D d, const Function& function, V... x) {
  if constexpr (sizeof(hn::TFromD<D>) == 4) {
    return InF64(d, function, x...);
  } else {
    return function(d, x...);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace thalweg
HWY_AFTER_NAMESPACE();

#endif  // THALWEG_ELEMENTARY_EXTENDED_PRECISION_INL_HPP
