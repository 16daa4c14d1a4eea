#include "ops/indices.hpp"

#include <algorithm>

#include <fmt/format.h>

#include <thalweg/ops/arithmetic.hpp>
#include <thalweg/ops/logic.hpp>

#include "src/core_ops/core_ops.hpp"

namespace thalweg {

namespace {

[[noreturn, gnu::noinline]] void throw_out_of_range(std::int64_t index, const std::string& place, std::int64_t size,
                                                    int axis, const OpaqueCall& call) {
  throw IndexError(error_text(
      call.op(), fmt::format("index {} at place {} is out of range for axis {} of size {}", index, place, axis, size),
      call.line()));
}

}  // namespace

Var as_numbers(const Operand& x, const char* op) {
  const Var value = as_var(x, op);
  return value.dtype() == DType::boolean ? cast(value, DType::i64) : value;
}

void check_indices(const Inference& inference, int place) {
  const DType dtype = inference.input(place).dtype;
  if (dtype != DType::i64) inference.fail_dtype(fmt::format("indices must be i64, they are {}", name(dtype)));
}

NodeType gather_shape(const Inference& inference) {
  const NodeType &x = inference.input(0), &indices = inference.input(1);
  const int axis = attribute_axis(inference.attribute());
  check_indices(inference, 1);
  if (indices.shape.rank() + x.shape.rank() - 1 > Shape::max_rank)
    inference.fail_shape(
        fmt::format("x {} at indices {} has too many dimensions", to_string(x.shape), to_string(indices.shape)));
  Dimensions dimensions{};
  auto* next = std::copy(x.shape.begin(), x.shape.begin() + axis, dimensions.begin());
  next = std::copy(indices.shape.begin(), indices.shape.end(), next);
  next = std::copy(x.shape.begin() + axis + 1, x.shape.end(), next);
  return {make_shape(dimensions, static_cast<int>(next - dimensions.begin())), x.dtype, false};
}

void check_all(std::span<const std::int64_t> indices, std::int64_t size, int axis, const OpaqueCall& call) {
  const auto limit = static_cast<std::uint64_t>(size);
  const auto is_allowed = [&](std::int64_t index) { return static_cast<std::uint64_t>(index) + limit < 2 * limit; };
  bool are_allowed = true;
  for (const std::int64_t index : indices) are_allowed &= is_allowed(index);
  if (are_allowed) return;
  const auto wrong = std::find_if_not(indices.begin(), indices.end(), is_allowed);
  throw_out_of_range(*wrong, place_in(call.input_types[1].shape, wrong - indices.begin()), size, axis, call);
}

Shape with_others_of(const Shape& shape, const Shape& other, int axis) {
  Dimensions dimensions{};
  for (int i = 0; i < shape.rank(); ++i) dimensions[i] = i == axis || shape[i] != 1 ? shape[i] : other[i];
  return make_shape(dimensions, shape.rank());
}

Var broadcast_if_needed(const Var& x, const Shape& shape) {
  return x.shape() == shape ? x : internal::broadcast_to(x, shape);
}

void check_along_axis(const char* op, const Var& x, const Var& indices, int axis, SourceLine line) {
  const Shape &a = x.shape(), &b = indices.shape();
  bool fits = a.rank() == b.rank();
  for (int i = 0; fits && i < a.rank(); ++i) fits = i == axis || a[i] == b[i] || a[i] == 1 || b[i] == 1;
  if (!fits)
    fail<ShapeError>(op,
                     fmt::format("x {} and indices {} must have the same dimensions but along axis {}", to_string(a),
                                 to_string(b), axis),
                     line);
}

Shape checked_places(const char* op, const Var& x, const Var& indices, int axis, SourceLine line) {
  check_along_axis(op, x, indices, axis, line);
  if (!(with_others_of(x.shape(), indices.shape(), axis) == x.shape()))
    fail<ShapeError>(
        op, fmt::format("indices {} do not broadcast to x {}", to_string(indices.shape()), to_string(x.shape())), line);
  return with_others_of(indices.shape(), x.shape(), axis);
}

Var checked_updates(const char* op, const Operand& updates, const Var& x, const Shape& shape, SourceLine line) {
  Var value = as_var(updates, op);
  if (type_of(value).weak)
    value = x.dtype() == DType::boolean ? value != 0 : value * internal::typed_literal(1, x.dtype());
  if (value.dtype() == DType::boolean) value = cast(value, x.dtype());
  if (value.dtype() != x.dtype())
    fail<DtypeError>(op, fmt::format("x is {}, the updates are {}", name(x.dtype()), name(value.dtype())), line);
  if (!(value.shape() == shape) && value.rank() != 0)
    fail<ShapeError>(
        op, fmt::format("the updates have shape {}, their indices want {}", to_string(value.shape()), to_string(shape)),
        line);
  return broadcast_if_needed(value, shape);
}

}  // namespace thalweg
