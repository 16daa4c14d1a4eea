#pragma once
#include <thalweg/optim/optimizer.hpp>

namespace thalweg {

struct AMSGradOptions {
  Schedule learning_rate = 0.001;
  double beta1 = 0.9;           // in [0, 1)
  double beta2 = 0.999;         // in [0, 1)
  double epsilon = 1e-8;        // above 0
  bool bias_correction = true;  // false: as in the paper
  double weight_decay = 0;
  WeightDecayForm weight_decay_form = WeightDecayForm::coupled;
  bool maximize = false;
  GradientOptions gradient = {};
  Groups<AMSGradOptions> groups = {};
};

/// Adam with a rate that never grows: the root is of the largest second moment so far.
///
///   first_moment  ← beta1 · first_moment + (1 − beta1) · gradient
///   second_moment ← beta2 · second_moment + (1 − beta2) · gradient²
///   largest       ← max(largest, second_moment)
///   value         ← value − learning_rate · first_moment/(1 − beta1ᵗ) / (√(largest/(1 − beta2ᵗ)) + epsilon)
///
/// State: amsgrad.first_moment, amsgrad.second_moment, amsgrad.largest. PyTorch (Adam with amsgrad) corrects the bias
/// and adds epsilon; the paper does neither. Reddi, Kale and Kumar, On the Convergence of Adam and Beyond, 2018.
class AMSGrad : public OptimizerOf<AMSGradOptions> {
 public:
  explicit AMSGrad(const OptimizedParameters& parameters, const AMSGradOptions& options = {},
                   SourceLine line = SourceLine::here());

 private:
  void update(Update& u, const AMSGradOptions& o) override;
};

}  // namespace thalweg
