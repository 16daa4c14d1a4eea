#include <thalweg/ops/trigonometric.hpp>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/hyperbolic.cpp"
#include <hwy/foreach_target.h>

#include "src/run/element_kernel-inl.hpp"
#include "src/run/elementary/hyperbolic-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace thalweg::HWY_NAMESPACE {
namespace {

struct SinhKernel {
  static constexpr bool is_long = true;
  template <class D, class V>
  HWY_INLINE V operator()(D d, V x) const {
    return Sinh(d, x);
  }
};
THALWEG_ELEMENT_HANDLERS(sinh_handlers, SinhKernel, 1, float, double)

struct CoshKernel {
  static constexpr bool is_long = true;
  template <class D, class V>
  HWY_INLINE V operator()(D d, V x) const {
    return Cosh(d, x);
  }
};
THALWEG_ELEMENT_HANDLERS(cosh_handlers, CoshKernel, 1, float, double)

struct AsinhKernel {
  static constexpr bool is_long = true;
  template <class D, class V>
  HWY_INLINE V operator()(D d, V x) const {
    return Asinh(d, x);
  }
};
THALWEG_ELEMENT_HANDLERS(asinh_handlers, AsinhKernel, 1, float, double)

struct AcoshKernel {
  static constexpr bool is_long = true;
  template <class D, class V>
  HWY_INLINE V operator()(D d, V x) const {
    return Acosh(d, x);
  }
};
THALWEG_ELEMENT_HANDLERS(acosh_handlers, AcoshKernel, 1, float, double)

struct AtanhKernel {
  static constexpr bool is_long = true;
  template <class D, class V>
  HWY_INLINE V operator()(D d, V x) const {
    return Atanh(d, x);
  }
};
THALWEG_ELEMENT_HANDLERS(atanh_handlers, AtanhKernel, 1, float, double)

}  // namespace
}  // namespace thalweg::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include <thalweg/elementwise.hpp>
#include <thalweg/ops/arithmetic.hpp>

namespace thalweg {

THALWEG_ELEMENT_KERNEL(sinh_kernel, sinh_handlers, "sinh", 1, 35)
THALWEG_ELEMENT_KERNEL(cosh_kernel, cosh_handlers, "cosh", 1, 35)
THALWEG_ELEMENT_KERNEL(asinh_kernel, asinh_handlers, "asinh", 1, 50)
THALWEG_ELEMENT_KERNEL(acosh_kernel, acosh_handlers, "acosh", 1, 50)
THALWEG_ELEMENT_KERNEL(atanh_kernel, atanh_handlers, "atanh", 1, 40)

namespace {

const Op sinh_op{.name = "sinh",
                 .kind = Kind::elementwise,
                 .shape_rule = floating_shape,
                 .pullbacks = {[](const Pullback& p) { return chain(p.gradient, cosh(p.input(0))); }},
                 .kernel = &sinh_kernel};

const Op cosh_op{.name = "cosh",
                 .kind = Kind::elementwise,
                 .shape_rule = floating_shape,
                 .pullbacks = {[](const Pullback& p) { return chain(p.gradient, sinh(p.input(0))); }},
                 .kernel = &cosh_kernel};

const Op asinh_op{.name = "asinh",
                  .kind = Kind::elementwise,
                  .shape_rule = floating_shape,
                  .pullbacks = {[](const Pullback& p) { return chain(p.gradient, reciprocal(hypot(1, p.input(0)))); }},
                  .kernel = &asinh_kernel};

const Op acosh_op{
    .name = "acosh",
    .kind = Kind::elementwise,
    .shape_rule = floating_shape,
    .pullbacks = {[](const Pullback& p) { return chain(p.gradient, rsqrt(p.input(0) - 1) * rsqrt(p.input(0) + 1)); }},
    .kernel = &acosh_kernel};

const Op atanh_op{
    .name = "atanh",
    .kind = Kind::elementwise,
    .shape_rule = floating_shape,
    .pullbacks = {[](const Pullback& p) { return chain(p.gradient, reciprocal((1 - p.input(0)) * (1 + p.input(0)))); }},
    .kernel = &atanh_kernel};

}  // namespace

Var sinh(const Operand& x) { return record(sinh_op, x); }
Var cosh(const Operand& x) { return record(cosh_op, x); }
Var asinh(const Operand& x) { return record(asinh_op, x); }
Var acosh(const Operand& x) { return record(acosh_op, x); }
Var atanh(const Operand& x) { return record(atanh_op, x); }

}  // namespace thalweg
#endif
