#pragma once
#include <cstdint>
#include <optional>
#include <string>

#include <thalweg/registry.hpp>
#include <thalweg/tape.hpp>

namespace thalweg {

struct EmbeddingOptions {
  /// The row of an index that pads short sequences: it starts at zero, and its gradient is zero. PyTorch's padding_idx.
  std::optional<std::int64_t> padding_index = std::nullopt;  // may count from the back
};

/// A table with a row of features for each index: weight (rows, features). i64 indices of any shape give
/// indices.shape + (features,). d/dweight: the gradients of each row's uses, added up.
/// Parameters: NAME.weight. The nodes of a call are in scope NAME, with the caller's line.
class Embedding {
 public:
  /// `weight` is an initializer of shape (rows, features): `Embedding(registry, "embedding", normal({1000, 64}, 1))`.
  /// ShapeError for another rank; IndexError for a padding index out of range; ValueError if the name is taken. In each
  /// case nothing is registered.
  Embedding(ParameterRegistry& registry, const std::string& name, const Initializer& weight,
            const EmbeddingOptions& options = {}, SourceLine line = SourceLine::here());

  /// IndexError for an index that is out of range; negative ones count from the back. DtypeError unless they are i64.
  Var operator()(const Operand& indices) const;

  const Parameter& weight() const { return weight_; }

 private:
  const char* scope_;
  std::optional<std::int64_t> padding_index_;  // from the front
  Parameter weight_;
};

}  // namespace thalweg
