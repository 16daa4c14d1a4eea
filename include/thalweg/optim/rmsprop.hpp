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
  bool centered = false;  // divides by a deviation rather than by a root of squares
  double weight_decay = 0;
  WeightDecayForm weight_decay_form = WeightDecayForm::coupled;
  bool maximize = false;
  GradientOptions gradient = {};
  Groups<RMSPropOptions> groups = {};
};

/// RMSProp: each element's rate from an average of its latest squares.
///
///   square_average ← rho · square_average + (1 − rho) · gradient²
///   step           = gradient / (√square_average + epsilon)
///   value          ← value − learning_rate · step
///
/// centered:  mean ← rho · mean + (1 − rho) · gradient; square_average − mean² stands under the root.
/// momentum:  velocity ← momentum · velocity + step; value ← value − learning_rate · velocity.
///
/// State: rmsprop.square_average, and rmsprop.mean and rmsprop.velocity where they are wanted. Epsilon outside the root is
/// the book's and PyTorch's (default 1e-8), inside it TensorFlow's. Tieleman and Hinton, Lecture 6.5, 2012; centered:
/// Graves, Generating Sequences With Recurrent Neural Networks, 2013.
class RMSProp : public OptimizerOf<RMSPropOptions> {
 public:
  explicit RMSProp(const OptimizedParameters& parameters, const RMSPropOptions& options = {},
                   SourceLine line = SourceLine::here());

 private:
  void update(Update& u, const RMSPropOptions& o) override;
};

}  // namespace thalweg
