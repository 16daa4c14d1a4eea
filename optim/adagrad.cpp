#include <thalweg/optim/adagrad.hpp>

#include <thalweg/ops/arithmetic.hpp>

namespace thalweg {

namespace {

void check(const AdaGradOptions& o, const OptionCheck& check) {
  check.positive("epsilon", o.epsilon);
  check.not_negative("initial_sum", o.initial_sum);
  check.not_negative("rate_decay", o.rate_decay);
}

}  // namespace

AdaGrad::AdaGrad(const OptimizedParameters& parameters, const AdaGradOptions& options, SourceLine line)
    : OptimizerOf(parameters, "adagrad", options, check, line) {}

void AdaGrad::update(Update& u, const AdaGradOptions& o) {
  const Var gradient = u.gradient();
  const double initial = u.step_number() == 1 ? o.initial_sum : 0;
  const Var square_sum = u.state("square_sum") + initial + square(gradient);
  u.set_state("square_sum", square_sum);
  const double rate = u.learning_rate() / (1 + static_cast<double>(u.step_number() - 1) * o.rate_decay);
  u.set_value(u.value() - rate * gradient / (sqrt(square_sum) + o.epsilon));
}

}  // namespace thalweg
