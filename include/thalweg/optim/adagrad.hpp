#pragma once
#include <thalweg/optim/optimizer.hpp>

namespace thalweg {

struct AdaGradOptions {
  double learning_rate = 0.01;
  double epsilon = 1e-7;  // above 0
};

/// AdaGrad: each element's rate shrinks with the squares it has seen.
///
///   square_sum ← square_sum + gradient²
///   value      ← value − learning_rate · gradient / (√square_sum + epsilon)
///
/// State: adagrad.square_sum. Epsilon stands outside the root, as in the book and in PyTorch.
/// Duchi, Hazan and Singer, Adaptive Subgradient Methods for Online Learning and Stochastic Optimization, 2011.
class AdaGrad : public Optimizer {
 public:
  explicit AdaGrad(ParameterRegistry& registry, const AdaGradOptions& options = {},
                   SourceLine line = SourceLine::here());

 private:
  void update(Update& u) override;

  double epsilon_;
};

}  // namespace thalweg
