#include <thalweg/ops/arithmetic.hpp>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/arithmetic.cpp"
#include <hwy/foreach_target.h>

#include "src/run/element_kernel-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace thalweg::HWY_NAMESPACE {
namespace {

struct Subtract {
  static constexpr Primitive primitive = Primitive::subtract;
  template <class D, class V>
  HWY_INLINE V operator()(D, V a, V b) const {
    return hn::Sub(a, b);
  }
};
THALWEG_ELEMENT_HANDLERS(subtract_handlers, Subtract, 2, float, double, std::int64_t)

struct Multiply {
  static constexpr Primitive primitive = Primitive::multiply;
  template <class D, class V>
  HWY_INLINE V operator()(D d, V a, V b) const {
    return multiply(d, a, b);
  }
};
THALWEG_ELEMENT_HANDLERS(multiply_handlers, Multiply, 2, float, double, std::int64_t)

struct Divide {
  static constexpr Primitive primitive = Primitive::divide;
  template <class D, class V>
  HWY_INLINE V operator()(D, V a, V b) const {
    return hn::Div(a, b);
  }
};
THALWEG_ELEMENT_HANDLERS(divide_handlers, Divide, 2, float, double)

struct Negate {
  static constexpr Primitive primitive = Primitive::negate;
  template <class D, class V>
  HWY_INLINE V operator()(D, V x) const {
    return hn::Neg(x);
  }
};
THALWEG_ELEMENT_HANDLERS(negate_handlers, Negate, 1, float, double, std::int64_t)

struct Square {
  static constexpr Primitive primitive = Primitive::square;
  template <class D, class V>
  HWY_INLINE V operator()(D d, V x) const {
    return multiply(d, x, x);
  }
};
THALWEG_ELEMENT_HANDLERS(square_handlers, Square, 1, float, double, std::int64_t)

struct SquareRoot {
  static constexpr Primitive primitive = Primitive::sqrt;
  template <class D, class V>
  HWY_INLINE V operator()(D, V x) const {
    return hn::Sqrt(x);
  }
};
THALWEG_ELEMENT_HANDLERS(sqrt_handlers, SquareRoot, 1, float, double)

struct Hypot {
  template <class D, class V>
  HWY_INLINE V operator()(D d, V a, V b) const {
    using T = hn::TFromD<D>;
    const V x = hn::Abs(a), y = hn::Abs(b), zero = hn::Zero(d), infinity = hn::Inf(d);
    const V large = hn::Max(x, y);
    const V ratio = hn::Div(hn::Min(x, y), large);
    const V root = hn::Mul(large, hn::Sqrt(hn::MulAdd(ratio, ratio, hn::Set(d, T{1}))));
    // Avoid 0 / 0 and inf / inf.
    const V result = hn::IfThenElse(hn::Or(hn::Eq(large, zero), hn::Eq(large, infinity)), large, root);
    return hn::IfThenElse(hn::Eq(a, a), hn::IfThenElse(hn::Eq(b, b), result, b), a);
  }
};
THALWEG_ELEMENT_HANDLERS(hypot_handlers, Hypot, 2, float, double)

struct Absolute {
  static constexpr Primitive primitive = Primitive::absolute;
  template <class D, class V>
  HWY_INLINE V operator()(D, V x) const {
    return hn::Abs(x);
  }
};
THALWEG_ELEMENT_HANDLERS(abs_handlers, Absolute, 1, float, double, std::int64_t)

struct Sign {
  static constexpr Primitive primitive = Primitive::sign;
  template <class D, class V>
  HWY_INLINE V operator()(D d, V x) const {
    const V zero = hn::Zero(d), one = hn::Set(d, hn::TFromD<D>{1});
    const V sign = hn::IfThenElse(hn::Lt(x, zero), hn::Neg(one), x);  // keeps 0 and NaN
    return hn::IfThenElse(hn::Gt(x, zero), one, sign);
  }
};
THALWEG_ELEMENT_HANDLERS(sign_handlers, Sign, 1, float, double, std::int64_t)

struct Maximum {
  static constexpr Primitive primitive = Primitive::maximum;
  template <class D, class V>
  HWY_INLINE V operator()(D, V a, V b) const {
    const V larger = hn::IfThenElse(hn::Gt(a, b), a, b);
    if constexpr (hwy::IsFloat<hn::TFromD<D>>()) return hn::IfThenElse(hn::Eq(a, a), larger, a);  // keeps NaN
    return larger;
  }
};
THALWEG_ELEMENT_HANDLERS(maximum_handlers, Maximum, 2, float, double, std::int64_t)

struct Minimum {
  static constexpr Primitive primitive = Primitive::minimum;
  template <class D, class V>
  HWY_INLINE V operator()(D, V a, V b) const {
    const V smaller = hn::IfThenElse(hn::Lt(a, b), a, b);
    if constexpr (hwy::IsFloat<hn::TFromD<D>>()) return hn::IfThenElse(hn::Eq(a, a), smaller, a);
    return smaller;
  }
};
THALWEG_ELEMENT_HANDLERS(minimum_handlers, Minimum, 2, float, double, std::int64_t)

struct Clamp {
  template <class D, class V>
  HWY_INLINE V operator()(D d, V x, V low, V high) const {
    return Minimum()(d, Maximum()(d, x, low), high);
  }
};
THALWEG_ELEMENT_HANDLERS(clamp_handlers, Clamp, 3, float, double, std::int64_t)

/// low < x < high, as 1 or 0.
struct IsInside {
  template <class D, class V>
  HWY_INLINE V operator()(D d, V x, V low, V high) const {
    const auto inside = hn::And(hn::Lt(low, x), hn::Lt(x, high));
    return hn::IfThenElseZero(inside, hn::Set(d, hn::TFromD<D>{1}));
  }
};
THALWEG_ELEMENT_HANDLERS(is_inside_handlers, IsInside, 3, float, double, std::int64_t)

/// 1, ½ or 0: the share of a in the gradient of maximum(a, b). For minimum, exchange the arguments.
struct ShareOfLarger {
  template <class D, class V>
  HWY_INLINE V operator()(D d, V a, V b) const {
    using T = hn::TFromD<D>;
    const V half = hn::IfThenElseZero(hn::Eq(a, b), hn::Set(d, T{0.5}));
    const V share = hn::IfThenElse(hn::Gt(a, b), hn::Set(d, T{1}), half);
    return hn::IfThenElse(hn::Eq(a, a), hn::IfThenElse(hn::Eq(b, b), share, b), a);
  }
};
THALWEG_ELEMENT_HANDLERS(share_of_larger_handlers, ShareOfLarger, 2, float, double)

}  // namespace
}  // namespace thalweg::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include <algorithm>

#include <fmt/format.h>

#include <thalweg/elementwise.hpp>

#include "ops/buffers.hpp"
#include "ops/errors.hpp"
#include "src/core_ops/core_ops.hpp"
#include "src/tape/recorder.hpp"

namespace thalweg {

THALWEG_ELEMENT_KERNEL(subtract_kernel, subtract_handlers, "subtract", 2, 1)
THALWEG_ELEMENT_KERNEL(multiply_kernel, multiply_handlers, "multiply", 2, 1)
THALWEG_ELEMENT_KERNEL(divide_kernel, divide_handlers, "divide", 2, 8)
THALWEG_ELEMENT_KERNEL(negate_kernel, negate_handlers, "negate", 1, 1)
THALWEG_ELEMENT_KERNEL(square_kernel, square_handlers, "square", 1, 1)
THALWEG_ELEMENT_KERNEL(sqrt_kernel, sqrt_handlers, "sqrt", 1, 10)
THALWEG_ELEMENT_KERNEL(abs_kernel, abs_handlers, "abs", 1, 1)
THALWEG_ELEMENT_KERNEL(sign_kernel, sign_handlers, "sign", 1, 3)
THALWEG_ELEMENT_KERNEL(maximum_kernel, maximum_handlers, "maximum", 2, 2)
THALWEG_ELEMENT_KERNEL(minimum_kernel, minimum_handlers, "minimum", 2, 2)
THALWEG_ELEMENT_KERNEL(hypot_kernel, hypot_handlers, "hypot", 2, 20)
THALWEG_ELEMENT_KERNEL(clamp_kernel, clamp_handlers, "clamp", 3, 4)
THALWEG_ELEMENT_KERNEL(is_inside_kernel, is_inside_handlers, "is_inside", 3, 3)
THALWEG_ELEMENT_KERNEL(share_of_larger_kernel, share_of_larger_handlers, "share_of_larger", 2, 5)

namespace {

Var gradient_itself(const Pullback& p) { return p.gradient; }
Var negated_gradient(const Pullback& p) { return negate(p.gradient); }

const Op subtract_op{.name = "subtract",
                     .kind = Kind::elementwise,
                     .shape_rule = arithmetic_shape,
                     .pullbacks = {gradient_itself, negated_gradient},
                     .kernel = &subtract_kernel};

const Op multiply_op{.name = "multiply",
                     .kind = Kind::elementwise,
                     .shape_rule = arithmetic_shape,
                     .pullbacks = {[](const Pullback& p) { return p.gradient * p.input(1); },
                                   [](const Pullback& p) { return p.gradient * p.input(0); }},
                     .kernel = &multiply_kernel};

const Op divide_op{.name = "divide",
                   .kind = Kind::elementwise,
                   .shape_rule = floating_shape,
                   .pullbacks = {[](const Pullback& p) { return chain(p.gradient, 1 / p.input(1)); },
                                 [](const Pullback& p) { return chain(p.gradient, -(p.output / p.input(1))); }},
                   .kernel = &divide_kernel};

const Op negate_op{.name = "negate",
                   .kind = Kind::elementwise,
                   .shape_rule = arithmetic_shape,
                   .pullbacks = {negated_gradient},
                   .kernel = &negate_kernel};

const Op square_op{.name = "square",
                   .kind = Kind::elementwise,
                   .shape_rule = arithmetic_shape,
                   .pullbacks = {[](const Pullback& p) { return chain(p.gradient, 2 * p.input(0)); }},
                   .kernel = &square_kernel};

const Op sqrt_op{.name = "sqrt",
                 .kind = Kind::elementwise,
                 .shape_rule = floating_shape,
                 .pullbacks = {[](const Pullback& p) { return chain(p.gradient, 0.5 / p.output); }},
                 .kernel = &sqrt_kernel};

const Op sign_op{.name = "sign", .kind = Kind::elementwise, .shape_rule = arithmetic_shape, .kernel = &sign_kernel};

const Op abs_op{.name = "abs",
                .kind = Kind::elementwise,
                .shape_rule = arithmetic_shape,
                .pullbacks = {[](const Pullback& p) { return chain(p.gradient, sign(p.input(0))); }},
                .kernel = &abs_kernel};

const Op share_of_larger_op{.name = "share_of_larger",
                            .kind = Kind::elementwise,
                            .shape_rule = floating_shape,
                            .kernel = &share_of_larger_kernel};

Var share_of_larger(const Var& a, const Var& b) { return record(share_of_larger_op, a, b); }

const Op maximum_op{
    .name = "maximum",
    .kind = Kind::elementwise,
    .shape_rule = arithmetic_shape,
    .pullbacks = {[](const Pullback& p) { return chain(p.gradient, share_of_larger(p.input(0), p.input(1))); },
                  [](const Pullback& p) { return chain(p.gradient, share_of_larger(p.input(1), p.input(0))); }},
    .kernel = &maximum_kernel};

const Op minimum_op{
    .name = "minimum",
    .kind = Kind::elementwise,
    .shape_rule = arithmetic_shape,
    .pullbacks = {[](const Pullback& p) { return chain(p.gradient, share_of_larger(p.input(1), p.input(0))); },
                  [](const Pullback& p) { return chain(p.gradient, share_of_larger(p.input(0), p.input(1))); }},
    .kernel = &minimum_kernel};

// --- hypot: x / hypot, 0 where both are 0 ---

const Op hypot_op{
    .name = "hypot",
    .kind = Kind::elementwise,
    .shape_rule = floating_shape,
    .every_pullback =
        [](const Pullback& p) { return chain(p.gradient, where(p.output == 0, 0, p.input(p.index) / p.output)); },
    .kernel = &hypot_kernel};

// --- clamp ---

const Op is_inside_op{.name = "is_inside",
                      .kind = Kind::elementwise,
                      .shape_rule = bool_shape,
                      .kernel = &is_inside_kernel,
                      .gives_bool = true};

Var clamp_pullback_x(const Pullback& p) {
  return where(record(is_inside_op, p.input(0), p.input(1), p.input(2)), p.gradient, 0);
}
Var clamp_pullback_low(const Pullback& p) { return where(p.input(0) < p.input(1), p.gradient, 0); }
Var clamp_pullback_high(const Pullback& p) { return where(p.input(0) > p.input(2), p.gradient, 0); }

const Op clamp_op{.name = "clamp",
                  .kind = Kind::elementwise,
                  .shape_rule = arithmetic_shape,
                  .pullbacks = {clamp_pullback_x, clamp_pullback_low, clamp_pullback_high},
                  .kernel = &clamp_kernel};

/// Returns the first input, a bound; ValueError if the second input says that a lower bound exceeds its upper bound.
void clamp_bounds_kernel(const OpaqueCall& call) {
  const auto* is_crossed = static_cast<const bool*>(call.inputs[1]);
  const std::int64_t count = call.input_types[1].shape.size();
  const bool* const crossed = std::find(is_crossed, is_crossed + count, true);
  if (crossed != is_crossed + count)
    throw ValueError(error_text(call.op(),
                                fmt::format("the lower bound is above the upper one at element {} of {}",
                                            crossed - is_crossed, to_string(call.input_types[1].shape)),
                                call.line()));
  pass_on_first_input(call);
}

const Op clamp_bounds_op{.name = "clamp",
                         .kind = Kind::opaque,
                         .shape_rule = [](const Inference& inference) { return inference.input(0); },
                         .pullbacks = {gradient_itself},
                         .opaque_kernel = clamp_bounds_kernel,
                         .can_fail = true};

}  // namespace

Var add(const Operand& a, const Operand& b) { return record(internal::add_op, a, b); }
Var subtract(const Operand& a, const Operand& b) { return record(subtract_op, a, b); }
Var multiply(const Operand& a, const Operand& b) { return record(multiply_op, a, b); }
Var divide(const Operand& a, const Operand& b) { return record(divide_op, a, b); }
Var negate(const Operand& x) { return record(negate_op, x); }
Var square(const Operand& x) { return record(square_op, x); }
Var sqrt(const Operand& x) { return record(sqrt_op, x); }
Var reciprocal(const Operand& x) {
  const Var value = floating("reciprocal", x);
  const OpScope scope("reciprocal", x.line());
  return literal(1) / value;
}
Var rsqrt(const Operand& x) {
  const Var value = floating("rsqrt", x);
  const OpScope scope("rsqrt", x.line());
  return literal(1) / sqrt(value);
}
Var hypot(const Operand& a, const Operand& b) { return record(hypot_op, a, b); }
Var abs(const Operand& x) { return record(abs_op, x); }
Var sign(const Operand& x) { return record(sign_op, x); }
Var maximum(const Operand& a, const Operand& b) { return record(maximum_op, a, b); }
Var minimum(const Operand& a, const Operand& b) { return record(minimum_op, a, b); }

Var clamp(const Operand& x, const Operand& low, const Operand& high) {
  if (low.is_number() && high.is_number()) {
    if (!(low.number() <= high.number()))
      fail<ValueError>("clamp",
                       fmt::format("the bounds are {} and {}; the lower one must not be above the upper one",
                                   low.number(), high.number()),
                       x.line());
    return record(clamp_op, x, low, high);
  }
  internal::Recorder& recorder = internal::Recorder::require("clamp", x.line());
  const OpScope scope("clamp", x.line());
  const std::int32_t ids[3] = {recorder.resolve(x, "clamp"), recorder.resolve(low, "clamp"),
                               recorder.resolve(high, "clamp")};
  const NodeType types[3] = {recorder.type(ids[0]), recorder.type(ids[1]), recorder.type(ids[2])};
  // Checked before the bounds are compared, so that the error is the same as from recording the op.
  arithmetic_shape(Inference("clamp", recorder.blame(x.line()), 0, types));
  const Var value = recorder.var(ids[0]), lower = recorder.var(ids[1]), upper = recorder.var(ids[2]);
  const Var crossed = lower > upper;
  if (low.is_number()) return record(clamp_op, value, lower, record(clamp_bounds_op, upper, crossed));
  return record(clamp_op, value, record(clamp_bounds_op, lower, crossed), upper);
}

}  // namespace thalweg
#endif
