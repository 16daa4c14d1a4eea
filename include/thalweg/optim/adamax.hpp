#pragma once
#include <thalweg/optim/optimizer.hpp>

namespace thalweg {

struct AdaMaxOptions {
  Schedule learning_rate = 0.002;
  double beta1 = 0.9;     // in [0, 1)
  double beta2 = 0.999;   // in [0, 1)
  double epsilon = 1e-8;  // above 0
  double weight_decay = 0;
  WeightDecayForm weight_decay_form = WeightDecayForm::coupled;
  bool maximize = false;
  GradientOptions gradient = {};
  Groups<AdaMaxOptions> groups = {};
};

/// Adam with the largest recent gradient in place of the root mean square:
///
///   first_moment ← beta1 · first_moment + (1 − beta1) · gradient
///   largest      ← max(beta2 · largest, |gradient| + epsilon)
///   value        ← value − learning_rate/(1 − beta1ᵗ) · first_moment / largest
///
/// State: adamax.first_moment, adamax.largest. Epsilon is as in PyTorch; the paper has none, so that a first gradient
/// of 0 gives 0/0. Kingma and Ba, Adam: A Method for Stochastic Optimization, 2015, section 7.1.
class AdaMax : public OptimizerOf<AdaMaxOptions> {
 public:
  explicit AdaMax(const OptimizedParameters& parameters, const AdaMaxOptions& options = {},
                  SourceLine line = SourceLine::here());

 private:
  void update(Update& u, const AdaMaxOptions& o) override;
};

}  // namespace thalweg
