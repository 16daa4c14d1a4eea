#include <thalweg/optim/radam.hpp>

#include <cmath>

#include <thalweg/ops/arithmetic.hpp>

namespace thalweg {

namespace {

void check(const RAdamOptions& o, const OptionCheck& check) {
  check.fraction("beta1", o.beta1);
  check.fraction("beta2", o.beta2);
  check.positive("epsilon", o.epsilon);
}

}  // namespace

RAdam::RAdam(const OptimizedParameters& parameters, const RAdamOptions& options, SourceLine line)
    : OptimizerOf(parameters, "radam", options, check, line) {}

void RAdam::update(Update& u, const RAdamOptions& o) {
  const Var gradient = u.gradient();
  const Var first = o.beta1 * u.state("first_moment") + (1 - o.beta1) * gradient;
  const Var second = o.beta2 * u.state("second_moment") + (1 - o.beta2) * gradient * gradient;
  u.set_state("first_moment", first);
  u.set_state("second_moment", second);

  const auto t = static_cast<double>(u.step_number());
  const double first_correction = 1 - std::pow(o.beta1, t), second_correction = 1 - std::pow(o.beta2, t);
  const double rate = u.learning_rate() / first_correction;
  const double longest = 2 / (1 - o.beta2) - 1;
  const double length = longest - 2 * t * (1 - second_correction) / second_correction;
  if (length <= 5) return u.set_value(u.value() - rate * first);
  const double rectification =
      std::sqrt((length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length));
  const double rectified = rate * rectification * std::sqrt(second_correction);
  u.set_value(u.value() - rectified * first / (sqrt(second) + o.epsilon));
}

}  // namespace thalweg
