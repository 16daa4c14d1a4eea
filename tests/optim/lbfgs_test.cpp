#include <cmath>

#include <catch2/catch.hpp>

#include <thalweg/thalweg.hpp>

#include "tests/registry/thrown.hpp"

using namespace thalweg;
using test::thrown;

namespace {

using Function = Var (*)(const Var&);

struct Problem {
  ParameterRegistry registry{{.dtype = f64}};
  Parameter w;
  Function f;

  Problem(const Tensor& start, Function f) : w(registry.add("w", start)), f(f) {}
  double loss() const {
    Tape tape;
    const Var value = f(w);
    backward(value);
    return value.item();
  }
  double sum_of_values() const {
    double total = 0;
    const Tensor values = w.value();
    for (const double value : values.data<double>()) total += value;
    return total;
  }
};

Tensor numbers(double (*of)(double)) {
  std::vector<double> values;
  for (int i = 0; i < 20; ++i) values.push_back(of(i));
  return Tensor::from(std::span<const double>(values), {20});
}

Var bowl(const Var& w) {
  static const Tensor a = numbers([](double i) { return 0.05 * std::pow(1.5, i); });
  static const Tensor c = numbers([](double i) { return std::fmod(i * 3, 11) / 10 - 0.4; });
  return sum(a * square(w - c)) / 2 + 0.1 * sum(square(square(w - 0.3)));
}

Var rosenbrock(const Var& w) {
  const std::int64_t n = w.size();
  const Var here = slice(w, 0, 0, n - 1), next = slice(w, 0, 1, n);
  return sum(100 * square(next - square(here)) + square(1 - here));
}

}  // namespace

TEST_CASE("L-BFGS: the path is PyTorch's", "[optim]") {
  // references/lbfgs_and_muon.py: loss and sum of the values after 1, 2, 5, 10 and 20 iterations.
  struct Row {
    int iteration;
    double loss, sum;
  };
  const auto check_path = [](Problem& problem, const std::vector<Row>& rows, double tolerance) {
    LBFGS lbfgs(problem.registry, {.iterations = 1});
    std::size_t row = 0;
    for (int iteration = 0; row < rows.size(); ++iteration) {
      CAPTURE(iteration);
      const double sum_before = problem.sum_of_values();
      const double loss_before = lbfgs.step([&] { return problem.loss(); });
      if (iteration != rows[row].iteration) continue;
      CHECK(loss_before == Approx(rows[row].loss).epsilon(tolerance));
      CHECK(sum_before == Approx(rows[row].sum).epsilon(tolerance));
      ++row;
    }
  };
  Problem in_bowl(numbers([](double i) { return std::fmod(i * 7, 13) / 6 - 1; }), bowl);
  check_path(in_bowl,
             {{1, 26.326754053444976, -1.2737314277479637},
              {2, 9.37655571076662, -0.08969379129813992},
              {5, 1.9305760819203213, 0.8954478365264475},
              {10, 0.34836687278808504, 0.7947236875714084},
              {20, 0.07830074877383314, 2.181510587042687}},
             1e-10);
  Problem in_valley(Tensor({-1.2, 1., -1.2, 1.}, f64), rosenbrock);
  check_path(in_valley,
             {{1, 185.59179803132594, -0.30452261306532646},
              {2, 118.58414525957468, -0.15353054518571152},
              {5, 3.501882673405849, -0.20885211234302564},
              {10, 3.001888702432204, 0.024880875822989333},
              {20, 1.3176788440765006, 1.1642104595002722}},
             1e-8);
}

TEST_CASE("L-BFGS: one call goes to the minimum, of several parameters, in f32 too", "[optim]") {
  for (const DType dtype : {f32, f64}) {
    ParameterRegistry registry({.dtype = dtype});
    const Parameter a = registry.add("a", constant({3, 2}, -1)), b = registry.add("b", constant({5}, 2));
    LBFGS lbfgs(registry, {.iterations = 50});
    const auto loss = [&] {
      Tape tape;
      const Var value = sum(square(Var(a) - 1) * 3) + sum(square(square(Var(b) - 0.5)) + square(Var(b) - 0.5));
      backward(value);
      return value.item();
    };
    const double before = lbfgs.step(loss);
    CHECK(before > 40);
    CHECK(loss() < 1e-10);
    CHECK(all_close(a.value(), Tensor::ones({3, 2}, dtype), 1e-4));
    CHECK(all_close(b.value(), Tensor::full({5}, 0.5, dtype), 1e-4));
    CHECK(lbfgs.step_count() == 1);
  }
}

TEST_CASE("L-BFGS: a loss that is not finite on the way is stepped back from", "[optim]") {
  ParameterRegistry registry({.dtype = f64});
  const Parameter x = registry.add("x", constant({1}, 0.5));
  LBFGS lbfgs(registry, {.learning_rate = 4, .change_tolerance = 1e-14});
  const auto loss = [&] {  // x − ln x: not a number below 0
    Tape tape;
    const Var value = sum(40 * (Var(x) - log(x)));
    backward(value);
    return value.item();
  };
  for (int i = 0; i < 5; ++i) lbfgs.step(loss);
  CHECK(x.value().item() == Approx(1).epsilon(1e-6));
}

TEST_CASE("L-BFGS: a step wants the loss, and options are checked", "[optim]") {
  ParameterRegistry registry;
  const Parameter w = registry.add("w", ones({2}));
  CHECK_THROWS_AS(LBFGS(registry, {.history = 0}), ValueError);
  CHECK_THROWS_AS(LBFGS(registry, {.iterations = 0}), ValueError);
  CHECK_THROWS_AS(LBFGS(registry, {.gradient_tolerance = -1}), ValueError);
  LBFGS lbfgs(registry);
  Optimizer& optimizer = lbfgs;
  CHECK_THROWS_AS(optimizer.step(), ValueError);
  CHECK(optimizer.step_count() == 0);
  CHECK(identical(w.value(), Tensor::ones({2})));
}
