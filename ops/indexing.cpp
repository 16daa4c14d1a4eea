#include <thalweg/ops/indexing.hpp>

#include <cstring>

#include <fmt/format.h>

#include <thalweg/ops/arithmetic.hpp>
#include <thalweg/ops/shape.hpp>

#include "src/core_ops/core_ops.hpp"
#include "src/run/gather.hpp"

namespace thalweg {

namespace {

// --- gather ---

NodeType gather_shape(const Inference& inference) {
  const NodeType &x = inference.input(0), &indices = inference.input(1);
  if (x.shape.rank() == 0) inference.fail_shape("shape () has no rows");
  if (indices.dtype != DType::i64) inference.fail_dtype(fmt::format("indices must be i64, they are {}", name(indices.dtype)));
  if (indices.shape.rank() + x.shape.rank() - 1 > Shape::max_rank) inference.fail_shape("the result has too many dimensions");
  std::array<std::int64_t, Shape::max_rank> dimensions{};
  auto* next = std::copy(indices.shape.begin(), indices.shape.end(), dimensions.begin());
  next = std::copy(x.shape.begin() + 1, x.shape.end(), next);
  return {Shape(std::span<const std::int64_t>(dimensions.data(), next)), x.dtype, false};
}

std::int64_t checked_row(std::int64_t index, std::int64_t rows, std::size_t place, const OpaqueCall& call) {
  if (index < -rows || index >= rows)
    throw IndexError(error_text(
        "gather", fmt::format("index {} at place {} is out of range for axis 0 of size {}", index, place, rows), call.line));
  return index < 0 ? index + rows : index;
}

void gather_kernel(const OpaqueCall& call) {
  const Shape& shape = call.input_types[0].shape;
  const std::int64_t rows = shape[0];
  const auto count = static_cast<std::size_t>(call.input_types[1].shape.size());
  const auto* indices = static_cast<const std::int64_t*>(call.inputs[1]);
  for (std::size_t i = 0; i < count; ++i) checked_row(indices[i], rows, i, call);
  const std::int64_t row_size = rows == 0 ? 0 : shape.size() / rows;
  run::gather_rows({call.inputs[0], rows, static_cast<std::size_t>(row_size) * size_of(call.output_type.dtype)},
                   {indices, count}, call.output);
}

// scatter_rows: rows added into zeros of the attribute's shape, at the indices. gather's transpose.

NodeType scatter_rows_shape(const Inference& inference) {
  return {attribute_shape(inference.attribute()), inference.input(0).dtype, false};
}

template <class T>
void add_rows(const OpaqueCall& call, std::int64_t rows, std::size_t row_size) {
  const auto* from = static_cast<const T*>(call.inputs[0]);
  const auto* indices = static_cast<const std::int64_t*>(call.inputs[1]);
  auto* to = static_cast<T*>(call.output);
  const auto count = static_cast<std::size_t>(call.input_types[1].shape.size());
  for (std::size_t i = 0; i < count; ++i) {
    const auto row = static_cast<std::size_t>(checked_row(indices[i], rows, i, call));
    for (std::size_t j = 0; j < row_size; ++j) to[row * row_size + j] += from[i * row_size + j];
  }
}

void scatter_rows_kernel(const OpaqueCall& call) {
  const Shape& shape = call.output_type.shape;
  std::memset(call.output, 0, static_cast<std::size_t>(shape.size()) * size_of(call.output_type.dtype));
  const auto row_size = static_cast<std::size_t>(shape[0] == 0 ? 0 : shape.size() / shape[0]);
  if (call.output_type.dtype == DType::f32) {
    add_rows<float>(call, shape[0], row_size);
  } else {
    add_rows<double>(call, shape[0], row_size);
  }
}

Var scatter_rows_pullback(const Pullback& p) { return gather(p.gradient, p.input(1)); }

const Op scatter_rows_op{.name = "scatter_rows",
                         .kind = Kind::opaque,
                         .shape_rule = scatter_rows_shape,
                         .pullbacks = {scatter_rows_pullback},
                         .opaque_kernel = scatter_rows_kernel,
                         .can_fail = true};

const Op gather_op{
    .name = "gather",
    .kind = Kind::opaque,
    .shape_rule = gather_shape,
    .pullbacks = {[](const Pullback& p) {
      return record(scatter_rows_op, p.gradient, p.input(1), shape_attribute(p.input(0).shape()));
    }},
    .opaque_kernel = gather_kernel,
    .can_fail = true};

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
      throw IndexError(error_text(
          call.op, fmt::format("label {} at place {} is out of range for {} classes", labels[i], i, classes), call.line));
  std::memcpy(call.output, labels, count * sizeof(std::int64_t));
}

const Op checked_labels_op{.name = "labels",
                           .kind = Kind::opaque,
                           .shape_rule = labels_shape,
                           .opaque_kernel = checked_labels_kernel,
                           .can_fail = true};

}  // namespace

Var gather(const Operand& x, const Operand& indices) { return record(gather_op, x, indices); }

namespace internal {

Var checked_labels(const Operand& labels, std::int64_t classes, std::optional<std::int64_t> ignored, SourceLine line) {
  const Var value = as_var(labels);
  const Operand there(value, line.file, line.line);
  const auto attribute = static_cast<std::uint64_t>(classes);
  return ignored ? record(checked_labels_op, there, *ignored, attribute) : record(checked_labels_op, there, attribute);
}

}  // namespace internal

Var one_hot(const Operand& labels, std::int64_t classes, DType dtype) {
  const Scope scope("one_hot", labels.line());
  const Var checked = internal::checked_labels(labels, classes, {}, labels.line());
  return cast(cast(unsqueeze(checked, -1), dtype) == column_index(classes), dtype);
}

}  // namespace thalweg
