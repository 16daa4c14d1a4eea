#include <thalweg/ops/activation.hpp>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/activation.cpp"
#include <hwy/foreach_target.h>

#include "src/run/element_kernel-inl.hpp"
#include "src/run/elementary/elementary-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace thalweg::HWY_NAMESPACE {
namespace {

struct TanhKernel {
  template <class D, class V>
  HWY_INLINE V operator()(D d, V x) const {
    return Tanh(d, x);
  }
};
THALWEG_ELEMENT_HANDLERS(tanh_handlers, TanhKernel, 1, float, double)

struct SigmoidKernel {
  template <class D, class V>
  HWY_INLINE V operator()(D d, V x) const {
    return Sigmoid(d, x);
  }
};
THALWEG_ELEMENT_HANDLERS(sigmoid_handlers, SigmoidKernel, 1, float, double)

struct SiluKernel {
  template <class D, class V>
  HWY_INLINE V operator()(D d, V x) const {
    return Silu(d, x);
  }
};
THALWEG_ELEMENT_HANDLERS(silu_handlers, SiluKernel, 1, float, double)

struct SoftplusKernel {
  template <class D, class V>
  HWY_INLINE V operator()(D d, V x) const {
    return Softplus(d, x);
  }
};
THALWEG_ELEMENT_HANDLERS(softplus_handlers, SoftplusKernel, 1, float, double)

struct ReluKernel {
  template <class D, class V>
  HWY_INLINE V operator()(D d, V x) const {
    return hn::IfThenElse(hn::Le(x, hn::Zero(d)), hn::Zero(d), x);  // a NaN is not ≤ 0: it stays
  }
};
THALWEG_ELEMENT_HANDLERS(relu_handlers, ReluKernel, 1, float, double)

/// gradient where y > 0, else 0: relu's gradient rule in one instruction.
struct ReluGradient {
  template <class D, class V>
  HWY_INLINE V operator()(D d, V gradient, V y) const {
    return hn::IfThenElseZero(hn::Gt(y, hn::Zero(d)), gradient);
  }
};
THALWEG_ELEMENT_HANDLERS(relu_gradient_handlers, ReluGradient, 2, float, double)

/// gradient · (1 − y²), 0 where the gradient is exactly 0.
struct TanhGradient {
  template <class D, class V>
  HWY_INLINE V operator()(D d, V gradient, V y) const {
    const V derivative = hn::Sub(hn::Set(d, hn::TFromD<D>{1}), hn::Mul(y, y));
    return hn::IfThenElse(hn::Eq(gradient, hn::Zero(d)), gradient, hn::Mul(gradient, derivative));
  }
};
THALWEG_ELEMENT_HANDLERS(tanh_gradient_handlers, TanhGradient, 2, float, double)

}  // namespace
}  // namespace thalweg::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include <cmath>
#include <numbers>

#include <fmt/format.h>

#include <thalweg/elementwise.hpp>
#include <thalweg/ops/arithmetic.hpp>
#include <thalweg/ops/exponential.hpp>
#include <thalweg/ops/special.hpp>

namespace thalweg {

THALWEG_ELEMENT_KERNEL(tanh_kernel, tanh_handlers, "tanh", 1, 20)
THALWEG_ELEMENT_KERNEL(sigmoid_kernel, sigmoid_handlers, "sigmoid", 1, 20)
THALWEG_ELEMENT_KERNEL(silu_kernel, silu_handlers, "silu", 1, 20)
THALWEG_ELEMENT_KERNEL(softplus_kernel, softplus_handlers, "softplus", 1, 35)
THALWEG_ELEMENT_KERNEL(relu_kernel, relu_handlers, "relu", 1, 2)
THALWEG_ELEMENT_KERNEL(relu_gradient_kernel, relu_gradient_handlers, "relu_gradient", 2, 2)
THALWEG_ELEMENT_KERNEL(tanh_gradient_kernel, tanh_gradient_handlers, "tanh_gradient", 2, 4)

namespace {

/// relu_gradient(g, y) = g where y > 0. d/dg: the same of its gradient; d/dy = 0.
const Op relu_gradient_op{
    .name = "relu_gradient",
    .kind = Kind::elementwise,
    .shape_rule = elementwise_shape,
    .pullbacks = {[](const Pullback& p) { return record(relu_gradient_op, p.gradient, p.input(1)); }},
    .kernel = &relu_gradient_kernel};

/// tanh_gradient(g, y) = g(1 − y²). d/dg: the same of its gradient; d/dy = −2yg.
const Op tanh_gradient_op{
    .name = "tanh_gradient",
    .kind = Kind::elementwise,
    .shape_rule = elementwise_shape,
    .pullbacks = {[](const Pullback& p) { return record(tanh_gradient_op, p.gradient, p.input(1)); },
                  [](const Pullback& p) { return chain(p.gradient, -2 * p.input(1) * p.input(0)); }},
    .kernel = &tanh_gradient_kernel};

const Op tanh_op{.name = "tanh",
                 .kind = Kind::elementwise,
                 .shape_rule = floating_shape,
                 .pullbacks = {[](const Pullback& p) { return record(tanh_gradient_op, p.gradient, p.output); }},
                 .kernel = &tanh_kernel,
                 .epilogue = Epilogue::tanh};

const Op sigmoid_op{.name = "sigmoid",
                    .kind = Kind::elementwise,
                    .shape_rule = floating_shape,
                    .pullbacks = {[](const Pullback& p) { return chain(p.gradient, p.output * (1 - p.output)); }},
                    .kernel = &sigmoid_kernel,
                    .epilogue = Epilogue::sigmoid};

const Op relu_op{.name = "relu",
                 .kind = Kind::elementwise,
                 .shape_rule = floating_shape,
                 .pullbacks = {[](const Pullback& p) { return record(relu_gradient_op, p.gradient, p.output); }},
                 .kernel = &relu_kernel,
                 .epilogue = Epilogue::relu};

/// s(1 + x(1 − s)) with s the sigmoid of x.
Var silu_pullback(const Pullback& p) {
  const Var s = sigmoid(p.input(0));
  return chain(p.gradient, s * (1 + p.input(0) * (1 - s)));
}

const Op silu_op{.name = "silu",
                 .kind = Kind::elementwise,
                 .shape_rule = floating_shape,
                 .pullbacks = {silu_pullback},
                 .kernel = &silu_kernel};

const Op softplus_op{.name = "softplus",
                     .kind = Kind::elementwise,
                     .shape_rule = floating_shape,
                     .pullbacks = {[](const Pullback& p) { return chain(p.gradient, sigmoid(p.input(0))); }},
                     .kernel = &softplus_kernel};

/// ValueError where a setting is NaN or infinite.
void check_finite(const char* op, const char* setting, double value, SourceLine line) {
  if (!std::isfinite(value))
    throw ValueError(error_text(op, fmt::format("{} is {}; it must be finite", setting, value), line));
}

}  // namespace

Var tanh(const Operand& x) { return record(tanh_op, x); }
Var sigmoid(const Operand& x) { return record(sigmoid_op, x); }
Var relu(const Operand& x) { return record(relu_op, x); }
Var silu(const Operand& x) { return record(silu_op, x); }
Var softplus(const Operand& x) { return record(softplus_op, x); }

Var leaky_relu(const Operand& x, double negative_slope) {
  check_finite("leaky_relu", "negative_slope", negative_slope, x.line());
  const Var value = floating("leaky_relu", x);
  const Scope scope("leaky_relu", x.line());
  return relu(value) - negative_slope * relu(-value);
}

Var elu(const Operand& x, double alpha) {
  check_finite("elu", "alpha", alpha, x.line());
  const Var value = floating("elu", x);
  const Scope scope("elu", x.line());
  if (alpha == 1) return where(value > 0, value, expm1(value));
  return relu(value) + alpha * expm1(-relu(-value));
}

Var selu(const Operand& x) {
  const Var value = floating("selu", x);
  const Scope scope("selu", x.line());
  constexpr double scale = 1.0507009873554804934, alpha = 1.6732632423543772848;
  return scale * relu(value) + (scale * alpha) * expm1(-relu(-value));
}

Var gelu(const Operand& x, GeluForm form) {
  const Var value = floating("gelu", x);
  const Scope scope("gelu", x.line());
  if (form == GeluForm::exact) return value * (0.5 * erfc(value * (-std::numbers::sqrt2 / 2)));
  // (1 + tanh u)/2 = sigmoid(2u); beyond ±100 the sigmoid is 0 or 1 whatever the cube.
  const Var inner = clamp(value, -100, 100);
  const double factor = 2 * std::sqrt(2 / std::numbers::pi);
  return value * sigmoid(factor * (inner + 0.044715 * inner * square(inner)));
}

Var mish(const Operand& x) {
  const Var value = floating("mish", x);
  const Scope scope("mish", x.line());
  return value * tanh(softplus(value));
}

Var log_sigmoid(const Operand& x) {
  const Var value = floating("log_sigmoid", x);
  const Scope scope("log_sigmoid", x.line());
  return -softplus(-value);
}

Var hard_sigmoid(const Operand& x) {
  const Var value = floating("hard_sigmoid", x);
  const Scope scope("hard_sigmoid", x.line());
  return clamp(value + 3, 0, 6) / 6;
}

Var hard_tanh(const Operand& x, double low, double high) {
  if (!(low <= high))
    throw ValueError(
        error_text("hard_tanh", fmt::format("low is {}, high is {}; low must not be above high", low, high), x.line()));
  const Var value = floating("hard_tanh", x);
  const Scope scope("hard_tanh", x.line());
  return clamp(value, low, high);
}

}  // namespace thalweg
#endif
