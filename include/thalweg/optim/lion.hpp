#pragma once
#include <thalweg/optim/optimizer.hpp>

namespace thalweg {

struct LionOptions {
  Schedule learning_rate = 1e-4;
  double beta1 = 0.9;   // in [0, 1), for the step
  double beta2 = 0.99;  // in [0, 1), for the moment
  double weight_decay = 0;
  WeightDecayForm weight_decay_form = WeightDecayForm::decoupled;
  bool maximize = false;
  GradientOptions gradient = {};
  Groups<LionOptions> groups = {};
};

/// Lion: every element moves by the learning rate, in the direction of the sign of its momentum.
///
///   value  ← (1 − learning_rate · weight_decay) · value
///            − learning_rate · sign(beta1 · moment + (1 − beta1) · gradient)
///   moment ← beta2 · moment + (1 − beta2) · gradient
///
/// State: lion.moment. Chen et al., Symbolic Discovery of Optimization Algorithms, 2023.
class Lion : public OptimizerOf<LionOptions> {
 public:
  explicit Lion(const OptimizedParameters& parameters, const LionOptions& options = {},
                SourceLine line = SourceLine::here());

 private:
  void update(Update& u, const LionOptions& o) override;
};

}  // namespace thalweg
