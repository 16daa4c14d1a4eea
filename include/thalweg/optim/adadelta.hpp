#pragma once
#include <thalweg/optim/optimizer.hpp>

namespace thalweg {

struct AdaDeltaOptions {
  Schedule learning_rate = 1;
  double rho = 0.95;      // in [0, 1)
  double epsilon = 1e-6;  // above 0
  double weight_decay = 0;
  WeightDecayForm weight_decay_form = WeightDecayForm::coupled;
  bool maximize = false;
  GradientOptions gradient = {};
  Groups<AdaDeltaOptions> groups = {};
};

/// AdaDelta: steps in the units of the values, with no learning rate to tune.
///
///   square_average ← rho · square_average + (1 − rho) · gradient²
///   step           = √(step_average + epsilon) / √(square_average + epsilon) · gradient
///   step_average   ← rho · step_average + (1 − rho) · step²
///   value          ← value − learning_rate · step
///
/// State: adadelta.square_average, adadelta.step_average. The paper has no rate, that is a rate of 1; PyTorch's rho is
/// 0.9. Zeiler, ADADELTA: An Adaptive Learning Rate Method, 2012.
class AdaDelta : public OptimizerOf<AdaDeltaOptions> {
 public:
  explicit AdaDelta(const OptimizedParameters& parameters, const AdaDeltaOptions& options = {},
                    SourceLine line = SourceLine::here());

 private:
  void update(Update& u, const AdaDeltaOptions& o) override;
};

}  // namespace thalweg
