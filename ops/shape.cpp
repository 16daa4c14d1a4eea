#include <thalweg/ops/shape.hpp>

#include <array>
#include <cstring>

#include <fmt/format.h>

#include "src/core_ops/core_ops.hpp"
#include "src/tape/recorder.hpp"

namespace thalweg {

namespace {

using Dimensions = std::array<std::int64_t, Shape::max_rank>;

Shape make_shape(const Dimensions& dimensions, int rank) {
  return Shape(std::span<const std::int64_t>(dimensions.data(), static_cast<std::size_t>(rank)));
}

int checked_axis(const char* op, int axis, const Shape& shape, SourceLine line, int extra = 0) {
  const int rank = shape.rank() + extra, from_front = axis < 0 ? axis + rank : axis;
  if (from_front < 0 || from_front >= rank)
    throw IndexError(error_text(op, fmt::format("axis {} is out of range for shape {}", axis, to_string(shape)), line));
  return from_front;
}

Dimensions contiguous_strides(const Shape& shape) {
  Dimensions strides{};
  std::int64_t stride = 1;
  for (int axis = shape.rank(); axis-- > 0; stride *= shape[axis]) strides[static_cast<std::size_t>(axis)] = stride;
  return strides;
}

// --- permute: the attribute holds the order, four bits an axis ---

int permuted_axis(std::uint64_t order, int axis) { return static_cast<int>(order >> (4 * axis) & 15); }

NodeType permute_shape(const Inference& inference) {
  const Shape& from = inference.shape(0);
  Dimensions dimensions{};
  for (int axis = 0; axis < from.rank(); ++axis)
    dimensions[static_cast<std::size_t>(axis)] = from[permuted_axis(inference.attribute(), axis)];
  NodeType type = inference.input(0);
  type.shape = make_shape(dimensions, from.rank());
  return type;
}

StridedView permute_view(const Shape& input, const Shape&, std::uint64_t order, std::span<const double>) {
  StridedView view;
  const Dimensions strides = contiguous_strides(input);
  for (int axis = 0; axis < input.rank(); ++axis)
    view.strides[static_cast<std::size_t>(axis)] = strides[static_cast<std::size_t>(permuted_axis(order, axis))];
  return view;
}

Var permute_pullback(const Pullback& p);

const Op permute_op{.name = "permute",
                    .kind = Kind::view,
                    .shape_rule = permute_shape,
                    .pullbacks = {permute_pullback},
                    .view_rule = permute_view};

Var permute_pullback(const Pullback& p) {
  std::uint64_t inverse = 0;
  for (int axis = 0; axis < p.gradient.rank(); ++axis)
    inverse |= static_cast<std::uint64_t>(axis) << (4 * permuted_axis(p.attribute, axis));
  return record(permute_op, p.gradient, inverse);
}

// --- slice: the attribute holds axis (3 bits) and length; the start is a number beside the input ---

int slice_axis(std::uint64_t attribute) { return static_cast<int>(attribute & 7); }

NodeType slice_shape(const Inference& inference) {
  NodeType type = inference.input(0);
  Dimensions dimensions{};
  std::copy(type.shape.begin(), type.shape.end(), dimensions.begin());
  dimensions[static_cast<std::size_t>(slice_axis(inference.attribute()))] = static_cast<std::int64_t>(inference.attribute() >> 3);
  type.shape = make_shape(dimensions, type.shape.rank());
  return type;
}

StridedView slice_view(const Shape& input, const Shape&, std::uint64_t attribute, std::span<const double> numbers) {
  StridedView view;
  view.strides = contiguous_strides(input);
  const auto start = static_cast<std::int64_t>(numbers.empty() ? 0 : numbers[0]);
  view.offset = start * view.strides[static_cast<std::size_t>(slice_axis(attribute))];
  return view;
}

// unslice: pieces laid into zeros, each at its start, added where they overlap. Inputs: piece and start in turn. One op
// takes all pieces of one tensor's gradient, so that many slices cost no more than one copy. The attribute is the address
// of the whole's interned shape, the axis in the three bits that its alignment leaves free.

const Shape& unsliced_shape(std::uint64_t attribute) { return attribute_shape(attribute & ~std::uint64_t{7}); }

NodeType unslice_shape(const Inference& inference) {
  return {unsliced_shape(inference.attribute()), inference.input(0).dtype, false};
}

template <class T>
void add_piece(T* output, const T* piece, std::int64_t outer, std::int64_t length, std::int64_t whole) {
  for (std::int64_t i = 0; i < outer; ++i)
    for (std::int64_t j = 0; j < length; ++j) output[i * whole + j] += piece[i * length + j];
}

void unslice_kernel(const OpaqueCall& call) {
  const Shape& shape = call.output_type.shape;
  const int axis = slice_axis(call.attribute);
  std::int64_t outer = 1, inner = 1;
  for (int i = 0; i < axis; ++i) outer *= shape[i];
  for (int i = axis + 1; i < shape.rank(); ++i) inner *= shape[i];
  std::memset(call.output, 0, static_cast<std::size_t>(shape.size()) * size_of(call.output_type.dtype));
  for (std::size_t i = 0; i < call.inputs.size(); i += 2) {
    const std::int64_t length = call.input_types[i].shape[axis] * inner, whole = shape[axis] * inner;
    const std::int64_t start = *static_cast<const std::int64_t*>(call.inputs[i + 1]) * inner;
    if (call.output_type.dtype == DType::f32) {
      add_piece(static_cast<float*>(call.output) + start, static_cast<const float*>(call.inputs[i]), outer, length, whole);
    } else {
      add_piece(static_cast<double*>(call.output) + start, static_cast<const double*>(call.inputs[i]), outer, length, whole);
    }
  }
}

Var slice_again(const Var& x, const Var& start, std::uint64_t attribute);

Var unslice_pullback(const Pullback& p) {
  if (p.index % 2 != 0) return {};  // a start
  const auto length = static_cast<std::uint64_t>(p.input(p.index).shape()[slice_axis(p.attribute)]);
  return slice_again(p.gradient, p.input(p.index + 1), static_cast<std::uint64_t>(slice_axis(p.attribute)) | length << 3);
}

const Op unslice_op{.name = "unslice",
                    .kind = Kind::opaque,
                    .shape_rule = unslice_shape,
                    .every_pullback = unslice_pullback,
                    .sums_by_joining = true,
                    .opaque_kernel = unslice_kernel};

Var slice_pullback(const Pullback& p) {
  const std::uint64_t attribute = shape_attribute(p.input(0).shape()) | static_cast<std::uint64_t>(slice_axis(p.attribute));
  return record(unslice_op, p.gradient, p.input(1), attribute);
}

const Op slice_op{.name = "slice",
                  .kind = Kind::view,
                  .shape_rule = slice_shape,
                  .pullbacks = {slice_pullback},
                  .view_rule = slice_view};

Var slice_again(const Var& x, const Var& start, std::uint64_t attribute) { return record(slice_op, x, start, attribute); }

// --- concatenate ---

NodeType concatenate_shape(const Inference& inference) {
  NodeType type = inference.input(0);
  const auto axis = static_cast<int>(inference.attribute());
  std::int64_t length = 0;
  for (int i = 0; i < inference.count(); ++i) {
    const Shape& part = inference.shape(i);
    bool fits = part.rank() == type.shape.rank();
    for (int k = 0; fits && k < part.rank(); ++k) fits = k == axis || part[k] == type.shape[k];
    if (!fits)
      inference.fail_shape(fmt::format("part {} has shape {}, part 0 {}; they may differ along axis {} only", i,
                                       to_string(part), to_string(type.shape), axis));
    if (inference.input(i).dtype != type.dtype)
      inference.fail_dtype(fmt::format("part {} is {}, part 0 {}", i, name(inference.input(i).dtype), name(type.dtype)));
    length += part[axis];
  }
  Dimensions dimensions{};
  std::copy(type.shape.begin(), type.shape.end(), dimensions.begin());
  dimensions[static_cast<std::size_t>(axis)] = length;
  type.shape = make_shape(dimensions, type.shape.rank());
  return type;
}

void concatenate_kernel(const OpaqueCall& call) {
  const Shape& shape = call.output_type.shape;
  const auto axis = static_cast<int>(call.attribute);
  std::int64_t outer = 1, inner = static_cast<std::int64_t>(size_of(call.output_type.dtype));
  for (int i = 0; i < axis; ++i) outer *= shape[i];
  for (int i = axis + 1; i < shape.rank(); ++i) inner *= shape[i];
  auto* row = static_cast<char*>(call.output);
  for (std::int64_t i = 0; i < outer; ++i)
    for (std::size_t part = 0; part < call.inputs.size(); ++part) {
      const std::int64_t bytes = call.input_types[part].shape[axis] * inner;
      std::memcpy(row, static_cast<const char*>(call.inputs[part]) + i * bytes, static_cast<std::size_t>(bytes));
      row += bytes;
    }
}

Var concatenate_pullback(const Pullback& p) {
  const auto axis = static_cast<int>(p.attribute);
  std::int64_t start = 0;
  for (int i = 0; i < p.index; ++i) start += p.input(i).shape()[axis];
  return slice(p.gradient, axis, start, start + p.input(p.index).shape()[axis]);
}

const Op concatenate_op{.name = "concatenate",
                        .kind = Kind::opaque,
                        .shape_rule = concatenate_shape,
                        .every_pullback = concatenate_pullback,
                        .opaque_kernel = concatenate_kernel};

}  // namespace

Var reshape(const Operand& x, const Shape& shape) { return internal::reshape(x, shape); }

Var reshape(const Operand& x, std::initializer_list<std::int64_t> dimensions) {
  const Var value = as_var(x);
  Dimensions wanted{};
  std::int64_t known = 1;
  int free_axis = -1;
  if (dimensions.size() > Shape::max_rank)
    throw ShapeError(error_text("reshape", fmt::format("{} dimensions; at most {} are possible", dimensions.size(), Shape::max_rank), x.line()));
  int axis = 0;
  for (const std::int64_t dimension : dimensions) {
    if (dimension == -1 && free_axis >= 0)
      throw ShapeError(error_text("reshape", "two dimensions are -1; one at most can follow from the others", x.line()));
    if (dimension == -1) {
      free_axis = axis;
    } else {
      known *= dimension;
    }
    wanted[static_cast<std::size_t>(axis++)] = dimension;
  }
  if (free_axis >= 0) {
    if (known == 0 ? value.size() != 0 : value.size() % known != 0)
      throw ShapeError(error_text(
          "reshape", fmt::format("{} elements do not divide by {}", value.size(), known), x.line()));
    wanted[static_cast<std::size_t>(free_axis)] = known == 0 ? 0 : value.size() / known;
  }
  return internal::reshape(Operand(value, x.line().file, x.line().line), make_shape(wanted, axis));
}

Var flatten(const Operand& x, int first_axis) {
  const Var value = as_var(x);
  const Shape& shape = value.shape();
  if (shape.rank() == 0) return internal::reshape(value, Shape{1});
  const int first = checked_axis("flatten", first_axis, shape, x.line());
  Dimensions dimensions{};
  std::copy_n(shape.begin(), first, dimensions.begin());
  std::int64_t rest = 1;
  for (int axis = first; axis < shape.rank(); ++axis) rest *= shape[axis];
  dimensions[static_cast<std::size_t>(first)] = rest;
  return internal::reshape(value, make_shape(dimensions, first + 1));
}

Var squeeze(const Operand& x) {
  const Var value = as_var(x);
  Dimensions dimensions{};
  int rank = 0;
  for (const std::int64_t dimension : value.shape())
    if (dimension != 1) dimensions[static_cast<std::size_t>(rank++)] = dimension;
  return internal::reshape(value, make_shape(dimensions, rank));
}

Var squeeze(const Operand& x, int axis) {
  const Var value = as_var(x);
  const Shape& shape = value.shape();
  const int at = checked_axis("squeeze", axis, shape, x.line());
  if (shape[at] != 1)
    throw ShapeError(error_text("squeeze", fmt::format("axis {} of shape {} is not 1", axis, to_string(shape)), x.line()));
  Dimensions dimensions{};
  int rank = 0;
  for (int i = 0; i < shape.rank(); ++i)
    if (i != at) dimensions[static_cast<std::size_t>(rank++)] = shape[i];
  return internal::reshape(value, make_shape(dimensions, rank));
}

Var unsqueeze(const Operand& x, int axis) {
  const Var value = as_var(x);
  const Shape& shape = value.shape();
  if (shape.rank() == Shape::max_rank)
    throw ShapeError(error_text("unsqueeze", fmt::format("shape {} has the most dimensions possible", to_string(shape)), x.line()));
  const int at = checked_axis("unsqueeze", axis, shape, x.line(), 1);
  Dimensions dimensions{};
  for (int i = 0, from = 0; i <= shape.rank(); ++i) dimensions[static_cast<std::size_t>(i)] = i == at ? 1 : shape[from++];
  return internal::reshape(value, make_shape(dimensions, shape.rank() + 1));
}

Var transpose(const Operand& x) {
  const Var value = as_var(x);
  if (value.rank() < 2) return value;
  std::uint64_t order = 0;
  for (int axis = 0; axis < value.rank(); ++axis) order |= static_cast<std::uint64_t>(value.rank() - 1 - axis) << (4 * axis);
  return record(permute_op, Operand(value, x.line().file, x.line().line), order);
}

Var permute(const Operand& x, std::initializer_list<int> order) {
  const Var value = as_var(x);
  const Shape& shape = value.shape();
  std::uint64_t packed = 0, seen = 0;
  int axis = 0;
  for (const int from : order) {
    const int source = checked_axis("permute", from, shape, x.line());
    packed |= static_cast<std::uint64_t>(source) << (4 * axis++);
    seen |= std::uint64_t{1} << source;
  }
  if (axis != shape.rank() || seen != (std::uint64_t{1} << axis) - 1)
    throw IndexError(error_text("permute", fmt::format("the order must name each of the {} axes of {} once", shape.rank(), to_string(shape)), x.line()));
  return record(permute_op, Operand(value, x.line().file, x.line().line), packed);
}

Var broadcast_to(const Operand& x, const Shape& shape) { return internal::broadcast_to(x, shape); }

Var slice(const Operand& x, int axis, std::int64_t start, std::int64_t stop) {
  const Var value = as_var(x);
  const Shape& shape = value.shape();
  const int at = checked_axis("slice", axis, shape, x.line());
  const std::int64_t size = shape[at], from = start < 0 ? start + size : start, to = stop < 0 ? stop + size : stop;
  if (from < 0 || to > size || from > to)
    throw IndexError(error_text("slice", fmt::format("{} to {} is out of range for axis {} of size {}", start, stop, axis, size), x.line()));
  const std::uint64_t attribute = static_cast<std::uint64_t>(at) | static_cast<std::uint64_t>(to - from) << 3;
  return record(slice_op, Operand(value, x.line().file, x.line().line), from, attribute);
}

Var concatenate(std::span<const Var> parts, int axis, SourceLine line) {
  if (parts.empty()) throw ShapeError(error_text("concatenate", "there are no parts", line));
  const Shape& shape = parts[0].shape();
  if (shape.rank() == 0) throw ShapeError(error_text("concatenate", "parts of shape () have no axis to go along", line));
  return record(concatenate_op, parts, static_cast<std::uint64_t>(checked_axis("concatenate", axis, shape, line)), line);
}

Var concatenate(std::initializer_list<Var> parts, int axis, SourceLine line) {
  return concatenate(std::span<const Var>(parts.begin(), parts.size()), axis, line);
}

}  // namespace thalweg
