#pragma once
// Layers. A layer is any callable that maps a Var to a Var; most register parameters under a name. There is no base
// class, and a lambda will do. Layers are values; copies share their parameters, which the registry holds.

#include <string>

#include <thalweg/registry.hpp>
#include <thalweg/tape.hpp>

namespace thalweg {

struct AffineOptions {
  bool bias = true;  // starts at zero
};

/// x·weight + bias, with x (n, in), weight (in, out), bias (out,).
/// Parameters: NAME.weight, NAME.bias. The nodes of a call are in scope NAME, with the caller's line.
class Affine {
 public:
  /// `weight` is an initializer of shape (in, out): `Affine(registry, "affine1", he_normal({784, 100}))`.
  /// ShapeError for another rank; ValueError if one of the names is taken. In either case nothing is registered.
  Affine(ParameterRegistry& registry, const std::string& name, const Initializer& weight,
         const AffineOptions& options = {}, SourceLine line = SourceLine::here());

  Var operator()(const Operand& x) const;

  const Parameter& weight() const { return weight_; }
  /// Empty if the layer has none.
  const Parameter& bias() const { return bias_; }

 private:
  const char* scope_;
  Parameter weight_, bias_;
};

}  // namespace thalweg
