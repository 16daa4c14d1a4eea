#include <catch2/catch.hpp>

#include <cstring>
#include <iterator>
#include <string>
#include <vector>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tests/ops/elementary_test.cpp"
#include "hwy/foreach_target.h"
// After foreach_target.
#include "hwy/highway.h"
#include "tests/ops/elementary_functions-inl.hpp"

#if HWY_ONCE
namespace thalweg {

HWY_EXPORT(ApplyElementaryF32);
HWY_EXPORT(ApplyElementaryF64);

namespace {

constexpr std::size_t block = 512;  // at least eight vectors, of any target

/// function(x, y) for any number of arguments.
template <class T>
std::vector<T> evaluate(Elementary function, std::vector<T> x, std::vector<T> y) {
  const std::size_t n = x.size();
  const std::size_t padded = (n + block - 1) / block * block;
  x.resize(padded);
  y.resize(padded);
  std::vector<T> out(padded);
  if constexpr (sizeof(T) == 4) {
    HWY_DYNAMIC_DISPATCH(ApplyElementaryF32)(function, x.data(), y.data(), out.data(), padded);
  } else {
    HWY_DYNAMIC_DISPATCH(ApplyElementaryF64)(function, x.data(), y.data(), out.data(), padded);
  }
  out.resize(n);
  return out;
}
template <class T>
std::vector<T> evaluate(Elementary function, const std::vector<T>& x) {
  return evaluate(function, x, std::vector<T>(x.size()));
}

template <class Body>
void on_every_target(const Body& body) {
  for (const std::int64_t target : hwy::SupportedAndGeneratedTargets()) {
    hwy::SetSupportedTargetsForTest(target);
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
    INFO("on " << hwy::TargetName(target));
    body();
  }
  hwy::SetSupportedTargetsForTest(0);
  hwy::GetChosenTarget().Update(hwy::SupportedTargets());
}

template <class T>
bool same_bits(T a, T b) {
  return std::memcmp(&a, &b, sizeof(T)) == 0;
}

/// The bounds docs/precision.md states; the second holds where a multiply-add rounds twice.
struct Bounds {
  double f32, f64, unfused;
};
constexpr Bounds bounds_in_ulp[] = {
    {1.1, 1.1, 1.1},     // exp
    {1.1, 1.1, 1.1},     // exp2
    {1.8, 1.8, 1.9},     // expm1
    {0.95, 0.9, 0.95},   // log
    {1.3, 1.4, 1.4},     // log1p
    {2.0, 1.7, 2.5},     // log2
    {0.51, 0.51, 0.51},  // log10
    {1.9, 1.8, 2.1},     // tanh
    {1.5, 1.5, 1.5},     // sigmoid
    {1.1, 1.3, 1.6},     // erf
    {1.6, 1.7, 2.3},     // sin
    {1.6, 1.7, 2.4},     // cos
    {0.8, 0.8, 1.0},     // cbrt
    {0.51, 1.1, 1.1},    // power
    {3.2, 3.4, 3.9},     // erfc
    {1.7, 1.7, 1.7},     // softplus
    {1.3, 1.1, 1.5},     // silu
    {0.51, 1.7, 1.7},    // tan
    {0.51, 2.1, 2.1},    // asin
    {0.51, 1.2, 1.2},    // acos
    {0.51, 1.8, 1.8},    // atan
    {1.5, 1.5, 1.6},     // sinh
    {1.9, 1.6, 1.9},     // cosh
    {1.8, 1.8, 1.8},     // asinh
    {2.1, 2.0, 2.1},     // acosh
    {2.1, 2.0, 2.1},     // atanh
    {0.51, 1.8, 1.8},    // atan2
};
static_assert(std::size(bounds_in_ulp) == std::size(elementary_functions));

bool target_fuses() { return hwy::SupportedTargets() != HWY_SSE4; }

/// Where f32 is off most, with fused multiply-adds and without, of what elementary_accuracy --exhaustive tries.
struct Argument {
  Elementary function;
  float x, y;
};
constexpr Argument worst_arguments[] = {
    {Elementary::exp, 0x1.abdf52p+4f, 0},
    {Elementary::exp, -0x1.75f05cp+2f, 0},
    {Elementary::exp2, -0x1.cc0482p-2f, 0},
    {Elementary::exp2, -0x1.c0fbb6p-2f, 0},
    {Elementary::expm1, 0x1.8b54aep-2f, 0},
    {Elementary::expm1, 0x1.63642cp-2f, 0},
    {Elementary::log, 0x1.7ba19p+0f, 0},
    {Elementary::log, 0x1.7b9062p+0f, 0},
    {Elementary::log1p, 0x1.fffffep-2f, 0},
    {Elementary::log2, 0x1.6c8804p-1f, 0},
    {Elementary::log2, 0x1.705fe6p-1f, 0},
    {Elementary::log10, 0x1.85cbbcp-1f, 0},
    {Elementary::tanh, 0x1.c5a512p-3f, 0},
    {Elementary::tanh, 0x1.bbe79ep-3f, 0},
    {Elementary::sigmoid, -0x1.4cc6c4p+2f, 0},
    {Elementary::sigmoid, -0x1.b61362p+4f, 0},
    {Elementary::erf, 0x1.fbdfc8p-1f, 0},
    {Elementary::erf, 0x1.ffec4ep-1f, 0},
    {Elementary::sin, 0x1.20f6a8p+10f, 0},
    {Elementary::sin, 0x1.229aeap+10f, 0},
    {Elementary::cos, 0x1.ef75c2p+9f, 0},
    {Elementary::cos, 0x1.ef358cp+10f, 0},
    {Elementary::cbrt, 0x1.6ef6f6p-35f, 0},
    {Elementary::cbrt, 0x1.16ef9ep-46f, 0},
    {Elementary::power, 0x1.50efd6p+0f, -0x1.3942dp+8f},
    {Elementary::tan, 0x1.02e9bap+2f, 0},
    {Elementary::asin, 0x1.107434p-1f, 0},
    {Elementary::acos, 0x1.110b46p-26f, 0},
    {Elementary::atan, 0x1.1ad646p-4f, 0},
    {Elementary::atan2, -0x1.34968ap+4f, 0x1.4928acp-18f},
    {Elementary::sinh, 0x1.f664e6p-4f, 0},
    {Elementary::sinh, 0x1.63de48p-2f, 0},
    {Elementary::cosh, 0x1.ff6a88p+2f, 0},
    {Elementary::cosh, 0x1.ff2bd4p+2f, 0},
    {Elementary::asinh, 0x1.0949p-1f, 0},
    {Elementary::acosh, 0x1.01e3dp+0f, 0},
    {Elementary::atanh, 0x1.fd7dfp-5f, 0},
    {Elementary::atanh, 0x1.fb9408p-4f, 0},
    {Elementary::softplus, -0x1.451742p+0f, 0},
    {Elementary::softplus, -0x1.43c0c4p+0f, 0},
    {Elementary::silu, -0x1.1acf0ap+4f, 0},
    {Elementary::silu, -0x1.2333b2p+2f, 0},
    {Elementary::erfc, 0x1.1dbbe6p+3f, 0},
    {Elementary::erfc, 0x1.daebc8p+2f, 0},
};

template <class T, class Wide>
void check_errors(std::size_t count) {
  for (const ElementaryFunction& function : elementary_functions) {
    INFO(function.name);
    std::uint64_t state = 7;
    std::vector<T> x(count), y(count);
    fill_arguments<T>(function.function, state, x, y);
    std::vector<Wide> exact(count);
    for (std::size_t i = 0; i < count; ++i) exact[i] = elementary_reference<Wide>(function.function, x[i], y[i]);
    on_every_target([&] {
      const std::vector<T> out = evaluate(function.function, x, y);
      double worst = 0;
      std::size_t at = 0;
      for (std::size_t i = 0; i < count; ++i) {
        const double error = error_in_ulp(out[i], exact[i]);
        if (error > worst) worst = error, at = i;
      }
      INFO("at (" << x[at] << ", " << y[at] << "): " << out[at]);
      const Bounds& bounds = bounds_in_ulp[static_cast<int>(function.function)];
      CHECK(worst <= (!target_fuses() ? bounds.unfused : sizeof(T) == 4 ? bounds.f32 : bounds.f64));
    });
  }
}

struct SpecialValue {
  Elementary function;
  double x, y, expected;
};

constexpr double inf = std::numeric_limits<double>::infinity();
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

constexpr SpecialValue special_values[] = {
    {Elementary::exp, 0, 0, 1},           {Elementary::exp, -0.0, 0, 1},      {Elementary::exp, inf, 0, inf},
    {Elementary::exp, -inf, 0, 0},        {Elementary::exp, nan, 0, nan},     {Elementary::exp, 1e30, 0, inf},
    {Elementary::exp, -1e30, 0, 0},       {Elementary::exp, 710, 0, inf},     {Elementary::exp, -746, 0, 0},
    {Elementary::expm1, 0, 0, 0},         {Elementary::expm1, -0.0, 0, -0.0}, {Elementary::expm1, inf, 0, inf},
    {Elementary::expm1, -inf, 0, -1},     {Elementary::expm1, nan, 0, nan},   {Elementary::expm1, 1e-20, 0, 1e-20},
    {Elementary::expm1, -1e30, 0, -1},    {Elementary::expm1, 1e30, 0, inf},  {Elementary::expm1, -50, 0, -1},
    {Elementary::log, 1, 0, 0},           {Elementary::log, 0, 0, -inf},      {Elementary::log, -0.0, 0, -inf},
    {Elementary::log, inf, 0, inf},       {Elementary::log, -1, 0, nan},      {Elementary::log, -inf, 0, nan},
    {Elementary::log, nan, 0, nan},       {Elementary::log, -1e-30, 0, nan},  {Elementary::log1p, 0, 0, 0},
    {Elementary::log1p, -0.0, 0, -0.0},   {Elementary::log1p, -1, 0, -inf},   {Elementary::log1p, inf, 0, inf},
    {Elementary::log1p, -2, 0, nan},      {Elementary::log1p, -inf, 0, nan},  {Elementary::log1p, nan, 0, nan},
    {Elementary::log1p, 1e-20, 0, 1e-20}, {Elementary::tanh, 0, 0, 0},        {Elementary::tanh, -0.0, 0, -0.0},
    {Elementary::tanh, inf, 0, 1},        {Elementary::tanh, -inf, 0, -1},    {Elementary::tanh, nan, 0, nan},
    {Elementary::tanh, 1e-20, 0, 1e-20},  {Elementary::tanh, 22, 0, 1},       {Elementary::tanh, -22, 0, -1},
    {Elementary::tanh, 1e30, 0, 1},       {Elementary::sigmoid, 0, 0, 0.5},   {Elementary::sigmoid, -0.0, 0, 0.5},
    {Elementary::sigmoid, inf, 0, 1},     {Elementary::sigmoid, -inf, 0, 0},  {Elementary::sigmoid, nan, 0, nan},
    {Elementary::sigmoid, 1000, 0, 1},    {Elementary::sigmoid, -1000, 0, 0}, {Elementary::sigmoid, 40, 0, 1},
    {Elementary::sigmoid, 1e-20, 0, 0.5},
};

// The table of C's pow (annex F), and exact powers.
constexpr SpecialValue special_powers[] = {
    {Elementary::power, 0, 0, 1},         {Elementary::power, 0, 1, 0},
    {Elementary::power, 0, 0.5, 0},       {Elementary::power, -2, 3, -8},
    {Elementary::power, -2, 2, 4},        {Elementary::power, -8, 1.0 / 3, nan},
    {Elementary::power, -0.0, 3, -0.0},   {Elementary::power, -0.0, 2, 0},
    {Elementary::power, -0.0, 0.5, 0},    {Elementary::power, 0, -1, inf},
    {Elementary::power, -0.0, -1, -inf},  {Elementary::power, -0.0, -2, inf},
    {Elementary::power, -0.0, -0.5, inf}, {Elementary::power, 0, -inf, inf},
    {Elementary::power, 0, inf, 0},       {Elementary::power, -1, inf, 1},
    {Elementary::power, -1, -inf, 1},     {Elementary::power, 1, nan, 1},
    {Elementary::power, 1, inf, 1},       {Elementary::power, -1, nan, nan},
    {Elementary::power, nan, 0, 1},       {Elementary::power, nan, -0.0, 1},
    {Elementary::power, nan, 1, nan},     {Elementary::power, 2, nan, nan},
    {Elementary::power, inf, 0, 1},       {Elementary::power, 0.5, -inf, inf},
    {Elementary::power, -0.5, -inf, inf}, {Elementary::power, 2, -inf, 0},
    {Elementary::power, 0.5, inf, 0},     {Elementary::power, -2, inf, inf},
    {Elementary::power, -inf, -3, -0.0},  {Elementary::power, -inf, -2, 0},
    {Elementary::power, -inf, -0.5, 0},   {Elementary::power, -inf, 3, -inf},
    {Elementary::power, -inf, 2, inf},    {Elementary::power, -inf, 0.5, inf},
    {Elementary::power, inf, -1, 0},      {Elementary::power, inf, 0.5, inf},
    {Elementary::power, 2, 10, 1024},     {Elementary::power, 3, 5, 243},
    {Elementary::power, 10, 5, 1e5},      {Elementary::power, 2, -20, 0x1p-20},
    {Elementary::power, 4, 0.5, 2},       {Elementary::power, 0.25, -1.5, 8},
    {Elementary::power, 2, 1e30, inf},    {Elementary::power, 2, -1e30, 0},
    {Elementary::power, -2, 1e30, inf},   {Elementary::power, -2, -1e30, 0},
    {Elementary::power, -2, 2049, -inf},  {Elementary::power, -2, -2049, -0.0},
    {Elementary::power, -7, 1, -7},       {Elementary::power, -1, 0x1p23 + 1, -1},
    {Elementary::power, -1, 0x1p24, 1},   {Elementary::power, -3, 2.5, nan},
};

template <class T>
void check_special_value(const SpecialValue& value) {
  const T expected = static_cast<T>(value.expected);
  const T result = evaluate<T>(value.function, {static_cast<T>(value.x)}, {static_cast<T>(value.y)})[0];
  INFO(elementary_functions[static_cast<int>(value.function)].name << "(" << value.x << ", " << value.y << ") in "
                                                                   << sizeof(T) * 8 << " bits");
  if (std::isnan(expected)) {
    CHECK(std::isnan(result));
  } else {
    INFO(result << ", expected " << expected);
    CHECK(same_bits(result, expected));
  }
}

/// Every second lane holds an argument that takes the rarest way.
template <class T>
void check_lanes_do_not_matter() {
  const std::size_t n = 64;
  std::uint64_t state = 3;
  for (const ElementaryFunction& function : elementary_functions) {
    INFO(function.name);
    std::vector<T> x(n), y(n);
    fill_arguments<T>(function.function, state, x, y);
    const std::vector<T> together = evaluate(function.function, x, y);
    for (std::size_t i = 0; i < n; ++i) {
      std::vector<T> alone_x(n, T{1}), alone_y(n, T{1});
      const std::size_t place = (i * 7 + 5) % n;
      alone_x[place] = x[i];
      alone_y[place] = y[i];
      const T alone = evaluate(function.function, alone_x, alone_y)[place];
      CHECK(same_bits(alone, together[i]));
    }
  }
}

/// [low, high] in steps of 1/64.
template <class T>
std::vector<T> steps(double low, double high) {
  std::vector<T> x;
  for (double at = low; at <= high; at += 1.0 / 64) x.push_back(static_cast<T>(at));
  return x;
}

template <class T>
bool never_decreases(Elementary function, double low, double high, double bottom, double top) {
  const std::vector<T> out = evaluate(function, steps<T>(low, high));
  return std::is_sorted(out.begin(), out.end()) && out.front() >= bottom && out.back() <= top;
}

}  // namespace

TEST_CASE("elementary functions: errors stay within their bounds on every target, f32") {
  check_errors<float, double>(std::size_t{1} << 18);
}

TEST_CASE("elementary functions: errors stay within their bounds on every target, f64") {
  check_errors<double, long double>(std::size_t{1} << 16);
}

TEST_CASE("elementary functions: special values are exact") {
  on_every_target([] {
    for (const SpecialValue& value : special_values) {
      check_special_value<float>(value);
      check_special_value<double>(value);
    }
    for (const SpecialValue& value : special_powers) {
      check_special_value<float>(value);
      check_special_value<double>(value);
    }
    for (const double x : {-40.0, -700.0, -740.0}) {
      const double exact = std::exp(x);  // 1 + e^x rounds to 1
      CHECK(error_in_ulp<double, long double>(evaluate<double>(Elementary::sigmoid, {x})[0], exact) <= 2);
    }
    CHECK(evaluate<double>(Elementary::sigmoid, {-40.0})[0] == Approx(4.248354255291589e-18).epsilon(1e-15).margin(0));
  });
}

TEST_CASE("elementary functions: subnormal numbers are neither lost nor rounded off") {
  const double smallest = std::numeric_limits<double>::denorm_min();
  const float smallest_f32 = std::numeric_limits<float>::denorm_min();
  on_every_target([&] {
    for (const Elementary function :
         {Elementary::expm1, Elementary::log1p, Elementary::tanh, Elementary::sin, Elementary::tan, Elementary::asin,
          Elementary::atan, Elementary::sinh, Elementary::asinh, Elementary::atanh}) {
      CHECK(evaluate<double>(function, {smallest})[0] == smallest);
      CHECK(evaluate<double>(function, {-5 * smallest})[0] == -5 * smallest);
      CHECK(evaluate<float>(function, {smallest_f32})[0] == smallest_f32);
      CHECK(evaluate<float>(function, {-5 * smallest_f32})[0] == -5 * smallest_f32);
    }
    CHECK(error_in_ulp<double, long double>(evaluate<double>(Elementary::log, {smallest})[0], std::log(0x1p-1074L)) <=
          1);
    CHECK(error_in_ulp<float, double>(evaluate<float>(Elementary::log, {smallest_f32})[0], std::log(0x1p-149)) <= 1);
    CHECK(evaluate<double>(Elementary::exp, {-745.0})[0] == smallest);
    CHECK(evaluate<float>(Elementary::exp, {-103.5f})[0] == smallest_f32);
    CHECK(evaluate<double>(Elementary::power, {2.0}, {-1074.0})[0] == smallest);
    CHECK(evaluate<float>(Elementary::power, {2.0f}, {-149.0f})[0] == smallest_f32);
  });
}

TEST_CASE(
    "elementary functions: integer powers that are numbers of the format are exact, and powers of 10 under log10") {
  std::vector<double> base, exponent, power;
  for (int b = 2; b <= 200; ++b) {
    double product = b;
    for (int e = 1; product <= 0x1p53; ++e, product *= b) {
      base.push_back(b), exponent.push_back(e), power.push_back(product);
    }
  }
  std::vector<double> tens, logs;
  for (int e = 0; e <= 22; ++e) tens.push_back(e == 0 ? 1 : tens.back() * 10), logs.push_back(e);
  on_every_target([&] {
    CHECK(evaluate(Elementary::power, base, exponent) == power);
    CHECK(evaluate(Elementary::log10, tens) == logs);
  });
}

TEST_CASE("elementary functions: within their bounds also where f32 is off most") {
  on_every_target([] {
    std::vector<double> worst(std::size(elementary_functions));
    for (const auto& [function, x, y] : worst_arguments) {
      const double exact = elementary_reference<double>(function, x, y);
      double& error = worst[static_cast<std::size_t>(function)];
      error = std::max(error, error_in_ulp(evaluate<float>(function, {x}, {y})[0], exact));
    }
    for (const ElementaryFunction& function : elementary_functions) {
      INFO(function.name);
      const Bounds& bounds = bounds_in_ulp[static_cast<int>(function.function)];
      CHECK(worst[static_cast<std::size_t>(function.function)] <= (target_fuses() ? bounds.f32 : bounds.unfused));
    }
  });
}

TEST_CASE("elementary functions: sin and cos of large arguments are reduced exactly") {
  on_every_target([] {
    CHECK(evaluate<double>(Elementary::sin, {1e6})[0] == Approx(-0.34999350217129294).epsilon(1e-15));
    CHECK(evaluate<double>(Elementary::sin, {1e22})[0] == Approx(-0.8522008497671888).epsilon(1e-15));
    CHECK(evaluate<float>(Elementary::sin, {1e6f})[0] == -0.3499935f);
    // Beside multiples of π/2, and all sizes; the f32 nearest to a multiple.
    std::vector<double> x;
    for (int i = 1; i < 2000; ++i) x.push_back(i * 1.5707963267948966);
    for (int i = 20; i < 1020; i += 3) x.push_back(std::ldexp(1.1, i));
    std::vector<float> x_f32(x.begin(), x.begin() + 2000);
    x_f32.push_back(16367173.0f * 0x1p72f);
    for (const Elementary function : {Elementary::sin, Elementary::cos, Elementary::tan}) {
      const auto out = evaluate(function, x);
      const auto out_f32 = evaluate(function, x_f32);
      const double bound_f32 = function == Elementary::tan ? 0.51 : 2.5;
      double worst = 0, worst_f32 = 0;
      for (std::size_t i = 0; i < x.size(); ++i) {
        worst = std::max(worst, error_in_ulp(out[i], elementary_reference<long double>(function, x[i], 0)));
      }
      for (std::size_t i = 0; i < x_f32.size(); ++i) {
        worst_f32 = std::max(worst_f32, error_in_ulp(out_f32[i], elementary_reference<double>(function, x_f32[i], 0)));
      }
      CHECK(worst <= 2);
      CHECK(worst_f32 <= bound_f32);
    }
  });
}

TEST_CASE("elementary functions: a lane's bits depend on its argument alone") {
  on_every_target([] {
    check_lanes_do_not_matter<float>();
    check_lanes_do_not_matter<double>();
  });
}

TEST_CASE("elementary functions: they keep their order and range where they saturate") {
  on_every_target([] {
    CHECK(never_decreases<float>(Elementary::exp, -106, -80, 0, 1));
    CHECK(never_decreases<float>(Elementary::exp, 80, 92, 1, inf));
    CHECK(never_decreases<double>(Elementary::exp, -748, -700, 0, 1));
    CHECK(never_decreases<double>(Elementary::exp, 700, 712, 1, inf));
    // tanh's last ulp below 1 is not monotone, but 1 is where it stops.
    CHECK(never_decreases<float>(Elementary::tanh, -12, -9.5, -1, -1));
    CHECK(never_decreases<double>(Elementary::tanh, 19.5, 24, 1, 1));
    for (const float value : evaluate(Elementary::tanh, steps<float>(6, 12))) CHECK(value <= 1);
    for (const double value : evaluate(Elementary::tanh, steps<double>(15, 24))) CHECK(value <= 1);
    CHECK(never_decreases<float>(Elementary::sigmoid, -106, -80, 0, 1));
    CHECK(never_decreases<float>(Elementary::sigmoid, 12, 40, 0, 1));
    CHECK(never_decreases<double>(Elementary::sigmoid, -748, -700, 0, 1));
    CHECK(never_decreases<double>(Elementary::sigmoid, 30, 50, 0, 1));
    CHECK(never_decreases<float>(Elementary::expm1, -30, -10, -1, 0));
    CHECK(never_decreases<double>(Elementary::expm1, -50, -20, -1, 0));
  });
}

}  // namespace thalweg
#endif  // HWY_ONCE
