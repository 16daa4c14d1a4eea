#include <thalweg/ops/shape.hpp>

#include <array>
#include <numeric>
#include <utility>

#include <fmt/format.h>

#include "ops/axes.hpp"
#include "src/core_ops/core_ops.hpp"

namespace thalweg {

namespace {

// --- permute: the attribute has the order, four bits per axis ---

int permuted_axis(std::uint64_t order, int axis) { return static_cast<int>(order >> (4 * axis) & 15); }

NodeType permute_shape(const Inference& inference) {
  const Shape& from = inference.shape(0);
  Dimensions dimensions{};
  for (int axis = 0; axis < from.rank(); ++axis) dimensions[axis] = from[permuted_axis(inference.attribute(), axis)];
  NodeType type = inference.input(0);
  type.shape = make_shape(dimensions, from.rank());
  return type;
}

StridedView permute_view(const Shape& input, const Shape&, std::uint64_t order, std::span<const double>) {
  StridedView view;
  const Dimensions strides = contiguous_strides(input);
  for (int axis = 0; axis < input.rank(); ++axis) view.strides[axis] = strides[permuted_axis(order, axis)];
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

/// x with axis i of the result being axis order[i] of x; errors name `op`.
Var permuted(const char* op, const Operand& x, std::span<const int> order) {
  const Var value = as_var(x, op);
  const Shape& shape = value.shape();
  std::uint64_t packed = 0, seen = 0;
  int axis = 0;
  for (const int from : order) {
    const int source = axis_from_front(op, from, shape, x.line());
    packed |= static_cast<std::uint64_t>(source) << (4 * axis++);
    seen |= std::uint64_t{1} << source;
  }
  if (axis != shape.rank() || seen != (std::uint64_t{1} << axis) - 1)
    fail<IndexError>(op,
                     fmt::format("the order must name each of the {} axes of {} once", shape.rank(), to_string(shape)),
                     x.line());
  return record(permute_op, Operand(value, x.line()), packed);
}

}  // namespace

Var reshape(const Operand& x, const Shape& shape) { return internal::reshape(x, shape); }

Var reshape(const Operand& x, std::span<const std::int64_t> dimensions) {
  const Var value = as_var(x, "reshape");
  return internal::reshape(Operand(value, x.line()),
                           reshaped(blamed("reshape"), value.shape(), dimensions, blamed(x.line())));
}

Var reshape(const Operand& x, internal::DimensionList dimensions) {
  const Var value = as_var(x, "reshape");
  return internal::reshape(Operand(value, x.line()),
                           reshaped(blamed("reshape"), value.shape(), dimensions, blamed(x.line())));
}

Var flatten(const Operand& x, int first_axis) {
  const Var value = as_var(x, "flatten");
  const Shape& shape = value.shape();
  if (shape.rank() == 0) return internal::reshape(Operand(value, x.line()), Shape{1});
  const int first = axis_from_front("flatten", first_axis, shape, x.line());
  Dimensions dimensions{};
  std::copy_n(shape.begin(), first, dimensions.begin());
  std::int64_t rest = 1;
  for (int axis = first; axis < shape.rank(); ++axis) rest *= shape[axis];
  dimensions[first] = rest;
  return internal::reshape(Operand(value, x.line()), make_shape(dimensions, first + 1));
}

Var squeeze(const Operand& x) {
  const Var value = as_var(x, "squeeze");
  Dimensions dimensions{};
  int rank = 0;
  for (const std::int64_t dimension : value.shape())
    if (dimension != 1) dimensions[rank++] = dimension;
  return internal::reshape(Operand(value, x.line()), make_shape(dimensions, rank));
}

Var squeeze(const Operand& x, int axis) {
  const Var value = as_var(x, "squeeze");
  const Shape& shape = value.shape();
  const int at = axis_from_front("squeeze", axis, shape, x.line());
  if (shape[at] != 1)
    fail<ShapeError>("squeeze", fmt::format("axis {} of shape {} is not 1", axis, to_string(shape)), x.line());
  Dimensions dimensions{};
  int rank = 0;
  for (int i = 0; i < shape.rank(); ++i)
    if (i != at) dimensions[rank++] = shape[i];
  return internal::reshape(Operand(value, x.line()), make_shape(dimensions, rank));
}

Var unsqueeze(const Operand& x, int axis) {
  const Var value = as_var(x, "unsqueeze");
  const Shape& shape = value.shape();
  if (shape.rank() == Shape::max_rank)
    fail<ShapeError>("unsqueeze", fmt::format("shape {} has the most dimensions possible", to_string(shape)), x.line());
  const int at = axis_from_front("unsqueeze", axis, shape, x.line(), 1);
  Dimensions dimensions{};
  for (int i = 0, from = 0; i <= shape.rank(); ++i) dimensions[i] = i == at ? 1 : shape[from++];
  return internal::reshape(Operand(value, x.line()), make_shape(dimensions, shape.rank() + 1));
}

Var transpose(const Operand& x) {
  const Var value = as_var(x, "transpose");
  if (value.rank() < 2) return value;
  std::uint64_t order = 0;
  for (int axis = 0; axis < value.rank(); ++axis)
    order |= static_cast<std::uint64_t>(value.rank() - 1 - axis) << (4 * axis);
  return record(permute_op, Operand(value, x.line()), order);
}

Var permute(const Operand& x, std::span<const int> order) { return permuted("permute", x, order); }
Var permute(const Operand& x, std::initializer_list<int> order) {
  return permuted("permute", x, std::span<const int>(order.begin(), order.size()));
}

Var transpose(const Operand& x, std::span<const int> order) { return permuted("transpose", x, order); }
Var transpose(const Operand& x, std::initializer_list<int> order) {
  return permuted("transpose", x, std::span<const int>(order.begin(), order.size()));
}

Var transpose(const Operand& x, int axis1, int axis2) {
  const Var value = as_var(x, "transpose");
  const Shape& shape = value.shape();
  const int first = axis_from_front("transpose", axis1, shape, x.line()),
            second = axis_from_front("transpose", axis2, shape, x.line());
  std::array<int, Shape::max_rank> order{};
  std::iota(order.begin(), order.end(), 0);
  std::swap(order[first], order[second]);
  return permute(Operand(value, x.line()), std::span<const int>(order.data(), static_cast<std::size_t>(shape.rank())));
}

Var broadcast_to(const Operand& x, const Shape& shape) { return internal::broadcast_to(x, shape); }

}  // namespace thalweg
