#include <thalweg/optim/rmsprop.hpp>

#include <thalweg/ops/arithmetic.hpp>

namespace thalweg {

namespace {

void check(const RMSPropOptions& o, const OptionCheck& check) {
  check.fraction("rho", o.rho);
  check.positive("epsilon", o.epsilon);
  check.fraction("momentum", o.momentum);
}

}  // namespace

RMSProp::RMSProp(const OptimizedParameters& parameters, const RMSPropOptions& options, SourceLine line)
    : OptimizerOf(parameters, "rmsprop", options, check, line) {}

void RMSProp::update(Update& u, const RMSPropOptions& o) {
  const Var gradient = u.gradient();
  // Multiplied from the left, so that (1 − rho)·gradient·gradient fits f32 even if the square alone would not.
  const Var square_average = o.rho * u.state("square_average") + (1 - o.rho) * gradient * gradient;
  u.set_state("square_average", square_average);
  Var under_root = square_average;
  if (o.centered) {
    const Var mean = o.rho * u.state("mean") + (1 - o.rho) * gradient;
    u.set_state("mean", mean);
    under_root = maximum(square_average - square(mean), 0);  // rounding may make it negative
  }
  const Var divisor =
      o.epsilon_place == EpsilonPlace::inside_root ? sqrt(under_root + o.epsilon) : sqrt(under_root) + o.epsilon;
  if (o.momentum == 0) return u.set_value(u.value() - u.learning_rate() * gradient / divisor);
  const Var velocity = o.momentum * u.state("velocity") + gradient / divisor;
  u.set_state("velocity", velocity);
  u.set_value(u.value() - u.learning_rate() * velocity);
}

}  // namespace thalweg
