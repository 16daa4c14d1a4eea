#pragma once
#include <cstdint>
#include <string>

#include <thalweg/ops/normalization.hpp>
#include <thalweg/registry.hpp>

namespace thalweg {

struct BatchNormLayerOptions {
  BatchNormOptions form = {};           // momentum, epsilon, form of the running variance
  double initial_running_variance = 1;  // at least 0
};

/// As in the book "Deep Learning from Scratch": epsilon 1e-6, both running statistics start at 0.
inline constexpr BatchNormLayerOptions book_batch_norm{.form = {.epsilon = 1e-6}, .initial_running_variance = 0};

/// Batch normalization with running statistics: the op `batch_norm` with its parameters.
/// All are (features,): NAME.gamma (initially 1), NAME.beta (0), and, not trainable, NAME.running_mean (0) and
/// NAME.running_variance. A call in the training phase updates the running statistics.
class BatchNorm {
 public:
  /// ValueError for features below 1, a negative variance, or if one of the names is taken. In either case nothing is
  /// registered.
  BatchNorm(ParameterRegistry& registry, const std::string& name, std::int64_t features,
            const BatchNormLayerOptions& options = {}, SourceLine line = SourceLine::here());

  Var operator()(const Operand& x) const;

  const Parameter& gamma() const { return gamma_; }
  const Parameter& beta() const { return beta_; }
  const Parameter& running_mean() const { return running_mean_; }
  const Parameter& running_variance() const { return running_variance_; }

 private:
  const char* scope_;
  BatchNormOptions form_;
  Parameter gamma_, beta_, running_mean_, running_variance_;
};

}  // namespace thalweg
