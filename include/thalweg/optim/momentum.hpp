#pragma once
#include <thalweg/optim/optimizer.hpp>

namespace thalweg {

/// Whether the velocity accumulates steps or gradients. The two agree at a constant rate; in the second form a change
/// of the rate also affects the gradients accumulated before.
enum class VelocityForm : std::uint8_t {
  with_rate,     // velocity ← momentum · velocity − learning_rate · gradient (the book; Sutskever et al. 2013)
  without_rate,  // velocity ← momentum · velocity + gradient; the rate multiplies it (PyTorch)
};

struct MomentumOptions {
  Schedule learning_rate = 0.01;
  double momentum = 0.9;  // in [0, 1)
  double dampening = 0;   // in [0, 1): scales down each gradient except the first
  VelocityForm velocity = VelocityForm::with_rate;
  double weight_decay = 0;
  WeightDecayForm weight_decay_form = WeightDecayForm::coupled;
  bool maximize = false;
  GradientOptions gradient = {};
  Groups<MomentumOptions> groups = {};
};

/// Gradient descent with momentum:
///
///   with_rate:     velocity ← momentum · velocity − learning_rate · (1 − dampening) · gradient
///                  value    ← value + velocity
///   without_rate:  velocity ← momentum · velocity + (1 − dampening) · gradient
///                  value    ← value − learning_rate · velocity
///
/// State: momentum.velocity. As in PyTorch, the first gradient is not dampened. Polyak, Some methods of speeding up the
/// convergence of iteration methods, 1964.
class Momentum : public OptimizerOf<MomentumOptions> {
 public:
  explicit Momentum(const OptimizedParameters& parameters, const MomentumOptions& options = {},
                    SourceLine line = SourceLine::here());

 private:
  void update(Update& u, const MomentumOptions& o) override;
};

}  // namespace thalweg
