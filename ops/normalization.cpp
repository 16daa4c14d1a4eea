#include <thalweg/ops/normalization.hpp>

#include <limits>

#include <fmt/format.h>

#include <thalweg/differentiate.hpp>
#include <thalweg/ops/arithmetic.hpp>
#include <thalweg/ops/exponential.hpp>
#include <thalweg/ops/random.hpp>
#include <thalweg/ops/reduction.hpp>
#include <thalweg/ops/shape.hpp>
#include <thalweg/registry.hpp>

#include "ops/composite.hpp"
#include "src/tape/recorder.hpp"

namespace thalweg {

namespace {

Phase current_phase(SourceLine line) { return internal::Recorder::require("phase", line).phase(); }

// --- softmax. Inputs: the composed result, x. ---

Var softmax_pullback(const Pullback& p) {
  const auto axis = static_cast<int>(p.attribute);
  return (p.gradient - sum(p.gradient * p.output, axis, true)) * p.output;
}

const Op softmax_op = composite("softmax", {nullptr, softmax_pullback});

// --- batch_norm. Inputs: the composed result, x, gamma, beta, x̂, 1/√(variance + ε). ---

Var batch_norm_pullback_x(const Pullback& p) {
  const Var &gamma = p.input(2), &normalized = p.input(4), &inverse = p.input(5);
  const Var mean_gradient = mean(p.gradient, 0, true);
  const Var mean_product = mean(p.gradient * normalized, 0, true);
  return (p.gradient - mean_gradient - normalized * mean_product) * (gamma * inverse);
}
Var batch_norm_pullback_gamma(const Pullback& p) { return sum(p.gradient * p.input(4), 0); }
Var batch_norm_pullback_beta(const Pullback& p) { return sum(p.gradient, 0); }

const Op batch_norm_op =
    composite("batch_norm", {nullptr, batch_norm_pullback_x, batch_norm_pullback_gamma, batch_norm_pullback_beta});

void check_batch_norm(const Var& x, const Var& gamma, const Var& beta, const BatchNormOptions& options, SourceLine line) {
  if (!(options.momentum >= 0 && options.momentum <= 1))
    throw ValueError(error_text("batch_norm", fmt::format("momentum is {}; it must be in [0, 1]", options.momentum), line));
  if (!(options.epsilon > 0) || options.epsilon == std::numeric_limits<double>::infinity())
    throw ValueError(error_text("batch_norm", fmt::format("epsilon is {}; it must be above 0", options.epsilon), line));
  if (x.rank() != 2)
    throw ShapeError(error_text("batch_norm", fmt::format("x must be (n, features), it is {}", to_string(x.shape())), line));
  const Shape features{x.shape()[1]};
  if (!(gamma.shape() == features) || !(beta.shape() == features))
    throw ShapeError(error_text("batch_norm",
                                fmt::format("gamma {} and beta {} must be {} for x {}", to_string(gamma.shape()),
                                            to_string(beta.shape()), to_string(features), to_string(x.shape())),
                                line));
}

struct Statistics {
  Var mean, variance;
};

Var normalize_batch(const Var& x, const Var& gamma, const Var& beta, const BatchNormOptions& options, SourceLine line,
                    Statistics& statistics) {
  statistics.mean = mean(x, 0, true);
  const Var centered = x - statistics.mean;
  statistics.variance = mean(square(centered), 0, true);
  const Var inverse = 1 / sqrt(statistics.variance + options.epsilon);
  const Var normalized = centered * inverse;
  const Var inputs[6] = {normalized * gamma + beta, x, gamma, beta, normalized, inverse};
  return record(batch_norm_op, inputs, 0, line);
}

}  // namespace

Var softmax(const Operand& x, int axis) {
  const Scope scope("softmax", x.line());
  const Var value = as_var(x);
  const Var largest = stop_gradient(max(Operand(value, x.line().file, x.line().line), axis, true));
  const Var exponentials = exp(value - largest);
  const Var inputs[2] = {exponentials / sum(exponentials, axis, true), value};
  const int from_front = axis < 0 ? axis + value.rank() : axis;
  return record(softmax_op, inputs, static_cast<std::uint64_t>(from_front), x.line());
}

Var log_softmax(const Operand& x, int axis) {
  const Scope scope("log_softmax", x.line());
  const Var value = as_var(x);
  const Var shifted = value - stop_gradient(max(Operand(value, x.line().file, x.line().line), axis, true));
  return shifted - logsumexp(shifted, axis, true);
}

Var batch_norm(const Operand& x, const Operand& gamma, const Operand& beta, const BatchNormOptions& options) {
  const Scope scope("batch_norm", x.line());
  const Var value = as_var(x), scale = as_var(gamma), shift = as_var(beta);
  check_batch_norm(value, scale, shift, options, x.line());
  Statistics statistics;
  return normalize_batch(value, scale, shift, options, x.line(), statistics);
}

Var batch_norm(const Operand& x, const Operand& gamma, const Operand& beta, const Parameter& running_mean,
               const Parameter& running_variance, const BatchNormOptions& options) {
  const Scope scope("batch_norm", x.line());
  const Var value = as_var(x), scale = as_var(gamma), shift = as_var(beta);
  check_batch_norm(value, scale, shift, options, x.line());
  const Var old_mean = running_mean, old_variance = running_variance;
  if (current_phase(x.line()) == Phase::evaluation)
    return (value - old_mean) * (scale / sqrt(old_variance + options.epsilon)) + shift;
  const auto count = static_cast<double>(value.shape()[0]);
  if (options.unbiased_running_variance && count < 2)
    throw ValueError(error_text("batch_norm", "a batch of one has no unbiased variance", x.line()));
  Statistics statistics;
  const Var result = normalize_batch(value, scale, shift, options, x.line(), statistics);
  const Shape& features = old_mean.shape();
  const double unbias = options.unbiased_running_variance ? count / (count - 1) : 1;
  const double keep = 1 - options.momentum;
  assign(running_mean, old_mean * keep + reshape(stop_gradient(statistics.mean), features) * options.momentum);
  assign(running_variance,
         old_variance * keep + reshape(stop_gradient(statistics.variance), features) * (options.momentum * unbias));
  return result;
}

Var dropout(const Operand& x, double probability, Random& random, DropoutForm form) {
  const Scope scope("dropout", x.line());
  if (!(probability >= 0 && probability <= 1))
    throw ValueError(error_text("dropout", fmt::format("the probability is {}; it must be in [0, 1]", probability), x.line()));
  const Var value = as_var(x);
  if (current_phase(x.line()) == Phase::evaluation)
    return form == DropoutForm::inverted ? value : value * (1 - probability);
  const Var numbers = uniform(value.shape(), random, value.dtype(), x.line());
  if (form == DropoutForm::book) return where(numbers > probability, value, 0);
  return where(numbers >= probability, value, 0) * (probability < 1 ? 1 / (1 - probability) : 0);
}

}  // namespace thalweg
