#include <thalweg/optim/adamw.hpp>

#include <cmath>

#include <thalweg/ops/arithmetic.hpp>

namespace thalweg {

namespace {

void check(const AdamWOptions& o, const OptionCheck& check) {
  check.fraction("beta1", o.beta1);
  check.fraction("beta2", o.beta2);
  check.positive("epsilon", o.epsilon);
}

}  // namespace

AdamW::AdamW(const OptimizedParameters& parameters, const AdamWOptions& options, SourceLine line)
    : OptimizerOf(parameters, "adamw", options, check, line) {}

void AdamW::update(Update& u, const AdamWOptions& o) {
  const Var gradient = u.gradient();
  const Var first = o.beta1 * u.state("first_moment") + (1 - o.beta1) * gradient;
  const Var second = o.beta2 * u.state("second_moment") + (1 - o.beta2) * gradient * gradient;
  u.set_state("first_moment", first);
  u.set_state("second_moment", second);

  const auto t = static_cast<double>(u.step_number());
  const double first_correction = 1 - std::pow(o.beta1, t), root_correction = std::sqrt(1 - std::pow(o.beta2, t));
  // As in Adam, the root of the correction is computed once, not per element.
  const double rate = u.learning_rate() / first_correction;
  u.set_value(u.value() - rate * first / (sqrt(second) * (1 / root_correction) + o.epsilon));
}

}  // namespace thalweg
