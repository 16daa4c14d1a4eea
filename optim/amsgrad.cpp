#include <thalweg/optim/amsgrad.hpp>

#include <cmath>

#include <thalweg/ops/arithmetic.hpp>

namespace thalweg {

namespace {

void check(const AMSGradOptions& o, const OptionCheck& check) {
  check.fraction("beta1", o.beta1);
  check.fraction("beta2", o.beta2);
  check.positive("epsilon", o.epsilon);
}

}  // namespace

AMSGrad::AMSGrad(const OptimizedParameters& parameters, const AMSGradOptions& options, SourceLine line)
    : OptimizerOf(parameters, "amsgrad", options, check, line) {}

void AMSGrad::update(Update& u, const AMSGradOptions& o) {
  const Var gradient = u.gradient();
  const Var first = o.beta1 * u.state("first_moment") + (1 - o.beta1) * gradient;
  const Var second = o.beta2 * u.state("second_moment") + (1 - o.beta2) * gradient * gradient;
  u.set_state("first_moment", first);
  u.set_state("second_moment", second);
  const Var largest = maximum(u.state("largest"), second);
  u.set_state("largest", largest);

  const auto t = static_cast<double>(u.step_number());
  const double first_correction = o.bias_correction ? 1 - std::pow(o.beta1, t) : 1;
  const double root_correction = o.bias_correction ? std::sqrt(1 - std::pow(o.beta2, t)) : 1;
  const double rate = u.learning_rate() / first_correction;
  u.set_value(u.value() - rate * first / (sqrt(largest) * (1 / root_correction) + o.epsilon));
}

}  // namespace thalweg
