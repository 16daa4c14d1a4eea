#include <thalweg/ops/reduction.hpp>

#include <algorithm>
#include <limits>

#include <fmt/format.h>

#include <thalweg/ops/arithmetic.hpp>
#include <thalweg/ops/exponential.hpp>
#include <thalweg/differentiate.hpp>
#include <thalweg/ops/shape.hpp>

#include "ops/composite.hpp"
#include "src/core_ops/core_ops.hpp"
#include "src/tape/recorder.hpp"

namespace thalweg {

Axes::Axes(std::initializer_list<int> axes) : count_(static_cast<int>(axes.size())) {
  if (axes.size() > axes_.size())
    throw IndexError(error_text("axes", fmt::format("{} axes are named; a tensor has at most {}", axes.size(), axes_.size())));
  std::copy(axes.begin(), axes.end(), axes_.begin());
}

namespace {

/// The attribute of a reduction of `shape`: its axes as a mask.
std::uint64_t axes_attribute(const char* op, const Shape& shape, const ReductionOptions& options, SourceLine line) {
  std::uint64_t mask = 0;
  if (options.axes.all()) {
    mask = (1u << shape.rank()) - 1;
  } else {
    for (const int axis : options.axes) {
      const int from_front = axis < 0 ? axis + shape.rank() : axis;
      if (from_front < 0 || from_front >= shape.rank())
        throw IndexError(error_text(op, fmt::format("axis {} is out of range for shape {}", axis, to_string(shape)), line));
      if (mask >> from_front & 1)
        throw IndexError(error_text(op, fmt::format("axis {} is named twice for shape {}", axis, to_string(shape)), line));
      mask |= std::uint64_t{1} << from_front;
    }
  }
  return mask | (options.keep_dimensions ? keep_dimensions_bit : 0);
}

Shape reduced_shape(const Shape& shape, std::uint64_t attribute, bool keep) {
  std::array<std::int64_t, Shape::max_rank> dimensions{};
  std::size_t rank = 0;
  for (int axis = 0; axis < shape.rank(); ++axis) {
    const bool reduced = attribute >> axis & 1;
    if (!reduced) dimensions[rank++] = shape[axis];
    if (reduced && keep) dimensions[rank++] = 1;
  }
  return Shape(std::span<const std::int64_t>(dimensions.data(), rank));
}

NodeType reduction_shape(const Inference& inference) {
  NodeType type = inference.input(0);
  type.shape = reduced_shape(type.shape, inference.attribute(), (inference.attribute() & keep_dimensions_bit) != 0);
  return type;
}

NodeType extremum_shape(const Inference& inference) {
  const NodeType type = reduction_shape(inference);
  if (inference.shape(0).size() == 0 && type.shape.size() != 0)
    inference.fail_shape(fmt::format("shape {} has no elements to choose from", to_string(inference.shape(0))));
  return type;
}

/// A result's shape as it lies beside its input: with dimensions of 1 where it was reduced.
Var beside_input(const Var& result, const Pullback& p) {
  const Shape kept = reduced_shape(p.input(0).shape(), p.attribute, true);
  return result.shape() == kept ? result : internal::reshape(result, kept);
}

Var sum_pullback(const Pullback& p) {
  return internal::broadcast_to(beside_input(p.gradient, p), p.input(0).shape());
}

const Op sum_op{.name = "sum",
                .kind = Kind::reduction,
                .shape_rule = reduction_shape,
                .pullbacks = {sum_pullback},
                .reduction = ReductionKind::sum};

/// Evenly to all that equal the extremum; a NaN takes its gradient as NaN.
Var extremum_pullback(const Pullback& p) {
  const Var result = beside_input(p.output, p);
  const Var ties = cast(p.input(0) == result, p.gradient.dtype());
  const Var count = record(sum_op, ties, (p.attribute & 0xFF) | keep_dimensions_bit);
  return chain(beside_input(p.gradient, p), ties / count);
}

const Op max_op{.name = "max",
                .kind = Kind::reduction,
                .shape_rule = extremum_shape,
                .pullbacks = {extremum_pullback},
                .reduction = ReductionKind::maximum};
const Op min_op{.name = "min",
                .kind = Kind::reduction,
                .shape_rule = extremum_shape,
                .pullbacks = {extremum_pullback},
                .reduction = ReductionKind::minimum};

Var reduce(const Op& op, const Operand& x, const ReductionOptions& options) {
  Var value = as_var(x);
  if (value.dtype() == DType::boolean) value = cast(value, DType::i64);
  const std::uint64_t attribute = axes_attribute(op.name, value.shape(), options, x.line());
  if (&op == &sum_op && value.size() == 0)
    return internal::sum_of_nothing(value, reduced_shape(value.shape(), attribute, options.keep_dimensions));
  return record(op, Operand(value, x.line().file, x.line().line), attribute);
}

ReductionOptions one_axis(int axis, bool keep_dimensions) { return {axis, keep_dimensions}; }

}  // namespace

Var sum(const Operand& x, const ReductionOptions& options) { return reduce(sum_op, x, options); }
Var sum(const Operand& x, int axis, bool keep) { return sum(x, one_axis(axis, keep)); }
Var max(const Operand& x, const ReductionOptions& options) { return reduce(max_op, x, options); }
Var max(const Operand& x, int axis, bool keep) { return max(x, one_axis(axis, keep)); }
Var min(const Operand& x, const ReductionOptions& options) { return reduce(min_op, x, options); }
Var min(const Operand& x, int axis, bool keep) { return min(x, one_axis(axis, keep)); }

Var mean(const Operand& x, const ReductionOptions& options) {
  const Scope scope("mean", x.line());
  const Var value = as_var(x);
  const SourceLine line = internal::Recorder::require("mean", x.line()).blame(x.line());
  if (!is_floating(value.dtype()))
    throw DtypeError(
        error_text("mean", fmt::format("{} has no fractions; cast to f32 or f64 first", name(value.dtype())), line));
  axes_attribute("mean", value.shape(), options, line);
  const Var total = reduce(sum_op, Operand(value, x.line().file, x.line().line), options);
  const std::int64_t size = value.size(), left = total.size();
  const double count = left == 0 ? 1 : static_cast<double>(size / left);
  return total / literal(count);
}
Var mean(const Operand& x, int axis, bool keep) { return mean(x, one_axis(axis, keep)); }

namespace {

// The gradient as the softmax itself: exp(x − result) is wrong where the result has swallowed a small logarithm.
// Inputs: the composed result, x, the exponentials of x minus its maximum, their sum.
Var logsumexp_pullback(const Pullback& p) {
  const Var &x = p.input(1), &exponentials = p.input(2), &total = p.input(3);
  const Shape kept = reduced_shape(x.shape(), p.attribute, true);
  const Var gradient = internal::reshape(p.gradient, kept);
  // A row of nothing but −inf has no largest element to move: its total is 0 and its gradient 0.
  return chain(gradient, where(total == 0, 0, exponentials / total));
}

const Op logsumexp_op = composite("logsumexp", {nullptr, logsumexp_pullback});

}  // namespace

Var logsumexp(const Operand& x, const ReductionOptions& options) {
  const Scope scope("logsumexp", x.line());
  const Var value = as_var(x);
  const std::uint64_t attribute = axes_attribute("logsumexp", value.shape(), options, x.line());
  const Shape kept = reduced_shape(value.shape(), attribute, true);
  const Shape shape = reduced_shape(value.shape(), attribute, options.keep_dimensions);
  if (value.size() == 0)
    return internal::broadcast_to(cast(Var(-std::numeric_limits<double>::infinity()), value.dtype()), shape);
  const std::uint64_t with_kept = (attribute & 0xFF) | keep_dimensions_bit;
  const Var largest = stop_gradient(record(max_op, value, with_kept));
  const Var infinite = literal(std::numeric_limits<double>::infinity());
  const Var shift = where(abs(largest) == infinite, 0, largest);  // −inf − (−inf) would be NaN
  const Var exponentials = exp(value - shift);
  const Var total = record(sum_op, exponentials, with_kept);
  const Var result = internal::reshape(log(total) + shift, shape);
  const Var inputs[4] = {result, value, exponentials, total};
  return record(logsumexp_op, inputs, attribute, x.line());
}
Var logsumexp(const Operand& x, int axis, bool keep) { return logsumexp(x, one_axis(axis, keep)); }

}  // namespace thalweg
