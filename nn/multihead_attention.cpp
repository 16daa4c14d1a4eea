#include <thalweg/nn/multihead_attention.hpp>

#include <cmath>
#include <limits>

#include <fmt/format.h>

#include <thalweg/nn/initializers.hpp>
#include <thalweg/ops/arithmetic.hpp>
#include <thalweg/ops/logic.hpp>
#include <thalweg/ops/matmul.hpp>
#include <thalweg/ops/normalization.hpp>
#include <thalweg/ops/shape.hpp>

#include "nn/names.hpp"
#include "ops/errors.hpp"

namespace thalweg {

namespace {

constexpr const char* layer = "MultiheadAttention";

/// The mask as (n, heads, queries, keys), with dimensions of 1; ShapeError if it does not broadcast to `scores`.
Var beside_scores(const Var& mask, const Shape& scores, SourceLine line) {
  const Var beside = mask.rank() == 3 ? unsqueeze(mask, 1) : mask;
  const Shape shape = beside.shape();
  bool fits = shape.rank() == 2 || shape.rank() == 4;
  for (int axis = -1; fits && axis >= -shape.rank(); --axis) {
    const std::int64_t size = shape[shape.rank() + axis];
    fits = size == 1 || size == scores[scores.rank() + axis];
  }
  if (!fits)
    fail<ShapeError>(layer,
                     fmt::format("the mask {} does not fit the scores (n, heads, queries, keys) = {}",
                                 to_string(mask.shape()), to_string(scores)),
                     line);
  return beside;
}

Var beside_keys(const Var& mask, const Shape& scores, SourceLine line) {
  if (mask.dtype() != DType::boolean)
    fail<DtypeError>(layer, fmt::format("the key mask must be bool, it is {}", name(mask.dtype())), line);
  const Shape shape{scores[0], scores[3]};
  if (!(mask.shape() == shape))
    fail<ShapeError>(
        layer, fmt::format("the key mask must be (n, keys) = {}, it is {}", to_string(shape), to_string(mask.shape())),
        line);
  return reshape(mask, {scores[0], 1, 1, scores[3]});
}

Var up_to_the_query(const Shape& scores, SourceLine line) {
  const std::int64_t queries = scores[2], keys = scores[3];
  if (queries != keys)
    fail<ShapeError>(layer, fmt::format("causal attention of {} queries to {} keys", queries, keys), line);
  const Tensor places = Tensor::arange(keys);
  return places <= Var(places.reshape({queries, 1}));
}

Var masked(Var scores, const AttentionOptions& options, SourceLine line) {
  const Shape shape = scores.shape();
  Var allowed;
  const auto allow = [&](const Var& mask) { allowed = allowed.empty() ? mask : logical_and(allowed, mask); };
  if (options.causal) allow(up_to_the_query(shape, line));
  if (!options.key_mask.empty()) allow(beside_keys(options.key_mask, shape, line));
  if (!options.mask.empty()) {
    const Var mask = beside_scores(options.mask, shape, line);
    if (mask.dtype() == DType::boolean)
      allow(mask);
    else
      scores = scores + mask;
  }
  // The lowest finite number, as −inf would make a row of which nothing is allowed NaN.
  const double lowest =
      scores.dtype() == DType::f64 ? std::numeric_limits<double>::lowest() : std::numeric_limits<float>::lowest();
  return allowed.empty() ? scores : where(allowed, scores, lowest);
}

}  // namespace

MultiheadAttention::MultiheadAttention(ParameterRegistry& registry, const std::string& name, std::int64_t features,
                                       std::int64_t heads, const MultiheadAttentionOptions& options, SourceLine line)
    : scope_(internal::interned_name(name)), features_(features), heads_(heads), dropout_(options.dropout) {
  internal::check_at_least_one(layer, "features", features, line);
  internal::check_at_least_one(layer, "heads", heads, line);
  if (features % heads != 0)
    throw ShapeError(error_text(layer, fmt::format("{} features do not make {} heads", features, heads), line));
  internal::check_names_are_free(layer, registry, name,
                                 {"in_proj_weight", "in_proj_bias", "out_proj.weight", "out_proj.bias"}, line);
  const double bound = 1 / std::sqrt(static_cast<double>(features));
  in_weight_ = registry.add(name + ".in_proj_weight", xavier_uniform({3 * features, features}), {}, line);
  out_weight_ = registry.add(name + ".out_proj.weight", uniform({features, features}, -bound, bound), {}, line);
  if (!options.bias) return;
  in_bias_ = registry.add(name + ".in_proj_bias", zeros({3 * features}), {}, line);
  out_bias_ = registry.add(name + ".out_proj.bias", zeros({features}), {}, line);
}

Var MultiheadAttention::checked(const char* what, const Operand& x) const {
  const Var value = as_var(x, layer);
  if (value.rank() != 3 || value.shape()[2] != features_)
    fail<ShapeError>(layer,
                     fmt::format("{} must be (n, length, features) with {} features, it is {}", what, features_,
                                 to_string(value.shape())),
                     x.line());
  return value;
}

/// W·x + b with `count` of the three parts q, k, v.
Var MultiheadAttention::in_projection(const Var& x, std::int64_t first, std::int64_t count) const {
  const std::int64_t start = first * features_, stop = start + count * features_;
  const auto part = [&](const Parameter& all) { return count == 3 ? Var(all) : slice(all, 0, start, stop); };
  const Var product = matmul(x, transpose(part(in_weight_)));
  return in_bias_.empty() ? product : product + part(in_bias_);
}

Var MultiheadAttention::attend(const Var& query, const Var& key, const Var& value, const AttentionOptions& options,
                               SourceLine line) const {
  const std::int64_t n = query.shape()[0], per_head = features_ / heads_;
  const auto by_head = [&](const Var& x) { return transpose(reshape(x, {n, -1, heads_, per_head}), 1, 2); };
  const double scale = 1 / std::sqrt(static_cast<double>(per_head));
  const Var scores = matmul(by_head(query), transpose(by_head(key), -2, -1)) * scale;
  Var weights = softmax(masked(scores, options, line));
  if (dropout_) weights = (*dropout_)(weights);
  const Var heads = reshape(transpose(matmul(weights, by_head(value)), 1, 2), query.shape());
  const Var result = matmul(heads, transpose(out_weight_));
  return out_bias_.empty() ? result : result + out_bias_;
}

Var MultiheadAttention::operator()(const Operand& x, const AttentionOptions& options) const {
  const Scope scope(scope_, x.line());
  const OpScope op_scope(layer, x.line());
  const auto parts = split(in_projection(checked("x", x), 0, 3), 3, 2);
  return attend(parts[0], parts[1], parts[2], options, x.line());
}

Var MultiheadAttention::operator()(const Operand& x, const Operand& source, const AttentionOptions& options) const {
  const Scope scope(scope_, x.line());
  const OpScope op_scope(layer, x.line());
  const Var from = checked("x", x), to = checked("the source", source);
  if (from.shape()[0] != to.shape()[0])
    fail<ShapeError>(layer,
                     fmt::format("x {} and the source {} are batches of different sizes", to_string(from.shape()),
                                 to_string(to.shape())),
                     x.line());
  const auto parts = split(in_projection(to, 1, 2), 2, 2);
  return attend(in_projection(from, 0, 1), parts[0], parts[1], options, x.line());
}

}  // namespace thalweg
