#pragma once
#include <thalweg/optim/optimizer.hpp>

namespace thalweg {

struct AdaGradOptions {
  Schedule learning_rate = 0.01;
  double epsilon = 1e-7;   // above 0
  double initial_sum = 0;  // initial value of square_sum
  double rate_decay = 0;   // the rate of step t is divided by 1 + (t − 1) · rate_decay
  double weight_decay = 0;
  WeightDecayForm weight_decay_form = WeightDecayForm::coupled;
  bool maximize = false;
  GradientOptions gradient = {};
  Groups<AdaGradOptions> groups = {};
};

/// AdaGrad: each element's rate shrinks with the sum of its squared gradients.
///
///   square_sum ← square_sum + gradient²
///   value      ← value − learning_rate · gradient / (√square_sum + epsilon)
///
/// State: adagrad.square_sum. Epsilon is outside the root, as in the book and in PyTorch (where it defaults to 1e-10).
/// Duchi, Hazan and Singer, Adaptive Subgradient Methods for Online Learning and Stochastic Optimization, 2011.
class AdaGrad : public OptimizerOf<AdaGradOptions> {
 public:
  explicit AdaGrad(const OptimizedParameters& parameters, const AdaGradOptions& options = {},
                   SourceLine line = SourceLine::here());

 private:
  void update(Update& u, const AdaGradOptions& o) override;
};

}  // namespace thalweg
