#include <thalweg/ops/exponential.hpp>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/exponential.cpp"
#include <hwy/foreach_target.h>

#include "src/run/element_kernel-inl.hpp"
#include "src/run/elementary/elementary-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace thalweg::HWY_NAMESPACE {
namespace {

struct ExpKernel {
  template <class D, class V>
  HWY_INLINE V operator()(D d, V x) const {
    return Exp(d, x);
  }
};
THALWEG_ELEMENT_HANDLERS(exp_handlers, ExpKernel, 1, float, double)

struct Expm1Kernel {
  template <class D, class V>
  HWY_INLINE V operator()(D d, V x) const {
    return Expm1(d, x);
  }
};
THALWEG_ELEMENT_HANDLERS(expm1_handlers, Expm1Kernel, 1, float, double)

struct LogKernel {
  template <class D, class V>
  HWY_INLINE V operator()(D d, V x) const {
    return Log(d, x);
  }
};
THALWEG_ELEMENT_HANDLERS(log_handlers, LogKernel, 1, float, double)

struct Log1pKernel {
  template <class D, class V>
  HWY_INLINE V operator()(D d, V x) const {
    return Log1p(d, x);
  }
};
THALWEG_ELEMENT_HANDLERS(log1p_handlers, Log1pKernel, 1, float, double)

struct PowerKernel {
  template <class D, class V>
  HWY_INLINE V operator()(D d, V base, V exponent) const {
    return Power(d, base, exponent);
  }
};
THALWEG_ELEMENT_HANDLERS(power_handlers, PowerKernel, 2, float, double)

}  // namespace
}  // namespace thalweg::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include <fmt/format.h>

#include <thalweg/ops/arithmetic.hpp>

namespace thalweg {

THALWEG_ELEMENT_KERNEL(exp_kernel, exp_handlers, "exp", 1, 12)
THALWEG_ELEMENT_KERNEL(expm1_kernel, expm1_handlers, "expm1", 1, 16)
THALWEG_ELEMENT_KERNEL(log_kernel, log_handlers, "log", 1, 16)
THALWEG_ELEMENT_KERNEL(log1p_kernel, log1p_handlers, "log1p", 1, 18)
THALWEG_ELEMENT_KERNEL(power_kernel, power_handlers, "power", 2, 60)

namespace {

NodeType floating_shape(const Inference& inference) {
  const NodeType type = inference.broadcast();
  if (!is_floating(type.dtype) && !type.weak)
    inference.fail_dtype(fmt::format("{} has no fractions; cast to f32 or f64 first", name(type.dtype)));
  return {type.shape, type.weak ? DType::f32 : type.dtype, type.weak};
}

const Op exp_op{.name = "exp",
                .kind = Kind::elementwise,
                .shape_rule = floating_shape,
                .pullbacks = {[](const Pullback& p) { return chain(p.gradient, p.output); }},
                .kernel = &exp_kernel};

// The derivative as an exponential of its own: output + 1 is 0 where the result rounds to −1.
const Op expm1_op{.name = "expm1",
                  .kind = Kind::elementwise,
                  .shape_rule = floating_shape,
                  .pullbacks = {[](const Pullback& p) { return chain(p.gradient, exp(p.input(0))); }},
                  .kernel = &expm1_kernel};

const Op log_op{.name = "log",
                .kind = Kind::elementwise,
                .shape_rule = floating_shape,
                .pullbacks = {[](const Pullback& p) { return chain(p.gradient, 1 / p.input(0)); }},
                .kernel = &log_kernel};

const Op log1p_op{.name = "log1p",
                  .kind = Kind::elementwise,
                  .shape_rule = floating_shape,
                  .pullbacks = {[](const Pullback& p) { return chain(p.gradient, 1 / (1 + p.input(0))); }},
                  .kernel = &log1p_kernel};

Var power_pullback_base(const Pullback& p) {
  const Var &base = p.input(0), &exponent = p.input(1);
  return chain(p.gradient, where(exponent == 0, 0, exponent * power(base, exponent - 1)));
}

Var power_pullback_exponent(const Pullback& p) {
  return chain(p.gradient, where(p.input(0) == 0, 0, p.output * log(p.input(0))));
}

const Op power_op{.name = "power",
                  .kind = Kind::elementwise,
                  .shape_rule = floating_shape,
                  .pullbacks = {power_pullback_base, power_pullback_exponent},
                  .kernel = &power_kernel};

}  // namespace

Var exp(const Operand& x) { return record(exp_op, x); }
Var expm1(const Operand& x) { return record(expm1_op, x); }
Var log(const Operand& x) { return record(log_op, x); }
Var log1p(const Operand& x) { return record(log1p_op, x); }
Var power(const Operand& base, const Operand& exponent) { return record(power_op, base, exponent); }

}  // namespace thalweg
#endif
