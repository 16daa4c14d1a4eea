#pragma once
#include <thalweg/optim/optimizer.hpp>

namespace thalweg {

struct ParameterAverageOptions {
  double decay = 0.999;  // in [0, 1)
  /// The decay of step t is at most t/(t + 9), so that early values are soon forgotten.
  bool warm_up = false;
};

/// The exponential moving average of parameters, which often does better than their last values:
///
///   average ← decay · average + (1 − decay) · value,  the value itself in the first step
///
/// Call step() after each of the optimizer's; it takes no gradients. swap() exchanges averages and values: once before an
/// evaluation and once after it. State: parameter_average.average; a checkpoint keeps it as an optimizer's.
class ParameterAverage : public OptimizerOf<ParameterAverageOptions> {
 public:
  explicit ParameterAverage(const OptimizedParameters& parameters, const ParameterAverageOptions& options = {},
                            SourceLine line = SourceLine::here());

  /// The parameters get their averages and the averages the parameters' values. TapeError before the first step.
  void swap(SourceLine line = SourceLine::here());  // NOLINT(bugprone-exception-escape)

 private:
  void update(Update& u, const ParameterAverageOptions& o) override;
  bool needs_gradients() const override { return false; }

  bool swaps_ = false;
};

}  // namespace thalweg
