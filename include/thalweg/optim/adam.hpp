#pragma once
#include <thalweg/optim/optimizer.hpp>

namespace thalweg {

/// Where Adam adds epsilon. The forms differ for tiny gradients.
enum class AdamForm : std::uint8_t {
  book,   // to the root of the uncorrected second moment ("epsilon-hat" in the paper's section 2)
  paper,  // to the root of the bias-corrected second moment (the paper's algorithm 1)
};

struct AdamOptions {
  Schedule learning_rate = 0.001;
  double beta1 = 0.9;    // in [0, 1)
  double beta2 = 0.999;  // in [0, 1)
  /// Above 0. The default is 1e-7 in the book's form, 1e-8 in the paper's.
  std::optional<double> epsilon = std::nullopt;
  AdamForm form = AdamForm::book;
  double weight_decay = 0;
  WeightDecayForm weight_decay_form = WeightDecayForm::coupled;
  bool maximize = false;
  GradientOptions gradient = {};
  Groups<AdamOptions> groups = {};
};

/// Adam: momentum, with a rate per element from the average of its recent squared gradients.
///
///   first_moment  ← beta1 · first_moment + (1 − beta1) · gradient
///   second_moment ← beta2 · second_moment + (1 − beta2) · gradient²
///   book:   value ← value − learning_rate · √(1 − beta2ᵗ)/(1 − beta1ᵗ) · first_moment / (√second_moment + epsilon)
///   paper:  value ← value − learning_rate · first_moment/(1 − beta1ᵗ) / (√(second_moment/(1 − beta2ᵗ)) + epsilon)
///
/// t counts steps from 1. State: adam.first_moment, adam.second_moment. PyTorch, Keras and Optax compute the paper's
/// form. Kingma and Ba, Adam: A Method for Stochastic Optimization, 2015.
class Adam : public OptimizerOf<AdamOptions> {
 public:
  explicit Adam(const OptimizedParameters& parameters, const AdamOptions& options = {},
                SourceLine line = SourceLine::here());

 private:
  void update(Update& u, const AdamOptions& o) override;
};

}  // namespace thalweg
