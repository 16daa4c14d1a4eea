// Concatenating, stacking and repeating tensors.

#include <algorithm>

#include <fmt/format.h>

#include <thalweg/ops/arithmetic.hpp>
#include <thalweg/ops/indexing.hpp>
#include <thalweg/ops/shape.hpp>

#include "ops/axes.hpp"
#include "src/core_ops/core_ops.hpp"
#include "src/run/copy.hpp"

namespace thalweg {

namespace {

/// Checks that part `i` matches part 0; `fail_shape` and `fail_dtype` throw.
template <class FailShape, class FailDtype>
void check_part(std::size_t i, const Shape& shape, DType dtype, const Shape& first, DType first_dtype, int axis,
                const FailShape& fail_shape, const FailDtype& fail_dtype) {
  bool fits = shape.rank() == first.rank();
  for (int k = 0; fits && k < shape.rank(); ++k) fits = k == axis || shape[k] == first[k];
  if (!fits)
    fail_shape(fmt::format("part {} has shape {}, part 0 {}; they may differ along axis {} only", i, to_string(shape),
                           to_string(first), axis));
  if (dtype != first_dtype) fail_dtype(fmt::format("part {} is {}, part 0 {}", i, name(dtype), name(first_dtype)));
}

NodeType concatenate_shape(const Inference& inference) {
  NodeType type = inference.input(0);
  const auto axis = static_cast<int>(inference.attribute());
  std::int64_t length = 0;
  for (int i = 0; i < inference.count(); ++i) {
    const NodeType& part = inference.input(i);
    check_part(
        static_cast<std::size_t>(i), part.shape, part.dtype, type.shape, type.dtype, axis,
        [&](const std::string& text) { inference.fail_shape(text); },
        [&](const std::string& text) { inference.fail_dtype(text); });
    length += part.shape[axis];
  }
  Dimensions dimensions{};
  std::copy(type.shape.begin(), type.shape.end(), dimensions.begin());
  dimensions[axis] = length;
  type.shape = make_shape(dimensions, type.shape.rank());
  return type;
}

void concatenate_kernel(const OpaqueCall& call) {
  const Shape& shape = call.output_type.shape;
  const auto axis = static_cast<int>(call.attribute);
  const AxisSplit split = split_at(shape, axis);
  const std::int64_t inner_bytes = split.inner * static_cast<std::int64_t>(size_of(call.output_type.dtype));
  const std::int64_t whole = split.count * inner_bytes;
  if (whole == 0) return;
  // So many rows at a time that they stay in the first-level cache until all parts are there.
  const std::int64_t at_once = std::max<std::int64_t>(1, 16 * 1024 / whole);
  for (std::int64_t row = 0; row < split.outer; row += at_once) {
    const std::int64_t rows = std::min(at_once, split.outer - row);
    auto* output = static_cast<char*>(call.output) + row * whole;
    for (std::size_t part = 0; part < call.inputs.size(); ++part) {
      const std::int64_t bytes = call.input_types[part].shape[axis] * inner_bytes;
      run::copy_rows(static_cast<const char*>(call.inputs[part]) + row * bytes, bytes, output, whole, rows, bytes);
      output += bytes;
    }
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

constexpr std::size_t most_inputs = 255;  // of a node

/// Joins more parts than a node can have inputs: in groups, then the results.
Var concatenate_many(std::span<const Var> parts, int axis, SourceLine line) {
  for (std::size_t i = 1; i < parts.size(); ++i)  // checked here, so that errors have the index among all parts
    check_part(
        i, parts[i].shape(), parts[i].dtype(), parts[0].shape(), parts[0].dtype(), axis,
        [&](const std::string& text) { fail<ShapeError>("concatenate", text, line); },
        [&](const std::string& text) { fail<DtypeError>("concatenate", text, line); });
  std::vector<Var> joined;
  for (std::size_t first = 0; first < parts.size(); first += most_inputs)
    joined.push_back(concatenate(parts.subspan(first, std::min(most_inputs, parts.size() - first)), axis, line));
  return concatenate(std::span<const Var>(joined), axis, line);
}

/// The parts as Vars, with the line of the op.
template <class Part>
std::vector<Var> as_vars(std::span<const Part> parts, const char* op, SourceLine line) {
  std::vector<Var> vars;
  vars.reserve(parts.size());
  for (const Part& part : parts) vars.push_back(as_var(Operand(part, line.file, line.line), op));
  return vars;
}

}  // namespace

Var concatenate(std::span<const Var> parts, int axis, SourceLine line) {
  if (parts.empty()) fail<ShapeError>("concatenate", "there are no parts", line);
  const Shape& shape = as_var(Operand(parts[0], line), "concatenate").shape();
  if (shape.rank() == 0) fail<ShapeError>("concatenate", "parts of shape () have no axis to go along", line);
  const int along = axis_from_front("concatenate", axis, shape, line);
  if (parts.size() > most_inputs) return concatenate_many(parts, along, line);
  return record(concatenate_op, parts, static_cast<std::uint64_t>(along), line);
}

Var concatenate(std::span<const Tensor> parts, int axis, SourceLine line) {
  return concatenate(std::span<const Var>(as_vars(parts, "concatenate", line)), axis, line);
}

Var concatenate(std::span<const Parameter> parts, int axis, SourceLine line) {
  return concatenate(std::span<const Var>(as_vars(parts, "concatenate", line)), axis, line);
}

Var concatenate(std::initializer_list<Var> parts, int axis, SourceLine line) {
  return concatenate(std::span<const Var>(parts.begin(), parts.size()), axis, line);
}

Var stack(std::span<const Var> parts, int axis, SourceLine line) {
  const OpScope scope("stack", line);
  if (parts.empty()) fail<ShapeError>("stack", "there are no parts", line);
  const Shape shape = parts[0].shape();
  // Numbers take the dtype of the other parts.
  const auto strong = std::find_if(parts.begin(), parts.end(), [](const Var& part) { return !type_of(part).weak; });
  const DType dtype = strong == parts.end() ? parts[0].dtype() : strong->dtype();
  std::vector<Var> raised;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (!(parts[i].shape() == shape))
      fail<ShapeError>("stack",
                       fmt::format("part {} has shape {}, part 0 {}", i, to_string(parts[i].shape()), to_string(shape)),
                       line);
    const Var part =
        type_of(parts[i]).weak && strong != parts.end() ? parts[i] * internal::typed_literal(1, dtype) : parts[i];
    if (part.dtype() != dtype)
      fail<DtypeError>(
          "stack", fmt::format("part {} is {}, part {} {}", i, name(part.dtype()), strong - parts.begin(), name(dtype)),
          line);
    raised.push_back(unsqueeze(part, axis_from_front("stack", axis, shape, line, 1)));
  }
  return concatenate(std::span<const Var>(raised), axis, line);
}

Var stack(std::span<const Tensor> parts, int axis, SourceLine line) {
  return stack(std::span<const Var>(as_vars(parts, "stack", line)), axis, line);
}

Var stack(std::span<const Parameter> parts, int axis, SourceLine line) {
  return stack(std::span<const Var>(as_vars(parts, "stack", line)), axis, line);
}

Var stack(std::initializer_list<Var> parts, int axis, SourceLine line) {
  return stack(std::span<const Var>(parts.begin(), parts.size()), axis, line);
}

Var tile(const Operand& x, std::span<const std::int64_t> repetitions) {
  const OpScope scope("tile", x.line());
  Var result = as_var(x, "tile");
  const auto given = static_cast<int>(repetitions.size());
  if (given > Shape::max_rank)
    fail<ShapeError>("tile", fmt::format("{} repetitions; at most {} dimensions are possible", given, Shape::max_rank),
                     x.line());
  // As in NumPy: the shorter of shape and repetitions is padded with ones in front.
  Dimensions dimensions{};
  const int rank = std::max(given, result.rank());
  std::fill_n(dimensions.begin(), rank, 1);
  std::copy(result.shape().begin(), result.shape().end(), dimensions.begin() + (rank - result.rank()));
  result = internal::reshape(result, make_shape(dimensions, rank));
  int axis = rank - given;
  for (const std::int64_t times : repetitions) {
    if (times < 0) fail<ValueError>("tile", fmt::format("{} repetitions of axis {}", times, axis), x.line());
    const AxisSplit split = split_at(result.shape(), axis);
    auto& dimension = dimensions[axis++];
    if (times == 1) continue;
    const std::int64_t block = split.count * split.inner;
    const Shape copies = checked_shape("tile", {split.outer, times, block}, x.line());
    dimension *= times;
    const Shape whole = make_shape(dimensions, rank);
    result = internal::reshape(internal::broadcast_to(internal::reshape(result, Shape{split.outer, 1, block}), copies),
                               whole);
  }
  return result;
}

Var tile(const Operand& x, internal::DimensionList repetitions) { return tile(x, numbers_of(repetitions)); }

Var repeat(const Operand& x, internal::Dimension times, int axis) {
  const OpScope scope("repeat", x.line());
  const Var value = as_var(x, "repeat");
  const int at = axis_from_front("repeat", axis, value.shape(), x.line());
  if (times < 0) fail<ValueError>("repeat", fmt::format("{} repetitions", times.number), x.line());
  const AxisSplit split = split_at(value.shape(), at);
  const Shape copies = checked_shape("repeat", {split.outer * split.count, times, split.inner}, x.line());
  Dimensions dimensions{};
  std::copy(value.shape().begin(), value.shape().end(), dimensions.begin());
  dimensions[at] *= times;
  const Shape whole = make_shape(dimensions, value.rank());
  const Var row = internal::reshape(value, Shape{split.outer * split.count, 1, split.inner});
  return internal::reshape(internal::broadcast_to(row, copies), whole);
}

Var repeat(const Operand& x, std::span<const std::int64_t> times, int axis) {
  const OpScope scope("repeat", x.line());
  const Var value = as_var(x, "repeat");
  const int at = axis_from_front("repeat", axis, value.shape(), x.line());
  if (static_cast<std::int64_t>(times.size()) != value.shape()[at])
    fail<ShapeError>(
        "repeat",
        fmt::format("{} counts are given for axis {} of shape {}", times.size(), axis, to_string(value.shape())),
        x.line());
  std::vector<std::int64_t> rows;
  std::int64_t row = 0;
  for (const std::int64_t count : times) {
    if (count < 0) fail<ValueError>("repeat", fmt::format("{} repetitions of element {}", count, row), x.line());
    rows.insert(rows.end(), static_cast<std::size_t>(count), row++);
  }
  Tensor indices = Tensor::empty(Shape{static_cast<std::int64_t>(rows.size())}, DType::i64);
  std::copy(rows.begin(), rows.end(), indices.mutable_data<std::int64_t>().begin());
  return gather(value, indices, at);
}

Var repeat(const Operand& x, internal::DimensionList times, int axis) { return repeat(x, numbers_of(times), axis); }

}  // namespace thalweg
