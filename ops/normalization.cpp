#include <thalweg/ops/normalization.hpp>

#include <fmt/format.h>

#include <thalweg/composite.hpp>
#include <thalweg/differentiate.hpp>
#include <thalweg/ops/arithmetic.hpp>
#include <thalweg/ops/exponential.hpp>
#include <thalweg/ops/logic.hpp>
#include <thalweg/ops/reduction.hpp>
#include <thalweg/ops/shape.hpp>

#include "ops/moments.hpp"

namespace thalweg {

namespace {

// --- softmax and log_softmax. Inputs: the composed result and x; of log_softmax also the exponentials and their sum ---

Var softmax_pullback(const Pullback& p) {
  const auto axis = static_cast<int>(p.attribute);
  return (p.gradient - sum(p.gradient * p.output, axis, true)) * p.output;
}
Var log_softmax_pullback(const Pullback& p) {
  const Var share = p.input(2) / p.input(3);
  return p.gradient - chain(sum(p.gradient, static_cast<int>(p.attribute), true), share);
}

const Op softmax_op = composite("softmax", {nullptr, softmax_pullback});
const Op log_softmax_op = composite("log_softmax", {nullptr, log_softmax_pullback});

struct Exponentials {
  Var shifted, values, total;

  Exponentials(const Var& x, int axis)
      : shifted(x - stop_gradient(max(x, axis, true))), values(exp(shifted)), total(sum(values, axis, true)) {}
};

// --- standardize, shared by layer, group and root mean square normalization. Inputs: the composed result, x, and
// 1/√(variance + ε); the attribute is the mask of the axes and whether the mean is subtracted ---

constexpr std::uint64_t centered_bit = 1 << 8;

Var standardize_pullback(const Pullback& p) {
  const Var &normalized = p.output, &inverse = p.input(2);
  const std::uint64_t mask = p.attribute & axes_bits;
  const Var along = normalized * moments::mean_over(p.gradient * normalized, mask);
  if ((p.attribute & centered_bit) == 0) return (p.gradient - along) * inverse;
  return (p.gradient - moments::mean_over(p.gradient, mask) - along) * inverse;
}

const Op standardize_op = composite("standardize", {nullptr, standardize_pullback});

/// The factors of x̂ = deviation · inverse.
struct Standard {
  Var deviation, variance, inverse;

  Standard(const Var& x, std::uint64_t mask, bool centered, const Operand& epsilon)
      : deviation(centered ? x - moments::mean_over(x, mask) : x),
        variance(moments::mean_over(square(deviation), mask)),
        inverse(1 / sqrt(variance + epsilon)) {}
};

/// (x − mean)/√(variance + ε) over the axes of `mask`; if not centered, x/√(mean x² + ε). If the squares overflow, x is
/// scaled by a power of 2 and ε by its square, which does not change the result. Both versions are computed in one
/// pass.
Var standardize(const Var& x, std::uint64_t mask, bool centered, double epsilon, SourceLine line) {
  const double shrink = moments::shrinking_power_of_2(x.dtype());
  const Standard plain(x, mask, centered, epsilon);
  const Standard small(x * literal(shrink), mask, centered, literal(epsilon * shrink * shrink));
  const Var fits = moments::in_range(plain.variance);
  const Var normalized = where(fits, plain.deviation * plain.inverse, small.deviation * small.inverse);
  const Var inputs[3] = {normalized, x, where(fits, plain.inverse, small.inverse * literal(shrink))};
  return record(standardize_op, inputs, mask | (centered ? centered_bit : 0), line);
}

/// Scale and shift in shapes that broadcast to x; empty if there is none.
struct Affine {
  Var gamma, beta;

  Var operator()(const Var& normalized) const {
    const Var scaled = gamma.empty() ? normalized : normalized * gamma;
    return beta.empty() ? scaled : scaled + beta;
  }
};

Affine affine_of(const char* op, const Operand* gamma, const Operand* beta, const Shape& x, std::uint64_t mask,
                 SourceLine line) {
  Affine affine;
  if (gamma != nullptr) affine.gamma = moments::beside(op, "gamma", as_var(*gamma, op), x, mask, line);
  if (beta != nullptr) affine.beta = moments::beside(op, "beta", as_var(*beta, op), x, mask, line);
  return affine;
}

Var layer_normalized(const char* op, const Operand& x, const Operand* gamma, const Operand* beta, bool centered,
                     const LayerNormOptions& options) {
  const OpScope scope(op, x.line());
  const Var value = floating_value(op, x);
  check_epsilon(op, options.epsilon, value.dtype(), x.line());
  const std::uint64_t mask = axes_mask(op, value.shape(), options.axes, x.line());
  const Affine affine = affine_of(op, gamma, beta, value.shape(), mask, x.line());
  return affine(standardize(value, mask, centered, options.epsilon, x.line()));
}

Var group_normalized(const Operand& x, std::int64_t groups, const Operand* gamma, const Operand* beta,
                     const GroupNormOptions& options) {
  constexpr const char* op = "group_norm";
  const OpScope scope(op, x.line());
  const Var value = floating_value(op, x);
  check_epsilon(op, options.epsilon, value.dtype(), x.line());
  const Shape shape = value.shape();
  if (shape.rank() < 2)
    fail<ShapeError>(op, fmt::format("x must be (n, channels, …), it is {}", to_string(shape)), x.line());
  if (groups < 1 || shape[1] % groups != 0)
    fail<ShapeError>(op, fmt::format("{} channels do not make {} groups", shape[1], groups), x.line());
  const Affine affine = affine_of(op, gamma, beta, shape, 2, x.line());
  const std::int64_t count = shape[0] * groups, in_group = count == 0 ? 0 : shape.size() / count;
  const Var grouped = reshape(value, {count, in_group});
  return affine(reshape(standardize(grouped, 2, true, options.epsilon, x.line()), shape));
}

}  // namespace

namespace {

// A composition of x; the attribute is the user's axis.

Var softmax_parts(std::span<const Var> x, std::uint64_t axis, SourceLine line) {
  const Var value = floating_value("softmax", Operand(x[0], line));
  const int along = axis_from_front("softmax", static_cast<int>(axis), value.shape(), line);
  if (value.shape().size() == 0) return value;
  const Exponentials exponentials(value, along);
  const Var inputs[2] = {exponentials.values / exponentials.total, value};
  return record(softmax_op, inputs, static_cast<std::uint64_t>(along), line);
}

Var log_softmax_parts(std::span<const Var> x, std::uint64_t axis, SourceLine line) {
  const Var value = floating_value("log_softmax", Operand(x[0], line));
  const int along = axis_from_front("log_softmax", static_cast<int>(axis), value.shape(), line);
  if (value.shape().size() == 0) return value;
  const Exponentials exponentials(value, along);
  const Var inputs[4] = {exponentials.shifted - log(exponentials.total), value, exponentials.values,
                         exponentials.total};
  return record(log_softmax_op, inputs, static_cast<std::uint64_t>(along), line);
}

const Composition softmax_composition{.name = "softmax", .build = softmax_parts};
const Composition log_softmax_composition{.name = "log_softmax", .build = log_softmax_parts};

}  // namespace

Var softmax(const Operand& x, int axis) { return record(softmax_composition, x, static_cast<std::uint64_t>(axis)); }

Var log_softmax(const Operand& x, int axis) {
  return record(log_softmax_composition, x, static_cast<std::uint64_t>(axis));
}

Var normalize(const Operand& x, const NormalizeOptions& options) {
  const OpScope scope("normalize", x.line());
  const Var value = floating_value("normalize", x);
  check_epsilon("normalize", options.epsilon, value.dtype(), x.line());
  const Var length = norm(Operand(value, x.line()), {.p = options.p, .axes = options.axes, .keep_dimensions = true});
  return value / maximum(length, literal(options.epsilon));
}

Var layer_norm(const Operand& x, const Operand& gamma, const Operand& beta, const LayerNormOptions& options) {
  return layer_normalized("layer_norm", x, &gamma, &beta, true, options);
}
Var layer_norm(const Operand& x, const LayerNormOptions& options) {
  return layer_normalized("layer_norm", x, nullptr, nullptr, true, options);
}

Var rms_norm(const Operand& x, const Operand& gamma, const LayerNormOptions& options) {
  return layer_normalized("rms_norm", x, &gamma, nullptr, false, options);
}
Var rms_norm(const Operand& x, const LayerNormOptions& options) {
  return layer_normalized("rms_norm", x, nullptr, nullptr, false, options);
}

Var group_norm(const Operand& x, std::int64_t groups, const Operand& gamma, const Operand& beta,
               const GroupNormOptions& options) {
  return group_normalized(x, groups, &gamma, &beta, options);
}
Var group_norm(const Operand& x, std::int64_t groups, const GroupNormOptions& options) {
  return group_normalized(x, groups, nullptr, nullptr, options);
}

}  // namespace thalweg
