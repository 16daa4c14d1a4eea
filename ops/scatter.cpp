// Overwriting at indices, and the largest or smallest value there.

#include <algorithm>
#include <cstring>

#include <thalweg/ops/arithmetic.hpp>
#include <thalweg/ops/indexing.hpp>
#include <thalweg/ops/logic.hpp>
#include <thalweg/ops/shape.hpp>

#include "ops/axes.hpp"
#include "ops/buffers.hpp"
#include "ops/indices.hpp"
#include "src/core_ops/core_ops.hpp"
#include "src/tensor/visit.hpp"

namespace thalweg {

namespace {

// Inputs: x, indices, updates; the attribute is the axis.

NodeType scatter_shape(const Inference& inference) {
  check_indices(inference, 1);
  return {inference.shape(0), inference.input(0).dtype, false};
}

/// Checks the indices and copies x to the output.
AxisSplit begin_scatter(const OpaqueCall& call) {
  const int axis = attribute_axis(call.attribute);
  const AxisSplit split = split_at(call.output_type.shape, axis);
  check_all(indices_of(call), split.count, axis, call);
  pass_on_first_input(call);
  return split;
}

void scatter_kernel(const OpaqueCall& call) {
  const AxisSplit split = begin_scatter(call);
  const auto row = static_cast<std::size_t>(split.inner) * size_of(call.output_type.dtype);
  const auto* from = static_cast<const char*>(call.inputs[2]);
  auto* to = static_cast<char*>(call.output);
  if (row == 0) return;
  for (std::int64_t i = 0; i < split.outer; ++i, to += static_cast<std::size_t>(split.count) * row)
    for (const std::int64_t index : indices_of(call)) {
      std::memcpy(to + static_cast<std::size_t>(from_front(index, split.count)) * row, from, row);
      from += row;
    }
}

void scatter_along_axis_kernel(const OpaqueCall& call) {
  const AxisSplit split = begin_scatter(call);
  const auto overwrite = [&]<class T>(T) {
    combine_along_axis<T>(call, split, call.inputs[2], [](T& to, T from) { to = from; });
  };
  switch (size_of(call.output_type.dtype)) {
    case 1: return overwrite(std::uint8_t());
    case 4: return overwrite(std::uint32_t());
    default: return overwrite(std::uint64_t());
  }
}

Var zeros_of(const Shape& shape, DType dtype) {
  return internal::broadcast_to(internal::typed_literal(0, dtype), shape);
}

/// The row-major number of each element, i64.
Var numbered(const Shape& shape) {
  return internal::reshape(column_index(shape.size()) * internal::typed_literal(1, DType::i64), shape);
}

Var pullback_x(const Pullback& p);
Var pullback_x_along_axis(const Pullback& p);
Var pullback_updates(const Pullback& p);
Var pullback_updates_along_axis(const Pullback& p);

const Op scatter_op{.name = "scatter",
                    .kind = Kind::opaque,
                    .shape_rule = scatter_shape,
                    .pullbacks = {pullback_x, nullptr, pullback_updates},
                    .opaque_kernel = scatter_kernel,
                    .can_fail = true};

const Op scatter_along_axis_op{.name = "scatter_along_axis",
                               .kind = Kind::opaque,
                               .shape_rule = scatter_shape,
                               .pullbacks = {pullback_x_along_axis, nullptr, pullback_updates_along_axis},
                               .opaque_kernel = scatter_along_axis_kernel,
                               .can_fail = true};

Var with_zeros(const Op& op, const Pullback& p) {
  const Var& updates = p.input(2);
  return record(op, p.gradient, p.input(1), zeros_of(updates.shape(), updates.dtype()), p.attribute);
}
Var pullback_x(const Pullback& p) { return with_zeros(scatter_op, p); }
Var pullback_x_along_axis(const Pullback& p) { return with_zeros(scatter_along_axis_op, p); }

/// The gradient of an update is that of its place if no later update has the same place: the numbers of the updates are
/// written in the same way, and those that can be read back are the last ones.
Var pullback_updates(const Pullback& p) {
  const Var &indices = p.input(1), &updates = p.input(2);
  const int axis = attribute_axis(p.attribute);
  const Var number = numbered(indices.shape());
  const Shape line{p.input(0).shape()[axis]};
  const Var last = record(scatter_op, zeros_of(line, DType::i64), indices, number, std::uint64_t{0});
  // Beside the updates: of shape indices.shape + (1, …).
  Dimensions dimensions{};
  const int rank = updates.rank() - axis;
  std::fill_n(dimensions.begin(), rank, 1);
  std::copy(indices.shape().begin(), indices.shape().end(), dimensions.begin());
  const Var wins = internal::reshape(gather(last, indices) == number, make_shape(dimensions, rank));
  return where(wins, gather(p.gradient, indices, axis), 0);
}

Var pullback_updates_along_axis(const Pullback& p) {
  const Var& indices = p.input(1);
  const int axis = attribute_axis(p.attribute);
  const Var number = numbered(indices.shape());
  const Var last =
      record(scatter_along_axis_op, zeros_of(p.input(0).shape(), DType::i64), indices, number, p.attribute);
  return where(take_along_axis(last, indices, axis) == number, take_along_axis(p.gradient, indices, axis), 0);
}

// --- scatter_max and scatter_min; inputs and attribute as above ---

enum class Places : std::uint8_t { rows, along_axis };

// Without branches, so that rows are vectorized.
struct Larger {
  template <class T>
  void operator()(T& value, T update) const {
    value = ((update > value) | is_nan(update)) ? update : value;
  }
};
struct Smaller {
  template <class T>
  void operator()(T& value, T update) const {
    value = ((update < value) | is_nan(update)) ? update : value;
  }
};

template <class Extremum, Places places>
void extremum_kernel(const OpaqueCall& call) {
  const AxisSplit split = begin_scatter(call);
  internal::visit_number(call.output_type.dtype, [&]<class T>() {
    if constexpr (places == Places::rows)
      combine_rows<T>(call, split, call.inputs[2], Extremum());
    else
      combine_along_axis<T>(call, split, call.inputs[2], Extremum());
  });
}

template <Places places>
Var taken(const Pullback& p, const Var& x) {
  const int axis = attribute_axis(p.attribute);
  return places == Places::rows ? gather(x, p.input(1), axis) : take_along_axis(x, p.input(1), axis);
}

/// Where the updates equal the result, in its gradient's dtype.
template <Places places>
Var tied_updates(const Pullback& p) {
  return cast(p.input(2) == taken<places>(p, p.output), p.gradient.dtype());
}

Var tied_values(const Pullback& p) { return cast(p.input(0) == p.output, p.gradient.dtype()); }

/// The number of values that equal each element of the result.
template <Places places>
Var tie_count(const Pullback& p) {
  const Var values = tied_values(p), updates = tied_updates<places>(p);
  const int axis = attribute_axis(p.attribute);
  return places == Places::rows ? scatter_add(values, p.input(1), updates, axis)
                                : scatter_add_along_axis(values, p.input(1), updates, axis);
}

/// The gradient is divided evenly among the values that equal the result; those of a NaN are NaN, as for `max`.
template <Places places>
Var extremum_pullback_x(const Pullback& p) {
  return chain(p.gradient, tied_values(p) / tie_count<places>(p));
}
template <Places places>
Var extremum_pullback_updates(const Pullback& p) {
  return chain(taken<places>(p, p.gradient), tied_updates<places>(p) / taken<places>(p, tie_count<places>(p)));
}

template <class Extremum, Places places>
Op extremum_op(const char* name) {
  return {.name = name,
          .kind = Kind::opaque,
          .shape_rule = scatter_shape,
          .pullbacks = {extremum_pullback_x<places>, nullptr, extremum_pullback_updates<places>},
          .opaque_kernel = extremum_kernel<Extremum, places>,
          .can_fail = true};
}

const Op scatter_max_op = extremum_op<Larger, Places::rows>("scatter_max");
const Op scatter_min_op = extremum_op<Smaller, Places::rows>("scatter_min");
const Op scatter_max_along_axis_op = extremum_op<Larger, Places::along_axis>("scatter_max_along_axis");
const Op scatter_min_along_axis_op = extremum_op<Smaller, Places::along_axis>("scatter_min_along_axis");

/// Records an op on rows, or along an axis.
Var scatter_rows(const Op& op, const Operand& x, const Var& value, const Operand& indices, const Operand& updates,
                 int axis) {
  const Var places = as_var(indices, op.name);
  const int at = axis_from_front(op.name, axis, value.shape(), x.line());
  const auto attribute = static_cast<std::uint64_t>(at);
  const NodeType types[2] = {{value.shape(), value.dtype(), false}, {places.shape(), places.dtype(), false}};
  const Shape shape = gather_shape(Inference(op.name, blamed(x.line()), attribute, types)).shape;
  return record(op, value, places, checked_updates(op.name, updates, value, shape, x.line()), attribute);
}

Var scatter_elements(const Op& op, const Operand& x, const Var& value, const Operand& indices, const Operand& updates,
                     int axis) {
  const Var places = as_var(indices, op.name);
  const int at = axis_from_front(op.name, axis, value.shape(), x.line());
  const Shape shape = checked_places(op.name, value, places, at, x.line());
  return record(op, value, broadcast_if_needed(places, shape),
                checked_updates(op.name, updates, value, shape, x.line()), static_cast<std::uint64_t>(at));
}

}  // namespace

Var scatter(const Operand& x, const Operand& indices, const Operand& updates, int axis) {
  const OpScope scope("scatter", x.line());
  return scatter_rows(scatter_op, x, as_var(x, "scatter"), indices, updates, axis);
}

Var scatter_along_axis(const Operand& x, const Operand& indices, const Operand& updates, int axis) {
  const OpScope scope("scatter_along_axis", x.line());
  return scatter_elements(scatter_along_axis_op, x, as_var(x, "scatter_along_axis"), indices, updates, axis);
}

Var scatter_max(const Operand& x, const Operand& indices, const Operand& updates, int axis) {
  const OpScope scope("scatter_max", x.line());
  return scatter_rows(scatter_max_op, x, as_numbers(x, "scatter_max"), indices, updates, axis);
}

Var scatter_min(const Operand& x, const Operand& indices, const Operand& updates, int axis) {
  const OpScope scope("scatter_min", x.line());
  return scatter_rows(scatter_min_op, x, as_numbers(x, "scatter_min"), indices, updates, axis);
}

Var scatter_max_along_axis(const Operand& x, const Operand& indices, const Operand& updates, int axis) {
  const OpScope scope("scatter_max_along_axis", x.line());
  return scatter_elements(scatter_max_along_axis_op, x, as_numbers(x, "scatter_max_along_axis"), indices, updates,
                          axis);
}

Var scatter_min_along_axis(const Operand& x, const Operand& indices, const Operand& updates, int axis) {
  const OpScope scope("scatter_min_along_axis", x.line());
  return scatter_elements(scatter_min_along_axis_op, x, as_numbers(x, "scatter_min_along_axis"), indices, updates,
                          axis);
}

}  // namespace thalweg
