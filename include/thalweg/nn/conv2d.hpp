#pragma once
#include <string>

#include <thalweg/ops/convolution.hpp>
#include <thalweg/registry.hpp>
#include <thalweg/tape.hpp>

namespace thalweg {

struct Conv2dLayerOptions {
  HeightWidth stride = 1, padding = 0, dilation = 1;
  std::int64_t groups = 1;
  bool bias = true;  // starts at zero
};

/// The op `conv2d` as a layer, with x (n, channels, height, width).
/// Parameters: NAME.weight, NAME.bias. The nodes of a call are in scope NAME, with the caller's line.
class Conv2d {
 public:
  /// `weight` is an initializer of shape (filters, channels/groups, kernel height, kernel width):
  /// `Conv2d(registry, "conv1", he_normal({16, 1, 5, 5}), {.padding = 2})`.
  /// ShapeError for another rank; ValueError if one of the names is taken. In either case nothing is registered.
  Conv2d(ParameterRegistry& registry, const std::string& name, const Initializer& weight,
         const Conv2dLayerOptions& options = {}, SourceLine line = SourceLine::here());

  Var operator()(const Operand& x) const;

  const Parameter& weight() const { return weight_; }
  /// Empty if the layer has none.
  const Parameter& bias() const { return bias_; }

 private:
  const char* scope_;
  Parameter weight_, bias_;
  Conv2dOptions options_;
};

}  // namespace thalweg
