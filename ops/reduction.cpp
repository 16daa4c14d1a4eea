#include <thalweg/ops/reduction.hpp>

#include <limits>

#include <fmt/format.h>

#include <thalweg/composite.hpp>
#include <thalweg/differentiate.hpp>
#include <thalweg/ops/arithmetic.hpp>
#include <thalweg/ops/cumulative.hpp>
#include <thalweg/ops/exponential.hpp>
#include <thalweg/ops/logic.hpp>
#include <thalweg/ops/shape.hpp>

#include "ops/buffers.hpp"
#include "ops/moments.hpp"
#include "ops/scaled_number.hpp"
#include "src/core_ops/core_ops.hpp"
#include "src/tape/recorder.hpp"
#include "src/tensor/visit.hpp"

namespace thalweg {

namespace {

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

Var beside_input(const Var& result, const Pullback& p) {
  return thalweg::beside_input(result, p.input(0).shape(), p.attribute);
}

Var sum_pullback(const Pullback& p) { return internal::broadcast_to(beside_input(p.gradient, p), p.input(0).shape()); }

const Op sum_op{.name = "sum",
                .kind = Kind::reduction,
                .shape_rule = reduction_shape,
                .pullbacks = {sum_pullback},
                .reduction = ReductionKind::sum};

/// Divides the gradient evenly among the elements that equal the extremum. If that is NaN, no element equals it, and
/// the shares are 0/0, that is NaN.
Var extremum_pullback(const Pullback& p) {
  const Var result = beside_input(p.output, p);
  const Var ties = cast(p.input(0) == result, p.gradient.dtype());
  const Var count = record(sum_op, ties, (p.attribute & axes_bits) | keep_dimensions_bit);
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

// --- product: for i64 a reduction like the others, for f32 and f64 a kernel on x grouped into (outer, count, inner)
// ---

template <class T>
void product_of(const OpaqueCall& call) {
  const Shape& shape = call.input_types[0].shape;
  const std::int64_t count = shape[1], inner = shape[2];
  const T* x = static_cast<const T*>(call.inputs[0]);
  T* y = static_cast<T*>(call.output);
  for_each_index(shape[0], shape.size(), [&](std::int64_t outer) {
    for (std::int64_t column = 0; column < inner; ++column) {
      ScaledNumber product;
      const T* from = x + outer * count * inner + column;
      for (std::int64_t i = 0; i < count; ++i) product *= static_cast<double>(from[i * inner]);
      y[outer * inner + column] = static_cast<T>(static_cast<double>(product));
    }
  });
}

void product_kernel(const OpaqueCall& call) {
  internal::visit_floating(call.output_type.dtype, [&]<class T>() { product_of<T>(call); });
}

NodeType grouped_product_shape(const Inference& inference) {
  NodeType type = inference.input(0);
  type.shape = Shape{type.shape[0], 1, type.shape[2]};
  return type;
}

/// The product of all other elements, without division: exact with zeros among them.
Var grouped_product_pullback(const Pullback& p) {
  const Var& x = p.input(0);
  return chain(p.gradient, cumulative_product(x, 1, {.exclusive = true}) *
                               cumulative_product(x, 1, {.reverse = true, .exclusive = true}));
}

const Op grouped_product_op{.name = "product",
                            .kind = Kind::opaque,
                            .shape_rule = grouped_product_shape,
                            .pullbacks = {grouped_product_pullback},
                            .opaque_kernel = product_kernel};
const Op integer_product_op{
    .name = "product", .kind = Kind::reduction, .shape_rule = reduction_shape, .reduction = ReductionKind::product};

/// A composition of an x that is not bool; the attribute has the axes.
Var reduce_over(const Op& op, const Var& x, std::uint64_t attribute, SourceLine line) {
  internal::Recorder& recorder = internal::Recorder::require(op.name, line);
  const Shape& shape = *recorder.info(x.id()).shape;
  if (&op == &sum_op && shape.size() == 0)
    return internal::sum_of_nothing(x, reduced_shape(shape, attribute, (attribute & keep_dimensions_bit) != 0));
  return recorder.var(recorder.append(op, x.id(), -1, -1, internal::traits_of(1), attribute, line));
}

/// Bools as numbers of `dtype`.
Var counted(const Var& x, DType dtype, SourceLine line) { return cast(Operand(x, line), dtype); }

Var reduce(const Op& op, const Operand& x, const ReductionOptions& options) {
  internal::Recorder& recorder = internal::Recorder::require(op, x);
  const Var value = recorder.var(recorder.resolve(x, op));
  const internal::Info& info = recorder.info(value.id());
  const std::uint64_t attribute = axes_attribute(op.name, *info.shape, options, x.line());
  if (info.dtype != DType::boolean) return reduce_over(op, value, attribute, x.line());
  if (&op != &sum_op) return reduce_over(op, counted(value, DType::i64, x.line()), attribute, x.line());
  // Counted in f64, which is exact up to 2⁵³ and stays in the pass; converting to i64 would copy eight times the bools'
  // size.
  return counted(reduce_over(op, counted(value, DType::f64, x.line()), attribute, x.line()), DType::i64, x.line());
}

// Inputs: the composed result, x, the number of elements per mean.
Var mean_pullback(const Pullback& p) {
  const Shape& x = p.input(1).shape();
  return internal::broadcast_to(thalweg::beside_input(chain(p.gradient, 1 / p.input(2)), x, p.attribute), x);
}

const Op mean_op = composite("mean", {nullptr, mean_pullback});

ReductionOptions some_axes(const Axes& axes, bool keep_dimensions) { return {axes, keep_dimensions}; }

/// The number of elements that are true (`holding`), or that are not. In f32, which suffices to tell whether there are
/// any.
Var count(const char* op, const Operand& x, bool holding, const ReductionOptions& options) {
  const OpScope scope(op, x.line());
  const Var value = as_var(x, op);
  axes_mask(op, value.shape(), options.axes, x.line());
  const Var chosen = !holding ? value == 0 : value.dtype() == DType::boolean ? value : value != 0;
  return reduce(sum_op, Operand(cast(chosen, DType::f32), x.line()), options);
}

}  // namespace

Var sum(const Operand& x, const ReductionOptions& options) { return reduce(sum_op, x, options); }
Var sum(const Operand& x, const AxesArgument& axes, bool keep) { return sum(x, some_axes(axes, keep)); }
Var max(const Operand& x, const ReductionOptions& options) { return reduce(max_op, x, options); }
Var max(const Operand& x, const AxesArgument& axes, bool keep) { return max(x, some_axes(axes, keep)); }
Var min(const Operand& x, const ReductionOptions& options) { return reduce(min_op, x, options); }
Var min(const Operand& x, const AxesArgument& axes, bool keep) { return min(x, some_axes(axes, keep)); }

Var product(const Operand& x, const ReductionOptions& options) {
  const OpScope scope("product", x.line());
  const Var value = as_var(x, "product");
  const std::uint64_t attribute = axes_attribute("product", value.shape(), options, x.line());
  const Shape shape = reduced_shape(value.shape(), attribute, options.keep_dimensions);
  if (value.shape().size() == 0) {
    const DType dtype = value.dtype() == DType::boolean ? DType::i64 : value.dtype();
    return internal::broadcast_to(internal::typed_literal(1, dtype), shape);
  }
  if (is_floating(value.dtype()))
    return internal::reshape(record(grouped_product_op, group_axes(value, attribute & axes_bits)), shape);
  return reduce(integer_product_op, Operand(value, x.line()), options);
}
Var product(const Operand& x, const AxesArgument& axes, bool keep) { return product(x, some_axes(axes, keep)); }

Var any(const Operand& x, const ReductionOptions& options) {
  return Operand(count("any", x, true, options), x.line()) > 0;
}
Var any(const Operand& x, const AxesArgument& axes, bool keep) { return any(x, some_axes(axes, keep)); }

Var all(const Operand& x, const ReductionOptions& options) {
  return Operand(count("all", x, false, options), x.line()) == 0;
}
Var all(const Operand& x, const AxesArgument& axes, bool keep) { return all(x, some_axes(axes, keep)); }

namespace {

/// A composition of x; the attribute is that of the sum.
Var mean_parts(std::span<const Var> x, std::uint64_t attribute, SourceLine line) {
  const Var& value = x[0];
  const auto total = [&](const Var& terms) { return reduce_over(sum_op, terms, attribute, line); };
  const Var count = literal(count_over(value.shape(), attribute & axes_bits));
  const Var plain = total(value) / count;
  // If the sum overflows, the mean may still be in range: then uses x scaled by a power of 2.
  const Var shrink = literal(moments::shrinking_power_of_2(value.dtype()));
  const Var shrunk = total(value * shrink) / count;
  const Var inputs[3] = {where(moments::in_range(plain), plain, shrunk / shrink), value, count};
  return record(mean_op, inputs, attribute, line);
}

const Composition mean_composition{.name = "mean", .build = mean_parts};

}  // namespace

Var mean(const Operand& x, const ReductionOptions& options) {
  const Var value = floating_value("mean", x);
  const std::uint64_t attribute = axes_attribute("mean", value.shape(), options, x.line());
  return record(mean_composition, Operand(value, x.line()), attribute);
}
Var mean(const Operand& x, const AxesArgument& axes, bool keep) { return mean(x, some_axes(axes, keep)); }

namespace {

// The gradient is softmax(x), computed from the exponentials of the forward pass: e^(x − result) would be wrong for
// large x, where rounding maximum + ln Σ loses the small logarithm.
// Inputs: the composed result, x, the exponentials of x minus its maximum, their sum.
Var logsumexp_pullback(const Pullback& p) {
  const Var &x = p.input(1), &exponentials = p.input(2), &total = p.input(3);
  const Shape kept = reduced_shape(x.shape(), p.attribute, true);
  const Var gradient = internal::reshape(p.gradient, kept);
  // One division per row. The total is at least 1, except in a row of −inf only: there it is 0, and so is the gradient.
  return chain(gradient, exponentials * where(total == 0, 0, 1 / total));
}

const Op logsumexp_op = composite("logsumexp", {nullptr, logsumexp_pullback});

/// A composition of x; the attribute is that of the sum.
Var logsumexp_parts(std::span<const Var> inputs, std::uint64_t attribute, SourceLine line) {
  const Var& value = inputs[0];
  const Shape shape = reduced_shape(value.shape(), attribute, (attribute & keep_dimensions_bit) != 0);
  const Var infinite = literal(std::numeric_limits<double>::infinity());
  if (value.shape().size() == 0) return internal::broadcast_to(cast(-infinite, value.dtype()), shape);
  const std::uint64_t with_kept = (attribute & axes_bits) | keep_dimensions_bit;
  const Var largest = stop_gradient(record(max_op, value, with_kept));
  const Var shift = where(abs(largest) == infinite, literal(0), largest);  // avoids inf − inf
  const Var exponentials = exp(value - shift);
  const Var total = record(sum_op, exponentials, with_kept);
  const Var composed[4] = {internal::reshape(log(total) + shift, shape), value, exponentials, total};
  return record(logsumexp_op, composed, attribute, line);
}

const Composition logsumexp_composition{.name = "logsumexp", .build = logsumexp_parts};

}  // namespace

Var logsumexp(const Operand& x, const ReductionOptions& options) {
  const Var value = floating_value("logsumexp", x);
  const std::uint64_t attribute = axes_attribute("logsumexp", value.shape(), options, x.line());
  return record(logsumexp_composition, Operand(value, x.line()), attribute);
}
Var logsumexp(const Operand& x, const AxesArgument& axes, bool keep) { return logsumexp(x, some_axes(axes, keep)); }

}  // namespace thalweg
