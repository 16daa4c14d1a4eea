// Ops from public headers alone: those of examples/custom_ops, and functors of every number of operands and element type.
#include <catch2/catch.hpp>

#include <algorithm>

#include <thalweg/attribute.hpp>
#include <thalweg/check_gradients.hpp>
#include <thalweg/statistics.hpp>
#include <thalweg/threads.hpp>

#include "examples/custom_ops/ops.hpp"

using namespace thalweg;
using Catch::Matchers::Contains;

namespace {

struct MultiplyAdd {
  template <class T>
  T operator()(T a, T b, T c) const {
    return a * b + c;
  }
};
const ElementKernel multiply_add_kernel = element_function<MultiplyAdd, float, double, std::int64_t>("multiply_add", 2);
const Op multiply_add_op{.name = "multiply_add",
                         .kind = Kind::elementwise,
                         .shape_rule = arithmetic_shape,
                         .pullbacks = {[](const Pullback& p) { return p.gradient * p.input(1); },
                                       [](const Pullback& p) { return p.gradient * p.input(0); },
                                       [](const Pullback& p) { return p.gradient; }},
                         .kernel = &multiply_add_kernel};

Var multiply_add(const Operand& a, const Operand& b, const Operand& c) { return record(multiply_add_op, a, b, c); }

struct Excess {
  template <class T>
  T operator()(T a, T b) const {
    return a > b ? a - b : T{0};
  }
};
const ElementKernel excess_kernel = element_function<Excess>("excess", 2);
const Op excess_op{.name = "excess",
                   .kind = Kind::elementwise,
                   .shape_rule = floating_shape,
                   .pullbacks = {[](const Pullback& p) { return where(p.output > 0, p.gradient, 0); },
                                 [](const Pullback& p) { return where(p.output > 0, -p.gradient, 0); }},
                   .kernel = &excess_kernel};
Var excess(const Operand& a, const Operand& b) { return record(excess_op, a, b); }

/// Without a pattern, in [-2, 2].
Tensor numbers(const Shape& shape, DType dtype, int start = 0) {
  Tensor result = Tensor::empty(shape, DType::f64);
  double at = 0.1 + 0.07 * start;
  for (double& x : result.mutable_data<double>()) {
    at = at * 1.618 + 0.3;
    at -= std::floor(at);
    x = 4 * at - 2;
  }
  return result.to(dtype);
}

}  // namespace

TEST_CASE("custom ops: their gradients of both orders, planned and eager") {
  const Tensor x = numbers({3, 5}, DType::f64), b = numbers({3, 2}, DType::f64, 1);
  Tensor a = numbers({3, 3}, DType::f64, 2);
  for (std::int64_t i = 0; i < 3; ++i) a.set<double>({i, i}, 2 + 0.3 * static_cast<double>(i));
  using Function = std::function<Var(std::span<const Var>)>;
  const auto check = [](const char* name, const Function& function, const std::vector<Tensor>& inputs) {
    for (const Engine engine : {Engine::planned, Engine::eager}) {
      const GradientReport report = check_gradients(function, inputs, {.engine = engine});
      INFO(name << "\n" << to_string(report));
      CHECK(report.ok);
    }
  };
  check("softsign", [](auto v) { return custom::softsign(v[0]); }, {x});
  check("unit_rows", [](auto v) { return custom::unit_rows(v[0]); }, {x});
  check("log_cosh", [](auto v) { return custom::log_cosh(v[0], v[1]); }, {x, numbers({3, 5}, DType::f64, 3)});
  for (const bool lower : {false, true})
    for (const bool transposed : {false, true})
      check("solve_triangular",
            [=](auto v) {
              return custom::solve_triangular(v[0], v[1], {lower, transposed});
            },
            {a, b});
  check("multiply_add", [](auto v) { return multiply_add(v[0], v[1], v[2]); },
        {x, numbers({5}, DType::f64, 3), Tensor::full({}, 0.7, DType::f64)});
  check("excess", [](auto v) { return excess(v[0], v[1]) * excess(v[1], 0.2); }, {x, numbers({3, 1}, DType::f64, 4)});
}

TEST_CASE("custom ops: a composite that is built once has the values of every step") {
  for (int step = 0; step < 4; ++step) {
    const Tape tape;
    const Var x = Tensor({{0.5 + step, -2.}}, DType::f64);
    CHECK(custom::log_cosh(x, 0.25).item() ==
          Approx((std::log(std::cosh(0.25 + step)) + std::log(std::cosh(2.25))) / 2).epsilon(1e-14));
  }
}

TEST_CASE("custom ops: a functor gives the same bits at any length, fused or alone, on one thread or two") {
  for (const DType dtype : {DType::f32, DType::f64})
    for (const std::int64_t length : {0, 1, 2, 3, 7, 8, 15, 16, 17, 31, 33, 127, 128, 129, 1000, 70000}) {
      INFO(name(dtype) << ", " << length);
      const Tensor x = numbers({length}, dtype), y = numbers({length}, dtype, 5);
      const auto compute_on = [&](Engine engine, int threads) {
        const Threads limit(threads);
        const Tape tape({.engine = engine});
        const Var a = x, b = y;
        return (custom::softsign(exp(a)) + excess(a * 2, custom::softsign(b)) * multiply_add(a, b, 0.5) -
                excess(0.1, a))
            .value();
      };
      const Tensor planned = compute_on(Engine::planned, 1);
      CHECK(identical(planned, compute_on(Engine::eager, 1)));
      CHECK(identical(planned, compute_on(Engine::planned, 2)));
      const Tape tape;
      const Tensor alone = custom::softsign(x).value();
      const Tensor wide = x.to(DType::f64), got = alone.to(DType::f64);
      for (std::size_t i = 0; i < static_cast<std::size_t>(length); ++i) {
        const double exact = wide.data<double>()[i] / (1 + std::abs(wide.data<double>()[i]));
        CHECK(got.data<double>()[i] == Approx(exact).epsilon(dtype == DType::f32 ? 1e-6 : 1e-15));
      }
    }
}

TEST_CASE("custom ops: a functor of i64, of bools, of numbers") {
  for (const Engine engine : {Engine::planned, Engine::eager}) {
    const Tape tape({.engine = engine});
    CHECK(identical(multiply_add(Tensor{2, 3, 4}, Tensor{10}, 1).value(), Tensor{21, 31, 41}));
    CHECK(identical(multiply_add(Tensor{true, false}, Tensor{2.5, 2.5}, 1).value(), Tensor{3.5, 1.}));
    CHECK(identical((multiply_add(2, 3, 4) * Var(Tensor{1.})).value(), Tensor{10.}));
    CHECK_THROWS_WITH(custom::softsign(Tensor{1, 2}),
                      Contains("[softsign]") && Contains("i64") && Contains("custom_ops_test.cpp"));
  }
}

TEST_CASE("custom ops: a functor is fused with what is around it") {
  const Tape tape;
  const Var x = numbers({500}, DType::f32);
  const Tensor result = sum(exp(custom::softsign(x * 3)) + 1).value();
  CHECK(std::isfinite(result.data<float>()[0]));
  const std::string plan = explain_plan(tape);
  INFO(plan);
  CHECK(plan_summary(tape).other_passes == 1);
}

TEST_CASE("custom ops: a closed-form gradient equals the composed one") {
  const Tensor x = numbers({4, 3}, DType::f64);
  const Tape tape;
  const Var a = x, seed = numbers({4, 3}, DType::f64, 7);
  const Var composed = a / sqrt(sum(square(a), 1, true));
  CHECK(all_close(gradients(custom::unit_rows(a), {a}, seed)[0].value(), gradients(composed, {a}, seed)[0].value(),
                  1e-13, 1e-13));
}

TEST_CASE("custom ops: a kernel that fails leaves everything as it was") {
  for (const Engine engine : {Engine::planned, Engine::eager}) {
    const Tape tape({.engine = engine});
    const Var b = Tensor({{1.}, {1.}}, DType::f64);
    std::string text;
    try {
      custom::solve_triangular(Tensor({{1., 0.}, {1., 0.}}, DType::f64), b).value();
    } catch (const ValueError& error) {
      text = error.what();
    }
    CHECK_THAT(text, Contains("[solve_triangular] the diagonal is 0 in row 1 at custom_ops_test.cpp"));
    CHECK(all_close(custom::solve_triangular(Tensor({{2., 0.}, {1., 4.}}, DType::f64), b).value(),
                    Tensor({{0.5}, {0.125}}, DType::f64)));
    CHECK_THROWS_WITH(custom::solve_triangular(Tensor({{1., 2.}}, DType::f64), b),
                      Contains("[solve_triangular]") && Contains("(1, 2)"));
  }
}

TEST_CASE("custom ops: numbers in record() are operands; a std::uint64_t is the attribute") {
  const Tape tape;
  const Var x = Tensor{1., 2.}, y = Tensor{3., 4.};
  CHECK(identical(record(multiply_add_op, x, y, 0.5).value(), Tensor{3.5, 8.5}));
  CHECK(identical(record(multiply_add_op, x, y, 2).value(), Tensor{5., 10.}));
  CHECK(identical(record(excess_op, x, 1).value(), Tensor{0., 1.}));
  CHECK(identical(record(excess_op, y, x, attribute_of(std::int64_t{7})).value(), Tensor{2., 2.}));
}
