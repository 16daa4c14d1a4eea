#pragma once
// Layers. A layer is anything callable that has registered its parameters under a name: there is no base class, and a
// lambda is one. Layers are values; copies share their parameters, which the registry holds.

#include <string>

#include <thalweg/registry.hpp>
#include <thalweg/tape.hpp>

namespace thalweg {

struct AffineOptions {
  bool bias = true;  // starts at zero
};

/// x·weight + bias, x (n, in), weight (in, out), bias (out,).
/// Parameters: NAME.weight, NAME.bias. The nodes of a call stand in the scope NAME, with the caller's line.
class Affine {
 public:
  /// `weight` is an initializer of shape (in, out): `Affine(registry, "affine1", he_normal({784, 100}))`.
  /// ShapeError for another rank; ValueError where the registry has one of the names. Nothing is registered then.
  Affine(ParameterRegistry& registry, const std::string& name, const Initializer& weight,
         const AffineOptions& options = {}, SourceLine line = SourceLine::here());

  Var operator()(const Operand& x) const;

  const Parameter& weight() const { return weight_; }
  /// Empty where the layer has none.
  const Parameter& bias() const { return bias_; }

 private:
  const char* scope_;
  Parameter weight_, bias_;
};

}  // namespace thalweg
