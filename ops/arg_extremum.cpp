// argmax and argmin.

#include <algorithm>

#include <fmt/format.h>

#include <thalweg/ops/reduction.hpp>

#include "ops/axes.hpp"
#include "ops/buffers.hpp"
#include "src/core_ops/core_ops.hpp"
#include "src/tensor/visit.hpp"

namespace thalweg {

namespace {

/// Reduces the middle of (outer, count, inner); the result is (outer, inner).
NodeType arg_extremum_shape(const Inference& inference) {
  const Shape& shape = inference.shape(0);
  return {Shape{shape[0], shape[2]}, DType::i64, false};
}

/// Whether `a`, which comes after `b`, replaces it as extremum. NaN replaces any number, and is never replaced.
template <bool largest, class T>
bool beats(T a, T b) {
  return ((largest ? a > b : a < b) || is_nan(a)) && !is_nan(b);
}

/// Searches up to 64 adjacent columns together, row by row, so that memory is read sequentially.
template <class T, bool largest>
void find(const OpaqueCall& call) {
  constexpr std::int64_t most_columns = 64;
  const Shape& shape = call.input_types[0].shape;
  const std::int64_t count = shape[1], inner = shape[2];
  const std::int64_t blocks = (inner + most_columns - 1) / most_columns;
  const T* x = static_cast<const T*>(call.inputs[0]);
  auto* y = static_cast<std::int64_t*>(call.output);
  for_each_index(shape[0] * blocks, shape.size(), [&](std::int64_t index) {
    const std::int64_t column = index % blocks * most_columns, columns = std::min(most_columns, inner - column);
    const T* from = x + index / blocks * count * inner + column;
    std::int64_t* to = y + index / blocks * inner + column;
    T best[most_columns];
    std::copy_n(from, columns, best);
    std::fill_n(to, columns, 0);
    for (std::int64_t i = 1; i < count; ++i)
      for (std::int64_t k = 0; k < columns; ++k)
        if (const T value = from[i * inner + k]; beats<largest>(value, best[k])) {
          best[k] = value;
          to[k] = i;
        }
  });
}

template <bool largest>
void arg_extremum_kernel(const OpaqueCall& call) {
  internal::visit_dtype(call.input_types[0].dtype, [&]<class T>() { find<T, largest>(call); });
}

const Op argmax_op{.name = "argmax",
                   .kind = Kind::opaque,
                   .shape_rule = arg_extremum_shape,
                   .opaque_kernel = arg_extremum_kernel<true>};
const Op argmin_op{.name = "argmin",
                   .kind = Kind::opaque,
                   .shape_rule = arg_extremum_shape,
                   .opaque_kernel = arg_extremum_kernel<false>};

Var arg_extremum(const Op& op, const Operand& x, const ReductionOptions& options) {
  const OpScope scope(op.name, x.line());
  const Var value = as_var(x, op.name);
  const Shape shape = value.shape();
  const std::uint64_t attribute = axes_attribute(op.name, shape, options, x.line());
  const Shape result = reduced_shape(shape, attribute, options.keep_dimensions);
  if (shape.size() == 0 && result.size() != 0)
    fail<ShapeError>(op.name, fmt::format("shape {} has no elements to choose from", to_string(shape)), x.line());
  return internal::reshape(record(op, group_axes(value, attribute & axes_bits)), result);
}

}  // namespace

Var argmax(const Operand& x, const ReductionOptions& options) { return arg_extremum(argmax_op, x, options); }
Var argmax(const Operand& x, OneAxis axis, bool keep) { return argmax(x, {int{axis}, keep}); }
Var argmin(const Operand& x, const ReductionOptions& options) { return arg_extremum(argmin_op, x, options); }
Var argmin(const Operand& x, OneAxis axis, bool keep) { return argmin(x, {int{axis}, keep}); }

}  // namespace thalweg
