// Variance, standard deviation and norms: sums of powers that overflow only if the result does.

#include <cmath>
#include <limits>

#include <fmt/format.h>

#include <thalweg/composite.hpp>
#include <thalweg/differentiate.hpp>
#include <thalweg/ops/arithmetic.hpp>
#include <thalweg/ops/exponential.hpp>
#include <thalweg/ops/logic.hpp>
#include <thalweg/ops/reduction.hpp>

#include "ops/moments.hpp"
#include "src/core_ops/core_ops.hpp"

namespace thalweg {

namespace {

// The attribute of variance and standard_deviation: that of a reduction, with ddof in the bits above.
constexpr int ddof_shift = 16;

/// n − ddof; NaN unless that is positive.
double degrees_of_freedom(const Shape& shape, std::uint64_t attribute) {
  const double degrees = count_over(shape, attribute & axes_bits) - static_cast<double>(attribute >> ddof_shift);
  return degrees > 0 ? degrees : std::numeric_limits<double>::quiet_NaN();
}

std::uint64_t variance_attribute(const char* op, const Shape& shape, const VarianceOptions& options, SourceLine line) {
  if (options.ddof < 0) fail<ValueError>(op, fmt::format("ddof {} is negative", options.ddof), line);
  return axes_attribute(op, shape, {options.axes, options.keep_dimensions}, line) |
         static_cast<std::uint64_t>(options.ddof) << ddof_shift;
}

/// x − mean, with its own mean subtracted once more: that removes the rounding error of the first mean, so that equal
/// numbers give exactly 0.
Var deviation_from_mean(const Var& x, const Axes& axes) {
  const Var rough = x - mean(x, {axes, true});
  return rough - mean(rough, {axes, true});
}

/// The largest |x| along the axes, which stay as 1; 0 if there are no elements. It only determines a scale, so it has
/// no gradient.
Var largest_magnitude(const Var& x, const Axes& axes, std::uint64_t mask) {
  if (x.shape().size() == 0)
    return internal::broadcast_to(internal::typed_literal(0, x.dtype()), reduced_shape(x.shape(), mask, true));
  return stop_gradient(max(abs(x), {axes, true}));
}

/// A power of 2 by which x is multiplied so that its squares neither overflow nor underflow: 1 for numbers of usual
/// size, less for large ones, more for small ones. The three ranges follow Blue, ACM TOMS 4(1), 1978.
Var square_scale(const Var& largest) {
  const bool single = largest.dtype() == DType::f32;
  const int usual = single ? 40 : 300, down = single ? -84 : -662, up = single ? 94 : 687;  // exponents
  const auto power_of_2 = [&](int k) { return internal::typed_literal(std::ldexp(1, k), largest.dtype()); };
  return where(largest > power_of_2(usual), power_of_2(down),
               where(largest < power_of_2(-usual), power_of_2(up), power_of_2(0)));
}

/// √(Σ x²/divisor).
Var root_of_squares(const Var& x, const Axes& axes, std::uint64_t attribute, double divisor) {
  const Var scale = square_scale(largest_magnitude(x, axes, attribute));
  const Var squares = sum(square(x * scale), {axes, true});
  return sqrt(divisor == 1 ? squares : squares / literal(divisor)) / scale;
}

/// Σ x²/divisor. If the plain sum overflows, the result may still be in range: then uses x scaled by a power of 2. Both
/// are computed in one pass.
Var mean_of_squares(const Var& x, const ReductionOptions& options, double divisor) {
  const Var plain = sum(square(x), options) / literal(divisor);
  const Var shrink = literal(moments::shrinking_power_of_2(x.dtype()));
  const Var shrunk = sum(square(x * shrink), options) / literal(divisor);
  return where(moments::in_range(plain), plain, shrunk / shrink / shrink);
}

/// Reshapes a result with reduced axes of 1 as the attribute requires.
Var in_asked_shape(const Var& result, const Shape& from, std::uint64_t attribute) {
  const Shape shape = reduced_shape(from, attribute, (attribute & keep_dimensions_bit) != 0);
  return result.shape() == shape ? result : internal::reshape(result, shape);
}

// Inputs of the composites: the composed result, x, and what the rule reads besides.

Var variance_pullback(const Pullback& p) {
  const Var &x = p.input(1), &deviation = p.input(2);
  return chain(beside_input(p.gradient, x.shape(), p.attribute),
               deviation * literal(2 / degrees_of_freedom(x.shape(), p.attribute)));
}

/// 0 where all elements are equal: √ has no derivative at 0.
Var standard_deviation_pullback(const Pullback& p) {
  const Var &x = p.input(1), &deviation = p.input(2);
  const Var result = beside_input(p.output, x.shape(), p.attribute);
  const Var slope = deviation / result / literal(degrees_of_freedom(x.shape(), p.attribute));
  return chain(beside_input(p.gradient, x.shape(), p.attribute), where(result == 0, 0, slope));
}

/// x/‖x‖, 0 at the origin.
Var norm_2_pullback(const Pullback& p) {
  const Var& x = p.input(1);
  const Var result = beside_input(p.output, x.shape(), p.attribute);
  return chain(beside_input(p.gradient, x.shape(), p.attribute), where(result == 0, 0, x / result));
}

/// sign x·(|x|/‖x‖)^(p − 1), 0 where x is 0.
Var norm_p_pullback(const Pullback& p) {
  const Var &x = p.input(1), &exponent = p.input(2);
  const Var result = beside_input(p.output, x.shape(), p.attribute);
  const Var slope = sign(x) * power(abs(x) / result, exponent - 1);
  return chain(beside_input(p.gradient, x.shape(), p.attribute), where(x == 0, 0, slope));
}

const Op variance_op = composite("variance", {nullptr, variance_pullback});
const Op standard_deviation_op = composite("standard_deviation", {nullptr, standard_deviation_pullback});
const Op norm_2_op = composite("norm", {nullptr, norm_2_pullback});
const Op norm_p_op = composite("norm", {nullptr, norm_p_pullback});

Var norm_p(const Var& x, const NormOptions& options, std::uint64_t attribute, SourceLine line) {
  const Var largest = largest_magnitude(x, options.axes, attribute);
  const Var infinite = literal(std::numeric_limits<double>::infinity());
  const Var scale = where(largest > 0, where(largest == infinite, internal::typed_literal(1, x.dtype()), largest),
                          internal::typed_literal(1, x.dtype()));
  const Var exponent(options.p);
  const Var total = sum(power(abs(x) / scale, exponent), {options.axes, true});
  const Var inputs[3] = {in_asked_shape(power(total, 1 / exponent) * scale, x.shape(), attribute), x, exponent};
  return record(norm_p_op, inputs, attribute, line);
}

}  // namespace

Var variance(const Operand& x, const VarianceOptions& options) {
  const OpScope scope("variance", x.line());
  const Var value = floating_value("variance", x);
  const std::uint64_t attribute = variance_attribute("variance", value.shape(), options, x.line());
  const Var deviation = deviation_from_mean(value, options.axes);
  const double degrees = degrees_of_freedom(value.shape(), attribute);
  const Var inputs[3] = {mean_of_squares(deviation, {options.axes, options.keep_dimensions}, degrees), value,
                         deviation};
  return record(variance_op, inputs, attribute, x.line());
}
Var variance(const Operand& x, const AxesArgument& axes, bool keep) {
  return variance(x, {.axes = axes, .keep_dimensions = keep});
}

Var standard_deviation(const Operand& x, const VarianceOptions& options) {
  const OpScope scope("standard_deviation", x.line());
  const Var value = floating_value("standard_deviation", x);
  const std::uint64_t attribute = variance_attribute("standard_deviation", value.shape(), options, x.line());
  const Var deviation = deviation_from_mean(value, options.axes);
  const Var result = root_of_squares(deviation, options.axes, attribute, degrees_of_freedom(value.shape(), attribute));
  const Var inputs[3] = {in_asked_shape(result, value.shape(), attribute), value, deviation};
  return record(standard_deviation_op, inputs, attribute, x.line());
}
Var standard_deviation(const Operand& x, const AxesArgument& axes, bool keep) {
  return standard_deviation(x, {.axes = axes, .keep_dimensions = keep});
}

Var norm(const Operand& x, const NormOptions& options) {
  const OpScope scope("norm", x.line());
  const Var value = floating_value("norm", x);
  if (!(options.p > 0)) fail<ValueError>("norm", fmt::format("p is {}; it must be above 0", options.p), x.line());
  const std::uint64_t attribute =
      axes_attribute("norm", value.shape(), {options.axes, options.keep_dimensions}, x.line());
  const ReductionOptions reduction{options.axes, options.keep_dimensions};
  if (options.p == 1) return sum(abs(value), reduction);
  if (std::isinf(options.p)) return max(abs(value), reduction);
  if (options.p != 2) return norm_p(value, options, attribute, x.line());
  const Var inputs[2] = {in_asked_shape(root_of_squares(value, options.axes, attribute, 1), value.shape(), attribute),
                         value};
  return record(norm_2_op, inputs, attribute, x.line());
}

}  // namespace thalweg
