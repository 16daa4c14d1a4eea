#include "tests/running/sweep_kernels.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tests/running/sweep_kernels_test.cpp"
#include <hwy/foreach_target.h>

#include "src/run/element_kernel-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace thalweg::HWY_NAMESPACE {
namespace {

struct Add {
  template <class D, class V>
  HWY_INLINE V operator()(D, V a, V b) const {
    return hn::Add(a, b);
  }
};
struct Subtract {
  template <class D, class V>
  HWY_INLINE V operator()(D, V a, V b) const {
    return hn::Sub(a, b);
  }
};
struct Multiply {
  template <class D, class V>
  HWY_INLINE V operator()(D d, V a, V b) const {
    return multiply(d, a, b);
  }
};
struct Divide {
  template <class D, class V>
  HWY_INLINE V operator()(D, V a, V b) const {
    return hn::Div(a, b);
  }
};
struct Less {
  template <class D, class V>
  HWY_INLINE V operator()(D d, V a, V b) const {
    return hn::IfThenElseZero(hn::Lt(a, b), hn::Set(d, hn::TFromD<D>(1)));
  }
};
struct Where {
  template <class D, class V>
  HWY_INLINE V operator()(D d, V condition, V a, V b) const {
    return hn::IfThenElse(hn::Ne(condition, hn::Zero(d)), a, b);
  }
};
struct Negate {
  template <class D, class V>
  HWY_INLINE V operator()(D d, V a) const {
    return hn::Sub(hn::Zero(d), a);
  }
};
struct Root {
  template <class D, class V>
  HWY_INLINE V operator()(D, V a) const {
    return hn::Sqrt(a);
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
const ElementKernel& power_kernel = power;
}  // namespace testing
}  // namespace thalweg
#endif
