#pragma once
#include <thalweg/optim/optimizer.hpp>

namespace thalweg {

/// Where RMSProp adds epsilon.
enum class EpsilonPlace : std::uint8_t { outside_root, inside_root };

struct RMSPropOptions {
  Schedule learning_rate = 0.01;
  double rho = 0.99;      // in [0, 1)
  double epsilon = 1e-7;  // above 0
  EpsilonPlace epsilon_place = EpsilonPlace::outside_root;
  double momentum = 0;    // in [0, 1)
  bool centered = false;  // divides by the standard deviation instead of the root mean square
  double weight_decay = 0;
  WeightDecayForm weight_decay_form = WeightDecayForm::coupled;
  bool maximize = false;
  GradientOptions gradient = {};
  Groups<RMSPropOptions> groups = {};
};

/// RMSProp: a rate per element from the average of its recent squared gradients.
///
///   square_average ← rho · square_average + (1 − rho) · gradient²
///   step           = gradient / (√square_average + epsilon)
///   value          ← value − learning_rate · step
///
/// centered:  mean ← rho · mean + (1 − rho) · gradient; square_average − mean² stands under the root.
/// momentum:  velocity ← momentum · velocity + step; value ← value − learning_rate · velocity.
///
/// State: rmsprop.square_average, and rmsprop.mean and rmsprop.velocity if they are used. The book and PyTorch (default
/// 1e-8) add epsilon outside the root, TensorFlow inside. Tieleman and Hinton, Lecture 6.5, 2012; centered: Graves,
/// Generating Sequences With Recurrent Neural Networks, 2013.
class RMSProp : public OptimizerOf<RMSPropOptions> {
 public:
  explicit RMSProp(const OptimizedParameters& parameters, const RMSPropOptions& options = {},
                   SourceLine line = SourceLine::here());

 private:
  void update(Update& u, const RMSPropOptions& o) override;
};

}  // namespace thalweg
