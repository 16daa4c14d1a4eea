#pragma once
#include <thalweg/optim/optimizer.hpp>

namespace thalweg {

struct LAMBOptions {
  Schedule learning_rate = 0.001;
  double beta1 = 0.9;     // in [0, 1)
  double beta2 = 0.999;   // in [0, 1)
  double epsilon = 1e-6;  // above 0
  bool bias_correction = true;
  double weight_decay = 0;
  WeightDecayForm weight_decay_form = WeightDecayForm::decoupled;
  bool maximize = false;
  GradientOptions gradient = {};
  Groups<LAMBOptions> groups = {};
};

/// Adam with each parameter's step scaled to the parameter's norm, for large batches:
///
///   first_moment  ← beta1 · first_moment + (1 − beta1) · gradient
///   second_moment ← beta2 · second_moment + (1 − beta2) · gradient²
///   step          = first_moment/(1 − beta1ᵗ) / (√(second_moment/(1 − beta2ᵗ)) + epsilon) + weight_decay · value
///   value         ← value − learning_rate · ‖value‖/‖step‖ · step;  the ratio is 1 where either norm is 0
///
/// The norms are per parameter, so a step takes more than one pass. State: lamb.first_moment, lamb.second_moment.
/// Coupled weight decay goes into the gradient instead. You et al., Large Batch Optimization for Deep Learning:
/// Training BERT in 76 minutes, 2020, with φ(z) = z.
class LAMB : public OptimizerOf<LAMBOptions> {
 public:
  explicit LAMB(const OptimizedParameters& parameters, const LAMBOptions& options = {},
                SourceLine line = SourceLine::here());

 private:
  void update(Update& u, const LAMBOptions& o) override;
};

}  // namespace thalweg
