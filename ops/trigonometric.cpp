#include <thalweg/ops/trigonometric.hpp>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/trigonometric.cpp"
#include <hwy/foreach_target.h>

#include "src/run/element_kernel-inl.hpp"
#include "src/run/elementary/inverse_trigonometric-inl.hpp"
#include "src/run/elementary/trigonometric-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace thalweg::HWY_NAMESPACE {
namespace {

struct SinKernel {
  static constexpr Primitive primitive = Primitive::sin;
  template <class D, class V>
  HWY_INLINE V operator()(D d, V x) const {
    return Sin(d, x);
  }
};
THALWEG_ELEMENT_HANDLERS(sin_handlers, SinKernel, 1, float, double)

struct CosKernel {
  static constexpr Primitive primitive = Primitive::cos;
  template <class D, class V>
  HWY_INLINE V operator()(D d, V x) const {
    return Cos(d, x);
  }
};
THALWEG_ELEMENT_HANDLERS(cos_handlers, CosKernel, 1, float, double)

struct TanKernel {
  template <class D, class V>
  HWY_INLINE V operator()(D d, V x) const {
    return Tan(d, x);
  }
};
THALWEG_ELEMENT_HANDLERS(tan_handlers, TanKernel, 1, float, double)

struct AsinKernel {
  template <class D, class V>
  HWY_INLINE V operator()(D d, V x) const {
    return Asin(d, x);
  }
};
THALWEG_ELEMENT_HANDLERS(asin_handlers, AsinKernel, 1, float, double)

struct AcosKernel {
  template <class D, class V>
  HWY_INLINE V operator()(D d, V x) const {
    return Acos(d, x);
  }
};
THALWEG_ELEMENT_HANDLERS(acos_handlers, AcosKernel, 1, float, double)

struct AtanKernel {
  template <class D, class V>
  HWY_INLINE V operator()(D d, V x) const {
    return Atan(d, x);
  }
};
THALWEG_ELEMENT_HANDLERS(atan_handlers, AtanKernel, 1, float, double)

struct Atan2Kernel {
  static constexpr bool is_long = true;
  template <class D, class V>
  HWY_INLINE V operator()(D d, V y, V x) const {
    return Atan2(d, y, x);
  }
};
THALWEG_ELEMENT_HANDLERS(atan2_handlers, Atan2Kernel, 2, float, double)

}  // namespace
}  // namespace thalweg::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include <thalweg/elementwise.hpp>
#include <thalweg/ops/arithmetic.hpp>
#include <thalweg/ops/logic.hpp>

namespace thalweg {

THALWEG_ELEMENT_KERNEL(sin_kernel, sin_handlers, "sin", 1, 30)
THALWEG_ELEMENT_KERNEL(cos_kernel, cos_handlers, "cos", 1, 30)
THALWEG_ELEMENT_KERNEL(tan_kernel, tan_handlers, "tan", 1, 40)
THALWEG_ELEMENT_KERNEL(asin_kernel, asin_handlers, "asin", 1, 40)
THALWEG_ELEMENT_KERNEL(acos_kernel, acos_handlers, "acos", 1, 40)
THALWEG_ELEMENT_KERNEL(atan_kernel, atan_handlers, "atan", 1, 50)
THALWEG_ELEMENT_KERNEL(atan2_kernel, atan2_handlers, "atan2", 2, 60)

namespace {

const Op sin_op{.name = "sin",
                .kind = Kind::elementwise,
                .shape_rule = floating_shape,
                .pullbacks = {[](const Pullback& p) { return chain(p.gradient, cos(p.input(0))); }},
                .kernel = &sin_kernel};

const Op cos_op{.name = "cos",
                .kind = Kind::elementwise,
                .shape_rule = floating_shape,
                .pullbacks = {[](const Pullback& p) { return chain(p.gradient, -sin(p.input(0))); }},
                .kernel = &cos_kernel};

const Op tan_op{.name = "tan",
                .kind = Kind::elementwise,
                .shape_rule = floating_shape,
                .pullbacks = {[](const Pullback& p) { return chain(p.gradient, 1 + square(p.output)); }},
                .kernel = &tan_kernel};

const Op asin_op{
    .name = "asin",
    .kind = Kind::elementwise,
    .shape_rule = floating_shape,
    .pullbacks = {[](const Pullback& p) { return chain(p.gradient, rsqrt((1 - p.input(0)) * (1 + p.input(0)))); }},
    .kernel = &asin_kernel};

const Op acos_op{
    .name = "acos",
    .kind = Kind::elementwise,
    .shape_rule = floating_shape,
    .pullbacks = {[](const Pullback& p) { return chain(p.gradient, -rsqrt((1 - p.input(0)) * (1 + p.input(0)))); }},
    .kernel = &acos_kernel};

const Op atan_op{
    .name = "atan",
    .kind = Kind::elementwise,
    .shape_rule = floating_shape,
    .pullbacks = {[](const Pullback& p) { return chain(p.gradient, square(reciprocal(hypot(1, p.input(0))))); }},
    .kernel = &atan_kernel};

/// numerator / (x² + y²) without intermediate overflow; 0 at the origin.
Var over_square_of_radius(const Var& numerator, const Pullback& p) {
  const Var radius = hypot(p.input(0), p.input(1));
  return chain(p.gradient, where(radius == 0, 0, numerator / radius / radius));
}

const Op atan2_op{.name = "atan2",
                  .kind = Kind::elementwise,
                  .shape_rule = floating_shape,
                  .pullbacks = {[](const Pullback& p) { return over_square_of_radius(p.input(1), p); },
                                [](const Pullback& p) { return over_square_of_radius(-p.input(0), p); }},
                  .kernel = &atan2_kernel};

}  // namespace

Var sin(const Operand& x) { return record(sin_op, x); }
Var cos(const Operand& x) { return record(cos_op, x); }
Var tan(const Operand& x) { return record(tan_op, x); }
Var asin(const Operand& x) { return record(asin_op, x); }
Var acos(const Operand& x) { return record(acos_op, x); }
Var atan(const Operand& x) { return record(atan_op, x); }
Var atan2(const Operand& y, const Operand& x) { return record(atan2_op, y, x); }

}  // namespace thalweg
#endif
