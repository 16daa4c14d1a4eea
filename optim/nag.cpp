#include <thalweg/optim/nag.hpp>

#include <thalweg/ops/arithmetic.hpp>

namespace thalweg {

namespace {

void check(const NAGOptions& o, const OptionCheck& check) { check.fraction("momentum", o.momentum); }

}  // namespace

NAG::NAG(const OptimizedParameters& parameters, const NAGOptions& options, SourceLine line)
    : OptimizerOf(parameters, "nag", options, check, line) {}

void NAG::update(Update& u, const NAGOptions& o) {
  const double rate = u.learning_rate();
  const Var gradient = u.gradient(), before = o.momentum * u.state("velocity");
  const bool holds_gradients = o.form == NesterovForm::without_rate;
  const Var velocity = holds_gradients ? before + gradient : before - rate * gradient;
  u.set_state("velocity", velocity);
  switch (o.form) {
    case NesterovForm::look_ahead: return u.set_value(u.value() + o.momentum * velocity - rate * gradient);
    case NesterovForm::without_rate: return u.set_value(u.value() - rate * (gradient + o.momentum * velocity));
    case NesterovForm::printed:
      return u.set_value(u.value() + o.momentum * o.momentum * velocity - (1 + o.momentum) * rate * gradient);
  }
}

}  // namespace thalweg
