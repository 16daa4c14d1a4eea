#include <thalweg/optim/adam.hpp>

#include <cmath>

#include <thalweg/ops/arithmetic.hpp>

namespace thalweg {

namespace {

double epsilon_of(const AdamOptions& options) {
  return options.epsilon.value_or(options.form == AdamForm::book ? 1e-7 : 1e-8);
}

const AdamOptions& checked(const AdamOptions& options, SourceLine line) {
  const double beta1 = options.beta1, beta2 = options.beta2, epsilon = epsilon_of(options);
  check_option("adam", "beta1", beta1, beta1 >= 0 && beta1 < 1, "must be in [0, 1)", line);
  check_option("adam", "beta2", beta2, beta2 >= 0 && beta2 < 1, "must be in [0, 1)", line);
  check_option("adam", "epsilon", epsilon, epsilon > 0 && std::isfinite(epsilon), "must be finite and above 0", line);
  return options;
}

}  // namespace

Adam::Adam(ParameterRegistry& registry, const AdamOptions& options, SourceLine line)
    : Optimizer(registry, "adam", checked(options, line).learning_rate, line),
      beta1_(options.beta1),
      beta2_(options.beta2),
      epsilon_(epsilon_of(options)),
      form_(options.form) {}

void Adam::update(Update& u) {
  const Var gradient = u.gradient();
  const Var first = beta1_ * u.state("first_moment") + (1 - beta1_) * gradient;
  // The factor goes to one gradient before they meet: it fits f32 where the square does not.
  const Var second = beta2_ * u.state("second_moment") + (1 - beta2_) * gradient * gradient;
  u.set_state("first_moment", first);
  u.set_state("second_moment", second);

  const auto t = static_cast<double>(u.step_number());
  const double first_correction = 1 - std::pow(beta1_, t);
  const double second_correction = 1 - std::pow(beta2_, t);
  if (form_ == AdamForm::book) {
    const double rate = learning_rate() * std::sqrt(second_correction) / first_correction;
    u.set_value(u.value() - rate * first / (sqrt(second) + epsilon_));
  } else {
    const double rate = learning_rate() / first_correction;
    u.set_value(u.value() - rate * first / (sqrt(second / second_correction) + epsilon_));
  }
}

}  // namespace thalweg
