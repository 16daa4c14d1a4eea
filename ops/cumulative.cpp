#include <thalweg/ops/cumulative.hpp>

#include <algorithm>
#include <type_traits>

#include <thalweg/ops/arithmetic.hpp>
#include <thalweg/ops/shape.hpp>

#include "ops/axes.hpp"
#include "ops/buffers.hpp"
#include "ops/scaled_number.hpp"
#include "src/tensor/visit.hpp"

namespace thalweg {

namespace {

// Flags in the attribute, above the axis.
constexpr std::uint64_t reverse_bit = 8, exclusive_bit = 16, previous_factor_bit = 32;

/// The number of lines that are processed together, so that memory is read sequentially.
constexpr std::int64_t most_columns = 64;

/// The type of a running value: f64 for f32; unsigned for i64, since it wraps.
template <class T>
using Carry = std::conditional_t<std::is_integral_v<T>, std::uint64_t, double>;

/// Calls body(first, stride, columns) for up to `most_columns` adjacent lines along the axis at a time: element i of
/// line `column` is at first + i·stride + column.
template <class Body>
void for_each_line(const OpaqueCall& call, const Body& body) {
  const AxisSplit split = split_at(call.output_type.shape, attribute_axis(call.attribute));
  if (call.output_type.shape.size() == 0) return;
  const std::int64_t blocks = (split.inner + most_columns - 1) / most_columns;
  for_each_index(split.outer * blocks, call.output_type.shape.size(), [&](std::int64_t index) {
    const std::int64_t column = index % blocks * most_columns;
    body(index / blocks * split.count * split.inner + column, split.inner,
         std::min(most_columns, split.inner - column));
  });
}

/// The running values of x along the axis: starts with `identity`, and combines each element into it with `combine`.
template <class T, class Running, class Combine>
void accumulate(const OpaqueCall& call, Running identity, const Combine& combine) {
  const T* x = static_cast<const T*>(call.inputs[0]);
  T* y = static_cast<T*>(call.output);
  const bool reverse = call.attribute & reverse_bit, exclusive = call.attribute & exclusive_bit;
  const std::int64_t count = call.output_type.shape[attribute_axis(call.attribute)];
  const auto step = [&](Running& carry, std::int64_t place) {
    const auto value = static_cast<Carry<T>>(x[place]);
    if (exclusive) y[place] = static_cast<T>(static_cast<Carry<T>>(carry));
    combine(carry, value);
    if (!exclusive) y[place] = static_cast<T>(static_cast<Carry<T>>(carry));
  };
  for_each_line(call, [&](std::int64_t first, std::int64_t stride, std::int64_t columns) {
    if (reverse) first += (count - 1) * stride, stride = -stride;
    if (columns == 1) {  // keeps the running value in a register
      Running carry = identity;
      for (std::int64_t i = 0; i < count; ++i) step(carry, first + i * stride);
      return;
    }
    Running carries[most_columns];
    std::fill_n(carries, columns, identity);
    for (std::int64_t i = 0; i < count; ++i)
      for (std::int64_t column = 0; column < columns; ++column) step(carries[column], first + i * stride + column);
  });
}

void cumulative_sum_kernel(const OpaqueCall& call) {
  internal::visit_number(call.output_type.dtype, [&]<class T>() {
    accumulate<T, Carry<T>>(call, 0, [](auto& carry, auto value) { carry += value; });
  });
}

void cumulative_product_kernel(const OpaqueCall& call) {
  internal::visit_number(call.output_type.dtype, [&]<class T>() {
    using Running = std::conditional_t<std::is_integral_v<T>, std::uint64_t, ScaledNumber>;
    Running one{};
    if constexpr (std::is_integral_v<T>) one = 1;
    accumulate<T>(call, one, [](auto& carry, auto value) { carry *= value; });
  });
}

NodeType same_type(const Inference& inference) { return inference.input(0); }

Var cumulative_sum_pullback(const Pullback& p);

const Op cumulative_sum_op{.name = "cumulative_sum",
                           .kind = Kind::opaque,
                           .shape_rule = same_type,
                           .pullbacks = {cumulative_sum_pullback},
                           .opaque_kernel = cumulative_sum_kernel};

Var cumulative_sum_pullback(const Pullback& p) {
  return record(cumulative_sum_op, p.gradient, p.attribute ^ reverse_bit);
}

/// x shifted by one along the axis, with 0 first.
Var previous(const Var& x, int axis, bool reverse) {
  const std::int64_t count = x.shape()[axis];
  if (count == 0) return x;
  const Var rest = reverse ? slice(x, axis, 1, count) : slice(x, axis, 0, count - 1);
  return reverse ? pad(rest, axis, 0, 1) : pad(rest, axis, 1, 0);
}

// --- linear_recurrence, for the gradient of a cumulative product ---
//
// Along the axis, with y₋₁ = 0, in one of two forms:
//   yᵢ = bᵢ + aᵢ·yᵢ₋₁       or, with previous_factor_bit,       yᵢ = bᵢ + aᵢ₋₁·yᵢ₋₁
// The gradient of either is the other form, run from the other end: with λ = other form(a, ȳ),
//   b̄ = λ    and    āᵢ = λᵢ·yᵢ₋₁    or    āᵢ = λᵢ₊₁·yᵢ
// so that both have derivatives of every order.

template <class T>
void linear_recurrence(const OpaqueCall& call) {
  const T* a = static_cast<const T*>(call.inputs[0]);
  const T* b = static_cast<const T*>(call.inputs[1]);
  T* y = static_cast<T*>(call.output);
  const bool reverse = call.attribute & reverse_bit, previous_factor = call.attribute & previous_factor_bit;
  const std::int64_t count = call.output_type.shape[attribute_axis(call.attribute)];
  for_each_line(call, [&](std::int64_t first, std::int64_t stride, std::int64_t columns) {
    double carry[most_columns];
    const std::int64_t step = reverse ? -stride : stride;
    std::int64_t row = reverse ? first + (count - 1) * stride : first;
    for (std::int64_t column = 0; column < columns; ++column)
      y[row + column] = static_cast<T>(carry[column] = static_cast<double>(b[row + column]));
    for (std::int64_t i = 1; i < count; ++i) {
      const T* factor = previous_factor ? a + row : a + row + step;
      row += step;
      for (std::int64_t column = 0; column < columns; ++column) {
        carry[column] = static_cast<double>(b[row + column]) + static_cast<double>(factor[column]) * carry[column];
        y[row + column] = static_cast<T>(carry[column]);
      }
    }
  });
}

void linear_recurrence_kernel(const OpaqueCall& call) {
  internal::visit_floating(call.output_type.dtype, [&]<class T>() { linear_recurrence<T>(call); });
}

Var linear_recurrence(const Var& a, const Var& b, std::uint64_t attribute);

/// λ: the other form, from the other end.
Var adjoint_recurrence(const Pullback& p) {
  return linear_recurrence(p.input(0), p.gradient, p.attribute ^ (reverse_bit | previous_factor_bit));
}

Var linear_recurrence_pullback_a(const Pullback& p) {
  const int axis = attribute_axis(p.attribute);
  const bool reverse = p.attribute & reverse_bit, previous_factor = p.attribute & previous_factor_bit;
  const Var adjoint = adjoint_recurrence(p);
  if (previous_factor) return previous(adjoint, axis, !reverse) * p.output;
  return adjoint * previous(p.output, axis, reverse);
}

const Op linear_recurrence_op{.name = "linear_recurrence",
                              .kind = Kind::opaque,
                              .shape_rule = same_type,
                              .pullbacks = {linear_recurrence_pullback_a, adjoint_recurrence},
                              .opaque_kernel = linear_recurrence_kernel};

Var linear_recurrence(const Var& a, const Var& b, std::uint64_t attribute) {
  return record(linear_recurrence_op, a, b, attribute);
}

Var cumulative_product_pullback(const Pullback& p);

const Op cumulative_product_op{.name = "cumulative_product",
                               .kind = Kind::opaque,
                               .shape_rule = same_type,
                               .pullbacks = {cumulative_product_pullback},
                               .opaque_kernel = cumulative_product_kernel};

/// x̄ₖ = Eₖ·λₖ, with Eₖ = Π_{j < k} xⱼ and λₖ = ḡₖ + xₖ₊₁·λₖ₊₁. If the product is exclusive, result k + 1 is the first
/// that includes xₖ, so λ is computed from the gradient shifted by one.
Var cumulative_product_pullback(const Pullback& p) {
  const int axis = attribute_axis(p.attribute);
  const bool reverse = p.attribute & reverse_bit, exclusive = p.attribute & exclusive_bit;
  const Var before = exclusive ? p.output : record(cumulative_product_op, p.input(0), p.attribute | exclusive_bit);
  const Var gradient = exclusive ? previous(p.gradient, axis, !reverse) : p.gradient;
  const std::uint64_t direction = static_cast<std::uint64_t>(axis) | (reverse ? 0 : reverse_bit) | previous_factor_bit;
  return before * linear_recurrence(p.input(0), gradient, direction);
}

Var cumulate(const Op& op, const Operand& x, int axis, const CumulativeOptions& options) {
  Var value = as_var(x, op.name);
  const int at = axis_from_front(op.name, axis, value.shape(), x.line());
  if (value.dtype() == DType::boolean) value = cast(value, DType::i64);
  return record(
      op, Operand(value, x.line()),
      static_cast<std::uint64_t>(at) | (options.reverse ? reverse_bit : 0) | (options.exclusive ? exclusive_bit : 0));
}

}  // namespace

Var cumulative_sum(const Operand& x, int axis, const CumulativeOptions& options) {
  return cumulate(cumulative_sum_op, x, axis, options);
}

Var cumulative_product(const Operand& x, int axis, const CumulativeOptions& options) {
  return cumulate(cumulative_product_op, x, axis, options);
}

}  // namespace thalweg
