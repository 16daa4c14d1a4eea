#include <thalweg/ops/special.hpp>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/special.cpp"
#include <hwy/foreach_target.h>

#include "ops/errors.hpp"
#include "ops/gamma.hpp"
#include "src/run/element_kernel-inl.hpp"
#include "src/run/elementary/error_function-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace thalweg::HWY_NAMESPACE {
namespace {

struct ErfKernel {
  static constexpr bool is_long = true;
  template <class D, class V>
  HWY_INLINE V operator()(D d, V x) const {
    return Erf(d, x);
  }
};
THALWEG_ELEMENT_HANDLERS(erf_handlers, ErfKernel, 1, float, double)

struct ErfcKernel {
  static constexpr bool is_long = true;
  static constexpr Primitive primitive = Primitive::erfc;
  template <class D, class V>
  HWY_INLINE V operator()(D d, V x) const {
    return Erfc(d, x);
  }
};
THALWEG_ELEMENT_HANDLERS(erfc_handlers, ErfcKernel, 1, float, double)

/// Computes function(x...) lane by lane in f64, for functions without a vector form.
template <class D, class Function, class... V>
HWY_NOINLINE hn::Vec<D> lane_by_lane(D d, Function* function, V... x) {
  using T = hn::TFromD<D>;
  HWY_ALIGN T arguments[sizeof...(x)][hn::MaxLanes(d)], results[hn::MaxLanes(d)];
  std::size_t count = 0;
  (hn::Store(x, d, arguments[count++]), ...);
  for (std::size_t i = 0; i < hn::Lanes(d); ++i) {
    if constexpr (sizeof...(x) == 1) {
      results[i] = static_cast<T>(function(arguments[0][i]));
    } else {
      results[i] = static_cast<T>(function(arguments[0][i], arguments[1][i]));
    }
  }
  return hn::Load(d, results);
}

struct LgammaKernel {
  template <class D, class V>
  HWY_INLINE V operator()(D d, V x) const {
    return lane_by_lane(d, log_gamma, x);
  }
};
THALWEG_ELEMENT_HANDLERS(lgamma_handlers, LgammaKernel, 1, float, double)

struct DigammaKernel {
  template <class D, class V>
  HWY_INLINE V operator()(D d, V x) const {
    return lane_by_lane<D, double(double)>(d, digamma, x);
  }
};
THALWEG_ELEMENT_HANDLERS(digamma_handlers, DigammaKernel, 1, float, double)

struct PolygammaKernel {
  static constexpr bool is_long = true;
  template <class D, class V>
  HWY_INLINE V operator()(D d, V order, V x) const {
    return lane_by_lane<D, double(double, double)>(d, polygamma, order, x);
  }
};
THALWEG_ELEMENT_HANDLERS(polygamma_handlers, PolygammaKernel, 2, float, double)

}  // namespace
}  // namespace thalweg::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include <numbers>

#include <fmt/format.h>

#include <thalweg/elementwise.hpp>
#include <thalweg/ops/arithmetic.hpp>
#include <thalweg/ops/exponential.hpp>

namespace thalweg {

THALWEG_ELEMENT_KERNEL(erf_kernel, erf_handlers, "erf", 1, 25)
THALWEG_ELEMENT_KERNEL(erfc_kernel, erfc_handlers, "erfc", 1, 60)
THALWEG_ELEMENT_KERNEL(lgamma_kernel, lgamma_handlers, "lgamma", 1, 100)
THALWEG_ELEMENT_KERNEL(digamma_kernel, digamma_handlers, "digamma", 1, 150)
THALWEG_ELEMENT_KERNEL(polygamma_kernel, polygamma_handlers, "polygamma", 2, 500)

namespace {

/// 2/√π·e^(−x²).
Var bell(const Var& x) { return 2 * std::numbers::inv_sqrtpi * exp(-square(x)); }

const Op erf_op{.name = "erf",
                .kind = Kind::elementwise,
                .shape_rule = floating_shape,
                .pullbacks = {[](const Pullback& p) { return chain(p.gradient, bell(p.input(0))); }},
                .kernel = &erf_kernel};

const Op erfc_op{.name = "erfc",
                 .kind = Kind::elementwise,
                 .shape_rule = floating_shape,
                 .pullbacks = {[](const Pullback& p) { return chain(p.gradient, -bell(p.input(0))); }},
                 .kernel = &erfc_kernel};

const Op lgamma_op{.name = "lgamma",
                   .kind = Kind::elementwise,
                   .shape_rule = floating_shape,
                   .pullbacks = {[](const Pullback& p) { return chain(p.gradient, digamma(p.input(0))); }},
                   .kernel = &lgamma_kernel};

const Op digamma_op{.name = "digamma",
                    .kind = Kind::elementwise,
                    .shape_rule = floating_shape,
                    .pullbacks = {[](const Pullback& p) { return chain(p.gradient, polygamma(1, p.input(0))); }},
                    .kernel = &digamma_kernel};

/// Inputs: the order, a number that is part of the structure, and x.
const Op polygamma_op{.name = "polygamma",
                      .kind = Kind::elementwise,
                      .shape_rule = floating_shape,
                      .pullbacks = {nullptr,
                                    [](const Pullback& p) {
                                      const Var next = p.input(0) + 1;
                                      return chain(p.gradient, record(polygamma_op, next, p.input(1)));
                                    }},
                      .kernel = &polygamma_kernel};

}  // namespace

Var erf(const Operand& x) { return record(erf_op, x); }
Var erfc(const Operand& x) { return record(erfc_op, x); }
Var lgamma(const Operand& x) { return record(lgamma_op, x); }
Var digamma(const Operand& x) { return record(digamma_op, x); }

Var polygamma(int order, const Operand& x) {
  if (order < 0) fail<ValueError>("polygamma", fmt::format("the order is {}; it must not be below 0", order), x.line());
  return record(polygamma_op, Operand(literal(order), x.line()), x);
}

}  // namespace thalweg
#endif
