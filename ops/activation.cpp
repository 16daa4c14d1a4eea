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
#include <fmt/format.h>

#include <thalweg/ops/arithmetic.hpp>

namespace thalweg {

THALWEG_ELEMENT_KERNEL(tanh_kernel, tanh_handlers, "tanh", 1, 20)
THALWEG_ELEMENT_KERNEL(sigmoid_kernel, sigmoid_handlers, "sigmoid", 1, 20)
THALWEG_ELEMENT_KERNEL(relu_kernel, relu_handlers, "relu", 1, 2)
THALWEG_ELEMENT_KERNEL(relu_gradient_kernel, relu_gradient_handlers, "relu_gradient", 2, 2)
THALWEG_ELEMENT_KERNEL(tanh_gradient_kernel, tanh_gradient_handlers, "tanh_gradient", 2, 4)

namespace {

NodeType floating_shape(const Inference& inference) {
  const NodeType type = inference.broadcast();
  if (!is_floating(type.dtype) && !type.weak)
    inference.fail_dtype(fmt::format("{} has no fractions; cast to f32 or f64 first", name(type.dtype)));
  return {type.shape, type.weak ? DType::f32 : type.dtype, type.weak};
}

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

}  // namespace

Var tanh(const Operand& x) { return record(tanh_op, x); }
Var sigmoid(const Operand& x) { return record(sigmoid_op, x); }
Var relu(const Operand& x) { return record(relu_op, x); }

}  // namespace thalweg
#endif
