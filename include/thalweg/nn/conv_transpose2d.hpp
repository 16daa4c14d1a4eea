#pragma once
#include <string>

#include <thalweg/ops/convolution.hpp>
#include <thalweg/registry.hpp>
#include <thalweg/tape.hpp>

namespace thalweg {

struct ConvTranspose2dLayerOptions {
  HeightWidth stride = 1, padding = 0, output_padding = 0, dilation = 1;
  std::int64_t groups = 1;
  bool bias = true;  // starts at zero
};

/// The op `conv_transpose2d` as a layer, with x (n, channels, height, width).
/// Parameters: NAME.weight, NAME.bias. The nodes of a call are in scope NAME, with the caller's line.
class ConvTranspose2d {
 public:
  /// `weight` is an initializer of shape (channels, filters/groups, kernel height, kernel width):
  /// `ConvTranspose2d(registry, "up1", he_normal({16, 8, 4, 4}), {.stride = 2, .padding = 1})`.
  /// ShapeError for another rank; ValueError for groups below 1, or if one of the names is taken. In either case nothing
  /// is registered.
  ConvTranspose2d(ParameterRegistry& registry, const std::string& name, const Initializer& weight,
                  const ConvTranspose2dLayerOptions& options = {}, SourceLine line = SourceLine::here());

  Var operator()(const Operand& x) const;

  const Parameter& weight() const { return weight_; }
  /// Empty if the layer has none.
  const Parameter& bias() const { return bias_; }

 private:
  const char* scope_;
  Parameter weight_, bias_;
  ConvTranspose2dOptions options_;
};

}  // namespace thalweg
