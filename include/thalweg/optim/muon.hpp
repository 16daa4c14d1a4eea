#pragma once
#include <thalweg/optim/optimizer.hpp>

namespace thalweg {

/// The scale of Muon's steps for a (rows, columns) matrix.
enum class MuonScale : std::uint8_t {
  original,  // √max(1, rows/columns)
  adam,      // 0.2 · √max(rows, columns): as long as Adam's steps, so that Adam's rates fit
};

struct MuonOptions {
  Schedule learning_rate = 0.02;
  double momentum = 0.95;  // in [0, 1)
  bool nesterov = true;
  std::int64_t iterations = 5;  // of Newton–Schulz; at least 1
  MuonScale scale = MuonScale::original;
  double weight_decay = 0;
  WeightDecayForm weight_decay_form = WeightDecayForm::coupled;
  bool maximize = false;
  GradientOptions gradient = {};
  Groups<MuonOptions> groups = {};
};

/// Momentum with orthogonalized steps: all directions of a weight matrix move equally far. For matrices only: give it a
/// selection of them, and the other parameters to another optimizer.
///
///   velocity ← momentum · velocity + (1 − momentum) · gradient
///   step     = (1 − momentum) · gradient + momentum · velocity   (nesterov; else the velocity)
///   X        = step / ‖step‖, and `iterations` times  X ← a·X + (b·A + c·A²)·X,  A = X·Xᵀ
///   value    ← value − learning_rate · scale · X
///
/// with (a, b, c) = (3.4445, −4.775, 2.0315), after which the singular values of X are near 1. State: muon.velocity.
/// Jordan et al., Muon: An optimizer for hidden layers in neural networks, 2024; Liu et al., Muon is Scalable for LLM
/// Training, 2025.
class Muon : public OptimizerOf<MuonOptions> {
 public:
  explicit Muon(const OptimizedParameters& parameters, const MuonOptions& options = {},
                SourceLine line = SourceLine::here());

 private:
  void update(Update& u, const MuonOptions& o) override;
};

}  // namespace thalweg
