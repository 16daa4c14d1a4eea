// The elementwise ops that differentiation records: add, and the product that preserves an exact 0.

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "src/core_ops/core_kernels.cpp"
#include <hwy/foreach_target.h>

#include "src/run/element_kernel-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace thalweg::HWY_NAMESPACE {
namespace {

struct Add {
  static constexpr Primitive primitive = Primitive::add;
  template <class D, class V>
  HWY_INLINE V operator()(D, V a, V b) const {
    return hn::Add(a, b);
  }
};
THALWEG_ELEMENT_HANDLERS(add_handlers, Add, 2, float, double, std::int64_t)

struct Chain {
  static constexpr Primitive primitive = Primitive::chain;
  template <class D, class V>
  HWY_INLINE V operator()(D d, V gradient, V derivative) const {
    return hn::IfThenElse(hn::Eq(gradient, hn::Zero(d)), gradient, hn::Mul(gradient, derivative));
  }
};
THALWEG_ELEMENT_HANDLERS(chain_handlers, Chain, 2, float, double)

}  // namespace
}  // namespace thalweg::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include <fmt/format.h>

#include <thalweg/elementwise.hpp>

#include "src/core_ops/core_ops.hpp"

namespace thalweg {
THALWEG_ELEMENT_KERNEL(add_kernel, add_handlers, "add", 2, 1)
THALWEG_ELEMENT_KERNEL(chain_kernel, chain_handlers, "chain", 2, 2)

namespace internal {
namespace {

NodeType chain_shape(const Inference& inference) {
  const NodeType type = inference.broadcast();
  if (!is_floating(type.dtype) && !type.weak)
    inference.fail_dtype(fmt::format("{} has no gradient; cast to f32 or f64 first", name(type.dtype)));
  return type;
}

Var gradient_itself(const Pullback& p) { return p.gradient; }
Var chain_pullback_gradient(const Pullback& p) { return chain(p.gradient, p.input(1)); }
Var chain_pullback_derivative(const Pullback& p) { return chain(p.gradient, p.input(0)); }

}  // namespace

/// a + b. d/da = d/db = 1.
const Op add_op{.name = "add",
                .kind = Kind::elementwise,
                .shape_rule = arithmetic_shape,
                .pullbacks = {gradient_itself, gradient_itself},
                .kernel = &add_kernel};
/// gradient · derivative, 0 where the gradient is exactly 0. d/dgradient = derivative, d/dderivative = gradient.
const Op chain_op{.name = "chain",
                  .kind = Kind::elementwise,
                  .shape_rule = chain_shape,
                  .pullbacks = {chain_pullback_gradient, chain_pullback_derivative},
                  .kernel = &chain_kernel};

}  // namespace internal
}  // namespace thalweg
#endif
