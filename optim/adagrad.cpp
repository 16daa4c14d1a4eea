#include <thalweg/optim/adagrad.hpp>

#include <cmath>

#include <thalweg/ops/arithmetic.hpp>

namespace thalweg {

namespace {

const AdaGradOptions& checked(const AdaGradOptions& options, SourceLine line) {
  const double epsilon = options.epsilon;
  check_option("adagrad", "epsilon", epsilon, epsilon > 0 && std::isfinite(epsilon), "must be finite and above 0",
               line);
  return options;
}

}  // namespace

AdaGrad::AdaGrad(ParameterRegistry& registry, const AdaGradOptions& options, SourceLine line)
    : Optimizer(registry, "adagrad", checked(options, line).learning_rate, line), epsilon_(options.epsilon) {}

void AdaGrad::update(Update& u) {
  const Var gradient = u.gradient();
  const Var square_sum = u.state("square_sum") + square(gradient);
  u.set_state("square_sum", square_sum);
  u.set_value(u.value() - learning_rate() * gradient / (sqrt(square_sum) + epsilon_));
}

}  // namespace thalweg
