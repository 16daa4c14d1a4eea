#pragma once
#include <thalweg/optim/optimizer.hpp>

namespace thalweg {

struct MomentumOptions {
  double learning_rate = 0.01;
  double momentum = 0.9;  // in [0, 1)
};

/// Gradient descent with momentum:
///
///   velocity ← momentum · velocity − learning_rate · gradient
///   value    ← value + velocity
///
/// State: momentum.velocity. The rate is part of the velocity, as in the book (and Sutskever et al., On the importance
/// of initialization and momentum in deep learning, 2013); where it multiplies the velocity instead (PyTorch), a change
/// of the rate acts on what was gathered before, too. At a constant rate the two are the same. Polyak, Some methods of
/// speeding up the convergence of iteration methods, 1964.
class Momentum : public Optimizer {
 public:
  explicit Momentum(ParameterRegistry& registry, const MomentumOptions& options = {},
                    SourceLine line = SourceLine::here());

 private:
  void update(Update& u) override;

  double momentum_;
};

}  // namespace thalweg
