#pragma once
#include <thalweg/optim/optimizer.hpp>

namespace thalweg {

struct SGDOptions {
  Schedule learning_rate = 0.01;
  double weight_decay = 0;
  WeightDecayForm weight_decay_form = WeightDecayForm::coupled;
  bool maximize = false;
  GradientOptions gradient = {};
  Groups<SGDOptions> groups = {};
};

/// Stochastic gradient descent:
///
///   value ← value − learning_rate · gradient
///
/// No state. Robbins and Monro, A Stochastic Approximation Method, 1951.
class SGD : public OptimizerOf<SGDOptions> {
 public:
  explicit SGD(const OptimizedParameters& parameters, const SGDOptions& options = {},
               SourceLine line = SourceLine::here());

 private:
  void update(Update& u, const SGDOptions& o) override;
};

}  // namespace thalweg
