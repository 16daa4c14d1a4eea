#include <thalweg/ops/rounding.hpp>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/rounding.cpp"
#include <hwy/foreach_target.h>

#include <cmath>

#include "src/run/element_kernel-inl.hpp"
#include "src/run/elementary/extended_precision-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace thalweg::HWY_NAMESPACE {
namespace {

struct Floor {
  template <class D, class V>
  HWY_INLINE V operator()(D, V x) const {
    if constexpr (hwy::IsFloat<hn::TFromD<D>>()) return hn::Floor(x);
    return x;
  }
};
THALWEG_ELEMENT_HANDLERS(floor_handlers, Floor, 1, float, double, std::int64_t)

struct Ceil {
  template <class D, class V>
  HWY_INLINE V operator()(D, V x) const {
    if constexpr (hwy::IsFloat<hn::TFromD<D>>()) return hn::Ceil(x);
    return x;
  }
};
THALWEG_ELEMENT_HANDLERS(ceil_handlers, Ceil, 1, float, double, std::int64_t)

struct Round {
  template <class D, class V>
  HWY_INLINE V operator()(D, V x) const {
    if constexpr (hwy::IsFloat<hn::TFromD<D>>()) return hn::Round(x);
    return x;
  }
};
THALWEG_ELEMENT_HANDLERS(round_handlers, Round, 1, float, double, std::int64_t)

struct Trunc {
  template <class D, class V>
  HWY_INLINE V operator()(D, V x) const {
    if constexpr (hwy::IsFloat<hn::TFromD<D>>()) return hn::Trunc(x);
    return x;
  }
};
THALWEG_ELEMENT_HANDLERS(trunc_handlers, Trunc, 1, float, double, std::int64_t)

struct Division {
  double quotient, remainder;
};

/// Python's divmod for floats, based on fmod, which is exact.
Division floor_division(double a, double b) {
  double remainder = std::fmod(a, b);
  if (b == 0) return {a / b, remainder};
  double quotient = (a - remainder) / b;
  if (remainder == 0) {
    remainder = std::copysign(0.0, b);
  } else if ((remainder < 0) != (b < 0)) {
    remainder += b;
    quotient -= 1;
  }
  return {quotient == 0 ? std::copysign(0.0, a / b) : std::nearbyint(quotient), remainder};
}

enum class Part { quotient, remainder };

/// Computes the lanes for which `is_usual` is false, one by one: a / b is too large for its floor to be exact, or b is
/// so large or small that parts of the product quotient · b would overflow or underflow.
template <Part part>
HWY_NOINLINE void divide_rare(const double* a, const double* b, const double* is_usual, double* out, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) {
    if (is_usual[i] != 0) continue;
    const Division division = floor_division(a[i], b[i]);
    out[i] = part == Part::quotient ? division.quotient : division.remainder;
  }
}

/// Below `limit`, the product of the quotient and b is exact.
template <Part part, class D, class V = hn::Vec<D>>
HWY_INLINE V floor_division_in_f64(D d, V a, V b, double limit) {
  const V zero = hn::Zero(d);
  V quotient = hn::Floor(hn::Div(a, b));
  V remainder = SubtractExactly(d, a, quotient, b);
  // If a / b was rounded up to an integer, the quotient is too large by one.
  const auto is_opposite = hn::Lt(hn::Xor(remainder, hn::And(b, hn::SignBit(d))), zero);
  quotient = hn::IfThenElse(is_opposite, hn::Sub(quotient, hn::Set(d, 1.0)), quotient);
  remainder = hn::IfThenElse(is_opposite, hn::Add(remainder, b), remainder);
  V result =
      part == Part::quotient ? quotient : hn::IfThenElse(hn::Eq(remainder, zero), hn::CopySign(zero, b), remainder);
  const V size = hn::Abs(b);
  const auto is_usual = hn::And(hn::Lt(hn::Abs(quotient), hn::Set(d, limit)),
                                hn::And(hn::Lt(size, hn::Set(d, 0x1p900)), hn::Gt(size, hn::Set(d, 0x1p-900))));
  if (HWY_UNLIKELY(!hn::AllTrue(d, is_usual))) {
    HWY_ALIGN double lhs[hn::MaxLanes(d)], rhs[hn::MaxLanes(d)], usual[hn::MaxLanes(d)], results[hn::MaxLanes(d)];
    hn::Store(a, d, lhs);
    hn::Store(b, d, rhs);
    hn::Store(hn::IfThenElseZero(is_usual, hn::Set(d, 1.0)), d, usual);
    hn::Store(result, d, results);
    divide_rare<part>(lhs, rhs, usual, results, hn::Lanes(d));
    result = hn::Load(d, results);
  }
  return result;
}

template <Part part>
struct FloorDivision {
  static constexpr bool is_long = true;
  template <class D, class V>
  HWY_INLINE V operator()(D d, V a, V b) const {
    if constexpr (sizeof(hn::TFromD<D>) == 4) {
      return InF64(
          d, [](auto wide, auto x, auto y) HWY_ATTR { return floor_division_in_f64<part>(wide, x, y, 0x1p29); }, a, b);
    } else {
      return floor_division_in_f64<part>(d, a, b, 0x1p50);
    }
  }
};
THALWEG_ELEMENT_HANDLERS(floor_divide_handlers, FloorDivision<Part::quotient>, 2, float, double)
THALWEG_ELEMENT_HANDLERS(remainder_handlers, FloorDivision<Part::remainder>, 2, float, double)

}  // namespace
}  // namespace thalweg::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include <thalweg/elementwise.hpp>
#include <thalweg/ops/arithmetic.hpp>

#include "ops/integer.hpp"

namespace thalweg {

THALWEG_ELEMENT_KERNEL(floor_kernel, floor_handlers, "floor", 1, 1)
THALWEG_ELEMENT_KERNEL(ceil_kernel, ceil_handlers, "ceil", 1, 1)
THALWEG_ELEMENT_KERNEL(round_kernel, round_handlers, "round", 1, 1)
THALWEG_ELEMENT_KERNEL(trunc_kernel, trunc_handlers, "trunc", 1, 1)
THALWEG_ELEMENT_KERNEL(floor_divide_kernel, floor_divide_handlers, "floor_divide", 2, 25)
THALWEG_ELEMENT_KERNEL(remainder_kernel, remainder_handlers, "remainder", 2, 25)

namespace {

const Op floor_op{.name = "floor", .kind = Kind::elementwise, .shape_rule = arithmetic_shape, .kernel = &floor_kernel};
const Op ceil_op{.name = "ceil", .kind = Kind::elementwise, .shape_rule = arithmetic_shape, .kernel = &ceil_kernel};
const Op round_op{.name = "round", .kind = Kind::elementwise, .shape_rule = arithmetic_shape, .kernel = &round_kernel};

const Op trunc_op{.name = "trunc", .kind = Kind::elementwise, .shape_rule = arithmetic_shape, .kernel = &trunc_kernel};

const Op floor_divide_op{
    .name = "floor_divide", .kind = Kind::elementwise, .shape_rule = floating_shape, .kernel = &floor_divide_kernel};

const Op remainder_op{
    .name = "remainder",
    .kind = Kind::elementwise,
    .shape_rule = floating_shape,
    .pullbacks = {[](const Pullback& p) { return p.gradient; },
                  [](const Pullback& p) { return chain(p.gradient, -floor_divide(p.input(0), p.input(1))); }},
    .kernel = &remainder_kernel};

}  // namespace

Var floor(const Operand& x) { return record(floor_op, x); }
Var ceil(const Operand& x) { return record(ceil_op, x); }
Var round(const Operand& x) { return record(round_op, x); }
Var trunc(const Operand& x) { return record(trunc_op, x); }

Var floor_divide(const Operand& a, const Operand& b) {
  return integer_or_floating(floor_divide_op, integer_floor_divide_op, a, b);
}
Var remainder(const Operand& a, const Operand& b) {
  return integer_or_floating(remainder_op, integer_remainder_op, a, b);
}

}  // namespace thalweg
#endif
