#include <thalweg/optim/adadelta.hpp>

#include <thalweg/ops/arithmetic.hpp>

namespace thalweg {

namespace {

void check(const AdaDeltaOptions& o, const OptionCheck& check) {
  check.fraction("rho", o.rho);
  check.positive("epsilon", o.epsilon);
}

}  // namespace

AdaDelta::AdaDelta(const OptimizedParameters& parameters, const AdaDeltaOptions& options, SourceLine line)
    : OptimizerOf(parameters, "adadelta", options, check, line) {}

void AdaDelta::update(Update& u, const AdaDeltaOptions& o) {
  const Var gradient = u.gradient(), step_average = u.state("step_average");
  const Var square_average = o.rho * u.state("square_average") + (1 - o.rho) * gradient * gradient;
  const Var step = sqrt(step_average + o.epsilon) / sqrt(square_average + o.epsilon) * gradient;
  u.set_state("square_average", square_average);
  u.set_state("step_average", o.rho * step_average + (1 - o.rho) * step * step);
  u.set_value(u.value() - u.learning_rate() * step);
}

}  // namespace thalweg
