#pragma once
#include <thalweg/optim/optimizer.hpp>

namespace thalweg {

struct ParameterAverageOptions {
  double decay = 0.999;  // in [0, 1)
  /// Limits the decay of step t to t/(t + 9), so that early values are soon forgotten.
  bool warm_up = false;
};

/// The exponential moving average of parameters, which often performs better than their last values:
///
///   average ← decay · average + (1 − decay) · value,  the value itself in the first step
///
/// Call step() after each step of the optimizer; it uses no gradients. swap() exchanges averages and values: call it
/// before and after an evaluation. State: parameter_average.average, which a checkpoint saves like an optimizer's.
class ParameterAverage : public OptimizerOf<ParameterAverageOptions> {
 public:
  explicit ParameterAverage(const OptimizedParameters& parameters, const ParameterAverageOptions& options = {},
                            SourceLine line = SourceLine::here());

  /// Exchanges the parameters and their averages. TapeError before the first step.
  void swap(SourceLine line = SourceLine::here());  // NOLINT(bugprone-exception-escape): no std::swap

 private:
  void update(Update& u, const ParameterAverageOptions& o) override;
  bool needs_gradients() const override { return false; }

  bool swaps_ = false;
};

}  // namespace thalweg
