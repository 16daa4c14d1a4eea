#pragma once
#include <thalweg/optim/optimizer.hpp>

namespace thalweg {

struct SGDOptions {
  double learning_rate = 0.01;
};

/// Stochastic gradient descent:
///
///   value ← value − learning_rate · gradient
///
/// Robbins and Monro, A Stochastic Approximation Method, 1951.
class SGD : public Optimizer {
 public:
  explicit SGD(ParameterRegistry& registry, const SGDOptions& options = {}, SourceLine line = SourceLine::here());

 private:
  void update(Update& u) override;
};

}  // namespace thalweg
