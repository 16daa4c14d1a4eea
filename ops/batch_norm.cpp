#include <fmt/format.h>

#include <thalweg/composite.hpp>
#include <thalweg/differentiate.hpp>
#include <thalweg/ops/arithmetic.hpp>
#include <thalweg/ops/normalization.hpp>
#include <thalweg/ops/shape.hpp>
#include <thalweg/registry.hpp>

#include "ops/moments.hpp"
#include "src/tape/recorder.hpp"

namespace thalweg {

namespace {

constexpr const char* op = "batch_norm";

// Inputs: the composed result, x, gamma, beta, x̂, 1/√(variance + ε). Attribute: the axes averaged over, as a mask.

Var batch_norm_pullback_x(const Pullback& p) {
  const Var &normalized = p.input(4), &inverse = p.input(5);
  const Shape x = p.input(1).shape();
  const std::uint64_t features = other_axes(x, p.attribute);
  const auto along = [&](const Var& v) { return moments::along_rows(v, x, features); };
  const Var mean_gradient = along(moments::mean_over(p.gradient, p.attribute));
  const Var mean_product = along(moments::mean_over(p.gradient * normalized, p.attribute));
  const Var scale = along(moments::beside(p.input(2), x, features) * inverse);
  return (p.gradient - mean_gradient - normalized * mean_product) * scale;
}
Var batch_norm_pullback_gamma(const Pullback& p) {
  return reshape(moments::sum_over(p.gradient * p.input(4), p.attribute), p.input(2).shape());
}
Var batch_norm_pullback_beta(const Pullback& p) {
  return reshape(moments::sum_over(p.gradient, p.attribute), p.input(3).shape());
}

const Op batch_norm_op =
    composite("batch_norm", {nullptr, batch_norm_pullback_x, batch_norm_pullback_gamma, batch_norm_pullback_beta});

/// The checked operands.
struct Batch {
  Var x, gamma, beta;
  std::uint64_t features, averaged;  // masks of axes: those with statistics of their own, and all others
  SourceLine line;

  Batch(const Operand& operand, const Operand& scale, const Operand& shift, const BatchNormOptions& options)
      : x(floating_value(op, operand)),
        gamma(as_var(scale, op)),
        beta(as_var(shift, op)),
        features(axes_mask(op, x.shape(), options.feature_axes, operand.line())),
        averaged(other_axes(x.shape(), features)),
        line(operand.line()) {
    check_epsilon(op, options.epsilon, x.dtype(), line);
    if (!is_probability(options.momentum))
      fail<ValueError>(op, fmt::format("momentum is {}; it must be in [0, 1]", options.momentum), line);
    if (averaged == 0)
      fail<ShapeError>(
          op, fmt::format("all axes of x {} are features; none is left to average over", to_string(x.shape())), line);
    beside("gamma", gamma);
    beside("beta", beta);
  }

  /// A parameter per feature, in a shape that broadcasts to x.
  Var beside(const char* what, const Var& parameter) const {
    return moments::beside(op, what, parameter, x.shape(), features, line);
  }
  /// A parameter or statistic per feature as an operand to combine with x (see moments::along_rows).
  Var along(const Var& v) const { return moments::along_rows(v, x.shape(), features); }
  double count() const { return count_over(x.shape(), averaged); }
};

struct Statistics {
  Var mean, variance;  // in shapes that broadcast to x
};

/// gamma·x̂ + beta with the batch's own statistics, which it also returns.
Var normalize_batch(const Batch& batch, double epsilon, Statistics& statistics) {
  statistics.mean = moments::mean_over(batch.x, batch.averaged);
  const Var centered = batch.x - batch.along(statistics.mean);
  statistics.variance = moments::mean_over(square(centered), batch.averaged);
  const Var inverse = 1 / sqrt(statistics.variance + epsilon);
  const Var normalized = centered * batch.along(inverse);
  const Var gamma = batch.along(batch.beside("gamma", batch.gamma)),
            beta = batch.along(batch.beside("beta", batch.beta));
  const Var composed = normalized * gamma + beta;
  const Var inputs[6] = {composed, batch.x, batch.gamma, batch.beta, normalized, inverse};
  return record(batch_norm_op, inputs, batch.averaged, batch.line);
}

}  // namespace

Var batch_norm(const Operand& x, const Operand& gamma, const Operand& beta, const BatchNormOptions& options) {
  const OpScope scope(op, x.line());
  Statistics statistics;
  return normalize_batch(Batch(x, gamma, beta, options), options.epsilon, statistics);
}

Var batch_norm(const Operand& x, const Operand& gamma, const Operand& beta, const Parameter& running_mean,
               const Parameter& running_variance, const BatchNormOptions& options) {
  const OpScope scope(op, x.line());
  const Batch batch(x, gamma, beta, options);
  const Var old_mean = running_mean, old_variance = running_variance;
  const Var mean_beside = batch.beside("the running mean", old_mean);
  const Var variance_beside = batch.beside("the running variance", old_variance);
  if (internal::Recorder::require(op, x.line()).phase() == Phase::evaluation) {
    const Var scale = batch.beside("gamma", batch.gamma) / sqrt(variance_beside + options.epsilon);
    return (batch.x - batch.along(mean_beside)) * batch.along(scale) + batch.along(batch.beside("beta", batch.beta));
  }
  const double count = batch.count();
  if (count == 0 && running_mean.shape().size() > 0)
    fail<ShapeError>(op, fmt::format("a batch {} of nothing has no statistics", to_string(batch.x.shape())), x.line());
  if (options.unbiased_running_variance && count < 2)
    fail<ValueError>(op, "a batch of one has no unbiased variance", x.line());
  Statistics statistics;
  const Var result = normalize_batch(batch, options.epsilon, statistics);
  const Shape& features = running_mean.shape();
  const double unbias = options.unbiased_running_variance ? count / (count - 1) : 1;
  const double keep = 1 - options.momentum;
  assign(running_mean, old_mean * keep + reshape(stop_gradient(statistics.mean), features) * options.momentum);
  assign(running_variance,
         old_variance * keep + reshape(stop_gradient(statistics.variance), features) * (options.momentum * unbias));
  return result;
}

}  // namespace thalweg
