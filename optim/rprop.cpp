#include <thalweg/optim/rprop.hpp>

#include <cmath>

#include <thalweg/ops/arithmetic.hpp>

namespace thalweg {

namespace {

void check(const RpropOptions& o, const OptionCheck& check) {
  check.holds("shrink", o.shrink, o.shrink > 0 && o.shrink < 1, "must be in (0, 1)");
  check.holds("grow", o.grow, o.grow >= 1 && std::isfinite(o.grow), "must be finite and at least 1");
  check.positive("shortest", o.shortest);
  check.holds("longest", o.longest, o.longest >= o.shortest && std::isfinite(o.longest),
              "must be finite and at least `shortest`");
}

}  // namespace

Rprop::Rprop(const OptimizedParameters& parameters, const RpropOptions& options, SourceLine line)
    : OptimizerOf(parameters, "rprop", options, check, line) {}

void Rprop::update(Update& u, const RpropOptions& o) {
  const Var gradient = u.gradient(), before = u.state("step_length");
  const Var turned = sign(gradient) * sign(u.state("previous"));
  const Var length = where(equal(before, 0), u.learning_rate(), before);
  const Var changed = where(turned > 0, o.grow * length, where(turned < 0, o.shrink * length, length));
  const Var step_length = minimum(maximum(changed, o.shortest), o.longest);
  const Var kept = where(turned < 0, 0., gradient);
  u.set_state("step_length", step_length);
  u.set_state("previous", kept);
  u.set_value(u.value() - sign(kept) * step_length);
}

}  // namespace thalweg
