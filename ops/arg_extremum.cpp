// Where the largest and the smallest element stand.

#include <algorithm>
#include <cmath>
#include <type_traits>

#include <fmt/format.h>

#include <thalweg/ops/reduction.hpp>

#include "ops/axes.hpp"
#include "src/core_ops/core_ops.hpp"
#include "src/run/thread_pool.hpp"

namespace thalweg {

namespace {

/// Of (outer, count, inner), over the middle: (outer, inner).
NodeType arg_extremum_shape(const Inference& inference) {
  const Shape& shape = inference.shape(0);
  return {Shape{shape[0], shape[2]}, DType::i64, false};
}

template <class T>
bool is_nan(T x) {
  if constexpr (std::is_floating_point_v<T>)
    return std::isnan(x);
  else
    return false;
}

/// Whether `a`, which stands behind `b`, takes its place: a NaN does, and what is NaN stays.
template <bool largest, class T>
bool beats(T a, T b) {
  return ((largest ? a > b : a < b) || is_nan(a)) && !is_nan(b);
}

template <class T, bool largest>
void find(const OpaqueCall& call) {
  constexpr std::int64_t most_columns = 64, parallel_elements = 1 << 16;
  const Shape& shape = call.input_types[0].shape;
  const std::int64_t count = shape[1], inner = shape[2];
  const std::int64_t blocks = (inner + most_columns - 1) / most_columns;
  const T* x = static_cast<const T*>(call.inputs[0]);
  auto* y = static_cast<std::int64_t*>(call.output);
  const auto run = [&](std::int64_t index) {
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
  };
  if (shape.size() < parallel_elements) {
    for (std::int64_t index = 0; index < shape[0] * blocks; ++index) run(index);
  } else {
    run::parallel_for(shape[0] * blocks, run);
  }
}

template <bool largest>
void arg_extremum_kernel(const OpaqueCall& call) {
  switch (call.input_types[0].dtype) {
    case DType::f32: return find<float, largest>(call);
    case DType::f64: return find<double, largest>(call);
    case DType::i64: return find<std::int64_t, largest>(call);
    case DType::boolean: return find<bool, largest>(call);
  }
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
  const Var value = as_var(x);
  const Shape shape = value.shape();
  const std::uint64_t attribute = axes_attribute(op.name, shape, options, x.line());
  const Shape result = reduced_shape(shape, attribute, options.keep_dimensions);
  if (shape.size() == 0 && result.size() != 0)
    fail<ShapeError>(op.name, fmt::format("shape {} has no elements to choose from", to_string(shape)), x.line());
  return internal::reshape(record(op, group_axes(value, attribute & 0xFF)), result);
}

}  // namespace

Var argmax(const Operand& x, const ReductionOptions& options) { return arg_extremum(argmax_op, x, options); }
Var argmax(const Operand& x, int axis, bool keep) { return argmax(x, {axis, keep}); }
Var argmin(const Operand& x, const ReductionOptions& options) { return arg_extremum(argmin_op, x, options); }
Var argmin(const Operand& x, int axis, bool keep) { return argmin(x, {axis, keep}); }

}  // namespace thalweg
