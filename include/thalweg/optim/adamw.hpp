#pragma once
#include <thalweg/optim/optimizer.hpp>

namespace thalweg {

struct AdamWOptions {
  Schedule learning_rate = 0.001;
  double beta1 = 0.9;     // in [0, 1)
  double beta2 = 0.999;   // in [0, 1)
  double epsilon = 1e-8;  // above 0
  double weight_decay = 0.01;
  WeightDecayForm weight_decay_form = WeightDecayForm::decoupled;
  bool maximize = false;
  GradientOptions gradient = {};
  Groups<AdamWOptions> groups = {};
};

/// Adam in the paper's form, with decoupled weight decay:
///
///   first_moment  ← beta1 · first_moment + (1 − beta1) · gradient
///   second_moment ← beta2 · second_moment + (1 − beta2) · gradient²
///   value         ← (1 − learning_rate · weight_decay) · value
///                   − learning_rate · first_moment/(1 − beta1ᵗ) / (√(second_moment/(1 − beta2ᵗ)) + epsilon)
///
/// State: adamw.first_moment, adamw.second_moment. The learning rate multiplies the decay, as in PyTorch; in the paper
/// only the schedule factor does. Loshchilov and Hutter, Decoupled Weight Decay Regularization, 2019.
class AdamW : public OptimizerOf<AdamWOptions> {
 public:
  explicit AdamW(const OptimizedParameters& parameters, const AdamWOptions& options = {},
                 SourceLine line = SourceLine::here());

 private:
  void update(Update& u, const AdamWOptions& o) override;
};

}  // namespace thalweg
