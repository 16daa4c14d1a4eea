#pragma once
#include <thalweg/optim/optimizer.hpp>

namespace thalweg {

struct ASGDOptions {
  Schedule learning_rate = 0.01;
  double decay = 1e-4;  // λ, of the value and of the rate
  double power = 0.75;  // of the rate's decline
  double start = 1e6;   // the averaging begins after this many steps
  double weight_decay = 0;
  WeightDecayForm weight_decay_form = WeightDecayForm::coupled;
  bool maximize = false;
  GradientOptions gradient = {};
  Groups<ASGDOptions> groups = {};
};

/// Gradient descent that also averages the points it passes through. In step t, with
/// ηₜ = learning_rate / (1 + decay · learning_rate · (t − 1))^power:
///
///   value   ← (1 − decay · ηₜ) · value − ηₜ · gradient
///   average ← average + (value − average) / max(1, t − 1 − start)
///
/// State: asgd.average. As in PyTorch. Polyak and Juditsky, Acceleration of stochastic approximation by averaging,
/// 1992; Bottou, Stochastic Gradient Descent Tricks, 2012.
class ASGD : public OptimizerOf<ASGDOptions> {
 public:
  explicit ASGD(const OptimizedParameters& parameters, const ASGDOptions& options = {},
                SourceLine line = SourceLine::here());

 private:
  void update(Update& u, const ASGDOptions& o) override;
};

}  // namespace thalweg
