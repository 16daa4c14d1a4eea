#pragma once
#include <thalweg/optim/optimizer.hpp>

namespace thalweg {

/// Where Adam adds epsilon. They differ where gradients are tiny.
enum class AdamForm : std::uint8_t {
  book,   // to the root of the second moment as it is ("epsilon-hat" in the paper's section 2)
  paper,  // to the root of the corrected second moment (the paper's algorithm 1)
};

struct AdamOptions {
  Schedule learning_rate = 0.001;
  double beta1 = 0.9;    // in [0, 1)
  double beta2 = 0.999;  // in [0, 1)
  /// Above 0; where not given 1e-7 in the book's form, 1e-8 in the paper's.
  std::optional<double> epsilon = std::nullopt;
  AdamForm form = AdamForm::book;
  double weight_decay = 0;
  WeightDecayForm weight_decay_form = WeightDecayForm::coupled;
  bool maximize = false;
  GradientOptions gradient = {};
  Groups<AdamOptions> groups = {};
};

/// Adam: momentum, and a rate for each element from the squares it has seen lately.
///
///   first_moment  ← beta1 · first_moment + (1 − beta1) · gradient
///   second_moment ← beta2 · second_moment + (1 − beta2) · gradient²
///   book:   value ← value − learning_rate · √(1 − beta2ᵗ)/(1 − beta1ᵗ) · first_moment / (√second_moment + epsilon)
///   paper:  value ← value − learning_rate · first_moment/(1 − beta1ᵗ) / (√(second_moment/(1 − beta2ᵗ)) + epsilon)
///
/// t counts the steps from 1. State: adam.first_moment, adam.second_moment. Today's libraries (PyTorch, Keras, Optax)
/// compute the paper's form. Kingma and Ba, Adam: A Method for Stochastic Optimization, 2015.
class Adam : public OptimizerOf<AdamOptions> {
 public:
  explicit Adam(const OptimizedParameters& parameters, const AdamOptions& options = {},
                SourceLine line = SourceLine::here());

 private:
  void update(Update& u, const AdamOptions& o) override;
};

}  // namespace thalweg
