#include <thalweg/optim/asgd.hpp>

#include <algorithm>
#include <cmath>

#include <thalweg/ops/arithmetic.hpp>

namespace thalweg {

namespace {

void check(const ASGDOptions& o, const OptionCheck& check) {
  check.not_negative("decay", o.decay);
  check.not_negative("power", o.power);
  check.not_negative("start", o.start);
}

}  // namespace

ASGD::ASGD(const OptimizedParameters& parameters, const ASGDOptions& options, SourceLine line)
    : OptimizerOf(parameters, "asgd", options, check, line) {}

void ASGD::update(Update& u, const ASGDOptions& o) {
  const auto t = static_cast<double>(u.step_number());
  const double rate = u.learning_rate() / std::pow(1 + o.decay * u.learning_rate() * (t - 1), o.power);
  const double share = 1 / std::max(1., t - 1 - o.start);
  const Var value = (1 - o.decay * rate) * u.value() - rate * u.gradient();
  const Var average = u.state("average");
  u.set_value(value);
  u.set_state("average", (1 - share) * average + share * value);
}

}  // namespace thalweg
