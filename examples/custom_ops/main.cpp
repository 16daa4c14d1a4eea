// Uses the ops of ops.hpp: checks their gradients, shows the pass a functor is fused into, and an error.
#include "ops.hpp"

#include <thalweg/check_gradients.hpp>

#include <cstdio>

namespace tw = thalweg;

namespace {

void check(const char* name, const std::function<tw::Var(std::span<const tw::Var>)>& function,
           std::vector<tw::Tensor> inputs) {
  const tw::GradientReport report = tw::check_gradients(function, std::move(inputs));
  std::printf("%-17s gradients of both orders: %s\n", name, report.ok ? "right" : report.message.c_str());
}

}  // namespace

int main() {
  const tw::Tensor x({{0.5, -1.25, 2.}, {-0.75, 0.25, 1.5}}, tw::DType::f64);
  const tw::Tensor y({{1., -1., 0.5}, {0.25, 1.25, -0.5}}, tw::DType::f64);
  const tw::Tensor a({{2., 0.5, -1.}, {0.25, 1.5, 0.75}, {-0.5, 1., 3.}}, tw::DType::f64);
  const tw::Tensor b({{1.}, {2.}, {3.}}, tw::DType::f64);

  check("softsign", [](auto v) { return custom::softsign(v[0]); }, {x});
  check("unit_rows", [](auto v) { return custom::unit_rows(v[0]); }, {x});
  check("log_cosh", [](auto v) { return custom::log_cosh(v[0], v[1]); }, {x, y});
  check("solve_triangular", [](auto v) { return custom::solve_triangular(v[0], v[1]); }, {a, b});
  check("  upper, transposed",
        [](auto v) { return custom::solve_triangular(v[0], v[1], {.lower = false, .transposed = true}); }, {a, b});

  {
    const tw::Tape tape;
    const tw::Var y = tw::sum(tw::exp(custom::softsign(tw::Var(x) * 3)));
    std::printf("sum of exp(softsign(3x)) = %.6f, computed in this plan:\n", y.item());
    std::printf("%s\n", tw::explain_plan(tape).c_str());
  }
  try {
    const tw::Tape tape;
    custom::solve_triangular(tw::Tensor({{1., 0.}, {1., 0.}}, tw::DType::f64), tw::Tensor({{1.}, {1.}}, tw::DType::f64))
        .value();
  } catch (const tw::ValueError& error) {
    std::printf("%s\n", error.what());
  }
}
