// What the machines of all SIMD targets share: which one is in use, conversions, partial results.

#include "src/run/sweep_machine.hpp"

#include <cstring>
#include <limits>
#include <type_traits>

#include "src/run/simd.hpp"

namespace thalweg::run {

// sweep_machine_f32.cpp and so on
const Machine& f32_machine();
const Machine& f64_machine();
const Machine& i64_machine();

namespace {
template <class To, class From>
void convert_array(void* out, const void* in, std::int64_t count) {
  const From* from = static_cast<const From*>(in);
  To* to = static_cast<To*>(out);
  for (std::int64_t i = 0; i < count; ++i) {
    if constexpr (std::is_same_v<To, bool>) {
      to[i] = from[i] != From(0);
    } else {
      to[i] = static_cast<To>(from[i]);
    }
  }
}

template <class To>
void convert_array_from(void* out, const void* in, DType in_dtype, std::int64_t count) {
  switch (in_dtype) {
    case DType::f32: return convert_array<To, float>(out, in, count);
    case DType::f64: return convert_array<To, double>(out, in, count);
    case DType::i64: return convert_array<To, std::int64_t>(out, in, count);
    case DType::boolean: return convert_array<To, bool>(out, in, count);
  }
}

template <class T>
T join(Reduction reduction, T a, T b) {
  switch (reduction) {
    case Reduction::sum:
      if constexpr (std::is_integral_v<T>)
        return static_cast<T>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
      return a + b;
    case Reduction::product:
      if constexpr (std::is_integral_v<T>)
        return static_cast<T>(static_cast<std::uint64_t>(a) * static_cast<std::uint64_t>(b));
      return a * b;
    case Reduction::maximum: return a != a || a >= b ? a : b;  // a NaN stays
    case Reduction::minimum: return a != a || a <= b ? a : b;
  }
  return a;
}

}  // namespace

const Machine& machine(DType dtype) {
  check_simd_environment();
  switch (dtype) {
    case DType::f64: return f64_machine();
    case DType::i64: return i64_machine();
    default: return f32_machine();
  }
}

const ElementHandlers& handlers_of(const ElementKernel& kernel, DType dtype) {
  static const ElementHandlers none;
  if (kernel.arrays == nullptr) return kernel.handlers(dtype);
  return kernel.arrays(dtype) == nullptr ? none : machine(dtype).call[kernel.arity - 1];
}

void convert_values(void* out, DType out_dtype, const void* in, DType in_dtype, std::int64_t count) {
  if (out_dtype == in_dtype) {
    if (count > 0) std::memcpy(out, in, static_cast<std::size_t>(count) * size_of(in_dtype));
    return;
  }
  switch (out_dtype) {
    case DType::f32: return convert_array_from<float>(out, in, in_dtype, count);
    case DType::f64: return convert_array_from<double>(out, in, in_dtype, count);
    case DType::i64: return convert_array_from<std::int64_t>(out, in, in_dtype, count);
    case DType::boolean: return convert_array_from<bool>(out, in, in_dtype, count);
  }
}

Partial identity(Reduction reduction, DType dtype) {
  Partial result{};
  if (dtype == DType::i64) {
    result.integer = reduction == Reduction::product   ? 1
                     : reduction == Reduction::maximum ? std::numeric_limits<std::int64_t>::min()
                     : reduction == Reduction::minimum ? std::numeric_limits<std::int64_t>::max()
                                                       : 0;
  } else {
    constexpr double infinity = std::numeric_limits<double>::infinity();
    result.floating = reduction == Reduction::product   ? 1
                      : reduction == Reduction::maximum ? -infinity
                      : reduction == Reduction::minimum ? infinity
                                                        : 0;
  }
  return result;
}

Partial combine(Reduction reduction, DType dtype, Partial a, Partial b) {
  Partial result{};
  if (dtype == DType::i64) {
    result.integer = join(reduction, a.integer, b.integer);
  } else {
    result.floating = join(reduction, a.floating, b.floating);
  }
  return result;
}

}  // namespace thalweg::run
