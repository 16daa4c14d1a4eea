// argmax and argmin.

#include <algorithm>
#include <bit>
#include <concepts>
#include <cstdint>
#include <limits>
#include <type_traits>

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

/// Maps x to an unsigned integer: the element with the smallest key is the extremum, and NaN has key 0. Integer keys are
/// compared without branches, which would be mispredicted half of the time.
template <bool largest, class T>
auto key_of(T x) {
  using Key = std::conditional_t<sizeof(T) == 8, std::uint64_t, std::uint32_t>;
  constexpr Key top = Key{1} << (8 * sizeof(Key) - 1);
  if constexpr (std::floating_point<T>) {
    const Key bits = std::bit_cast<Key>(x + T{0});  // −0 is 0
    const Key negative = Key{0} - (bits >> (8 * sizeof(Key) - 1));
    const Key ascending = bits ^ (negative | top), is_number = Key{0} - static_cast<Key>(!is_nan(x));
    return (largest ? static_cast<Key>(~ascending) : ascending) & is_number;
  } else {
    const Key ascending = static_cast<Key>(x) ^ top;
    return largest ? static_cast<Key>(~ascending) : ascending;
  }
}

/// Finds the first of the smallest keys. A key of 32 bits and its index are compared as one integer.
template <class Key>
struct First {
  Key key = std::numeric_limits<Key>::max();
  std::int64_t at = 0;
  void look_at(Key next, std::int64_t index) {
    const bool sooner = next < key;
    key = sooner ? next : key;
    at = sooner ? index : at;
  }
  std::int64_t place() const { return at; }
};
template <>
struct First<std::uint32_t> {
  std::uint64_t key_and_place = std::numeric_limits<std::uint64_t>::max() << 32U;
  void look_at(std::uint32_t next, std::int64_t index) {
    key_and_place =
        std::min(key_and_place, static_cast<std::uint64_t>(next) << 32U | static_cast<std::uint64_t>(index));
  }
  std::int64_t place() const { return static_cast<std::int64_t>(key_and_place & 0xFFFFFFFFU); }
};

/// Searches up to 64 adjacent columns together, row by row, so that memory is read sequentially.
template <class T, bool largest, class Key>
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
    if (columns == 1) {
      First<Key> first;
      for (std::int64_t i = 0; i < count; ++i) first.look_at(key_of<largest>(from[i * inner]), i);
      *to = first.place();
      return;
    }
    First<Key> first[most_columns];
    for (std::int64_t i = 0; i < count; ++i)
      for (std::int64_t k = 0; k < columns; ++k) first[k].look_at(key_of<largest>(from[i * inner + k]), i);
    for (std::int64_t k = 0; k < columns; ++k) to[k] = first[k].place();
  });
}

/// Indices that need more than 32 bits are kept apart from the key.
template <class T, bool largest>
void find(const OpaqueCall& call) {
  if (sizeof(T) == 8 || call.input_types[0].shape[1] > std::numeric_limits<std::uint32_t>::max())
    return find<T, largest, std::uint64_t>(call);
  find<T, largest, std::uint32_t>(call);
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
Var argmax(const Operand& x, const AxesArgument& axes, bool keep) { return argmax(x, {axes, keep}); }
Var argmin(const Operand& x, const ReductionOptions& options) { return arg_extremum(argmin_op, x, options); }
Var argmin(const Operand& x, const AxesArgument& axes, bool keep) { return argmin(x, {axes, keep}); }

}  // namespace thalweg
