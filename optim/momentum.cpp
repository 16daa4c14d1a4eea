#include <thalweg/optim/momentum.hpp>

#include <thalweg/ops/arithmetic.hpp>

namespace thalweg {

namespace {

const MomentumOptions& checked(const MomentumOptions& options, SourceLine line) {
  const double momentum = options.momentum;
  check_option("momentum", "momentum", momentum, momentum >= 0 && momentum < 1, "must be in [0, 1)", line);
  return options;
}

}  // namespace

Momentum::Momentum(ParameterRegistry& registry, const MomentumOptions& options, SourceLine line)
    : Optimizer(registry, "momentum", checked(options, line).learning_rate, line), momentum_(options.momentum) {}

void Momentum::update(Update& u) {
  const Var velocity = momentum_ * u.state("velocity") - learning_rate() * u.gradient();
  u.set_state("velocity", velocity);
  u.set_value(u.value() + velocity);
}

}  // namespace thalweg
