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
  static constexpr Primitive primitive = Primitive::tanh;
  template <class D, class V>
  HWY_INLINE V operator()(D d, V x) const {
    return Tanh(d, x);
  }
};
THALWEG_ELEMENT_HANDLERS(tanh_handlers, TanhKernel, 1, float, double)

struct SigmoidKernel {
  static constexpr Primitive primitive = Primitive::sigmoid;
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
  static constexpr Primitive primitive = Primitive::relu;
  template <class D, class V>
  HWY_INLINE V operator()(D d, V x) const {
    return hn::IfThenElse(hn::Le(x, hn::Zero(d)), hn::Zero(d), x);  // keeps NaN, which is not ≤ 0
  }
};
THALWEG_ELEMENT_HANDLERS(relu_handlers, ReluKernel, 1, float, double)

/// gradient where y > 0, else 0: relu's gradient rule in one instruction.
struct ReluGradient {
  static constexpr Primitive primitive = Primitive::relu_gradient;
  template <class D, class V>
  HWY_INLINE V operator()(D d, V gradient, V y) const {
    return hn::IfThenElseZero(hn::Gt(y, hn::Zero(d)), gradient);
  }
};
THALWEG_ELEMENT_HANDLERS(relu_gradient_handlers, ReluGradient, 2, float, double)

/// gradient · (1 − y²), 0 where the gradient is exactly 0.
struct TanhGradient {
  static constexpr Primitive primitive = Primitive::tanh_gradient;
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

#include <thalweg/composite.hpp>
#include <thalweg/elementwise.hpp>
#include <thalweg/ops/arithmetic.hpp>
#include <thalweg/ops/exponential.hpp>
#include <thalweg/ops/special.hpp>

#include "ops/errors.hpp"

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
    .kernel = &relu_gradient_kernel,
    .epilogue = Epilogue::relu_gradient};

/// tanh_gradient(g, y) = g(1 − y²). d/dg: the same of its gradient; d/dy = −2yg.
const Op tanh_gradient_op{
    .name = "tanh_gradient",
    .kind = Kind::elementwise,
    .shape_rule = elementwise_shape,
    .pullbacks = {[](const Pullback& p) { return record(tanh_gradient_op, p.gradient, p.input(1)); },
                  [](const Pullback& p) { return chain(p.gradient, -2 * p.input(1) * p.input(0)); }},
    .kernel = &tanh_gradient_kernel,
    .epilogue = Epilogue::tanh_gradient};

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

/// x clamped to ±end, for products of x with a factor that is exactly 0 beyond `end`: ±inf times that factor would be
/// NaN, whereas the product's limit is 0.
Var within(const Var& x, double end) { return clamp(x, -end, end); }

/// Beyond it, e^−|x| is 0 even in f64.
constexpr double exponential_end = 800;

/// s(1 + x(1 − s)) with s = sigmoid(x).
Var silu_pullback(const Pullback& p) {
  const Var s = sigmoid(p.input(0));
  return chain(p.gradient, s * (1 + within(p.input(0), exponential_end) * (1 - s)));
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

// --- gelu and mish: x times a share in [0, 1]. Inputs of the composites: the composed result, x, the share ---

/// Beyond it, Φ and its approximation are exactly 0 or 1.
constexpr double gelu_end = 100;
/// Beyond it, the normal density e^(−x²/2) is 0 even in f64.
constexpr double density_end = 40;

/// (1 + tanh u)/2 = sigmoid(2u), with 2u = √(8/π)·(x + 0.044715·x³).
constexpr double gelu_cubic = 0.044715;
const double gelu_factor = std::sqrt(8 / std::numbers::pi);

Var gelu_tanh_share(const Var& x) {
  const Var inner = within(x, gelu_end);
  return sigmoid(gelu_factor * (inner + gelu_cubic * inner * square(inner)));
}

/// Φ(x) + x·φ(x).
Var gelu_pullback(const Pullback& p) {
  const Var inner = within(p.input(1), density_end);
  const Var density = std::numbers::inv_sqrtpi / std::numbers::sqrt2 * exp(-0.5 * square(inner));
  return chain(p.gradient, p.input(2) + inner * density);
}

/// s + x·s(1 − s)·du/dx with s = sigmoid(u).
Var gelu_tanh_pullback(const Pullback& p) {
  const Var s = p.input(2), inner = within(p.input(1), gelu_end);
  const Var slope = gelu_factor * (1 + 3 * gelu_cubic * square(inner));
  return chain(p.gradient, s + inner * s * (1 - s) * slope);
}

const Op gelu_op = composite("gelu", {nullptr, gelu_pullback});
const Op gelu_tanh_op = composite("gelu", {nullptr, gelu_tanh_pullback});

/// t + x·s(1 − t²) with t = tanh(softplus(x)), s the sigmoid.
Var mish_pullback(const Pullback& p) {
  const Var &x = p.input(1), &t = p.input(2);
  return chain(p.gradient, t + within(x, exponential_end) * sigmoid(x) * (1 - square(t)));
}

const Op mish_op = composite("mish", {nullptr, mish_pullback});

/// ValueError if a setting is NaN or infinite.
void check_finite(const char* op, const char* setting, double value, SourceLine line) {
  if (!std::isfinite(value)) fail<ValueError>(op, fmt::format("{} is {}; it must be finite", setting, value), line);
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
  const OpScope scope("leaky_relu", x.line());
  return relu(value) - negative_slope * relu(-value);
}

Var elu(const Operand& x, double alpha) {
  check_finite("elu", "alpha", alpha, x.line());
  const Var value = floating("elu", x);
  const OpScope scope("elu", x.line());
  if (alpha == 1) return where(value > 0, value, expm1(value));
  return relu(value) + alpha * expm1(-relu(-value));
}

Var selu(const Operand& x) {
  const Var value = floating("selu", x);
  const OpScope scope("selu", x.line());
  constexpr double scale = 1.0507009873554804934, alpha = 1.6732632423543772848;
  return scale * relu(value) + (scale * alpha) * expm1(-relu(-value));
}

Var gelu(const Operand& x, GeluForm form) {
  const Var value = floating("gelu", x);
  const OpScope scope("gelu", x.line());
  const bool exact = form == GeluForm::exact;
  const Var share = exact ? 0.5 * erfc(value * (-std::numbers::sqrt2 / 2)) : gelu_tanh_share(value);
  const Var inputs[] = {maximum(value, -gelu_end) * share, value, share};  // −inf gives 0, not −inf·0
  return record(exact ? gelu_op : gelu_tanh_op, inputs, 0, x.line());
}

Var mish(const Operand& x) {
  const Var value = floating("mish", x);
  const OpScope scope("mish", x.line());
  const Var t = tanh(softplus(value));
  const Var inputs[] = {maximum(value, -exponential_end) * t, value, t};  // −inf gives 0, not −inf·0
  return record(mish_op, inputs, 0, x.line());
}

Var log_sigmoid(const Operand& x) {
  const Var value = floating("log_sigmoid", x);
  const OpScope scope("log_sigmoid", x.line());
  return -softplus(-value);
}

Var hard_sigmoid(const Operand& x) {
  const Var value = floating("hard_sigmoid", x);
  const OpScope scope("hard_sigmoid", x.line());
  return clamp(value + 3, 0, 6) / 6;
}

Var hard_tanh(const Operand& x, double low, double high) {
  if (!(low <= high))
    fail<ValueError>("hard_tanh", fmt::format("low is {}, high is {}; low must not be above high", low, high),
                     x.line());
  const Var value = floating("hard_tanh", x);
  const OpScope scope("hard_tanh", x.line());
  return clamp(value, low, high);
}

}  // namespace thalweg
#endif
