#include <thalweg/optim/parameter_average.hpp>

#include <algorithm>

#include <thalweg/ops/arithmetic.hpp>

namespace thalweg {

namespace {

void check(const ParameterAverageOptions& o, const OptionCheck& check) { check.fraction("decay", o.decay); }

}  // namespace

ParameterAverage::ParameterAverage(const OptimizedParameters& parameters, const ParameterAverageOptions& options,
                                   SourceLine line)
    : OptimizerOf(parameters, "parameter_average", options, check, line) {}

void ParameterAverage::update(Update& u, const ParameterAverageOptions& o) {
  const Var value = u.value(), average = u.state("average");
  if (swaps_) {
    u.set_value(average);
    u.set_state("average", value);
    return;
  }
  const auto t = static_cast<double>(u.step_number());
  const double most = o.warm_up ? t / (t + 9) : 1;
  const double decay = t == 1 ? 0 : std::min(o.decay, most);
  u.set_state("average", decay * average + (1 - decay) * value);
}

void ParameterAverage::swap(SourceLine line) {  // NOLINT(bugprone-exception-escape): no std::swap
  if (step_count() == 0) throw TapeError(error_text(name(), "there are no averages before the first step()", line));
  swaps_ = true;
  try {
    apply(line);
  } catch (...) {
    swaps_ = false;
    throw;
  }
  swaps_ = false;
}

}  // namespace thalweg
