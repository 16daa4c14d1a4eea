#include <thalweg/ops/indexing.hpp>

#include <type_traits>

#include <fmt/format.h>

#include <thalweg/ops/arithmetic.hpp>
#include <thalweg/ops/shape.hpp>

#include "ops/axes.hpp"
#include "ops/buffers.hpp"
#include "ops/indices.hpp"
#include "src/core_ops/core_ops.hpp"
#include "src/run/gather.hpp"
#include "src/tape/recorder.hpp"
#include "src/tensor/visit.hpp"

namespace thalweg {

namespace {

// --- gather, whose attribute is the axis ---

void gather_kernel(const OpaqueCall& call) {
  const int axis = attribute_axis(call.attribute);
  const AxisSplit split = split_at(call.input_types[0].shape, axis);
  const std::span<const std::int64_t> indices = indices_of(call);
  check_all(indices, split.count, axis, call);
  run::Rows rows{call.inputs[0], split.count, static_cast<std::size_t>(split.inner) * size_of(call.output_type.dtype)};
  auto* to = static_cast<char*>(call.output);
  for (std::int64_t i = 0; i < split.outer; ++i, to += indices.size() * rows.bytes) {
    run::gather_rows(rows, indices, to);
    rows.data = static_cast<const char*>(rows.data) + static_cast<std::size_t>(rows.count) * rows.bytes;
  }
}

// --- scatter, the adjoint of gather: adds rows into zeros at the indices. Attribute: the result's shape and the axis
// ---

NodeType scatter_shape(const Inference& inference) {
  check_indices(inference, 1);
  return {shape_beside_axis(inference.attribute()), inference.input(0).dtype, false};
}

struct AddTo {
  template <class T>
  void operator()(T& sum, T number) const {
    if constexpr (std::is_integral_v<T>)
      sum = static_cast<T>(static_cast<std::uint64_t>(sum) + static_cast<std::uint64_t>(number));
    else
      sum += number;
  }
};

/// Checks the indices and fills the output with zeros.
AxisSplit begin_scatter(const OpaqueCall& call) {
  const int axis = attribute_axis(call.attribute);
  const AxisSplit split = split_at(call.output_type.shape, axis);
  check_all(indices_of(call), split.count, axis, call);
  fill_zeros(call);
  return split;
}

void scatter_kernel(const OpaqueCall& call) {
  const AxisSplit split = begin_scatter(call);
  internal::visit_number(call.output_type.dtype,
                         [&]<class T>() { combine_rows<T>(call, split, call.inputs[0], AddTo()); });
}

void scatter_along_axis_kernel(const OpaqueCall& call) {
  const AxisSplit split = begin_scatter(call);
  internal::visit_number(call.output_type.dtype,
                         [&]<class T>() { combine_along_axis<T>(call, split, call.inputs[0], AddTo()); });
}

Var gather_pullback(const Pullback& p);
Var scatter_pullback(const Pullback& p);

const Op gather_op{.name = "gather",
                   .kind = Kind::opaque,
                   .shape_rule = gather_shape,
                   .pullbacks = {gather_pullback},
                   .opaque_kernel = gather_kernel,
                   .can_fail = true};

const Op scatter_op{.name = "scatter_add",
                    .kind = Kind::opaque,
                    .shape_rule = scatter_shape,
                    .pullbacks = {scatter_pullback},
                    .opaque_kernel = scatter_kernel,
                    .can_fail = true};

Var gather_pullback(const Pullback& p) {
  return record(scatter_op, p.gradient, p.input(1), shape_and_axis(p.input(0).shape(), attribute_axis(p.attribute)));
}
Var scatter_pullback(const Pullback& p) {
  return record(gather_op, p.gradient, p.input(1), static_cast<std::uint64_t>(attribute_axis(p.attribute)));
}

Var gather_first_time(const Op& op, const Operand& x, const Operand& indices, std::uint64_t axis) {
  const Var value = as_var(x, op.name);
  if (value.rank() == 0) fail<ShapeError>(op.name, "shape () has no axis to gather along", x.line());
  const int at = axis_from_front(op.name, static_cast<int>(axis), value.shape(), x.line());
  return record(op, Operand(value, x.line()), indices, static_cast<std::uint64_t>(at));
}

// --- take_along_axis and its adjoint; attributes as above ---

NodeType take_along_axis_shape(const Inference& inference) {
  check_indices(inference, 1);
  return {inference.shape(1), inference.input(0).dtype, false};
}

template <class T>
void take_along_axis(const OpaqueCall& call, const AxisSplit& split) {
  const T* from = static_cast<const T*>(call.inputs[0]);
  const auto* indices = static_cast<const std::int64_t*>(call.inputs[1]);
  T* to = static_cast<T*>(call.output);
  const std::int64_t lines = call.output_type.shape[attribute_axis(call.attribute)];
  for (std::int64_t i = 0; i < split.outer; ++i, from += split.count * split.inner)
    for (std::int64_t k = 0; k < lines; ++k)
      for (std::int64_t j = 0; j < split.inner; ++j)
        *to++ = from[from_front(*indices++, split.count) * split.inner + j];
}

void take_along_axis_kernel(const OpaqueCall& call) {
  const int axis = attribute_axis(call.attribute);
  const AxisSplit split = split_at(call.input_types[0].shape, axis);
  check_all(indices_of(call), split.count, axis, call);
  switch (size_of(call.output_type.dtype)) {
    case 1: return take_along_axis<std::uint8_t>(call, split);
    case 4: return take_along_axis<std::uint32_t>(call, split);
    default: return take_along_axis<std::uint64_t>(call, split);
  }
}

Var take_along_axis_pullback(const Pullback& p);
Var scatter_along_axis_pullback(const Pullback& p);

const Op take_along_axis_op{.name = "take_along_axis",
                            .kind = Kind::opaque,
                            .shape_rule = take_along_axis_shape,
                            .pullbacks = {take_along_axis_pullback},
                            .opaque_kernel = take_along_axis_kernel,
                            .can_fail = true};

const Op scatter_along_axis_op{.name = "scatter_add_along_axis",
                               .kind = Kind::opaque,
                               .shape_rule = scatter_shape,
                               .pullbacks = {scatter_along_axis_pullback},
                               .opaque_kernel = scatter_along_axis_kernel,
                               .can_fail = true};

Var take_along_axis_pullback(const Pullback& p) {
  return record(scatter_along_axis_op, p.gradient, p.input(1),
                shape_and_axis(p.input(0).shape(), attribute_axis(p.attribute)));
}
Var scatter_along_axis_pullback(const Pullback& p) {
  return record(take_along_axis_op, p.gradient, p.input(1), static_cast<std::uint64_t>(attribute_axis(p.attribute)));
}

// --- labels ---

NodeType labels_shape(const Inference& inference) {
  if (inference.input(0).dtype != DType::i64)
    inference.fail_dtype(fmt::format("labels must be i64, they are {}", name(inference.input(0).dtype)));
  return {inference.shape(0), DType::i64, false};
}

void checked_labels_kernel(const OpaqueCall& call) {
  const auto* labels = static_cast<const std::int64_t*>(call.inputs[0]);
  const auto count = static_cast<std::size_t>(call.output_type.shape.size());
  const auto classes = static_cast<std::int64_t>(call.attribute);
  const auto* ignored = call.inputs.size() > 1 ? static_cast<const std::int64_t*>(call.inputs[1]) : nullptr;
  for (std::size_t i = 0; i < count; ++i)
    if ((labels[i] < 0 || labels[i] >= classes) && (ignored == nullptr || labels[i] != *ignored))
      throw IndexError(error_text(call.op(),
                                  fmt::format("label {} at place {} is out of range for {} classes", labels[i],
                                              place_in(call.output_type.shape, static_cast<std::int64_t>(i)), classes),
                                  call.line()));
  pass_on_first_input(call);
}

const Op checked_labels_op{.name = "labels",
                           .kind = Kind::opaque,
                           .shape_rule = labels_shape,
                           .opaque_kernel = checked_labels_kernel,
                           .can_fail = true};

}  // namespace

Var gather(const Operand& x, const Operand& indices, int axis) {
  // A node's attribute has a non-negative axis.
  return internal::Recorder::record(gather_op, x, indices, static_cast<std::uint64_t>(axis), gather_first_time);
}

Var scatter_add(const Operand& x, const Operand& indices, const Operand& updates, int axis) {
  const OpScope scope("scatter_add", x.line());
  const Var value = as_numbers(x, "scatter_add"), places = as_var(indices, "scatter_add");
  const int at = axis_from_front("scatter_add", axis, value.shape(), x.line());
  const NodeType types[2] = {{value.shape(), value.dtype(), false}, {places.shape(), places.dtype(), false}};
  const Shape shape =
      gather_shape(Inference("scatter_add", blamed(x.line()), static_cast<std::uint64_t>(at), types)).shape;
  const Var added = checked_updates("scatter_add", updates, value, shape, x.line());
  return value + record(scatter_op, added, places, shape_and_axis(value.shape(), at));
}

Var take_along_axis(const Operand& x, const Operand& indices, int axis) {
  const OpScope scope("take_along_axis", x.line());
  const Var value = as_var(x, "take_along_axis"), places = as_var(indices, "take_along_axis");
  const int at = axis_from_front("take_along_axis", axis, value.shape(), x.line());
  check_along_axis("take_along_axis", value, places, at, x.line());
  return record(take_along_axis_op, broadcast_if_needed(value, with_others_of(value.shape(), places.shape(), at)),
                broadcast_if_needed(places, with_others_of(places.shape(), value.shape(), at)),
                static_cast<std::uint64_t>(at));
}

Var scatter_add_along_axis(const Operand& x, const Operand& indices, const Operand& updates, int axis) {
  const OpScope scope("scatter_add_along_axis", x.line());
  const char* const op = "scatter_add_along_axis";
  const Var value = as_numbers(x, "scatter_add_along_axis"), places = as_var(indices, "scatter_add_along_axis");
  const int at = axis_from_front(op, axis, value.shape(), x.line());
  const Shape shape = checked_places(op, value, places, at, x.line());
  const Var added = checked_updates(op, updates, value, shape, x.line());
  return value +
         record(scatter_along_axis_op, added, broadcast_if_needed(places, shape), shape_and_axis(value.shape(), at));
}

Var masked_fill(const Operand& x, const Operand& mask, const Operand& value) {
  const Var from = as_var(x, "masked_fill"), holds = as_var(mask, "masked_fill"), fill = as_var(value, "masked_fill");
  if (holds.dtype() != DType::boolean)
    fail<DtypeError>("masked_fill", fmt::format("the mask is {}, not bool", name(holds.dtype())), x.line());
  const SourceLine line = blamed(x.line());
  const NodeType numbers[2] = {type_of(from), type_of(fill)};
  const NodeType shapes[3] = {{from.shape()}, {holds.shape()}, {fill.shape()}};
  // Only for their errors, which name this op; those of `where` would name `where`.
  (void)Inference("masked_fill", line, 0, shapes).broadcast();
  (void)Inference("masked_fill", line, 0, numbers).broadcast();
  return where(Operand(holds, x.line()), fill, from);
}

namespace internal {

Var checked_labels(const Operand& labels, std::int64_t classes, std::optional<std::int64_t> ignored, SourceLine line) {
  const Var value = as_var(labels);
  const Operand there(value, line);
  const auto attribute = static_cast<std::uint64_t>(classes);
  return ignored ? record(checked_labels_op, there, *ignored, attribute) : record(checked_labels_op, there, attribute);
}

}  // namespace internal

Var one_hot(const Operand& labels, std::int64_t classes, DType dtype) {
  const OpScope scope("one_hot", labels.line());
  if (classes < 0) fail<ValueError>("one_hot", fmt::format("{} classes", classes), labels.line());
  const Var checked = unsqueeze(internal::checked_labels(labels, classes, {}, labels.line()), -1);
  return cast((is_floating(dtype) ? cast(checked, dtype) : checked) == column_index(classes), dtype);
}

}  // namespace thalweg
