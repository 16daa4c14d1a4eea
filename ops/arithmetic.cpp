#include <thalweg/ops/arithmetic.hpp>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/arithmetic.cpp"
#include <hwy/foreach_target.h>

#include "src/run/element_kernel-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace thalweg::HWY_NAMESPACE {
namespace {

template <class D, class M>
HWY_INLINE hn::Vec<D> truth(D d, M mask) {
  return hn::IfThenElseZero(mask, hn::Set(d, hn::TFromD<D>{1}));
}

struct Subtract {
  template <class D, class V>
  HWY_INLINE V operator()(D, V a, V b) const {
    return hn::Sub(a, b);
  }
};
THALWEG_ELEMENT_HANDLERS(subtract_handlers, Subtract, 2, float, double, std::int64_t)

struct Multiply {
  template <class D, class V>
  HWY_INLINE V operator()(D d, V a, V b) const {
    return multiply(d, a, b);
  }
};
THALWEG_ELEMENT_HANDLERS(multiply_handlers, Multiply, 2, float, double, std::int64_t)

struct Divide {
  template <class D, class V>
  HWY_INLINE V operator()(D, V a, V b) const {
    return hn::Div(a, b);
  }
};
THALWEG_ELEMENT_HANDLERS(divide_handlers, Divide, 2, float, double)

struct Negate {
  template <class D, class V>
  HWY_INLINE V operator()(D, V x) const {
    return hn::Neg(x);
  }
};
THALWEG_ELEMENT_HANDLERS(negate_handlers, Negate, 1, float, double, std::int64_t)

struct Square {
  template <class D, class V>
  HWY_INLINE V operator()(D d, V x) const {
    return multiply(d, x, x);
  }
};
THALWEG_ELEMENT_HANDLERS(square_handlers, Square, 1, float, double, std::int64_t)

struct SquareRoot {
  template <class D, class V>
  HWY_INLINE V operator()(D, V x) const {
    return hn::Sqrt(x);
  }
};
THALWEG_ELEMENT_HANDLERS(sqrt_handlers, SquareRoot, 1, float, double)

struct Absolute {
  template <class D, class V>
  HWY_INLINE V operator()(D, V x) const {
    return hn::Abs(x);
  }
};
THALWEG_ELEMENT_HANDLERS(abs_handlers, Absolute, 1, float, double, std::int64_t)

struct Sign {
  template <class D, class V>
  HWY_INLINE V operator()(D d, V x) const {
    const V zero = hn::Zero(d), one = hn::Set(d, hn::TFromD<D>{1});
    const V sign = hn::IfThenElse(hn::Lt(x, zero), hn::Neg(one), x);  // 0 and NaN stay
    return hn::IfThenElse(hn::Gt(x, zero), one, sign);
  }
};
THALWEG_ELEMENT_HANDLERS(sign_handlers, Sign, 1, float, double, std::int64_t)

struct Maximum {
  template <class D, class V>
  HWY_INLINE V operator()(D, V a, V b) const {
    const V larger = hn::IfThenElse(hn::Gt(a, b), a, b);
    if constexpr (hwy::IsFloat<hn::TFromD<D>>()) return hn::IfThenElse(hn::Eq(a, a), larger, a);  // a NaN stays
    return larger;
  }
};
THALWEG_ELEMENT_HANDLERS(maximum_handlers, Maximum, 2, float, double, std::int64_t)

struct Minimum {
  template <class D, class V>
  HWY_INLINE V operator()(D, V a, V b) const {
    const V smaller = hn::IfThenElse(hn::Lt(a, b), a, b);
    if constexpr (hwy::IsFloat<hn::TFromD<D>>()) return hn::IfThenElse(hn::Eq(a, a), smaller, a);
    return smaller;
  }
};
THALWEG_ELEMENT_HANDLERS(minimum_handlers, Minimum, 2, float, double, std::int64_t)

/// 1, ½ or 0: how much of maximum(a, b)'s gradient belongs to a. Of minimum's: with the arguments exchanged.
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

struct Less {
  template <class D, class V>
  HWY_INLINE V operator()(D d, V a, V b) const {
    return truth(d, hn::Lt(a, b));
  }
};
THALWEG_ELEMENT_HANDLERS(less_handlers, Less, 2, float, double, std::int64_t)

struct LessEqual {
  template <class D, class V>
  HWY_INLINE V operator()(D d, V a, V b) const {
    if constexpr (hwy::IsFloat<hn::TFromD<D>>()) {
      return truth(d, hn::Le(a, b));
    } else {
      return truth(d, hn::Not(hn::Gt(a, b)));
    }
  }
};
THALWEG_ELEMENT_HANDLERS(less_equal_handlers, LessEqual, 2, float, double, std::int64_t)

struct Greater {
  template <class D, class V>
  HWY_INLINE V operator()(D d, V a, V b) const {
    return Less()(d, b, a);
  }
};
THALWEG_ELEMENT_HANDLERS(greater_handlers, Greater, 2, float, double, std::int64_t)

struct GreaterEqual {
  template <class D, class V>
  HWY_INLINE V operator()(D d, V a, V b) const {
    return LessEqual()(d, b, a);
  }
};
THALWEG_ELEMENT_HANDLERS(greater_equal_handlers, GreaterEqual, 2, float, double, std::int64_t)

struct Equal {
  template <class D, class V>
  HWY_INLINE V operator()(D d, V a, V b) const {
    return truth(d, hn::Eq(a, b));
  }
};
THALWEG_ELEMENT_HANDLERS(equal_handlers, Equal, 2, float, double, std::int64_t)

struct NotEqual {
  template <class D, class V>
  HWY_INLINE V operator()(D d, V a, V b) const {
    return truth(d, hn::Not(hn::Eq(a, b)));  // Ne of AVX-512 is false beside a NaN
  }
};
THALWEG_ELEMENT_HANDLERS(not_equal_handlers, NotEqual, 2, float, double, std::int64_t)

struct Where {
  template <class D, class V>
  HWY_INLINE V operator()(D d, V condition, V a, V b) const {
    return hn::IfThenElse(hn::Eq(condition, hn::Zero(d)), b, a);
  }
};
THALWEG_ELEMENT_HANDLERS(where_handlers, Where, 3, float, double, std::int64_t)

}  // namespace
}  // namespace thalweg::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include <fmt/format.h>

#include "src/core_ops/core_ops.hpp"

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
THALWEG_ELEMENT_KERNEL(share_of_larger_kernel, share_of_larger_handlers, "share_of_larger", 2, 5)
THALWEG_ELEMENT_KERNEL(less_kernel, less_handlers, "less", 2, 2)
THALWEG_ELEMENT_KERNEL(less_equal_kernel, less_equal_handlers, "less_equal", 2, 2)
THALWEG_ELEMENT_KERNEL(greater_kernel, greater_handlers, "greater", 2, 2)
THALWEG_ELEMENT_KERNEL(greater_equal_kernel, greater_equal_handlers, "greater_equal", 2, 2)
THALWEG_ELEMENT_KERNEL(equal_kernel, equal_handlers, "equal", 2, 2)
THALWEG_ELEMENT_KERNEL(not_equal_kernel, not_equal_handlers, "not_equal", 2, 2)
THALWEG_ELEMENT_KERNEL(where_kernel, where_handlers, "where", 3, 2)

namespace {

/// Two bools count as 0 and 1: the result is a number.
NodeType arithmetic_shape(const Inference& inference) {
  NodeType type = inference.broadcast();
  if (type.dtype == DType::boolean) type.dtype = DType::i64;
  return type;
}

NodeType floating_shape(const Inference& inference) {
  const NodeType type = inference.broadcast();
  if (!is_floating(type.dtype) && !type.weak)
    inference.fail_dtype(fmt::format("{} has no fractions; cast to f32 or f64 first", name(type.dtype)));
  return {type.shape, type.weak ? DType::f32 : type.dtype, type.weak};
}

NodeType comparison_shape(const Inference& inference) { return {inference.broadcast().shape, DType::boolean, false}; }

NodeType where_shape(const Inference& inference) {
  const NodeType branches[2] = {inference.input(1), inference.input(2)};
  NodeType type = Inference(inference.op(), inference.line(), 0, branches).broadcast();
  const NodeType shapes[2] = {{inference.shape(0), DType::f32, false}, {type.shape, DType::f32, false}};
  type.shape = Inference(inference.op(), inference.line(), 0, shapes).broadcast().shape;
  type.weak = type.weak && type.shape.rank() == 0;  // numbers chosen by a tensor are one
  return type;
}

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

const Op sign_op{
    .name = "sign", .kind = Kind::elementwise, .shape_rule = arithmetic_shape, .kernel = &sign_kernel};

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

constexpr Op comparison(const char* name, const ElementKernel* kernel) {
  return {.name = name, .kind = Kind::elementwise, .shape_rule = comparison_shape, .kernel = kernel, .gives_bool = true};
}
const Op less_op = comparison("less", &less_kernel);
const Op less_equal_op = comparison("less_equal", &less_equal_kernel);
const Op greater_op = comparison("greater", &greater_kernel);
const Op greater_equal_op = comparison("greater_equal", &greater_equal_kernel);
const Op equal_op = comparison("equal", &equal_kernel);
const Op not_equal_op = comparison("not_equal", &not_equal_kernel);

const Op where_op{.name = "where",
                  .kind = Kind::elementwise,
                  .shape_rule = where_shape,
                  .pullbacks = {nullptr, [](const Pullback& p) { return where(p.input(0), p.gradient, 0); },
                                [](const Pullback& p) { return where(p.input(0), 0, p.gradient); }},
                  .kernel = &where_kernel};

}  // namespace

Var add(const Operand& a, const Operand& b) { return record(internal::add_op, a, b); }
Var subtract(const Operand& a, const Operand& b) { return record(subtract_op, a, b); }
Var multiply(const Operand& a, const Operand& b) { return record(multiply_op, a, b); }
Var divide(const Operand& a, const Operand& b) { return record(divide_op, a, b); }
Var negate(const Operand& x) { return record(negate_op, x); }
Var square(const Operand& x) { return record(square_op, x); }
Var sqrt(const Operand& x) { return record(sqrt_op, x); }
Var abs(const Operand& x) { return record(abs_op, x); }
Var sign(const Operand& x) { return record(sign_op, x); }
Var maximum(const Operand& a, const Operand& b) { return record(maximum_op, a, b); }
Var minimum(const Operand& a, const Operand& b) { return record(minimum_op, a, b); }
Var less(const Operand& a, const Operand& b) { return record(less_op, a, b); }
Var less_equal(const Operand& a, const Operand& b) { return record(less_equal_op, a, b); }
Var greater(const Operand& a, const Operand& b) { return record(greater_op, a, b); }
Var greater_equal(const Operand& a, const Operand& b) { return record(greater_equal_op, a, b); }
Var equal(const Operand& a, const Operand& b) { return record(equal_op, a, b); }
Var not_equal(const Operand& a, const Operand& b) { return record(not_equal_op, a, b); }
Var where(const Operand& condition, const Operand& a, const Operand& b) { return record(where_op, condition, a, b); }

}  // namespace thalweg
#endif
