#pragma once
#include <thalweg/optim/optimizer.hpp>

namespace thalweg {

struct NAdamOptions {
  Schedule learning_rate = 0.002;
  double beta1 = 0.9;             // in [0, 1)
  double beta2 = 0.999;           // in [0, 1)
  double epsilon = 1e-8;          // above 0
  double momentum_decay = 0.004;  // at least 0
  double weight_decay = 0;
  WeightDecayForm weight_decay_form = WeightDecayForm::coupled;
  bool maximize = false;
  GradientOptions gradient = {};
  Groups<NAdamOptions> groups = {};
};

/// Adam with Nesterov momentum. With μₜ = beta1 · (1 − ½ · 0.96^(t · momentum_decay)) and Mₜ = μ₁ · … · μₜ:
///
///   first_moment  ← beta1 · first_moment + (1 − beta1) · gradient
///   second_moment ← beta2 · second_moment + (1 − beta2) · gradient²
///   value ← value − learning_rate · ((1 − μₜ)/(1 − Mₜ) · gradient + μₜ₊₁/(1 − Mₜ₊₁) · first_moment)
///                   / (√(second_moment/(1 − beta2ᵗ)) + epsilon)
///
/// State: nadam.first_moment, nadam.second_moment. Formula and defaults as in PyTorch. Dozat, Incorporating Nesterov
/// Momentum into Adam, 2016.
class NAdam : public OptimizerOf<NAdamOptions> {
 public:
  explicit NAdam(const OptimizedParameters& parameters, const NAdamOptions& options = {},
                 SourceLine line = SourceLine::here());

 private:
  void update(Update& u, const NAdamOptions& o) override;
  /// Mₜ, a function of t and the options; the latest values are cached.
  double momentum_product(std::int64_t step, const NAdamOptions& o);

  struct Product {
    double beta1, momentum_decay;
    std::int64_t step;
    double value;
  };
  std::vector<Product> products_;
};

}  // namespace thalweg
