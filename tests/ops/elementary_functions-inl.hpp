// The elementary functions over arrays, for their tests and their bench: one function per dtype, for HWY_EXPORT.

// What is the same for every target.
#ifndef THALWEG_TESTS_ELEMENTARY_FUNCTIONS
#define THALWEG_TESTS_ELEMENTARY_FUNCTIONS

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <type_traits>

namespace thalweg {

enum class Elementary {
  exp,
  exp2,
  expm1,
  log,
  log1p,
  log2,
  log10,
  tanh,
  sigmoid,
  erf,
  sin,
  cos,
  cbrt,
  power,
  erfc,
  softplus,
  silu,
  tan,
  asin,
  acos,
  atan,
  sinh,
  cosh,
  asinh,
  acosh,
  atanh,
  atan2
};

struct ElementaryFunction {
  Elementary function;
  const char* name;
  double low, high;  // where it is timed
};
inline constexpr ElementaryFunction elementary_functions[] = {
    {Elementary::exp, "exp", -20, 20},       {Elementary::exp2, "exp2", -20, 20},
    {Elementary::expm1, "expm1", -4, 4},     {Elementary::log, "log", 0.01, 100},
    {Elementary::log1p, "log1p", -0.9, 10},  {Elementary::log2, "log2", 0.01, 100},
    {Elementary::log10, "log10", 0.01, 100}, {Elementary::tanh, "tanh", -4, 4},
    {Elementary::sigmoid, "sigmoid", -8, 8}, {Elementary::erf, "erf", -4, 4},
    {Elementary::sin, "sin", -100, 100},     {Elementary::cos, "cos", -100, 100},
    {Elementary::cbrt, "cbrt", -10, 10},     {Elementary::power, "power", 0.1, 10},
    {Elementary::erfc, "erfc", -4, 4},       {Elementary::softplus, "softplus", -8, 8},
    {Elementary::silu, "silu", -8, 8},       {Elementary::tan, "tan", -100, 100},
    {Elementary::asin, "asin", -1, 1},       {Elementary::acos, "acos", -1, 1},
    {Elementary::atan, "atan", -4, 4},       {Elementary::sinh, "sinh", -4, 4},
    {Elementary::cosh, "cosh", -4, 4},       {Elementary::asinh, "asinh", -4, 4},
    {Elementary::acosh, "acosh", 1, 4},      {Elementary::atanh, "atanh", -1, 1},
    {Elementary::atan2, "atan2", -4, 4},
};

/// The C library's result in a wider type.
template <class Wide>
Wide elementary_reference(Elementary function, Wide x, Wide y) {
  switch (function) {
    case Elementary::exp: return std::exp(x);
    case Elementary::exp2: return std::exp2(x);
    case Elementary::expm1: return std::expm1(x);
    case Elementary::log: return std::log(x);
    case Elementary::log1p: return std::log1p(x);
    case Elementary::log2: return std::log2(x);
    case Elementary::log10: return std::log10(x);
    case Elementary::tanh: return std::tanh(x);
    case Elementary::sigmoid: return x < 0 ? std::exp(x) / (1 + std::exp(x)) : 1 / (1 + std::exp(-x));
    case Elementary::erf: return std::erf(x);
    case Elementary::sin: return std::sin(x);
    case Elementary::cos: return std::cos(x);
    case Elementary::cbrt: return std::cbrt(x);
    case Elementary::power: return std::pow(x, y);
    case Elementary::erfc: return std::erfc(x);
    case Elementary::tan: return std::tan(x);
    case Elementary::asin: return std::asin(x);
    case Elementary::acos: return std::acos(x);
    case Elementary::atan: return std::atan(x);
    case Elementary::sinh: return std::sinh(x);
    case Elementary::cosh: return std::cosh(x);
    case Elementary::asinh: return std::asinh(x);
    case Elementary::acosh: return std::acosh(x);
    case Elementary::atanh: return std::atanh(x);
    case Elementary::softplus: return x > 0 ? x + std::log1p(std::exp(-x)) : std::log1p(std::exp(x));
    case Elementary::silu:
      return x < 0 ? (std::isinf(x) ? -Wide{0} : x * std::exp(x) / (1 + std::exp(x))) : x / (1 + std::exp(-x));
    case Elementary::atan2: return std::atan2(x, y);
  }
  return 0;
}

/// |result - exact| in units of the last place of T at `exact`; inf and NaN must agree.
template <class T, class Wide>
double error_in_ulp(T result, Wide exact) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  const T rounded = static_cast<T>(exact);
  if (std::isnan(exact) || std::isnan(result)) return std::isnan(exact) == std::isnan(result) ? 0 : infinity;
  if (std::isinf(rounded) || std::isinf(result)) return result == rounded ? 0 : infinity;
  const Wide smallest = std::numeric_limits<T>::denorm_min();
  const Wide ulp = exact == 0 ? smallest : std::ldexp(Wide{1}, std::ilogb(exact) - std::numeric_limits<T>::digits + 1);
  return static_cast<double>(std::abs(static_cast<Wide>(result) - exact) / std::max(ulp, smallest));
}

/// SplitMix64.
inline std::uint64_t next_random(std::uint64_t& state) {
  std::uint64_t z = state += 0x9e3779b97f4a7c15;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

/// In [0, 1).
inline double next_uniform(std::uint64_t& state) { return static_cast<double>(next_random(state) >> 11) * 0x1p-53; }

/// Arguments that try a function everywhere: every second one any bit pattern, the others in [-100, 100] or [-2, 2].
/// For power, whose random results would nearly all be 0 or inf, y is chosen after x for a result anywhere in the
/// range.
template <class T>
void fill_arguments(Elementary function, std::uint64_t& state, std::span<T> x, std::span<T> y) {
  using Bits = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;
  const double largest_log = sizeof(T) == 4 ? 105 : 746;
  for (std::size_t i = 0; i < x.size(); ++i) {
    x[i] = std::bit_cast<T>(static_cast<Bits>(next_random(state)));
    if (i % 2 == 1) x[i] = static_cast<T>((next_uniform(state) - 0.5) * (i % 4 == 1 ? 4 : 200));
    if (function == Elementary::atan2) y[i] = std::bit_cast<T>(static_cast<Bits>(next_random(state)));
    if (function == Elementary::power) {
      x[i] = std::abs(x[i]);
      y[i] = static_cast<T>((2 * next_uniform(state) - 1) * largest_log / std::log(static_cast<double>(x[i])));
    }
  }
}

}  // namespace thalweg
#endif  // THALWEG_TESTS_ELEMENTARY_FUNCTIONS

// Per-target include guard.
#if defined(THALWEG_TESTS_ELEMENTARY_FUNCTIONS_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef THALWEG_TESTS_ELEMENTARY_FUNCTIONS_INL_HPP
#undef THALWEG_TESTS_ELEMENTARY_FUNCTIONS_INL_HPP
#else
#define THALWEG_TESTS_ELEMENTARY_FUNCTIONS_INL_HPP
#endif

#include "src/run/elementary/elementary-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace thalweg {
namespace HWY_NAMESPACE {

/// out[i] = function(x[i], y[i]); n is a multiple of eight vectors.
template <class T, class Function>
HWY_INLINE void ForEachVector(const T* x, const T* y, T* out, std::size_t n, const Function& function) {
  const hn::ScalableTag<T> d;
  const std::size_t lanes = hn::Lanes(d);
  for (std::size_t i = 0; i < n; i += 8 * lanes) {
    for (std::size_t j = i; j < i + 8 * lanes; j += lanes) {
      hn::StoreU(function(d, hn::LoadU(d, x + j), hn::LoadU(d, y + j)), d, out + j);
    }
  }
}

template <class T>
void ApplyElementary(Elementary function, const T* x, const T* y, T* out, std::size_t n) {
  switch (function) {
    case Elementary::exp: return ForEachVector(x, y, out, n, [](auto d, auto a, auto) HWY_ATTR { return Exp(d, a); });
    case Elementary::expm1:
      return ForEachVector(x, y, out, n, [](auto d, auto a, auto) HWY_ATTR { return Expm1(d, a); });
    case Elementary::log: return ForEachVector(x, y, out, n, [](auto d, auto a, auto) HWY_ATTR { return Log(d, a); });
    case Elementary::log1p:
      return ForEachVector(x, y, out, n, [](auto d, auto a, auto) HWY_ATTR { return Log1p(d, a); });
    case Elementary::tanh: return ForEachVector(x, y, out, n, [](auto d, auto a, auto) HWY_ATTR { return Tanh(d, a); });
    case Elementary::sigmoid:
      return ForEachVector(x, y, out, n, [](auto d, auto a, auto) HWY_ATTR { return Sigmoid(d, a); });
    case Elementary::exp2: return ForEachVector(x, y, out, n, [](auto d, auto a, auto) HWY_ATTR { return Exp2(d, a); });
    case Elementary::log2: return ForEachVector(x, y, out, n, [](auto d, auto a, auto) HWY_ATTR { return Log2(d, a); });
    case Elementary::log10:
      return ForEachVector(x, y, out, n, [](auto d, auto a, auto) HWY_ATTR { return Log10(d, a); });
    case Elementary::erf: return ForEachVector(x, y, out, n, [](auto d, auto a, auto) HWY_ATTR { return Erf(d, a); });
    case Elementary::sin: return ForEachVector(x, y, out, n, [](auto d, auto a, auto) HWY_ATTR { return Sin(d, a); });
    case Elementary::cos: return ForEachVector(x, y, out, n, [](auto d, auto a, auto) HWY_ATTR { return Cos(d, a); });
    case Elementary::cbrt: return ForEachVector(x, y, out, n, [](auto d, auto a, auto) HWY_ATTR { return Cbrt(d, a); });
    case Elementary::power:
      return ForEachVector(x, y, out, n, [](auto d, auto a, auto b) HWY_ATTR { return Power(d, a, b); });
    case Elementary::erfc: return ForEachVector(x, y, out, n, [](auto d, auto a, auto) HWY_ATTR { return Erfc(d, a); });
    case Elementary::softplus:
      return ForEachVector(x, y, out, n, [](auto d, auto a, auto) HWY_ATTR { return Softplus(d, a); });
    case Elementary::silu: return ForEachVector(x, y, out, n, [](auto d, auto a, auto) HWY_ATTR { return Silu(d, a); });
    case Elementary::tan: return ForEachVector(x, y, out, n, [](auto d, auto a, auto) HWY_ATTR { return Tan(d, a); });
    case Elementary::asin: return ForEachVector(x, y, out, n, [](auto d, auto a, auto) HWY_ATTR { return Asin(d, a); });
    case Elementary::acos: return ForEachVector(x, y, out, n, [](auto d, auto a, auto) HWY_ATTR { return Acos(d, a); });
    case Elementary::atan: return ForEachVector(x, y, out, n, [](auto d, auto a, auto) HWY_ATTR { return Atan(d, a); });
    case Elementary::sinh: return ForEachVector(x, y, out, n, [](auto d, auto a, auto) HWY_ATTR { return Sinh(d, a); });
    case Elementary::cosh: return ForEachVector(x, y, out, n, [](auto d, auto a, auto) HWY_ATTR { return Cosh(d, a); });
    case Elementary::asinh:
      return ForEachVector(x, y, out, n, [](auto d, auto a, auto) HWY_ATTR { return Asinh(d, a); });
    case Elementary::acosh:
      return ForEachVector(x, y, out, n, [](auto d, auto a, auto) HWY_ATTR { return Acosh(d, a); });
    case Elementary::atanh:
      return ForEachVector(x, y, out, n, [](auto d, auto a, auto) HWY_ATTR { return Atanh(d, a); });
    case Elementary::atan2:
      return ForEachVector(x, y, out, n, [](auto d, auto a, auto b) HWY_ATTR { return Atan2(d, a, b); });
  }
}

void ApplyElementaryF32(Elementary function, const float* x, const float* y, float* out, std::size_t n) {
  ApplyElementary(function, x, y, out, n);
}
void ApplyElementaryF64(Elementary function, const double* x, const double* y, double* out, std::size_t n) {
  ApplyElementary(function, x, y, out, n);
}

}  // namespace HWY_NAMESPACE
}  // namespace thalweg
HWY_AFTER_NAMESPACE();

#endif  // THALWEG_TESTS_ELEMENTARY_FUNCTIONS_INL_HPP
