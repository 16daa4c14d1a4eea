// How accurate and how fast the elementary functions are, on every target this processor has.
//
//   elementary_accuracy [--exhaustive] [--target SSE4|AVX2|AVX3] [--function NAME]
//
// f32 is compared with the C library's f64, over random arguments or, where asked, all from 2^-30 to 2^10 and every 31st
// of the others (power and atan2: 2^28 random ones); f64 with its long double. Times are per element over 512 numbers in
// cache, eight vectors in flight.
// lgamma and digamma, which are computed number by number, are compared in f64 alone: in ulp where the value is at least
// 1/2, as an absolute error where it is less, near their zeros.

#include <chrono>
#include <cmath>
#include <cstdio>
#include <numbers>
#include <string_view>
#include <utility>
#include <vector>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "bench/elementary_accuracy.cpp"
#include "hwy/foreach_target.h"
// After foreach_target.
#include "hwy/highway.h"
#include "tests/ops/elementary_functions-inl.hpp"

#if HWY_ONCE
#include "ops/gamma.hpp"

namespace thalweg {

HWY_EXPORT(ApplyElementaryF32);
HWY_EXPORT(ApplyElementaryF64);

namespace {

void apply(Elementary function, const float* x, const float* y, float* out, std::size_t n) {
  HWY_DYNAMIC_DISPATCH(ApplyElementaryF32)(function, x, y, out, n);
}
void apply(Elementary function, const double* x, const double* y, double* out, std::size_t n) {
  HWY_DYNAMIC_DISPATCH(ApplyElementaryF64)(function, x, y, out, n);
}

template <class T>
struct Worst {
  double ulp = 0;
  T x = 0, y = 0, result = 0;
};

void choose(std::int64_t target) {
  hwy::SetSupportedTargetsForTest(target);
  hwy::GetChosenTarget().Update(hwy::SupportedTargets());
}

/// Every bit pattern whose magnitude is from 2^-30 to 2^10 (sin and cos: 2^45, from where on they call the C library), and
/// every 31st of the others, for most of which a function is constant, linear or out of range. Fills x from the pattern
/// `next` on, and moves it.
void fill_patterns(Elementary function, std::uint64_t& next, std::span<float> x) {
  const std::uint32_t highest = 127 + (function == Elementary::sin || function == Elementary::cos ? 45 : 10);
  for (std::size_t i = 0; i < x.size() && next < 1ull << 32; ++i) {
    const auto bits = static_cast<std::uint32_t>(next);
    x[i] = std::bit_cast<float>(bits);
    const std::uint32_t exponent = bits >> 23 & 0xff;
    next += exponent >= 127 - 30 && exponent < highest ? 1 : 31;
  }
}

/// Over `count` random arguments, or those of fill_patterns; one for each target, since the C library takes most of the
/// time.
template <class T, class Wide>
std::vector<Worst<T>> worst_errors(Elementary function, const std::vector<std::int64_t>& targets, std::uint64_t count,
                                   bool exhaustive) {
  constexpr std::size_t block = 4096;
  std::vector<T> x(block), y(block), out(block);
  std::vector<Wide> exact(block);
  std::uint64_t state = 1;
  std::vector<Worst<T>> worst(targets.size());
  for (std::uint64_t next = 0; next < (exhaustive ? 1ull << 32 : count);) {
    if constexpr (sizeof(T) == 4) {
      if (exhaustive) fill_patterns(function, next, x);  // the last block ends in the one before it
    }
    if (!exhaustive) {
      fill_arguments<T>(function, state, x, y);
      next += block;
    }
    for (std::size_t i = 0; i < block; ++i) exact[i] = elementary_reference<Wide>(function, x[i], y[i]);
    for (std::size_t target = 0; target < targets.size(); ++target) {
      choose(targets[target]);
      apply(function, x.data(), y.data(), out.data(), block);
      Worst<T>& known = worst[target];
      for (std::size_t i = 0; i < block; ++i) {
        if (known.ulp >= 0.5 && out[i] == static_cast<T>(exact[i])) continue;
        const double ulp = error_in_ulp(out[i], exact[i]);
        if (ulp > known.ulp) known = {ulp, x[i], y[i], out[i]};
      }
    }
  }
  return worst;
}

template <class T>
double nanoseconds_per_element(const ElementaryFunction& function) {
  constexpr std::size_t n = 512;
  constexpr int calls = 1000;
  alignas(64) static T x[n], y[n], out[n];
  for (std::size_t i = 0; i < n; ++i) {
    x[i] = static_cast<T>(function.low + (function.high - function.low) * static_cast<double>(i) / n);
    y[i] = static_cast<T>(static_cast<double>((i * 37) % n) / n * 4 - 2);
  }
  double best = std::numeric_limits<double>::infinity();
  for (int repeat = 0; repeat < 20; ++repeat) {
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < calls; ++i) apply(function.function, x, y, out, n);
    const std::chrono::duration<double, std::nano> time = std::chrono::steady_clock::now() - start;
    best = std::min(best, time.count() / (calls * n));
  }
  return best;
}

void report(std::string_view only_target, std::string_view only_function, bool exhaustive) {
  std::vector<std::int64_t> targets;
  for (const std::int64_t target : hwy::SupportedAndGeneratedTargets()) {
    if (only_target.empty() || only_target == hwy::TargetName(target)) targets.push_back(target);
  }
  std::printf("%-9s %-6s %9s %8s %9s %8s   worst at\n", "", "", "f32 ulp", "f32 ns", "f64 ulp", "f64 ns");
  for (const ElementaryFunction& function : elementary_functions) {
    if (!only_function.empty() && only_function != function.name) continue;
    const bool all = exhaustive && function.function != Elementary::power && function.function != Elementary::atan2;
    const auto f32 = worst_errors<float, double>(function.function, targets, exhaustive ? 1ull << 28 : 1ull << 22, all);
    const auto f64 =
        worst_errors<double, long double>(function.function, targets, exhaustive ? 1ull << 25 : 1ull << 21, false);
    for (std::size_t i = 0; i < targets.size(); ++i) {
      choose(targets[i]);
      std::printf("%-9s %-6s %9.3f %8.3f %9.3f %8.3f   f32 (%a, %a): %a; f64 (%a, %a): %a\n", function.name,
                  hwy::TargetName(targets[i]), f32[i].ulp, nanoseconds_per_element<float>(function), f64[i].ulp,
                  nanoseconds_per_element<double>(function), f32[i].x, f32[i].y, f32[i].result, f64[i].x, f64[i].y,
                  f64[i].result);
    }
    std::fflush(stdout);
  }
  choose(0);
}

// --- lgamma and digamma ---

/// By the recurrence to 30 and the asymptotic series, reflected below 0.
long double digamma_reference(long double x) {
  if (x < 0) {
    const long double rest = x - std::nearbyint(x);
    return digamma_reference(1 - x) -
           std::numbers::pi_v<long double> / std::tan(std::numbers::pi_v<long double> * rest);
  }
  long double sum = 0;
  for (; x < 30; x += 1) sum -= 1 / x;
  const long double z = 1 / (x * x);
  long double series = 0;
  for (const long double term :
       {-3617.0L / 8160, 1.0L / 12, -691.0L / 32760, 1.0L / 132, -1.0L / 240, 1.0L / 252, -1.0L / 120, 1.0L / 12})
    series = (series + term) * z;
  return sum + std::log(x) - 0.5L / x - series;
}

void report_of_gamma(const char* name, double (*function)(double), long double (*reference)(long double), double low,
                     double high, std::uint64_t count) {
  std::uint64_t state = 1;
  double worst_ulp = 0, worst_absolute = 0, at_ulp = 0, at_absolute = 0;
  for (std::uint64_t i = 0; i < count; ++i) {
    const double x = low + (high - low) * next_uniform(state);
    const long double exact = reference(x);
    const double ulp = error_in_ulp<double, long double>(function(x), exact);
    const auto absolute = static_cast<double>(std::abs(function(x) - exact));
    if (std::abs(exact) >= 0.5L && ulp > worst_ulp) worst_ulp = ulp, at_ulp = x;
    if (std::abs(exact) < 0.5L && absolute > worst_absolute) worst_absolute = absolute, at_absolute = x;
  }
  std::printf("%-9s [%g, %g]: %.3f ulp at %.17g; near zeros %.3g at %.17g\n", name, low, high, worst_ulp, at_ulp,
              worst_absolute, at_absolute);
}

void report_of_gamma() {
  for (const auto& [low, high] : {std::pair{0.0, 3.0}, {3.0, 40.0}, {40.0, 1e6}, {-10.0, 0.0}, {-100.0, -10.0}}) {
    report_of_gamma(
        "lgamma", log_gamma, [](long double x) { return std::lgamma(x); }, low, high, 1 << 20);
    report_of_gamma("digamma", digamma, digamma_reference, low, high, 1 << 20);
  }
}

}  // namespace
}  // namespace thalweg

int main(int argc, char** argv) {
  bool exhaustive = false;
  std::string_view target, function;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument == "--exhaustive") {
      exhaustive = true;
    } else if (argument == "--target" && i + 1 < argc) {
      target = argv[++i];
    } else if (argument == "--function" && i + 1 < argc) {
      function = argv[++i];
    } else {
      std::fprintf(stderr, "usage: elementary_accuracy [--exhaustive] [--target SSE4|AVX2|AVX3] [--function NAME]\n");
      return 2;
    }
  }
  thalweg::report(target, function, exhaustive);
  if (target.empty() && (function.empty() || function == "gamma")) thalweg::report_of_gamma();
}
#endif  // HWY_ONCE
