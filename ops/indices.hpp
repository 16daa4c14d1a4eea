#pragma once
// Helpers for ops that take indices: checks, and the shapes that the indices ask for.

#include <span>

#include <thalweg/op.hpp>

#include "ops/axes.hpp"

namespace thalweg {

/// x, with bools converted to i64.
Var as_numbers(const Operand& x, const char* op);

/// DtypeError unless input `place` is i64.
void check_indices(const Inference& inference, int place);

/// The type of input 0 with the axis of the attribute replaced by the shape of the indices, input 1.
NodeType gather_shape(const Inference& inference);

/// IndexError naming the first index that is not in [−size, size).
void check_all(std::span<const std::int64_t> indices, std::int64_t size, int axis, const OpaqueCall& call);

/// The indices, which are the second input.
inline std::span<const std::int64_t> indices_of(const OpaqueCall& call) {
  return {static_cast<const std::int64_t*>(call.inputs[1]), static_cast<std::size_t>(call.input_types[1].shape.size())};
}

inline std::int64_t from_front(std::int64_t index, std::int64_t size) { return index < 0 ? index + size : index; }

/// Calls combine(to, from) for each number of `from` and the one of the output that it belongs to: rows of `split.inner`
/// numbers, each for the output's row at an index.
template <class T, class Combine>
void combine_rows(const OpaqueCall& call, const AxisSplit& split, const void* from, const Combine& combine) {
  const T* numbers = static_cast<const T*>(from);
  T* to = static_cast<T*>(call.output);
  for (std::int64_t i = 0; i < split.outer; ++i, to += split.count * split.inner)
    for (const std::int64_t index : indices_of(call)) {
      T* const row = to + from_front(index, split.count) * split.inner;
      for (std::int64_t j = 0; j < split.inner; ++j) combine(row[j], numbers[j]);
      numbers += split.inner;
    }
}

/// The same with an index for each number, along the attribute's axis.
template <class T, class Combine>
void combine_along_axis(const OpaqueCall& call, const AxisSplit& split, const void* from, const Combine& combine) {
  const T* numbers = static_cast<const T*>(from);
  const std::int64_t* indices = indices_of(call).data();
  T* to = static_cast<T*>(call.output);
  const std::int64_t lines = call.input_types[1].shape[attribute_axis(call.attribute)];
  for (std::int64_t i = 0; i < split.outer; ++i, to += split.count * split.inner)
    for (std::int64_t k = 0; k < lines; ++k)
      for (std::int64_t j = 0; j < split.inner; ++j)
        combine(to[from_front(*indices++, split.count) * split.inner + j], *numbers++);
}

/// `shape` broadcast to `other` along all axes except `axis`.
Shape with_others_of(const Shape& shape, const Shape& other, int axis);

Var broadcast_if_needed(const Var& x, const Shape& shape);

/// ShapeError unless x and the indices broadcast along all axes except `axis`.
void check_along_axis(const char* op, const Var& x, const Var& indices, int axis, SourceLine line);

/// The shape of the indices broadcast to x along all axes except `axis`; ShapeError if they do not fit.
Shape checked_places(const char* op, const Var& x, const Var& indices, int axis, SourceLine line);

/// The updates in x's dtype and in the shape that their indices want; a single number applies to all.
Var checked_updates(const char* op, const Operand& updates, const Var& x, const Shape& shape, SourceLine line);

}  // namespace thalweg
