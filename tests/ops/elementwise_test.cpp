// Elementwise ops: values at chosen points, dtypes and errors, gradients of two orders.
#include <catch2/catch.hpp>

#include <cmath>
#include <limits>

#include <thalweg/check_gradients.hpp>
#include <thalweg/compute.hpp>
#include <thalweg/differentiate.hpp>
#include <thalweg/ops/ops.hpp>

using namespace thalweg;
using Catch::Matchers::Contains;

namespace {

constexpr double nan_value = std::numeric_limits<double>::quiet_NaN(), inf = std::numeric_limits<double>::infinity();
constexpr std::int64_t lowest = std::numeric_limits<std::int64_t>::min();

using Function = std::function<Var(std::span<const Var>)>;

Tensor doubles(std::initializer_list<internal::Literal> values) { return Tensor(values, DType::f64); }

Tensor value_of(const Function& function, const std::vector<Tensor>& inputs, Engine engine) {
  const Tape tape({.engine = engine});
  std::vector<Var> vars(inputs.begin(), inputs.end());
  return function(vars).value();
}

/// Bit for bit but for NaNs, planned and eager.
void expect(const Function& function, const std::vector<Tensor>& inputs, const Tensor& wanted) {
  for (const Engine engine : {Engine::planned, Engine::eager}) {
    const Tensor value = value_of(function, inputs, engine);
    INFO(to_string(value) << ", wanted " << to_string(wanted));
    REQUIRE(value.dtype() == wanted.dtype());
    REQUIRE(value.shape() == wanted.shape());
    if (!is_floating(wanted.dtype())) {
      CHECK(identical(value, wanted));
      continue;
    }
    const Tensor a = value.to(DType::f64), b = wanted.to(DType::f64);
    for (std::size_t i = 0; i < static_cast<std::size_t>(a.size()); ++i) {
      const double x = a.data<double>()[i], y = b.data<double>()[i];
      CHECK((std::isnan(y) ? std::isnan(x) : x == y && std::signbit(x) == std::signbit(y)));
    }
  }
}

template <class Type>
void expect_error(const Function& function, const std::vector<Tensor>& inputs, const std::vector<const char*>& words) {
  for (const Engine engine : {Engine::planned, Engine::eager}) {
    std::string text;
    try {
      value_of(function, inputs, engine);
    } catch (const Type& error) {
      text = error.what();
    }
    for (const char* word : words) CHECK_THAT(text, Contains(word));
  }
}

}  // namespace

TEST_CASE("floor, ceil and round") {
  const Tensor x = doubles({-2.5, -1.5, -0.5, -0., 0.5, 1.5, 2.5, 1e300, inf, nan_value});
  expect([](auto v) { return floor(v[0]); }, {x}, doubles({-3., -2., -1., -0., 0., 1., 2., 1e300, inf, nan_value}));
  expect([](auto v) { return ceil(v[0]); }, {x}, doubles({-2., -1., -0., -0., 1., 2., 3., 1e300, inf, nan_value}));
  expect([](auto v) { return round(v[0]); }, {x}, doubles({-2., -2., -0., -0., 0., 2., 2., 1e300, inf, nan_value}));
  expect([](auto v) { return floor(v[0]); }, {Tensor{-3, 4}}, Tensor{-3, 4});
  expect([](auto v) { return round(v[0]); }, {Tensor{true, false}}, Tensor{1, 0});
}

TEST_CASE("floor_divide and remainder are Python's") {
  // From Python: [x // y for ...], [x % y for ...].
  const Tensor a =
      doubles({7., -7., 7., -7., 6., -6., 1., -1., 1., -1e-20, 1e300, 5., -5., inf, nan_value, 1., 0.3, 1e18});
  const Tensor b = doubles({3., 3., -3., -3., 3., 3., 0.1, 0.1, inf, 1., 7., inf, inf, 3., 1., 0., 0.1, 0.7});
  const Tensor quotients = doubles({2., -3., -3., 2., 2., -2., 9., -10., 0., -1., 1.4285714285714286e299, 0., -1.,
                                    nan_value, nan_value, inf, 2., 1.4285714285714286e18});
  const Tensor remainders =
      doubles({1., 2., -2., -1., 0., 0., 0.09999999999999995, 5.551115123125783e-17, 1., 1., 1., 5., inf, nan_value,
               nan_value, nan_value, 0.09999999999999998, 0.041315692866092046});
  expect([](auto v) { return remainder(v[0], v[1]); }, {a, b}, remainders);
  expect([](auto v) { return floor_divide(v[0], v[1]); }, {a, b}, quotients);
  expect([](auto v) { return remainder(v[0], v[1]); }, {Tensor{7., -7., 1e10}, Tensor{3., 3., 3.}}, Tensor{1., 2., 1.});
}

TEST_CASE("floor_divide, remainder and power of i64") {
  const Tensor a{7, -7, 7, -7, lowest, lowest}, b{3, 3, -3, -3, -1, 1};
  expect([](auto v) { return floor_divide(v[0], v[1]); }, {a, b}, Tensor{2, -3, -3, 2, lowest, lowest});
  expect([](auto v) { return remainder(v[0], v[1]); }, {a, b}, Tensor{1, 2, -2, -1, 0, 0});
  expect([](auto v) { return remainder(v[0], 3); }, {a}, Tensor{1, 2, 1, 2, 1, 1});
  expect([](auto v) { return floor_divide(v[0], v[1]); }, {Tensor{{7}, {-7}}, Tensor{2, 3, -1}},
         Tensor{{3, 2, -7}, {-4, -3, 7}});
  expect([](auto v) { return floor_divide(v[0], 2); }, {Tensor{true, false}}, Tensor{0, 0});
  expect([](auto v) { return power(v[0], v[1]); }, {Tensor{3, -2, 0, 10, 3}, Tensor{4, 3, 0, 19, 41}},
         Tensor{81, -8, 1, -8446744073709551616, -420491770248316829});
  expect([](auto v) { return power(v[0], 2); }, {Tensor{-3, 4}}, Tensor{9, 16});
  expect_error<ValueError>([](auto v) { return floor_divide(v[0], v[1]); }, {Tensor{1, 5}, Tensor{1, 0}},
                           {"[floor_divide]", "5", "divided by 0", "(2,)", "elementwise_test.cpp"});
  expect_error<ValueError>([](auto v) { return remainder(v[0], 0); }, {Tensor{1}}, {"[remainder]", "divided by 0"});
  expect_error<ValueError>([](auto v) { return power(v[0], v[1]); }, {Tensor{2}, Tensor{-1}},
                           {"[power]", "2", "-1", "cast"});
  const Tape tape;
  CHECK(identical(floor_divide(7, 2).value(), Tensor(3)));  // of two numbers: computed at once, i64 for good
}

TEST_CASE("clamp by numbers and by tensors") {
  const Tensor x = doubles({-2., -1., 0.5, 1., 3., nan_value});
  expect([](auto v) { return clamp(v[0], -1, 1); }, {x}, doubles({-1., -1., 0.5, 1., 1., nan_value}));
  expect([](auto v) { return clamp(v[0], v[1], 1); }, {x, doubles({{0.}, {1.}})},
         doubles({{0., 0., 0.5, 1., 1., nan_value}, {1., 1., 1., 1., 1., nan_value}}));
  expect([](auto v) { return clamp(v[0], 0, v[1]); }, {doubles({5., -5.}), doubles({nan_value, 2.})},
         doubles({nan_value, 0.}));
  expect([](auto v) { return clamp(v[0], 2, 5); }, {Tensor{1, 3, 9}}, Tensor{2, 3, 5});
  expect([](auto v) { return clamp(v[0], 0, inf); }, {x}, doubles({0., 0., 0.5, 1., 3., nan_value}));
  expect_error<ValueError>([](auto v) { return clamp(v[0], 1, 0); }, {x},
                           {"[clamp]", "1", "0", "elementwise_test.cpp"});
  expect_error<ValueError>([](auto v) { return clamp(v[0], nan_value, 0); }, {x}, {"[clamp]", "nan"});
  expect_error<ValueError>([](auto v) { return clamp(v[0], v[1], 2.5); }, {x, doubles({{1.}, {3.}})},
                           {"[clamp]", "element 1", "(2, 1)"});
  expect_error<ValueError>([](auto v) { return clamp(v[0], v[1], v[1] - 1); }, {x, doubles({3.})}, {"[clamp]"});
}

TEST_CASE("hypot neither overflows nor loses small numbers") {
  expect([](auto v) { return hypot(v[0], v[1]); },
         {doubles({3., 3e300, 3e-310, 0., -0., inf, 5.}), doubles({4., 4e300, 4e-310, 0., 0., 1., -inf})},
         doubles({5., 5e300, 5e-310, 0., 0., inf, inf}));
  expect([](auto v) { return hypot(v[0], v[1]); }, {Tensor{3e30, 3e-42}, Tensor{4e30, 4e-42}}, Tensor{5e30, 5e-42});
}

TEST_CASE("logic on numbers and bools") {
  const Tensor a{0., 1., -2., nan_value}, b{0., 0., 5., 1.};
  expect([](auto v) { return logical_and(v[0], v[1]); }, {a, b}, Tensor{false, false, true, true});
  expect([](auto v) { return logical_or(v[0], v[1]); }, {a, b}, Tensor{false, true, true, true});
  expect([](auto v) { return logical_xor(v[0], v[1]); }, {a, b}, Tensor{false, true, false, false});
  expect([](auto v) { return logical_not(v[0]); }, {a}, Tensor{true, false, false, false});
  expect([](auto v) { return logical_not(v[0]); }, {Tensor{true, false}}, Tensor{false, true});
  expect([](auto v) { return logical_and(v[0] > 0, v[1]); }, {Tensor{1, -1, 2}, Tensor{true, true, false}},
         Tensor{true, false, false});
  const Tensor x = doubles({0., 1e308, inf, -inf, nan_value});
  expect([](auto v) { return isnan(v[0]); }, {x}, Tensor{false, false, false, false, true});
  expect([](auto v) { return isinf(v[0]); }, {x}, Tensor{false, false, true, true, false});
  expect([](auto v) { return isfinite(v[0]); }, {x}, Tensor{true, true, false, false, false});
  expect([](auto v) { return isfinite(v[0]); }, {Tensor{lowest, 0}}, Tensor{true, true});
  expect([](auto v) { return isinf(v[0]); }, {Tensor{true}}, Tensor{false});
  expect([](auto v) { return where(v[0], v[1], v[2]); }, {Tensor{0, 3}, Tensor{1.5, 2.5}, Tensor{3.5, 4.5}},
         Tensor{3.5, 2.5});
  expect([](auto v) { return where(v[0] > 0, 1.5, 2); }, {doubles({1., -1.})}, Tensor{1.5, 2.});
  expect([](auto v) { return v[0] != v[0]; }, {x}, Tensor{false, false, false, false, true});
  expect_error<DtypeError>([](auto v) { return where(v[0] > 0, 1.5, 0) * v[0]; }, {doubles({1.})},
                           {"[multiply]", "f32", "f64"});
}

TEST_CASE("gradients of elementwise ops, both orders") {
  struct Row {
    const char* name;
    Function function;
    double low = -2, high = 2;
  };
  const Row rows[] = {
      {"reciprocal", [](auto x) { return reciprocal(x[0]); }, 0.3, 3},
      {"rsqrt", [](auto x) { return rsqrt(x[0]); }, 0.3, 3},
      {"cbrt", [](auto x) { return cbrt(x[0]); }, 0.3, 3},
      {"hypot", [](auto x) { return hypot(x[0], x[1]); }, 0.3, 3},
      {"clamp", [](auto x) { return clamp(x[0], x[1] - 2.5, 1.23) + square(clamp(x[0], -1, x[1])); }, -0.9, 2},
      {"remainder", [](auto x) { return remainder(x[0], x[1]); }, 0.4, 2},
      {"exp2", [](auto x) { return exp2(x[0]); }},
      {"log2", [](auto x) { return log2(x[0]); }, 0.3, 3},
      {"log10", [](auto x) { return log10(x[0]); }, 0.3, 3},
      {"logaddexp", [](auto x) { return logaddexp(x[0], x[1]); }},
      {"logaddexp of equals", [](auto x) { return logaddexp(x[0], x[0] * 1); }},
      {"sin", [](auto x) { return sin(x[0]); }},
      {"cos", [](auto x) { return cos(x[0]); }},
      {"erf", [](auto x) { return erf(x[0]); }},
      {"leaky_relu", [](auto x) { return square(leaky_relu(x[0], 0.2)); }},
      {"elu", [](auto x) { return elu(x[0]); }},
      {"elu with alpha", [](auto x) { return elu(x[0], 0.7); }},
      {"selu", [](auto x) { return selu(x[0]); }},
      {"silu", [](auto x) { return silu(x[0]); }},
      {"mish", [](auto x) { return mish(x[0]); }},
      {"softplus", [](auto x) { return softplus(x[0]); }},
      {"log_sigmoid", [](auto x) { return log_sigmoid(x[0]); }},
      {"hard_sigmoid", [](auto x) { return square(hard_sigmoid(1.7 * x[0])); }},
      {"hard_tanh", [](auto x) { return square(hard_tanh(x[0], -1.1, 0.9)); }},
  };
  for (const Row& row : rows)
    for (const Engine engine : {Engine::planned, Engine::eager}) {
      Tensor a = Tensor::empty({3, 7}, DType::f64), b = Tensor::empty({7}, DType::f64);
      std::size_t i = 0;
      for (Tensor* tensor : {&a, &b})
        for (double& x : tensor->mutable_data<double>()) {
          const double golden = static_cast<double>(++i) * 0.6180339887498949;
          x = row.low + (row.high - row.low) * (golden - std::floor(golden));
        }
      const GradientReport report = check_gradients(row.function, {a, b}, {.engine = engine});
      INFO(row.name << "\n" << to_string(report));
      CHECK(report.ok);
    }
}

TEST_CASE("cast to i64: towards zero; what has no i64 value is an error, as of Tensor::to") {
  expect([](auto v) { return cast(v[0], i64); }, {doubles({-2.9, 2.9, -0.5, -0x1p63, 0x1.fffffffffffffp62})},
         Tensor{-2, 2, 0, lowest, std::int64_t{0x7ffffffffffffc00}});
  constexpr double inf = std::numeric_limits<double>::infinity();
  for (const double value : {nan_value, inf, -inf, 0x1p63, -0x1.8p63, 1e300})
    for (const DType dtype : {DType::f32, DType::f64}) {
      Tensor x = Tensor::zeros({20, 3}, DType::f64);
      x.set<double>({17, 2}, value);
      x = x.to(dtype);
      expect_error<ValueError>([](auto v) { return cast(v[0], i64); }, {x},
                               {"[cast] ", " at [17, 2] of (20, 3) has no i64 value at elementwise_test.cpp:"});
      CHECK_THROWS_WITH(x.to(i64), Contains("[to] ") && Contains(" at [17, 2] of (20, 3) has no i64 value"));
    }
}
