#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include <thalweg/nn/affine.hpp>
#include <thalweg/nn/multihead_attention.hpp>
#include <thalweg/nn/normalization.hpp>
#include <thalweg/ops/activation.hpp>

namespace thalweg {

struct TransformerEncoderLayerOptions {
  bool norm_first = false;  // normalizes what attention and the affine layers read, rather than the sums
  std::function<Var(const Var&)> activation = [](const Var& x) { return relu(x); };
  std::optional<Dropout> dropout = std::nullopt;  // of attention weights, activations, and what is added to x
  double epsilon = 1e-5;                          // of the normalizations
};

/// Self-attention and two affine layers, each added to what it reads (Vaswani et al., arXiv 1706.03762). x and the
/// result are (n, length, features):
///   x ← norm1(x + self_attn(x)), x ← norm2(x + linear2(activation(linear1(x))))
/// or, with norm_first, x ← x + self_attn(norm1(x)), x ← x + linear2(activation(linear1(norm2(x)))).
/// Parameters: of MultiheadAttention NAME.self_attn, Affine NAME.linear1 (features, hidden) and NAME.linear2 (hidden,
/// features), both initially Xavier-uniform, LayerNorm NAME.norm1 and NAME.norm2.
class TransformerEncoderLayer {
 public:
  /// Errors as for MultiheadAttention.
  TransformerEncoderLayer(ParameterRegistry& registry, const std::string& name, std::int64_t features,
                          std::int64_t heads, std::int64_t hidden, const TransformerEncoderLayerOptions& options = {},
                          SourceLine line = SourceLine::here());

  Var operator()(const Operand& x, const AttentionOptions& options = {}) const;

 private:
  const char* scope_;
  bool norm_first_;
  std::function<Var(const Var&)> activation_;
  std::optional<Dropout> dropout_;
  MultiheadAttention attention_;
  Affine linear1_, linear2_;
  LayerNorm norm1_, norm2_;
};

}  // namespace thalweg
