#include <cmath>

#include <fmt/format.h>

#include <thalweg/error.hpp>
#include <thalweg/nn/affine.hpp>
#include <thalweg/nn/batch_norm.hpp>
#include <thalweg/nn/conv2d.hpp>
#include <thalweg/nn/dropout.hpp>
#include <thalweg/nn/initializers.hpp>
#include <thalweg/ops/arithmetic.hpp>
#include <thalweg/ops/matmul.hpp>

#include "nn/names.hpp"

namespace thalweg {

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

BatchNorm::BatchNorm(ParameterRegistry& registry, const std::string& name, std::int64_t features,
                     const BatchNormLayerOptions& options, SourceLine line)
    : scope_(internal::interned_name(name)), form_(options.form) {
  const double variance = options.initial_running_variance;
  if (features < 1)
    throw ValueError(error_text("BatchNorm", fmt::format("features must be at least 1, got {}", features), line));
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

Dropout::Dropout(double probability, Random& random, DropoutForm form, SourceLine line)
    : probability_(probability), random_(&random), form_(form) {
  if (std::isnan(probability) || probability < 0 || probability > 1)
    throw ValueError(
        error_text("Dropout", fmt::format("the probability is {}; it must be in [0, 1]", probability), line));
}

}  // namespace thalweg
