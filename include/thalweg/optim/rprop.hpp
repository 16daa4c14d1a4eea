#pragma once
#include <thalweg/optim/optimizer.hpp>

namespace thalweg {

struct RpropOptions {
  Schedule learning_rate = 0.01;    // length of the first step
  double shrink = 0.5, grow = 1.2;  // factors of the step length: in (0, 1), and at least 1
  double shortest = 1e-6, longest = 50;
  double weight_decay = 0;
  WeightDecayForm weight_decay_form = WeightDecayForm::coupled;
  bool maximize = false;
  GradientOptions gradient = {};
  Groups<RpropOptions> groups = {};
};

/// Resilient propagation, for full-batch gradients: only their signs count. Each element's step grows while its
/// gradient keeps its sign; when the sign changes, the step shrinks and the element pauses for one step (iRprop−):
///
///   turned      = sign(gradient) · sign(previous)
///   step_length ← step_length · grow where turned > 0, · shrink where turned < 0, within [shortest, longest]
///   previous    ← gradient, 0 where turned < 0
///   value       ← value − sign(previous) · step_length
///
/// State: rprop.step_length (learning_rate at first), rprop.previous. Riedmiller and Braun, A direct adaptive method for
/// faster backpropagation learning: the RPROP algorithm, 1993; Igel and Hüsken, Improving the Rprop Learning Algorithm,
/// 2000.
class Rprop : public OptimizerOf<RpropOptions> {
 public:
  explicit Rprop(const OptimizedParameters& parameters, const RpropOptions& options = {},
                 SourceLine line = SourceLine::here());

 private:
  void update(Update& u, const RpropOptions& o) override;
};

}  // namespace thalweg
