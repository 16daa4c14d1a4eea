#pragma once
#include <cstdint>
#include <optional>
#include <string>

#include <thalweg/nn/dropout.hpp>
#include <thalweg/registry.hpp>
#include <thalweg/tape.hpp>

namespace thalweg {

struct MultiheadAttentionOptions {
  bool bias = true;
  std::optional<Dropout> dropout = std::nullopt;  // of the attention weights
};

/// Which keys a query attends to: those that all of these allow. A query for which that is none attends to all alike.
struct AttentionOptions {
  bool causal = false;  // query i attends to keys 0 to i
  /// bool: true where a query may attend to a key, as in PyTorch's scaled_dot_product_attention (its MultiheadAttention
  /// means the opposite). Or numbers, which are added to the scores. (queries, keys), (n, queries, keys), or
  /// (n, heads, queries, keys); dimensions may be 1.
  Var mask = {};
  Var key_mask = {};  // bool (n, keys): false for keys that are padding
};

/// Attention of several heads (Vaswani et al., arXiv 1706.03762). x is (n, queries, features), `source` (n, keys,
/// features); with q, k and v = W·x + b, W·source + b and W·source + b, of which each head has features/heads:
///   head = softmax(q·kᵀ/√(features/heads) + mask)·v, and the result U·heads + c is (n, queries, features)
/// Parameters, as in PyTorch: NAME.in_proj_weight (3·features, features), with the rows of q, k, v one after another,
/// initially Xavier-uniform, NAME.in_proj_bias (0); NAME.out_proj.weight (features, features), uniform in ±1/√features,
/// NAME.out_proj.bias (0). The nodes of a call are in scope NAME, with the caller's line.
class MultiheadAttention {
 public:
  /// ShapeError unless `heads` divides `features`; ValueError for a number below 1, or if one of the names is taken. In
  /// each case nothing is registered.
  MultiheadAttention(ParameterRegistry& registry, const std::string& name, std::int64_t features, std::int64_t heads,
                     const MultiheadAttentionOptions& options = {}, SourceLine line = SourceLine::here());

  /// x attends to itself. ShapeError if x or a mask does not fit, or for causal attention to a source of another length;
  /// DtypeError for a key mask that is not bool.
  Var operator()(const Operand& x, const AttentionOptions& options = {}) const;
  /// x attends to `source`, from which keys and values are made.
  Var operator()(const Operand& x, const Operand& source, const AttentionOptions& options = {}) const;

 private:
  Var checked(const char* what, const Operand& x) const;
  Var in_projection(const Var& x, std::int64_t first, std::int64_t count) const;
  Var attend(const Var& query, const Var& key, const Var& value, const AttentionOptions& options,
             SourceLine line) const;

  const char* scope_;
  std::int64_t features_, heads_;
  std::optional<Dropout> dropout_;
  Parameter in_weight_, in_bias_, out_weight_, out_bias_;
};

}  // namespace thalweg
