#pragma once
#include <thalweg/optim/optimizer.hpp>

namespace thalweg {

/// The ways Nesterov momentum is written.
enum class NesterovForm : std::uint8_t {
  look_ahead,    // the velocity includes the rate (the corrected book)
  without_rate,  // the rate multiplies the velocity (PyTorch)
  printed,       // as in some printings of the book: the new velocity in place of the old one
};

struct NAGOptions {
  Schedule learning_rate = 0.01;
  double momentum = 0.9;  // in [0, 1)
  NesterovForm form = NesterovForm::look_ahead;
  double weight_decay = 0;
  WeightDecayForm weight_decay_form = WeightDecayForm::coupled;
  bool maximize = false;
  GradientOptions gradient = {};
  Groups<NAGOptions> groups = {};
};

/// Nesterov's accelerated gradient: the gradient is taken at the point to which momentum alone would lead. The value is
/// that point (Bengio's form), so one gradient at the value suffices.
///
///   look_ahead:    velocity ← momentum · velocity − learning_rate · gradient
///                  value    ← value + momentum · velocity − learning_rate · gradient
///   without_rate:  velocity ← momentum · velocity + gradient
///                  value    ← value − learning_rate · (gradient + momentum · velocity)
///   printed:       velocity as in look_ahead
///                  value    ← value + momentum² · velocity − (1 + momentum) · learning_rate · gradient
///
/// State: nag.velocity. The point of the original algorithm is value − momentum · velocity. Nesterov, A method for
/// solving the convex programming problem with convergence rate O(1/k²), 1983; Bengio et al., Advances in Optimizing
/// Recurrent Networks, 2012 (arXiv 1212.0901).
class NAG : public OptimizerOf<NAGOptions> {
 public:
  explicit NAG(const OptimizedParameters& parameters, const NAGOptions& options = {},
               SourceLine line = SourceLine::here());

 private:
  void update(Update& u, const NAGOptions& o) override;
};

}  // namespace thalweg
