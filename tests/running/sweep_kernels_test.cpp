#include "tests/running/sweep_kernels.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tests/running/sweep_kernels_test.cpp"
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
struct Subtract {
  static constexpr Primitive primitive = Primitive::subtract;
  template <class D, class V>
  HWY_INLINE V operator()(D, V a, V b) const {
    return hn::Sub(a, b);
  }
};
struct Multiply {
  static constexpr Primitive primitive = Primitive::multiply;
  template <class D, class V>
  HWY_INLINE V operator()(D d, V a, V b) const {
    return multiply(d, a, b);
  }
};
struct Divide {
  static constexpr Primitive primitive = Primitive::divide;
  template <class D, class V>
  HWY_INLINE V operator()(D, V a, V b) const {
    return hn::Div(a, b);
  }
};
struct Less {
  static constexpr Primitive primitive = Primitive::less;
  template <class D, class V>
  HWY_INLINE V operator()(D d, V a, V b) const {
    return hn::IfThenElseZero(hn::Lt(a, b), hn::Set(d, hn::TFromD<D>(1)));
  }
};
struct Where {
  static constexpr Primitive primitive = Primitive::where;
  template <class D, class V>
  HWY_INLINE V operator()(D d, V condition, V a, V b) const {
    return hn::IfThenElse(hn::Not(hn::Eq(condition, hn::Zero(d))), a, b);
  }
};
struct Negate {
  static constexpr Primitive primitive = Primitive::negate;
  template <class D, class V>
  HWY_INLINE V operator()(D, V a) const {
    return hn::Neg(a);
  }
};
struct Root {
  static constexpr Primitive primitive = Primitive::sqrt;
  template <class D, class V>
  HWY_INLINE V operator()(D, V a) const {
    return hn::Sqrt(a);
  }
};
struct Absolute {
  static constexpr Primitive primitive = Primitive::absolute;
  template <class D, class V>
  HWY_INLINE V operator()(D, V a) const {
    return hn::Abs(a);
  }
};
struct Square {
  static constexpr Primitive primitive = Primitive::square;
  template <class D, class V>
  HWY_INLINE V operator()(D d, V a) const {
    return multiply(d, a, a);
  }
};
struct Sign {
  static constexpr Primitive primitive = Primitive::sign;
  template <class D, class V>
  HWY_INLINE V operator()(D d, V x) const {
    const V zero = hn::Zero(d), one = hn::Set(d, hn::TFromD<D>{1});
    return hn::IfThenElse(hn::Gt(x, zero), one, hn::IfThenElse(hn::Lt(x, zero), hn::Neg(one), x));
  }
};
struct Chain {
  static constexpr Primitive primitive = Primitive::chain;
  template <class D, class V>
  HWY_INLINE V operator()(D d, V gradient, V derivative) const {
    return hn::IfThenElse(hn::Eq(gradient, hn::Zero(d)), gradient, multiply(d, gradient, derivative));
  }
};
struct Equal {
  static constexpr Primitive primitive = Primitive::equal;
  template <class D, class V>
  HWY_INLINE V operator()(D d, V a, V b) const {
    return hn::IfThenElseZero(hn::Eq(a, b), hn::Set(d, hn::TFromD<D>(1)));
  }
};
struct Maximum {
  static constexpr Primitive primitive = Primitive::maximum;
  template <class D, class V>
  HWY_INLINE V operator()(D, V a, V b) const {
    const V larger = hn::IfThenElse(hn::Gt(a, b), a, b);
    return hn::IfThenElse(hn::Eq(a, a), larger, a);
  }
};
struct Minimum {
  static constexpr Primitive primitive = Primitive::minimum;
  template <class D, class V>
  HWY_INLINE V operator()(D, V a, V b) const {
    const V smaller = hn::IfThenElse(hn::Lt(a, b), a, b);
    return hn::IfThenElse(hn::Eq(a, a), smaller, a);
  }
};
struct Power {
  template <class D, class V>
  HWY_INLINE V operator()(D d, V x) const {
    using T = hn::TFromD<D>;
    auto y = hn::Add(hn::Set(d, T(1)), hn::Mul(x, hn::Set(d, T(1) / T(4096))));
    for (int i = 0; i < 12; ++i) y = hn::Mul(y, y);
    return y;
  }
};

THALWEG_ELEMENT_HANDLERS(add_handlers, Add, 2, float, double, std::int64_t)
THALWEG_ELEMENT_HANDLERS(subtract_handlers, Subtract, 2, float, double, std::int64_t)
THALWEG_ELEMENT_HANDLERS(multiply_handlers, Multiply, 2, float, double, std::int64_t)
THALWEG_ELEMENT_HANDLERS(divide_handlers, Divide, 2, float, double)
THALWEG_ELEMENT_HANDLERS(less_handlers, Less, 2, float, double, std::int64_t)
THALWEG_ELEMENT_HANDLERS(where_handlers, Where, 3, float, double, std::int64_t)
THALWEG_ELEMENT_HANDLERS(negate_handlers, Negate, 1, float, double, std::int64_t)
THALWEG_ELEMENT_HANDLERS(root_handlers, Root, 1, float, double)
THALWEG_ELEMENT_HANDLERS(absolute_handlers, Absolute, 1, float, double, std::int64_t)
THALWEG_ELEMENT_HANDLERS(square_handlers, Square, 1, float, double, std::int64_t)
THALWEG_ELEMENT_HANDLERS(sign_handlers, Sign, 1, float, double, std::int64_t)
THALWEG_ELEMENT_HANDLERS(chain_handlers, Chain, 2, float, double, std::int64_t)
THALWEG_ELEMENT_HANDLERS(equal_handlers, Equal, 2, float, double, std::int64_t)
THALWEG_ELEMENT_HANDLERS(maximum_handlers, Maximum, 2, float, double, std::int64_t)
THALWEG_ELEMENT_HANDLERS(minimum_handlers, Minimum, 2, float, double, std::int64_t)
THALWEG_ELEMENT_HANDLERS(power_handlers, Power, 1, float, double)

}  // namespace
}  // namespace thalweg::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace thalweg {
namespace {
THALWEG_ELEMENT_KERNEL(add, add_handlers, "add", 2, 1)
THALWEG_ELEMENT_KERNEL(subtract, subtract_handlers, "subtract", 2, 1)
THALWEG_ELEMENT_KERNEL(times, multiply_handlers, "multiply", 2, 1)
THALWEG_ELEMENT_KERNEL(divide, divide_handlers, "divide", 2, 4)
THALWEG_ELEMENT_KERNEL(less, less_handlers, "less", 2, 1)
THALWEG_ELEMENT_KERNEL(where, where_handlers, "where", 3, 1)
THALWEG_ELEMENT_KERNEL(negate, negate_handlers, "negate", 1, 1)
THALWEG_ELEMENT_KERNEL(root, root_handlers, "root", 1, 4)
THALWEG_ELEMENT_KERNEL(absolute, absolute_handlers, "abs", 1, 1)
THALWEG_ELEMENT_KERNEL(square, square_handlers, "square", 1, 1)
THALWEG_ELEMENT_KERNEL(sign, sign_handlers, "sign", 1, 2)
THALWEG_ELEMENT_KERNEL(chain, chain_handlers, "chain", 2, 2)
THALWEG_ELEMENT_KERNEL(equal, equal_handlers, "equal", 2, 1)
THALWEG_ELEMENT_KERNEL(maximum, maximum_handlers, "maximum", 2, 2)
THALWEG_ELEMENT_KERNEL(minimum, minimum_handlers, "minimum", 2, 2)
THALWEG_ELEMENT_KERNEL(power, power_handlers, "power", 1, 16)
}  // namespace
namespace testing {
const ElementKernel& add_kernel = add;
const ElementKernel& subtract_kernel = subtract;
const ElementKernel& multiply_kernel = times;
const ElementKernel& divide_kernel = divide;
const ElementKernel& less_kernel = less;
const ElementKernel& where_kernel = where;
const ElementKernel& negate_kernel = negate;
const ElementKernel& root_kernel = root;
const ElementKernel& absolute_kernel = absolute;
const ElementKernel& square_kernel = square;
const ElementKernel& sign_kernel = sign;
const ElementKernel& chain_kernel = chain;
const ElementKernel& equal_kernel = equal;
const ElementKernel& maximum_kernel = maximum;
const ElementKernel& minimum_kernel = minimum;
const ElementKernel& power_kernel = power;
}  // namespace testing
}  // namespace thalweg
#endif
