#include <thalweg/optim/nadam.hpp>

#include <cmath>

#include <thalweg/ops/arithmetic.hpp>

namespace thalweg {

namespace {

/// The schedule of the momentum: beta1 · (1 − ½ · 0.96^(step · momentum_decay)).
double momentum_at(std::int64_t step, const NAdamOptions& o) {
  return o.beta1 * (1 - 0.5 * std::pow(0.96, static_cast<double>(step) * o.momentum_decay));
}

void check(const NAdamOptions& o, const OptionCheck& check) {
  check.fraction("beta1", o.beta1);
  check.fraction("beta2", o.beta2);
  check.positive("epsilon", o.epsilon);
  check.not_negative("momentum_decay", o.momentum_decay);
}

}  // namespace

NAdam::NAdam(const OptimizedParameters& parameters, const NAdamOptions& options, SourceLine line)
    : OptimizerOf(parameters, "nadam", options, check, line) {}

double NAdam::momentum_product(std::int64_t step, const NAdamOptions& o) {
  for (Product& known : products_) {
    if (known.beta1 != o.beta1 || known.momentum_decay != o.momentum_decay) continue;
    if (known.step + 1 == step) {
      ++known.step;
      known.value *= momentum_at(step, o);
    }
    if (known.step == step) return known.value;
  }
  Product made{o.beta1, o.momentum_decay, step, 1};
  for (std::int64_t i = 1; i <= step; ++i) made.value *= momentum_at(i, o);
  products_.push_back(made);
  return made.value;
}

void NAdam::update(Update& u, const NAdamOptions& o) {
  const Var gradient = u.gradient();
  const Var first = o.beta1 * u.state("first_moment") + (1 - o.beta1) * gradient;
  const Var second = o.beta2 * u.state("second_moment") + (1 - o.beta2) * gradient * gradient;
  u.set_state("first_moment", first);
  u.set_state("second_moment", second);

  const auto t = static_cast<double>(u.step_number());
  const double root_correction = std::sqrt(1 - std::pow(o.beta2, t));
  const double momentum = momentum_at(u.step_number(), o), next_momentum = momentum_at(u.step_number() + 1, o);
  const double product = momentum_product(u.step_number(), o);
  const double gradient_rate = u.learning_rate() * (1 - momentum) / (1 - product);
  const double moment_rate = u.learning_rate() * next_momentum / (1 - product * next_momentum);
  const Var step =
      (gradient_rate * gradient + moment_rate * first) / (sqrt(second) * (1 / root_correction) + o.epsilon);
  u.set_value(u.value() - step);
}

}  // namespace thalweg
