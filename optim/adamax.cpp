#include <thalweg/optim/adamax.hpp>

#include <cmath>

#include <thalweg/ops/arithmetic.hpp>

namespace thalweg {

namespace {

void check(const AdaMaxOptions& o, const OptionCheck& check) {
  check.fraction("beta1", o.beta1);
  check.fraction("beta2", o.beta2);
  check.positive("epsilon", o.epsilon);
}

}  // namespace

AdaMax::AdaMax(const OptimizedParameters& parameters, const AdaMaxOptions& options, SourceLine line)
    : OptimizerOf(parameters, "adamax", options, check, line) {}

void AdaMax::update(Update& u, const AdaMaxOptions& o) {
  const Var gradient = u.gradient();
  const Var first = o.beta1 * u.state("first_moment") + (1 - o.beta1) * gradient;
  const Var largest = maximum(o.beta2 * u.state("largest"), abs(gradient) + o.epsilon);
  u.set_state("first_moment", first);
  u.set_state("largest", largest);
  const double rate = u.learning_rate() / (1 - std::pow(o.beta1, static_cast<double>(u.step_number())));
  u.set_value(u.value() - rate * first / largest);
}

}  // namespace thalweg
