#include <thalweg/optim/lion.hpp>

#include <thalweg/ops/arithmetic.hpp>

namespace thalweg {

namespace {

void check(const LionOptions& o, const OptionCheck& check) {
  check.fraction("beta1", o.beta1);
  check.fraction("beta2", o.beta2);
}

}  // namespace

Lion::Lion(const OptimizedParameters& parameters, const LionOptions& options, SourceLine line)
    : OptimizerOf(parameters, "lion", options, check, line) {}

void Lion::update(Update& u, const LionOptions& o) {
  const Var gradient = u.gradient(), moment = u.state("moment");
  u.set_value(u.value() - u.learning_rate() * sign(o.beta1 * moment + (1 - o.beta1) * gradient));
  u.set_state("moment", o.beta2 * moment + (1 - o.beta2) * gradient);
}

}  // namespace thalweg
