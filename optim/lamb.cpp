#include <thalweg/optim/lamb.hpp>

#include <cmath>

#include "optim/euclidean_norm.hpp"

namespace thalweg {

namespace {

void check(const LAMBOptions& o, const OptionCheck& check) {
  check.fraction("beta1", o.beta1);
  check.fraction("beta2", o.beta2);
  check.positive("epsilon", o.epsilon);
}

}  // namespace

LAMB::LAMB(const OptimizedParameters& parameters, const LAMBOptions& options, SourceLine line)
    : OptimizerOf(parameters, "lamb", options, check, Unit::parameter, line) {}

void LAMB::update(Update& u, const LAMBOptions& o) {
  const Var gradient = u.gradient();
  const Var first = o.beta1 * u.state("first_moment") + (1 - o.beta1) * gradient;
  const Var second = o.beta2 * u.state("second_moment") + (1 - o.beta2) * gradient * gradient;
  u.set_state("first_moment", first);
  u.set_state("second_moment", second);

  const auto t = static_cast<double>(u.step_number());
  const double first_correction = o.bias_correction ? 1 - std::pow(o.beta1, t) : 1;
  const double second_correction = o.bias_correction ? 1 - std::pow(o.beta2, t) : 1;
  Var step = (first / first_correction) / (sqrt(second / second_correction) + o.epsilon);
  if (o.weight_decay_form == WeightDecayForm::decoupled) step = step + o.weight_decay * u.undecayed_value();
  const Var value_norm = euclidean_norm(u.undecayed_value()), step_norm = euclidean_norm(step);
  const Var ratio = where(value_norm * step_norm > 0, value_norm / step_norm, 1.);
  u.set_value(u.undecayed_value() - u.learning_rate() * ratio * step);
}

}  // namespace thalweg
