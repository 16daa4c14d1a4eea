#pragma once
#include <string>

#include <thalweg/registry.hpp>
#include <thalweg/tape.hpp>

namespace thalweg {

/// A table with a row of features for each index: weight (rows, features). i64 indices of any shape give
/// indices.shape + (features,). d/dweight: the gradients of each row's uses, added up.
/// Parameters: NAME.weight. The nodes of a call are in scope NAME, with the caller's line.
class Embedding {
 public:
  /// `weight` is an initializer of shape (rows, features): `Embedding(registry, "embedding", normal({1000, 64}, 1))`.
  /// ShapeError for another rank; ValueError if the name is taken. In either case nothing is registered.
  Embedding(ParameterRegistry& registry, const std::string& name, const Initializer& weight,
            SourceLine line = SourceLine::here());

  /// IndexError for an index that is out of range; negative ones count from the back. DtypeError unless they are i64.
  Var operator()(const Operand& indices) const;

  const Parameter& weight() const { return weight_; }

 private:
  const char* scope_;
  Parameter weight_;
};

}  // namespace thalweg
