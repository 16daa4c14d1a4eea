#pragma once
// The ops `layer_norm`, `rms_norm` and `group_norm` with their parameters: NAME.gamma (initially 1) and NAME.beta (0). The
// nodes of a call are in scope NAME, with the caller's line.
//
// The constructors throw ValueError for a number below 1, or if one of the names is taken; then nothing is registered.

#include <cstdint>
#include <string>

#include <thalweg/ops/normalization.hpp>
#include <thalweg/registry.hpp>

namespace thalweg {

struct NormLayerOptions {
  double epsilon = 1e-5;  // inside the root
};

/// Over the last axis, `LayerNorm(registry, "norm1", 64)`, or over the last axes, `LayerNorm(registry, "norm1", {8, 8})`,
/// whose shape gamma and beta have.
class LayerNorm {
 public:
  LayerNorm(ParameterRegistry& registry, const std::string& name, std::int64_t features,
            const NormLayerOptions& options = {}, SourceLine line = SourceLine::here());
  LayerNorm(ParameterRegistry& registry, const std::string& name, const Shape& shape,
            const NormLayerOptions& options = {}, SourceLine line = SourceLine::here());

  Var operator()(const Operand& x) const;

  const Parameter& gamma() const { return gamma_; }
  const Parameter& beta() const { return beta_; }

 private:
  const char* scope_;
  LayerNormOptions options_;
  Parameter gamma_, beta_;
};

/// As LayerNorm, without mean and beta.
class RMSNorm {
 public:
  RMSNorm(ParameterRegistry& registry, const std::string& name, std::int64_t features,
          const NormLayerOptions& options = {}, SourceLine line = SourceLine::here());
  RMSNorm(ParameterRegistry& registry, const std::string& name, const Shape& shape,
          const NormLayerOptions& options = {}, SourceLine line = SourceLine::here());

  Var operator()(const Operand& x) const;

  const Parameter& gamma() const { return gamma_; }

 private:
  const char* scope_;
  LayerNormOptions options_;
  Parameter gamma_;
};

/// Over `groups` groups of adjacent channels, with x (n, channels, …); gamma and beta are (channels,).
class GroupNorm {
 public:
  /// ShapeError unless `groups` divides `channels`.
  GroupNorm(ParameterRegistry& registry, const std::string& name, std::int64_t groups, std::int64_t channels,
            const NormLayerOptions& options = {}, SourceLine line = SourceLine::here());

  Var operator()(const Operand& x) const;

  const Parameter& gamma() const { return gamma_; }
  const Parameter& beta() const { return beta_; }

 private:
  const char* scope_;
  std::int64_t groups_;
  GroupNormOptions options_;
  Parameter gamma_, beta_;
};

}  // namespace thalweg
