#include <thalweg/ops/logic.hpp>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/logic.cpp"
#include <hwy/foreach_target.h>

#include "src/run/element_kernel-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace thalweg::HWY_NAMESPACE {
namespace {

template <class D, class M>
HWY_INLINE hn::Vec<D> truth(D d, M mask) {
  return hn::IfThenElseZero(mask, hn::Set(d, hn::TFromD<D>{1}));
}

/// Does not use Highway's Ne, which on AVX2 and AVX-512 treats NaN as equal to everything.
template <class D, class V>
HWY_INLINE auto is_true(D d, V x) {
  return hn::Not(hn::Eq(x, hn::Zero(d)));
}

struct Less {
  static constexpr Primitive primitive = Primitive::less;
  template <class D, class V>
  HWY_INLINE V operator()(D d, V a, V b) const {
    return truth(d, hn::Lt(a, b));
  }
};
THALWEG_ELEMENT_HANDLERS(less_handlers, Less, 2, float, double, std::int64_t)

struct LessEqual {
  static constexpr Primitive primitive = Primitive::less_equal;
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
  static constexpr Primitive primitive = Primitive::greater;
  template <class D, class V>
  HWY_INLINE V operator()(D d, V a, V b) const {
    return truth(d, hn::Gt(a, b));
  }
};
THALWEG_ELEMENT_HANDLERS(greater_handlers, Greater, 2, float, double, std::int64_t)

struct GreaterEqual {
  static constexpr Primitive primitive = Primitive::greater_equal;
  template <class D, class V>
  HWY_INLINE V operator()(D d, V a, V b) const {
    return LessEqual()(d, b, a);
  }
};
THALWEG_ELEMENT_HANDLERS(greater_equal_handlers, GreaterEqual, 2, float, double, std::int64_t)

struct Equal {
  static constexpr Primitive primitive = Primitive::equal;
  template <class D, class V>
  HWY_INLINE V operator()(D d, V a, V b) const {
    return truth(d, hn::Eq(a, b));
  }
};
THALWEG_ELEMENT_HANDLERS(equal_handlers, Equal, 2, float, double, std::int64_t)

struct NotEqual {
  static constexpr Primitive primitive = Primitive::not_equal;
  template <class D, class V>
  HWY_INLINE V operator()(D d, V a, V b) const {
    return truth(d, hn::Not(hn::Eq(a, b)));
  }
};
THALWEG_ELEMENT_HANDLERS(not_equal_handlers, NotEqual, 2, float, double, std::int64_t)

struct LogicalAnd {
  template <class D, class V>
  HWY_INLINE V operator()(D d, V a, V b) const {
    return truth(d, hn::And(is_true(d, a), is_true(d, b)));
  }
};
THALWEG_ELEMENT_HANDLERS(logical_and_handlers, LogicalAnd, 2, float, double, std::int64_t)

struct LogicalOr {
  template <class D, class V>
  HWY_INLINE V operator()(D d, V a, V b) const {
    return truth(d, hn::Or(is_true(d, a), is_true(d, b)));
  }
};
THALWEG_ELEMENT_HANDLERS(logical_or_handlers, LogicalOr, 2, float, double, std::int64_t)

struct LogicalXor {
  template <class D, class V>
  HWY_INLINE V operator()(D d, V a, V b) const {
    return truth(d, hn::Xor(is_true(d, a), is_true(d, b)));
  }
};
THALWEG_ELEMENT_HANDLERS(logical_xor_handlers, LogicalXor, 2, float, double, std::int64_t)

struct LogicalNot {
  template <class D, class V>
  HWY_INLINE V operator()(D d, V x) const {
    return truth(d, hn::Eq(x, hn::Zero(d)));
  }
};
THALWEG_ELEMENT_HANDLERS(logical_not_handlers, LogicalNot, 1, float, double, std::int64_t)

struct IsNan {
  template <class D, class V>
  HWY_INLINE V operator()(D d, V x) const {
    return truth(d, hn::Not(hn::Eq(x, x)));
  }
};
THALWEG_ELEMENT_HANDLERS(isnan_handlers, IsNan, 1, float, double, std::int64_t)

struct IsInf {
  template <class D, class V>
  HWY_INLINE V operator()(D d, V x) const {
    if constexpr (hwy::IsFloat<hn::TFromD<D>>()) {
      return truth(d, hn::Eq(hn::Abs(x), hn::Inf(d)));
    } else {
      return hn::Zero(d);
    }
  }
};
THALWEG_ELEMENT_HANDLERS(isinf_handlers, IsInf, 1, float, double, std::int64_t)

struct IsFinite {
  template <class D, class V>
  HWY_INLINE V operator()(D d, V x) const {
    if constexpr (hwy::IsFloat<hn::TFromD<D>>()) {
      return truth(d, hn::Lt(hn::Abs(x), hn::Inf(d)));
    } else {
      return hn::Set(d, hn::TFromD<D>{1});
    }
  }
};
THALWEG_ELEMENT_HANDLERS(isfinite_handlers, IsFinite, 1, float, double, std::int64_t)

struct Where {
  static constexpr Primitive primitive = Primitive::where;
  template <class D, class V>
  HWY_INLINE V operator()(D d, V condition, V a, V b) const {
    return hn::IfThenElse(is_true(d, condition), a, b);
  }
};
THALWEG_ELEMENT_HANDLERS(where_handlers, Where, 3, float, double, std::int64_t)

}  // namespace
}  // namespace thalweg::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include <thalweg/elementwise.hpp>

namespace thalweg {

THALWEG_ELEMENT_KERNEL(less_kernel, less_handlers, "less", 2, 2)
THALWEG_ELEMENT_KERNEL(less_equal_kernel, less_equal_handlers, "less_equal", 2, 2)
THALWEG_ELEMENT_KERNEL(greater_kernel, greater_handlers, "greater", 2, 2)
THALWEG_ELEMENT_KERNEL(greater_equal_kernel, greater_equal_handlers, "greater_equal", 2, 2)
THALWEG_ELEMENT_KERNEL(equal_kernel, equal_handlers, "equal", 2, 2)
THALWEG_ELEMENT_KERNEL(not_equal_kernel, not_equal_handlers, "not_equal", 2, 2)
THALWEG_ELEMENT_KERNEL(logical_and_kernel, logical_and_handlers, "logical_and", 2, 3)
THALWEG_ELEMENT_KERNEL(logical_or_kernel, logical_or_handlers, "logical_or", 2, 3)
THALWEG_ELEMENT_KERNEL(logical_xor_kernel, logical_xor_handlers, "logical_xor", 2, 3)
THALWEG_ELEMENT_KERNEL(logical_not_kernel, logical_not_handlers, "logical_not", 1, 2)
THALWEG_ELEMENT_KERNEL(isnan_kernel, isnan_handlers, "isnan", 1, 2)
THALWEG_ELEMENT_KERNEL(isinf_kernel, isinf_handlers, "isinf", 1, 3)
THALWEG_ELEMENT_KERNEL(isfinite_kernel, isfinite_handlers, "isfinite", 1, 3)
THALWEG_ELEMENT_KERNEL(where_kernel, where_handlers, "where", 3, 2)

namespace {

constexpr Op predicate(const char* name, const ElementKernel* kernel) {
  return {.name = name, .kind = Kind::elementwise, .shape_rule = bool_shape, .kernel = kernel, .gives_bool = true};
}
const Op less_op = predicate("less", &less_kernel);
const Op less_equal_op = predicate("less_equal", &less_equal_kernel);
const Op greater_op = predicate("greater", &greater_kernel);
const Op greater_equal_op = predicate("greater_equal", &greater_equal_kernel);
const Op equal_op = predicate("equal", &equal_kernel);
const Op not_equal_op = predicate("not_equal", &not_equal_kernel);
const Op logical_and_op = predicate("logical_and", &logical_and_kernel);
const Op logical_or_op = predicate("logical_or", &logical_or_kernel);
const Op logical_xor_op = predicate("logical_xor", &logical_xor_kernel);
const Op logical_not_op = predicate("logical_not", &logical_not_kernel);
const Op isnan_op = predicate("isnan", &isnan_kernel);
const Op isinf_op = predicate("isinf", &isinf_kernel);
const Op isfinite_op = predicate("isfinite", &isfinite_kernel);

/// A selection between numbers has the condition's shape, so it is not a number, and its dtype is not weak.
NodeType where_shape(const Inference& inference) {
  const NodeType branches[2] = {inference.input(1), inference.input(2)};
  const NodeType type = Inference(inference.op(), inference.line(), 0, branches).broadcast();
  const NodeType shapes[2] = {{inference.shape(0), DType::f32, false}, {type.shape, DType::f32, false}};
  return {Inference(inference.op(), inference.line(), 0, shapes).broadcast().shape, type.dtype, false};
}

const Op where_op{.name = "where",
                  .kind = Kind::elementwise,
                  .shape_rule = where_shape,
                  .pullbacks = {nullptr, [](const Pullback& p) { return where(p.input(0), p.gradient, 0); },
                                [](const Pullback& p) { return where(p.input(0), 0, p.gradient); }},
                  .kernel = &where_kernel};

}  // namespace

Var less(const Operand& a, const Operand& b) { return record(less_op, a, b); }
Var less_equal(const Operand& a, const Operand& b) { return record(less_equal_op, a, b); }
Var greater(const Operand& a, const Operand& b) { return record(greater_op, a, b); }
Var greater_equal(const Operand& a, const Operand& b) { return record(greater_equal_op, a, b); }
Var equal(const Operand& a, const Operand& b) { return record(equal_op, a, b); }
Var not_equal(const Operand& a, const Operand& b) { return record(not_equal_op, a, b); }
Var logical_and(const Operand& a, const Operand& b) { return record(logical_and_op, a, b); }
Var logical_or(const Operand& a, const Operand& b) { return record(logical_or_op, a, b); }
Var logical_xor(const Operand& a, const Operand& b) { return record(logical_xor_op, a, b); }
Var logical_not(const Operand& x) { return record(logical_not_op, x); }
Var isnan(const Operand& x) { return record(isnan_op, x); }
Var isinf(const Operand& x) { return record(isinf_op, x); }
Var isfinite(const Operand& x) { return record(isfinite_op, x); }

Var where(const Operand& condition, const Operand& a, const Operand& b) {
  const Var chosen = as_var(condition, "where");
  // As a number, the condition would take the dtype of the branches.
  const Var truth = chosen.dtype() == DType::boolean ? chosen : not_equal(chosen, 0);
  return record(where_op, Operand(truth, condition.line()), a, b);
}

}  // namespace thalweg
#endif
