#pragma once
#include <thalweg/optim/optimizer.hpp>

namespace thalweg {

struct RAdamOptions {
  Schedule learning_rate = 0.001;
  double beta1 = 0.9;     // in [0, 1)
  double beta2 = 0.999;   // in [0, 1)
  double epsilon = 1e-8;  // above 0
  double weight_decay = 0;
  WeightDecayForm weight_decay_form = WeightDecayForm::coupled;
  bool maximize = false;
  GradientOptions gradient = {};
  Groups<RAdamOptions> groups = {};
};

/// Adam that uses its second moment only after enough gradients. With ρ∞ = 2/(1 − beta2) − 1 and
/// ρₜ = ρ∞ − 2t · beta2ᵗ/(1 − beta2ᵗ):
///
///   first_moment  ← beta1 · first_moment + (1 − beta1) · gradient
///   second_moment ← beta2 · second_moment + (1 − beta2) · gradient²
///   ρₜ > 5:  value ← value − learning_rate · rₜ · first_moment/(1 − beta1ᵗ) · √(1 − beta2ᵗ)/(√second_moment + epsilon)
///            rₜ = √((ρₜ − 4)(ρₜ − 2) ρ∞ / ((ρ∞ − 4)(ρ∞ − 2) ρₜ))
///   else:    value ← value − learning_rate · first_moment/(1 − beta1ᵗ)
///
/// State: radam.first_moment, radam.second_moment. The threshold 5 is that of the authors' code and of PyTorch; the
/// paper has 4. Liu et al., On the Variance of the Adaptive Learning Rate and Beyond, 2020.
class RAdam : public OptimizerOf<RAdamOptions> {
 public:
  explicit RAdam(const OptimizedParameters& parameters, const RAdamOptions& options = {},
                 SourceLine line = SourceLine::here());

 private:
  void update(Update& u, const RAdamOptions& o) override;
};

}  // namespace thalweg
