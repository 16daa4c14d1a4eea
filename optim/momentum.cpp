#include <thalweg/optim/momentum.hpp>

#include <thalweg/ops/arithmetic.hpp>

namespace thalweg {

namespace {

void check(const MomentumOptions& o, const OptionCheck& check) {
  check.fraction("momentum", o.momentum);
  check.fraction("dampening", o.dampening);
}

}  // namespace

Momentum::Momentum(const OptimizedParameters& parameters, const MomentumOptions& options, SourceLine line)
    : OptimizerOf(parameters, "momentum", options, check, line) {}

void Momentum::update(Update& u, const MomentumOptions& o) {
  const double share = u.step_number() == 1 ? 1 : 1 - o.dampening;
  if (o.velocity == VelocityForm::with_rate) {
    const Var velocity = o.momentum * u.state("velocity") - u.learning_rate() * share * u.gradient();
    u.set_state("velocity", velocity);
    u.set_value(u.value() + velocity);
  } else {
    const Var velocity = o.momentum * u.state("velocity") + share * u.gradient();
    u.set_state("velocity", velocity);
    u.set_value(u.value() - u.learning_rate() * velocity);
  }
}

}  // namespace thalweg
