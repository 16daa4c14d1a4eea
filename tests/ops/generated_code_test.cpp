// Ops that the generator of machine code writes in line give the bits of their kernels, on every kind of number.

#include <catch2/catch.hpp>

#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <thread>
#include <utility>
#include <vector>

#include <thalweg/thalweg.hpp>

#include "src/run/sweep_generate.hpp"

namespace thalweg {
namespace {

/// Every pair of awkward numbers, and some ordinary ones: two columns of a square.
std::pair<Tensor, Tensor> pairs(DType dtype) {
  std::vector<double> numbers = {0.0, -0.0, 1.0, -1.0, 0.5, -2.5, 1e-3, 3e38, -3e38, 1e-40, -1e-40, 1e300, 1e-310};
  constexpr double infinity = std::numeric_limits<double>::infinity(), nan = std::numeric_limits<double>::quiet_NaN();
  for (const double special : {infinity, -infinity, nan}) numbers.push_back(special);
  for (int i = 1; i <= 24; ++i) numbers.push_back(std::ldexp(std::sin(i), i - 12));
  std::vector<double> a, b;
  for (const double x : numbers)
    for (const double y : numbers) a.push_back(x), b.push_back(y);
  const auto count = static_cast<std::int64_t>(a.size());
  return {Tensor::from(a, {count}).to(dtype), Tensor::from(b, {count}).to(dtype)};
}

constexpr run::GenerationPolicy always{.large = 0};
constexpr run::GenerationPolicy never{.large = std::numeric_limits<std::int64_t>::max(), .small_when_repeated = false};

/// What `f` computes on a thread of its own, where no program has been compiled yet.
Tensor computed(run::GenerationPolicy policy, const std::function<Var()>& f) {
  Tensor result;
  const run::GenerationPolicy usual = std::exchange(run::generation_policy(), policy);
  std::thread([&] { result = compute(f); }).join();
  run::generation_policy() = usual;
  return result;
}

/// Bit for bit, but for which NaN it is.
bool same_numbers(const Tensor& a, const Tensor& b) {
  const Tensor x = a.to(f64), y = b.to(f64);
  for (std::size_t i = 0; i < static_cast<std::size_t>(x.size()); ++i) {
    const double u = x.data<double>()[i], v = y.data<double>()[i];
    if (std::memcmp(&u, &v, sizeof u) != 0 && !(std::isnan(u) && std::isnan(v))) return false;
  }
  return true;
}

}  // namespace

TEST_CASE("generated code: every op it writes in line has the bits of its kernel", "[generated_code]") {
  const DType dtype = GENERATE(f32, f64);
  const auto [a, b] = pairs(dtype);
  using Op = std::pair<const char*, std::function<Var(const Var&, const Var&)>>;
  const Op ops[] = {
      {"add", [](const Var& x, const Var& y) { return x + y; }},
      {"subtract", [](const Var& x, const Var& y) { return x - y; }},
      {"multiply", [](const Var& x, const Var& y) { return x * y; }},
      {"divide", [](const Var& x, const Var& y) { return x / y; }},
      {"negate", [](const Var& x, const Var&) { return -x; }},
      {"abs", [](const Var& x, const Var&) { return abs(x); }},
      {"square", [](const Var& x, const Var&) { return square(x); }},
      {"sqrt", [](const Var& x, const Var&) { return sqrt(x); }},
      {"sign", [](const Var& x, const Var&) { return sign(x); }},
      {"chain", [](const Var& x, const Var& y) { return chain(x, y); }},
      {"where equal", [](const Var& x, const Var& y) { return where(equal(x, y), x, y); }},
      {"where not equal", [](const Var& x, const Var& y) { return where(not_equal(x, y), x, y); }},
      {"where less", [](const Var& x, const Var& y) { return where(less(x, y), x, y); }},
      {"where less or equal", [](const Var& x, const Var& y) { return where(less_equal(x, y), x, y); }},
      {"where greater", [](const Var& x, const Var& y) { return where(greater(x, y), x, y); }},
      {"where greater or equal", [](const Var& x, const Var& y) { return where(greater_equal(x, y), x, y); }},
      {"relu", [](const Var& x, const Var&) { return relu(x); }},
      {"tanh", [](const Var& x, const Var&) { return tanh(x); }},
      {"sigmoid", [](const Var& x, const Var&) { return sigmoid(x); }},
      {"expm1", [](const Var& x, const Var&) { return expm1(x); }},
      {"gradient of relu", [](const Var& x, const Var& y) { return gradients(relu(x), x, y); }},
      {"gradient of tanh", [](const Var& x, const Var& y) { return gradients(tanh(x), x, y); }},
      {"gradient of sigmoid", [](const Var& x, const Var& y) { return gradients(sigmoid(x), x, y); }},
      {"exp", [](const Var& x, const Var&) { return exp(x); }},
      {"log", [](const Var& x, const Var&) { return log(x); }},
      {"log1p", [](const Var& x, const Var&) { return log1p(x); }},
      {"sin", [](const Var& x, const Var&) { return sin(x); }},
      {"cos", [](const Var& x, const Var&) { return cos(x); }},
      {"sin and cos of one", [](const Var& x, const Var&) { return sin(x) * cos(x); }},
      {"cos and sin of two", [](const Var& x, const Var& y) { return cos(x) - sin(x) * cos(y); }},
      {"maximum", [](const Var& x, const Var& y) { return maximum(x, y); }},
      {"minimum", [](const Var& x, const Var& y) { return minimum(x, y); }},
  };
  for (const auto& [name, op] : ops) {
    CAPTURE(name, dtype);
    // Alone, and with both operands in registers; the last operation keeps zeros' signs and NaN as they are.
    const auto alone = [&] { return op(Var(a), Var(b)); };
    const auto between = [&] { return -op(-Var(a), -Var(b)); };
    for (const std::function<Var()>& f : {std::function<Var()>(alone), std::function<Var()>(between)}) {
      const Tensor generated = computed(always, f), called = computed(never, f);
      CHECK(same_numbers(generated, called));
    }
  }
}

TEST_CASE("generated code: functions have the bits of their kernels over their whole range", "[generated_code]") {
  const DType dtype = GENERATE(f32, f64);
  std::vector<double> numbers;
  for (int i = 0; i < 20000; ++i) numbers.push_back(std::sin(i) * std::exp(0.01 * (i % 2000) - 10));  // up to 2^14
  for (int i = 0; i < 2000; ++i) numbers.push_back(i * 1.5707963267948966);
  for (int i = 0; i < 2000; ++i)
    numbers.push_back(std::ldexp(1 + 0.001 * (i % 700), i % 250 - 125) * (i % 2 == 0 ? 1 : -1));
  for (int i = 0; i < 2000; ++i) numbers.push_back(-1 + std::ldexp(1, -i % 60));  // log1p's end
  const Tensor x = Tensor::from(numbers, {static_cast<std::int64_t>(numbers.size())}).to(dtype);
  for (Var (*const f)(const Operand&) : {&exp, &expm1, &tanh, &sigmoid, &log, &log1p, &sin, &cos}) {
    const auto apply = [&] { return f(Var(x)); };
    CHECK(same_numbers(computed(always, apply), computed(never, apply)));
  }
}

TEST_CASE("generated code: what is computed outside of it for rare arguments leaves all else as it is",
          "[generated_code]") {
  std::vector<float> numbers;
  for (int i = 0; i < 4000; ++i) numbers.push_back(static_cast<float>(i % 97 == 0 ? 3e5 + i : 0.01 * i));
  const Tensor x = Tensor::from(numbers, {static_cast<std::int64_t>(numbers.size())});
  const auto f = [&] {
    const Var v = x, a = v + 1, b = v * 2, c = abs(v), d = square(v), e = v / 3;
    const Var s = sin(v), t = cos(b), u = cos(v);
    return sum(a * s + b * t - c * u + d / e + exp(-c) * (v - s) + a * b);
  };
  CHECK(same_numbers(computed(always, f), computed(never, f)));
}

}  // namespace thalweg
