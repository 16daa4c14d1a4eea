#include <thalweg/nn/transformer_encoder_layer.hpp>

#include <thalweg/nn/initializers.hpp>
#include <thalweg/ops/arithmetic.hpp>

#include "nn/names.hpp"

namespace thalweg {

namespace {

constexpr const char* layer = "TransformerEncoderLayer";

/// NAME, after checking all that may make a part's constructor throw when another part has been registered already.
const std::string& checked_name(const ParameterRegistry& registry, const std::string& name, std::int64_t hidden,
                                SourceLine line) {
  internal::check_at_least_one(layer, "hidden", hidden, line);
  internal::check_names_are_free(layer, registry, name,
                                 {"linear1.weight", "linear1.bias", "linear2.weight", "linear2.bias", "norm1.gamma",
                                  "norm1.beta", "norm2.gamma", "norm2.beta"},
                                 line);
  return name;
}

}  // namespace

TransformerEncoderLayer::TransformerEncoderLayer(ParameterRegistry& registry, const std::string& name,
                                                 std::int64_t features, std::int64_t heads, std::int64_t hidden,
                                                 const TransformerEncoderLayerOptions& options, SourceLine line)
    : scope_(internal::interned_name(checked_name(registry, name, hidden, line))),
      norm_first_(options.norm_first),
      activation_(options.activation),
      dropout_(options.dropout),
      attention_(registry, name + ".self_attn", features, heads, {.dropout = options.dropout}, line),
      linear1_(registry, name + ".linear1", xavier_uniform({features, hidden}), {}, line),
      linear2_(registry, name + ".linear2", xavier_uniform({hidden, features}), {}, line),
      norm1_(registry, name + ".norm1", features, {.epsilon = options.epsilon}, line),
      norm2_(registry, name + ".norm2", features, {.epsilon = options.epsilon}, line) {}

Var TransformerEncoderLayer::operator()(const Operand& x, const AttentionOptions& options) const {
  const Scope scope(scope_, x.line());
  const Var input = as_var(x, layer);
  const auto drop = [&](const Var& value) { return dropout_ ? (*dropout_)(value) : value; };
  const auto attend = [&](const Var& value) { return drop(attention_(value, options)); };
  const auto transform = [&](const Var& value) { return drop(linear2_(drop(activation_(linear1_(value))))); };
  if (norm_first_) {
    const Var attended = input + attend(norm1_(input));
    return attended + transform(norm2_(attended));
  }
  const Var attended = norm1_(input + attend(input));
  return norm2_(attended + transform(attended));
}

}  // namespace thalweg
