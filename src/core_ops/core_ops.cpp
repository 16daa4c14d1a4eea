#include "src/core_ops/core_ops.hpp"

#include <cstring>

#include <fmt/format.h>

#include <thalweg/composite.hpp>
#include <thalweg/differentiate.hpp>

#include "src/tape/recorder.hpp"
#include "src/tensor/convert.hpp"

namespace thalweg::internal {

const Op constant_op{.name = "constant", .kind = Kind::source};
const Op number_op{.name = "number", .kind = Kind::source};
const Op literal_op{.name = "literal", .kind = Kind::source};
const Op parameter_op{.name = "parameter", .kind = Kind::source};
const Op registry_buffer_op{.name = "registry_buffer", .kind = Kind::source};
const Op column_index_op{.name = "column_index", .kind = Kind::source};

const Op value_request_op{.name = "value", .kind = Kind::effect};
const Op item_request_op{.name = "item", .kind = Kind::effect};
const Op effects_request_op{.name = "run", .kind = Kind::effect};
const Op backward_request_op{.name = "backward", .kind = Kind::effect};
const Op keep_op{.name = "keep", .kind = Kind::effect};
const Op gradients_op{.name = "gradients", .kind = Kind::effect};

namespace {

// --- views and broadcasts ---

StridedView broadcast_view(const Shape& input, const Shape& output, std::uint64_t, std::span<const double>) {
  StridedView view;
  std::int64_t stride = 1;
  for (int axis = input.rank(); axis-- > 0; stride *= input[axis]) {
    const int out = axis + output.rank() - input.rank();
    view.strides[static_cast<std::size_t>(out)] = input[axis] == 1 ? 0 : stride;
  }
  return view;
}

NodeType attribute_shape_rule(const Inference& inference) {
  NodeType type = inference.input(0);
  type.shape = attribute_shape(inference.attribute());
  return type;
}

NodeType reshape_shape(const Inference& inference) {
  const NodeType type = attribute_shape_rule(inference);
  if (type.shape.size() != inference.shape(0).size())
    inference.fail_shape(fmt::format("{} has {} elements, {} has {}", to_string(inference.shape(0)),
                                     inference.shape(0).size(), to_string(type.shape), type.shape.size()));
  return type;
}

NodeType broadcast_to_shape(const Inference& inference) {
  const NodeType type = attribute_shape_rule(inference);
  const Shape& from = inference.shape(0);
  bool fits = from.rank() <= type.shape.rank();
  for (int axis = 0; fits && axis < from.rank(); ++axis) {
    const std::int64_t wanted = type.shape[axis + type.shape.rank() - from.rank()];
    fits = from[axis] == wanted || from[axis] == 1;
  }
  if (!fits) inference.fail_shape(fmt::format("{} does not broadcast to {}", to_string(from), to_string(type.shape)));
  return type;
}

NodeType same_type(const Inference& inference) { return inference.input(0); }

// --- gradient rules ---

Var sum_to_pullback(const Pullback& p) { return broadcast_to(p.gradient, p.input(0).shape()); }
Var broadcast_to_pullback(const Pullback& p) { return sum_to(p.gradient, p.input(0).shape()); }
Var reshape_pullback(const Pullback& p) { return reshape(p.gradient, p.input(0).shape()); }
Var cast_pullback(const Pullback& p) { return cast(p.gradient, p.input(0).dtype()); }

// --- cast ---

NodeType cast_shape(const Inference& inference) {
  return {inference.shape(0), static_cast<DType>(inference.attribute()), false};
}

void cast_kernel(const OpaqueCall& call) {
  try {
    convert(call.inputs[0], call.input_types[0].dtype, call.output, call.output_type.dtype, call.output_type.shape);
  } catch (const NoI64Value& value) {
    throw ValueError(error_text(call.op(), value.message, call.line()));
  }
}

// --- the sum over an axis of size 0: the result has elements although the input has none ---

void fill_zeros(const OpaqueCall& call) {
  std::memset(call.output, 0,
              static_cast<std::size_t>(call.output_type.shape.size()) * size_of(call.output_type.dtype));
}

Var sum_of_nothing_pullback(const Pullback& p) {
  return broadcast_to(cast(literal(0), p.gradient.dtype()), p.input(0).shape());
}

const Op sum_of_nothing_op{.name = "sum",
                           .kind = Kind::opaque,
                           .shape_rule = attribute_shape_rule,
                           .pullbacks = {sum_of_nothing_pullback},
                           .opaque_kernel = fill_zeros};

// --- assign ---

NodeType assign_shape(const Inference& inference) { return inference.input(0); }

}  // namespace

const Op sum_to_op{.name = "sum_to",
                   .kind = Kind::reduction,
                   .shape_rule = attribute_shape_rule,
                   .pullbacks = {sum_to_pullback},
                   .reduction = ReductionKind::sum};
const Op broadcast_to_op{.name = "broadcast_to",
                         .kind = Kind::broadcast,
                         .shape_rule = broadcast_to_shape,
                         .pullbacks = {broadcast_to_pullback},
                         .view_rule = broadcast_view};
const Op reshape_op{.name = "reshape",
                    .kind = Kind::view,
                    .shape_rule = reshape_shape,
                    .pullbacks = {reshape_pullback},
                    .view_rule = contiguous_view};
const Op stop_gradient_op{
    .name = "stop_gradient", .kind = Kind::view, .shape_rule = same_type, .view_rule = contiguous_view};
const Op assigned_parameter_op{.name = "parameter",
                               .kind = Kind::view,
                               .shape_rule = same_type,
                               .pullbacks = {[](const Pullback& p) { return p.gradient; }},
                               .view_rule = contiguous_view};
const Op assign_op{.name = "assign", .kind = Kind::effect, .shape_rule = assign_shape};
const Op cast_op{.name = "cast",
                 .kind = Kind::opaque,
                 .shape_rule = cast_shape,
                 .pullbacks = {cast_pullback},
                 .opaque_kernel = cast_kernel};

namespace {

/// From fractions to i64, which cannot hold all of them.
const Op cast_to_whole_op{
    .name = "cast", .kind = Kind::opaque, .shape_rule = cast_shape, .opaque_kernel = cast_kernel, .can_fail = true};

}  // namespace

void* registry_data(const RegistryCore& core, std::uint64_t attribute) {
  const RegistryAddress address = unpack(attribute);
  const auto in_region = [&](const FlatBuffer& buffer) {
    return static_cast<char*>(buffer.data()) + core.region_begin(region_of(address));
  };
  switch (address.space) {
    case RegistrySpace::parameter: return core.value_data(address.index);
    case RegistrySpace::values: return in_region(core.trainable_values);
    case RegistrySpace::gradients: return in_region(core.gradients);
    case RegistrySpace::state: return in_region(core.states[static_cast<std::size_t>(state_of(address))].buffer);
  }
  return nullptr;
}

const Shape* registry_shape(const RegistryCore& core, std::uint64_t attribute) {
  const RegistryAddress address = unpack(attribute);
  if (address.space == RegistrySpace::parameter) return core.entries[static_cast<std::size_t>(address.index)].interned;
  return core.regions[static_cast<std::size_t>(region_of(address))].shape;
}

Var sum_to(const Operand& x, const Shape& shape) {
  const Var value = as_var(x, "sum_to");
  if (value.shape() == shape) return value;
  if (value.shape().size() == 0) return sum_of_nothing(value, shape);
  return record(sum_to_op, value, shape_attribute(shape));
}

Var sum_of_nothing(const Operand& x, const Shape& shape) {
  return record(sum_of_nothing_op, x, shape_attribute(shape));
}

Var broadcast_to(const Operand& x, const Shape& shape) { return record(broadcast_to_op, x, shape_attribute(shape)); }

Var reshape(const Operand& x, const Shape& shape) { return record(reshape_op, x, shape_attribute(shape)); }

Var typed_literal(double number, DType dtype) {
  Recorder& recorder = Recorder::require("literal", {});
  return recorder.var(recorder.literal(number, dtype));
}
Var add(const Operand& a, const Operand& b) { return record(add_op, a, b); }

}  // namespace thalweg::internal

namespace thalweg {

Var stop_gradient(const Operand& x) { return record(internal::stop_gradient_op, x); }

Var cast(const Operand& x, DType dtype) {
  const Var value = as_var(x, "cast");
  internal::Recorder& recorder = internal::Recorder::require("cast", x.line());
  if (recorder.key(value.id()).op == &internal::number_op && is_floating(dtype))
    return recorder.var(recorder.number(recorder.slot(value.id()).number, dtype, x.line()));
  if (value.dtype() == dtype) return value;
  const Op& op = dtype == DType::i64 && is_floating(value.dtype()) ? internal::cast_to_whole_op : internal::cast_op;
  return record(op, Operand(value, x.line()), static_cast<std::uint64_t>(dtype));
}

Var column_index(std::int64_t count, SourceLine line) {
  if (count == 1) return internal::reshape(Operand(literal(0), line), Shape{1});  // a single column has index 0
  internal::Recorder& recorder = internal::Recorder::require("column_index", line);
  internal::Key key;
  key.op = &internal::column_index_op;
  key.dtype = DType::i64;
  key.flags = internal::weak_flag | internal::shape_flag;
  key.attribute = shape_attribute(Shape{count});
  return recorder.var(recorder.append(key, line));
}

Var chain(const Operand& gradient, const Operand& derivative) {
  return record(internal::chain_op, gradient, derivative);
}

}  // namespace thalweg
