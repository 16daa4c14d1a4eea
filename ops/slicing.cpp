// Slices, flips, paddings and rolls.

#include <algorithm>
#include <cmath>
#include <cstring>

#include <fmt/format.h>

#include <thalweg/ops/arithmetic.hpp>
#include <thalweg/ops/shape.hpp>

#include "ops/axes.hpp"
#include "ops/buffers.hpp"
#include "ops/strided.hpp"
#include "src/core_ops/core_ops.hpp"
#include "src/run/copy.hpp"
#include "src/tensor/visit.hpp"

namespace thalweg {

namespace {

// --- slice: the attribute has the axis and, above it, the length; the start is a number, the second input ---

std::uint64_t slice_attribute(int axis, std::int64_t length) {
  return static_cast<std::uint64_t>(axis) | static_cast<std::uint64_t>(length) << 3;
}

NodeType slice_shape(const Inference& inference) {
  NodeType type = inference.input(0);
  Dimensions dimensions{};
  std::copy(type.shape.begin(), type.shape.end(), dimensions.begin());
  dimensions[attribute_axis(inference.attribute())] = static_cast<std::int64_t>(inference.attribute() >> 3);
  type.shape = make_shape(dimensions, type.shape.rank());
  return type;
}

StridedView slice_view(const Shape& input, const Shape&, std::uint64_t attribute, std::span<const double> numbers) {
  StridedView view;
  view.strides = contiguous_strides(input);
  const auto start = static_cast<std::int64_t>(numbers.empty() ? 0 : numbers[0]);
  view.offset = start * view.strides[attribute_axis(attribute)];
  return view;
}

// --- unslice, the gradient of slices: pieces added into zeros, each at its start. Inputs: piece, start, piece, start,
// …; the attribute is the whole's shape and the axis. One node takes all pieces of a tensor's gradient
// (Op::sums_by_joining), so that many slices cost no more than one copy ---

NodeType unslice_shape(const Inference& inference) {
  return {shape_beside_axis(inference.attribute()), inference.input(0).dtype, false};
}

/// output[i, j] += piece[i, j]; rows of the output have `whole` elements, rows of the piece `length`.
template <class T>
void add_piece(T* output, const T* piece, std::int64_t outer, std::int64_t length, std::int64_t whole) {
  for (std::int64_t i = 0; i < outer; ++i)
    for (std::int64_t j = 0; j < length; ++j) output[i * whole + j] += piece[i * length + j];
}

/// Whether the pieces fill the whole without gap or overlap, each adjacent to the earlier ones, before or after them.
/// This is the case for the gradients of a sequence that is read step by step: they are copied instead of added to
/// zeros.
bool fill_the_whole(const OpaqueCall& call, int axis) {
  std::int64_t begin = 0, end = 0;
  for (std::size_t i = 0; i < call.inputs.size(); i += 2) {
    const std::int64_t start = *static_cast<const std::int64_t*>(call.inputs[i + 1]);
    const std::int64_t stop = start + call.input_types[i].shape[axis];
    if (i == 0) begin = end = start;
    if (start != end && stop != begin) return false;
    begin = std::min(begin, start);
    end = std::max(end, stop);
  }
  return begin == 0 && end == call.output_type.shape[axis];
}

void unslice_kernel(const OpaqueCall& call) {
  const Shape& shape = call.output_type.shape;
  const int axis = attribute_axis(call.attribute);
  const AxisSplit split = split_at(shape, axis);
  const bool copies = fill_the_whole(call, axis);
  if (!copies) fill_zeros(call);
  internal::visit_floating(call.output_type.dtype, [&]<class T>() {
    for (std::size_t i = 0; i < call.inputs.size(); i += 2) {
      const T* piece = static_cast<const T*>(call.inputs[i]);
      const std::int64_t length = call.input_types[i].shape[axis] * split.inner, whole = split.count * split.inner;
      T* place = static_cast<T*>(call.output) + *static_cast<const std::int64_t*>(call.inputs[i + 1]) * split.inner;
      if (copies) {
        constexpr auto size = static_cast<std::int64_t>(sizeof(T));
        run::copy_rows(piece, length * size, place, whole * size, split.outer, length * size);
      } else {
        add_piece(place, piece, split.outer, length, whole);
      }
    }
  });
}

Var slice_again(const Var& x, const Var& start, std::uint64_t attribute);

Var unslice_pullback(const Pullback& p) {
  if (p.index % 2 != 0) return {};  // a start
  const int axis = attribute_axis(p.attribute);
  const std::int64_t length = p.input(p.index).shape()[axis];
  return slice_again(p.gradient, p.input(p.index + 1), slice_attribute(axis, length));
}

const Op unslice_op{.name = "unslice",
                    .kind = Kind::opaque,
                    .shape_rule = unslice_shape,
                    .every_pullback = unslice_pullback,
                    .sums_by_joining = true,
                    .opaque_kernel = unslice_kernel};

Var slice_pullback(const Pullback& p) {
  return record(unslice_op, p.gradient, p.input(1), shape_and_axis(p.input(0).shape(), attribute_axis(p.attribute)));
}

const Op slice_op{.name = "slice",
                  .kind = Kind::view,
                  .shape_rule = slice_shape,
                  .pullbacks = {slice_pullback},
                  .view_rule = slice_view};

Var slice_again(const Var& x, const Var& start, std::uint64_t attribute) {
  return record(slice_op, x, start, attribute);
}

// --- pad: x surrounded by `value`. Inputs: x, the value, the offset of x in the result ---

NodeType pad_shape(const Inference& inference) {
  return {attribute_placement(inference.attribute()).whole, inference.input(0).dtype, false};
}

template <class T>
void lay_in_place(const OpaqueCall& call) {
  const T* piece = static_cast<const T*>(call.inputs[0]);
  T* whole = static_cast<T*>(call.output);
  std::fill_n(whole, call.output_type.shape.size(), *static_cast<const T*>(call.inputs[1]));
  for_each_line(attribute_placement(call.attribute), *static_cast<const std::int64_t*>(call.inputs[2]),
                [&](std::int64_t from, std::int64_t to, std::int64_t count, std::int64_t) {
                  std::copy_n(piece + from, count, whole + to);
                });
}

void pad_kernel(const OpaqueCall& call) {
  internal::visit_dtype(call.output_type.dtype, [&]<class T>() { lay_in_place<T>(call); });
}

const Op pad_op{.name = "pad",
                .kind = Kind::opaque,
                .shape_rule = pad_shape,
                .pullbacks = {[](const Pullback& p) { return strided_again(p.gradient, p.input(2), p.attribute); }},
                .opaque_kernel = pad_kernel};

/// The fill value as a number of x's dtype; it remains data.
Var fill_of(double value, DType dtype, SourceLine line) {
  if (dtype == DType::boolean) return Var(value) != 0;
  if (dtype != DType::i64) return value * internal::typed_literal(1, dtype);
  if (value != std::floor(value))
    fail<DtypeError>("pad", fmt::format("the fill value {} is a fraction, x is i64", value), line);
  return static_cast<std::int64_t>(value) * internal::typed_literal(1, dtype);
}

// --- roll: the attribute has the axis; the shift is a number, the second input ---

NodeType roll_shape(const Inference& inference) { return inference.input(0); }

void roll_kernel(const OpaqueCall& call) {
  const AxisSplit split = split_at(call.output_type.shape, static_cast<int>(call.attribute));
  if (call.output_type.shape.size() == 0) return;
  std::int64_t shift = *static_cast<const std::int64_t*>(call.inputs[1]) % split.count;
  if (shift < 0) shift += split.count;
  const std::int64_t row = split.inner * static_cast<std::int64_t>(size_of(call.output_type.dtype));
  const auto moved = static_cast<std::size_t>(shift * row),
             rest = static_cast<std::size_t>((split.count - shift) * row);
  const char* from = static_cast<const char*>(call.inputs[0]);
  char* to = static_cast<char*>(call.output);
  for (std::int64_t i = 0; i < split.outer; ++i, from += moved + rest, to += moved + rest) {
    std::memcpy(to + moved, from, rest);
    std::memcpy(to, from + rest, moved);
  }
}

Var roll_pullback(const Pullback& p);

const Op roll_op{.name = "roll",
                 .kind = Kind::opaque,
                 .shape_rule = roll_shape,
                 .pullbacks = {roll_pullback},
                 .opaque_kernel = roll_kernel};

Var roll_pullback(const Pullback& p) { return record(roll_op, p.gradient, -p.input(1), p.attribute); }

// --- ranges ---

/// A resolved range: its first index and its number of elements.
struct Stretch {
  std::int64_t first, count;
};

/// Resolves a range: for a positive step from start up to stop, for a negative step from start down to stop, exclusive
/// of stop. Omitted bounds are the ends of the axis.
Stretch stretch_of(const SliceRange& range, std::int64_t size, int axis, SourceLine line) {
  if (range.step == 0) fail<ValueError>("slice", "the step is 0", line);
  const auto from_front = [&](std::int64_t bound) { return bound < 0 ? bound + size : bound; };
  const bool up = range.step > 0;
  const std::int64_t first = range.start ? from_front(*range.start) : up ? 0 : size - 1;
  const std::int64_t end = range.stop ? from_front(*range.stop) : up ? size : -1;
  const std::int64_t span = up ? end - first : first - end;
  const bool in_range = up ? first >= 0 && end <= size : first < size && end >= -1;
  if (!in_range || span < 0) {
    const auto text = [](const std::optional<std::int64_t>& bound) {
      return bound ? fmt::format("{}", *bound) : "the end";
    };
    fail<IndexError>("slice",
                     fmt::format("{} to {} in steps of {} is out of range for axis {} of size {}", text(range.start),
                                 text(range.stop), range.step, axis, size),
                     line);
  }
  const std::int64_t length = up ? range.step : -range.step;
  return {first, span / length + (span % length != 0 ? 1 : 0)};
}

}  // namespace

Var slice(const Operand& x, int axis, std::int64_t start, std::int64_t stop) {
  const Var value = as_var(x, "slice");
  const Shape& shape = value.shape();
  const int at = axis_from_front("slice", axis, shape, x.line());
  const std::int64_t size = shape[at], from = start < 0 ? start + size : start, to = stop < 0 ? stop + size : stop;
  if (from < 0 || to > size || from > to)
    fail<IndexError>("slice", fmt::format("{} to {} is out of range for axis {} of size {}", start, stop, axis, size),
                     x.line());
  return record(slice_op, Operand(value, x.line()), from, slice_attribute(at, to - from));
}

Var slice(const Operand& x, int axis, const SliceRange& range) {
  const Var value = as_var(x, "slice");
  const Shape& shape = value.shape();
  const int at = axis_from_front("slice", axis, shape, x.line());
  const Stretch stretch = stretch_of(range, shape[at], axis, x.line());
  const Operand operand(value, x.line());
  if (range.step == 1) return slice(operand, at, stretch.first, stretch.first + stretch.count);
  Placement placement{shape, shape, contiguous_strides(shape)};
  Dimensions dimensions{};
  std::copy(shape.begin(), shape.end(), dimensions.begin());
  const auto place = static_cast<std::size_t>(at);
  const std::int64_t offset = stretch.count == 0 ? 0 : stretch.first * placement.strides[place];
  dimensions[place] = stretch.count;
  placement.strides[place] *= range.step;
  placement.piece = make_shape(dimensions, shape.rank());
  return strided(operand, placement, offset);
}

Var slice(const Operand& x, std::span<const SliceRange> ranges) {
  const Var value = as_var(x, "slice");
  const Shape& shape = value.shape();
  if (static_cast<int>(ranges.size()) > shape.rank())
    fail<IndexError>("slice", fmt::format("{} ranges are given for shape {}", ranges.size(), to_string(shape)),
                     x.line());
  Placement placement{shape, shape, contiguous_strides(shape)};
  Dimensions dimensions{};
  std::copy(shape.begin(), shape.end(), dimensions.begin());
  std::int64_t offset = 0;
  int axis = 0;
  for (const SliceRange& range : ranges) {
    const Stretch stretch = stretch_of(range, shape[axis], axis, x.line());
    const auto place = static_cast<std::size_t>(axis++);
    offset += stretch.first * placement.strides[place];
    dimensions[place] = stretch.count;
    placement.strides[place] *= range.step;
  }
  placement.piece = make_shape(dimensions, shape.rank());
  return strided(Operand(value, x.line()), placement, placement.piece.size() == 0 ? 0 : offset);
}

Var slice(const Operand& x, std::initializer_list<SliceRange> ranges) {
  return slice(x, std::span<const SliceRange>(ranges.begin(), ranges.size()));
}

std::vector<Var> split(const Operand& x, internal::Dimension parts, int axis) {
  const Var value = as_var(x, "split");
  const int at = axis_from_front("split", axis, value.shape(), x.line());
  const std::int64_t size = value.shape()[at];
  if (parts < 1 || size % parts != 0)
    fail<ShapeError>("split",
                     fmt::format("axis {} of shape {} does not divide into {} equal parts", axis,
                                 to_string(value.shape()), parts.number),
                     x.line());
  std::vector<Var> result;
  for (std::int64_t i = 0; i < parts; ++i)
    result.push_back(slice(Operand(value, x.line()), at, i * (size / parts), (i + 1) * (size / parts)));
  return result;
}

std::vector<Var> split(const Operand& x, std::span<const std::int64_t> sizes, int axis) {
  const Var value = as_var(x, "split");
  const int at = axis_from_front("split", axis, value.shape(), x.line());
  const std::int64_t size = value.shape()[at];
  std::int64_t left = size;
  for (const std::int64_t part : sizes) left = part < 0 || part > left ? -1 : left - part;
  if (left != 0)
    fail<ShapeError>("split",
                     fmt::format("the sizes ({}) do not add up to axis {} of shape {}", fmt::join(sizes, ", "), axis,
                                 to_string(value.shape())),
                     x.line());
  std::vector<Var> result;
  std::int64_t start = 0;
  for (const std::int64_t part : sizes) {
    result.push_back(slice(Operand(value, x.line()), at, start, start + part));
    start += part;
  }
  return result;
}

std::vector<Var> split(const Operand& x, internal::DimensionList sizes, int axis) {
  return split(x, numbers_of(sizes), axis);
}

Var flip(const Operand& x, const Axes& axes) {
  const Var value = as_var(x, "flip");
  const Shape& shape = value.shape();
  const std::uint64_t mask = axes_mask("flip", shape, axes, x.line());
  Placement placement{shape, shape, contiguous_strides(shape)};
  std::int64_t offset = 0;
  for (int axis = 0; axis < shape.rank(); ++axis)
    if (mask >> axis & 1) {
      std::int64_t& stride = placement.strides[axis];
      if (shape.size() > 0) offset += (shape[axis] - 1) * stride;
      stride = -stride;
    }
  return strided(Operand(value, x.line()), placement, offset);
}

Var pad(const Operand& x, std::span<const Padding> padding, double fill_value) {
  const OpScope scope("pad", x.line());
  const Var value = as_var(x, "pad");
  const Shape& shape = value.shape();
  if (static_cast<int>(padding.size()) != shape.rank())
    fail<ShapeError>("pad",
                     fmt::format("{} paddings are given for the {} axes of shape {}", padding.size(), shape.rank(),
                                 to_string(shape)),
                     x.line());
  Dimensions dimensions{};
  for (int axis = 0; axis < shape.rank(); ++axis) {
    const std::int64_t before = padding[axis].before, after = padding[axis].after;
    std::int64_t& dimension = dimensions[axis];
    if (before < 0 || after < 0)
      fail<ValueError>("pad", fmt::format("the padding ({}, {}) of axis {} is negative", before, after, axis),
                       x.line());
    if (__builtin_add_overflow(shape[axis], before, &dimension) || __builtin_add_overflow(dimension, after, &dimension))
      fail<ShapeError>("pad", fmt::format("axis {} becomes longer than int64 counts", axis), x.line());
  }
  const Shape whole = checked_shape("pad", dimensions, shape.rank(), x.line());
  const Placement placement{whole, shape, contiguous_strides(whole)};
  std::int64_t offset = 0;
  for (int axis = 0; axis < shape.rank(); ++axis) offset += padding[axis].before * placement.strides[axis];
  return record(pad_op, value, fill_of(fill_value, value.dtype(), x.line()), offset, placement_attribute(placement));
}

Var pad(const Operand& x, std::initializer_list<Padding> padding, double fill_value) {
  return pad(x, std::span<const Padding>(padding.begin(), padding.size()), fill_value);
}

Var pad(const Operand& x, int axis, std::int64_t before, std::int64_t after, double fill_value) {
  const Var value = as_var(x, "pad");
  const int at = axis_from_front("pad", axis, value.shape(), x.line());
  std::array<Padding, Shape::max_rank> padding{};
  padding[at] = {before, after};
  return pad(Operand(value, x.line()), std::span<const Padding>(padding.data(), static_cast<std::size_t>(value.rank())),
             fill_value);
}

Var roll(const Operand& x, std::int64_t shift, int axis) {
  const Var value = as_var(x, "roll");
  const int at = axis_from_front("roll", axis, value.shape(), x.line());
  return record(roll_op, Operand(value, x.line()), shift, static_cast<std::uint64_t>(at));
}

Var roll(const Operand& x, std::int64_t shift) {
  const OpScope scope("roll", x.line());
  const Var value = as_var(x, "roll");
  return internal::reshape(record(roll_op, internal::reshape(value, Shape{value.size()}), shift), value.shape());
}

}  // namespace thalweg
