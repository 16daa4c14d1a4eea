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
  static constexpr Primitive primitive = Primitive::exp;
  template <class D, class V>
  HWY_INLINE V operator()(D d, V x) const {
    return Exp(d, x);
  }
};
THALWEG_ELEMENT_HANDLERS(exp_handlers, ExpKernel, 1, float, double)

struct Expm1Kernel {
  static constexpr Primitive primitive = Primitive::expm1;
  template <class D, class V>
  HWY_INLINE V operator()(D d, V x) const {
    return Expm1(d, x);
  }
};
THALWEG_ELEMENT_HANDLERS(expm1_handlers, Expm1Kernel, 1, float, double)

struct LogKernel {
  static constexpr Primitive primitive = Primitive::log;
  template <class D, class V>
  HWY_INLINE V operator()(D d, V x) const {
    return Log(d, x);
  }
};
THALWEG_ELEMENT_HANDLERS(log_handlers, LogKernel, 1, float, double)

struct Log1pKernel {
  static constexpr Primitive primitive = Primitive::log1p;
  template <class D, class V>
  HWY_INLINE V operator()(D d, V x) const {
    return Log1p(d, x);
  }
};
THALWEG_ELEMENT_HANDLERS(log1p_handlers, Log1pKernel, 1, float, double)

struct Exp2Kernel {
  template <class D, class V>
  HWY_INLINE V operator()(D d, V x) const {
    return Exp2(d, x);
  }
};
THALWEG_ELEMENT_HANDLERS(exp2_handlers, Exp2Kernel, 1, float, double)

struct Log2Kernel {
  template <class D, class V>
  HWY_INLINE V operator()(D d, V x) const {
    return Log2(d, x);
  }
};
THALWEG_ELEMENT_HANDLERS(log2_handlers, Log2Kernel, 1, float, double)

struct Log10Kernel {
  static constexpr bool is_long = true;
  template <class D, class V>
  HWY_INLINE V operator()(D d, V x) const {
    return Log10(d, x);
  }
};
THALWEG_ELEMENT_HANDLERS(log10_handlers, Log10Kernel, 1, float, double)

/// max + log(1 + e^-|a - b|).
struct LogAddExpKernel {
  static constexpr bool is_long = true;
  template <class D, class V>
  HWY_INLINE V operator()(D d, V a, V b) const {
    const V difference = hn::Abs(hn::Sub(a, b));
    const V larger = hn::IfThenElse(hn::Gt(a, b), a, b);
    const V sum = hn::Add(larger, Log1p(d, Exp(d, hn::Neg(difference))));
    // Avoid inf − inf.
    const auto same_infinity = hn::And(hn::Eq(a, b), hn::Eq(hn::Abs(a), hn::Inf(d)));
    return hn::IfThenElse(same_infinity, a, sum);
  }
};
THALWEG_ELEMENT_HANDLERS(logaddexp_handlers, LogAddExpKernel, 2, float, double)

struct CbrtKernel {
  static constexpr bool is_long = true;
  template <class D, class V>
  HWY_INLINE V operator()(D d, V x) const {
    return Cbrt(d, x);
  }
};
THALWEG_ELEMENT_HANDLERS(cbrt_handlers, CbrtKernel, 1, float, double)

struct PowerKernel {
  static constexpr bool is_long = true;
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
#include <numbers>

#include <thalweg/elementwise.hpp>
#include <thalweg/ops/activation.hpp>
#include <thalweg/ops/arithmetic.hpp>

#include "ops/integer.hpp"

namespace thalweg {

THALWEG_ELEMENT_KERNEL(exp_kernel, exp_handlers, "exp", 1, 12)
THALWEG_ELEMENT_KERNEL(expm1_kernel, expm1_handlers, "expm1", 1, 16)
THALWEG_ELEMENT_KERNEL(log_kernel, log_handlers, "log", 1, 16)
THALWEG_ELEMENT_KERNEL(log1p_kernel, log1p_handlers, "log1p", 1, 18)
THALWEG_ELEMENT_KERNEL(exp2_kernel, exp2_handlers, "exp2", 1, 12)
THALWEG_ELEMENT_KERNEL(log2_kernel, log2_handlers, "log2", 1, 16)
THALWEG_ELEMENT_KERNEL(log10_kernel, log10_handlers, "log10", 1, 40)
THALWEG_ELEMENT_KERNEL(logaddexp_kernel, logaddexp_handlers, "logaddexp", 2, 35)
THALWEG_ELEMENT_KERNEL(cbrt_kernel, cbrt_handlers, "cbrt", 1, 40)
THALWEG_ELEMENT_KERNEL(power_kernel, power_handlers, "power", 2, 60)

namespace {

const Op exp_op{.name = "exp",
                .kind = Kind::elementwise,
                .shape_rule = floating_shape,
                .pullbacks = {[](const Pullback& p) { return chain(p.gradient, p.output); }},
                .kernel = &exp_kernel};

// The derivative is a separate exponential, since output + 1 is 0 where the result rounds to −1.
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

const Op exp2_op{.name = "exp2",
                 .kind = Kind::elementwise,
                 .shape_rule = floating_shape,
                 .pullbacks = {[](const Pullback& p) { return chain(p.gradient, p.output * std::numbers::ln2); }},
                 .kernel = &exp2_kernel};

const Op log2_op{.name = "log2",
                 .kind = Kind::elementwise,
                 .shape_rule = floating_shape,
                 .pullbacks = {[](const Pullback& p) { return chain(p.gradient, std::numbers::log2e / p.input(0)); }},
                 .kernel = &log2_kernel};

const Op log10_op{.name = "log10",
                  .kind = Kind::elementwise,
                  .shape_rule = floating_shape,
                  .pullbacks = {[](const Pullback& p) { return chain(p.gradient, std::numbers::log10e / p.input(0)); }},
                  .kernel = &log10_kernel};

/// e^own / (e^own + e^other). For two equal infinities: 0 each for −inf, ½ each for inf.
Var logaddexp_pullback(const Pullback& p) {
  const Var &own = p.input(p.index), &other = p.input(1 - p.index);
  const Var same_infinity = logical_and(own == other, isinf(own));
  return chain(p.gradient, where(same_infinity, clamp(p.output, 0, 0.5), sigmoid(own - other)));
}

const Op logaddexp_op{.name = "logaddexp",
                      .kind = Kind::elementwise,
                      .shape_rule = floating_shape,
                      .every_pullback = logaddexp_pullback,
                      .kernel = &logaddexp_kernel};

const Op cbrt_op{.name = "cbrt",
                 .kind = Kind::elementwise,
                 .shape_rule = floating_shape,
                 .pullbacks = {[](const Pullback& p) { return chain(p.gradient, 1 / (3 * square(p.output))); }},
                 .kernel = &cbrt_kernel};

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
Var exp2(const Operand& x) { return record(exp2_op, x); }
Var log2(const Operand& x) { return record(log2_op, x); }
Var log10(const Operand& x) { return record(log10_op, x); }
Var logaddexp(const Operand& a, const Operand& b) { return record(logaddexp_op, a, b); }
Var cbrt(const Operand& x) { return record(cbrt_op, x); }

Var power(const Operand& base, const Operand& exponent) {
  if (exponent.is_number() && exponent.number() == 2) return square(Operand(as_var(base, "power"), base.line()));
  return integer_or_floating(power_op, integer_power_op, base, exponent);
}

}  // namespace thalweg
#endif
