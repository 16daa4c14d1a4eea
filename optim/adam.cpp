#include <thalweg/optim/adam.hpp>

#include <cmath>

#include <thalweg/ops/arithmetic.hpp>

namespace thalweg {

namespace {

double epsilon_of(const AdamOptions& options) {
  return options.epsilon.value_or(options.form == AdamForm::book ? 1e-7 : 1e-8);
}

void check(const AdamOptions& o, const OptionCheck& check) {
  check.fraction("beta1", o.beta1);
  check.fraction("beta2", o.beta2);
  check.positive("epsilon", epsilon_of(o));
}

}  // namespace

Adam::Adam(const OptimizedParameters& parameters, const AdamOptions& options, SourceLine line)
    : OptimizerOf(parameters, "adam", options, check, line) {}

void Adam::update(Update& u, const AdamOptions& o) {
  const double epsilon = epsilon_of(o);
  const Var gradient = u.gradient();
  const Var first = o.beta1 * u.state("first_moment") + (1 - o.beta1) * gradient;
  // Multiplied from the left, so that (1 − beta2)·gradient·gradient fits f32 even if the square alone would not.
  const Var second = o.beta2 * u.state("second_moment") + (1 - o.beta2) * gradient * gradient;
  u.set_state("first_moment", first);
  u.set_state("second_moment", second);

  const auto t = static_cast<double>(u.step_number());
  const double first_correction = 1 - std::pow(o.beta1, t), root_correction = std::sqrt(1 - std::pow(o.beta2, t));
  if (o.form == AdamForm::book) {
    const double rate = u.learning_rate() * root_correction / first_correction;
    u.set_value(u.value() - rate * first / (sqrt(second) + epsilon));
  } else {
    // √(second/(1 − beta2ᵗ)) = √second · 1/√(1 − beta2ᵗ): one multiplication per element instead of a division.
    const double rate = u.learning_rate() / first_correction;
    u.set_value(u.value() - rate * first / (sqrt(second) * (1 / root_correction) + epsilon));
  }
}

}  // namespace thalweg
