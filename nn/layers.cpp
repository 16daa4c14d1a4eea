#include <algorithm>
#include <array>
#include <cmath>
#include <span>

#include <fmt/format.h>

#include <thalweg/differentiate.hpp>
#include <thalweg/error.hpp>
#include <thalweg/nn/affine.hpp>
#include <thalweg/nn/batch_norm.hpp>
#include <thalweg/nn/conv2d.hpp>
#include <thalweg/nn/conv_transpose2d.hpp>
#include <thalweg/nn/dropout.hpp>
#include <thalweg/nn/embedding.hpp>
#include <thalweg/nn/initializers.hpp>
#include <thalweg/nn/normalization.hpp>
#include <thalweg/ops/arithmetic.hpp>
#include <thalweg/ops/indexing.hpp>
#include <thalweg/ops/logic.hpp>
#include <thalweg/ops/matmul.hpp>
#include <thalweg/ops/rounding.hpp>
#include <thalweg/ops/shape.hpp>

#include "nn/names.hpp"

namespace thalweg {

namespace {

Shape checked_features(const char* layer, std::int64_t features, SourceLine line) {
  internal::check_at_least_one(layer, "features", features, line);
  return {features};
}

/// The last axes, as many as `shape` has.
LayerNormOptions over_last_axes(const char* layer, const Shape& shape, const NormLayerOptions& options,
                                SourceLine line) {
  if (shape.rank() == 0 || shape.size() == 0)
    throw ShapeError(error_text(
        layer, fmt::format("a layer needs at least one element to normalize, not the shape {}", to_string(shape)),
        line));
  std::array<int, Shape::max_rank> axes{};
  for (int i = 0; i < shape.rank(); ++i) axes[i] = i - shape.rank();
  return {.axes = std::span(axes.data(), static_cast<std::size_t>(shape.rank())), .epsilon = options.epsilon};
}

}  // namespace

Affine::Affine(ParameterRegistry& registry, const std::string& name, const Initializer& weight,
               const AffineOptions& options, SourceLine line)
    : scope_(internal::interned_name(name)) {
  if (weight.shape.rank() != 2)
    throw ShapeError(
        error_text("Affine", fmt::format("the weight has shape (in, out), not {}", to_string(weight.shape)), line));
  internal::check_names_are_free("Affine", registry, name, {"weight", "bias"}, line);
  weight_ = registry.add(name + ".weight", weight, {}, line);
  if (options.bias) bias_ = registry.add(name + ".bias", zeros({weight.shape[1]}), {}, line);
}

Var Affine::operator()(const Operand& x) const {
  const Scope scope(scope_, x.line());
  const Var product = matmul(x, weight_);
  return bias_.empty() ? product : product + bias_;
}

Conv2d::Conv2d(ParameterRegistry& registry, const std::string& name, const Initializer& weight,
               const Conv2dLayerOptions& options, SourceLine line)
    : scope_(internal::interned_name(name)),
      options_{options.stride, options.padding, options.dilation, options.groups} {
  if (weight.shape.rank() != 4)
    throw ShapeError(error_text(
        "Conv2d",
        fmt::format("the weight has shape (filters, channels, height, width), not {}", to_string(weight.shape)), line));
  internal::check_names_are_free("Conv2d", registry, name, {"weight", "bias"}, line);
  weight_ = registry.add(name + ".weight", weight, {}, line);
  if (options.bias) bias_ = registry.add(name + ".bias", zeros({weight.shape[0]}), {}, line);
}

Var Conv2d::operator()(const Operand& x) const {
  const Scope scope(scope_, x.line());
  return bias_.empty() ? conv2d(x, weight_, options_) : conv2d(x, weight_, bias_, options_);
}

ConvTranspose2d::ConvTranspose2d(ParameterRegistry& registry, const std::string& name, const Initializer& weight,
                                 const ConvTranspose2dLayerOptions& options, SourceLine line)
    : scope_(internal::interned_name(name)),
      options_{options.stride, options.padding, options.output_padding, options.dilation, options.groups} {
  if (weight.shape.rank() != 4)
    throw ShapeError(error_text(
        "ConvTranspose2d",
        fmt::format("the weight has shape (channels, filters/groups, height, width), not {}", to_string(weight.shape)),
        line));
  internal::check_at_least_one("ConvTranspose2d", "groups", options.groups, line);
  internal::check_names_are_free("ConvTranspose2d", registry, name, {"weight", "bias"}, line);
  weight_ = registry.add(name + ".weight", weight, {}, line);
  if (options.bias) bias_ = registry.add(name + ".bias", zeros({weight.shape[1] * options.groups}), {}, line);
}

Var ConvTranspose2d::operator()(const Operand& x) const {
  const Scope scope(scope_, x.line());
  return bias_.empty() ? conv_transpose2d(x, weight_, options_) : conv_transpose2d(x, weight_, bias_, options_);
}

Embedding::Embedding(ParameterRegistry& registry, const std::string& name, const Initializer& weight,
                     const EmbeddingOptions& options, SourceLine line)
    : scope_(internal::interned_name(name)), padding_index_(options.padding_index) {
  if (weight.shape.rank() != 2)
    throw ShapeError(error_text(
        "Embedding", fmt::format("the weight has shape (rows, features), not {}", to_string(weight.shape)), line));
  internal::check_names_are_free("Embedding", registry, name, {"weight"}, line);
  if (!padding_index_) {
    weight_ = registry.add(name + ".weight", weight, {}, line);
    return;
  }
  const std::int64_t rows = weight.shape[0], features = weight.shape[1], given = *padding_index_;
  if (given < -rows || given >= rows)
    throw IndexError(
        error_text("Embedding", fmt::format("padding_index {} is out of range for {} rows", given, rows), line));
  padding_index_ = given < 0 ? given + rows : given;
  const auto fill = [&](std::span<double> values, std::uint64_t seed, std::uint32_t stream) {
    weight.fill(values, seed, stream);
    const auto row = values.subspan(static_cast<std::size_t>(*padding_index_ * features));
    std::fill_n(row.begin(), features, 0.);
  };
  weight_ = registry.add(name + ".weight", Initializer(weight.shape, fill), {}, line);
}

Var Embedding::operator()(const Operand& indices) const {
  const Scope scope(scope_, indices.line());
  if (!padding_index_) return gather(weight_, indices);
  const Var index = as_var(indices, "Embedding"), rows = gather(weight_, index);
  const Var from_front = remainder(index, weight_.shape()[0]);  // −1 is the last row, too
  return where(unsqueeze(from_front == *padding_index_, -1), stop_gradient(rows), rows);
}

BatchNorm::BatchNorm(ParameterRegistry& registry, const std::string& name, std::int64_t features,
                     const BatchNormLayerOptions& options, SourceLine line)
    : scope_(internal::interned_name(name)), form_(options.form) {
  const double variance = options.initial_running_variance;
  internal::check_at_least_one("BatchNorm", "features", features, line);
  if (!(variance >= 0))
    throw ValueError(
        error_text("BatchNorm", fmt::format("initial_running_variance is {}; it must be at least 0", variance), line));
  internal::check_names_are_free("BatchNorm", registry, name, {"gamma", "beta", "running_mean", "running_variance"},
                                 line);
  const Shape shape{features};
  gamma_ = registry.add(name + ".gamma", ones(shape), {}, line);
  beta_ = registry.add(name + ".beta", zeros(shape), {}, line);
  running_mean_ = registry.add(name + ".running_mean", zeros(shape), {.trainable = false}, line);
  running_variance_ = registry.add(name + ".running_variance", constant(shape, variance), {.trainable = false}, line);
}

Var BatchNorm::operator()(const Operand& x) const {
  const Scope scope(scope_, x.line());
  return batch_norm(x, gamma_, beta_, running_mean_, running_variance_, form_);
}

LayerNorm::LayerNorm(ParameterRegistry& registry, const std::string& name, std::int64_t features,
                     const NormLayerOptions& options, SourceLine line)
    : LayerNorm(registry, name, checked_features("LayerNorm", features, line), options, line) {}

LayerNorm::LayerNorm(ParameterRegistry& registry, const std::string& name, const Shape& shape,
                     const NormLayerOptions& options, SourceLine line)
    : scope_(internal::interned_name(name)), options_(over_last_axes("LayerNorm", shape, options, line)) {
  internal::check_names_are_free("LayerNorm", registry, name, {"gamma", "beta"}, line);
  gamma_ = registry.add(name + ".gamma", ones(shape), {}, line);
  beta_ = registry.add(name + ".beta", zeros(shape), {}, line);
}

Var LayerNorm::operator()(const Operand& x) const {
  const Scope scope(scope_, x.line());
  return layer_norm(x, gamma_, beta_, options_);
}

RMSNorm::RMSNorm(ParameterRegistry& registry, const std::string& name, std::int64_t features,
                 const NormLayerOptions& options, SourceLine line)
    : RMSNorm(registry, name, checked_features("RMSNorm", features, line), options, line) {}

RMSNorm::RMSNorm(ParameterRegistry& registry, const std::string& name, const Shape& shape,
                 const NormLayerOptions& options, SourceLine line)
    : scope_(internal::interned_name(name)), options_(over_last_axes("RMSNorm", shape, options, line)) {
  internal::check_names_are_free("RMSNorm", registry, name, {"gamma"}, line);
  gamma_ = registry.add(name + ".gamma", ones(shape), {}, line);
}

Var RMSNorm::operator()(const Operand& x) const {
  const Scope scope(scope_, x.line());
  return rms_norm(x, gamma_, options_);
}

GroupNorm::GroupNorm(ParameterRegistry& registry, const std::string& name, std::int64_t groups, std::int64_t channels,
                     const NormLayerOptions& options, SourceLine line)
    : scope_(internal::interned_name(name)), groups_(groups), options_{options.epsilon} {
  internal::check_at_least_one("GroupNorm", "groups", groups, line);
  internal::check_at_least_one("GroupNorm", "channels", channels, line);
  if (channels % groups != 0)
    throw ShapeError(error_text("GroupNorm", fmt::format("{} channels do not make {} groups", channels, groups), line));
  internal::check_names_are_free("GroupNorm", registry, name, {"gamma", "beta"}, line);
  gamma_ = registry.add(name + ".gamma", ones({channels}), {}, line);
  beta_ = registry.add(name + ".beta", zeros({channels}), {}, line);
}

Var GroupNorm::operator()(const Operand& x) const {
  const Scope scope(scope_, x.line());
  return group_norm(x, groups_, gamma_, beta_, options_);
}

Dropout::Dropout(double probability, Random& random, DropoutForm form, SourceLine line)
    : probability_(probability), random_(&random), form_(form) {
  if (std::isnan(probability) || probability < 0 || probability > 1)
    throw ValueError(
        error_text("Dropout", fmt::format("the probability is {}; it must be in [0, 1]", probability), line));
}

}  // namespace thalweg
