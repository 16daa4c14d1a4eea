#pragma once
// A composite with a closed-form gradient, for authors of ops: a node whose value is its first input, the composed result,
// and whose gradient rules read its further inputs. The parts before it stay visible on the tape and get no gradient
// through the result.

#include <array>

#include <thalweg/op.hpp>

namespace thalweg {

namespace internal {

inline NodeType type_of_first(const Inference& inference) { return inference.input(0); }

inline StridedView same_place(const Shape&, const Shape& output, std::uint64_t, std::span<const double>) {
  StridedView view;
  std::int64_t stride = 1;
  for (int axis = output.rank(); axis-- > 0; stride *= output[axis])
    view.strides[static_cast<std::size_t>(axis)] = stride;
  return view;
}

}  // namespace internal

/// The op of such a node; record it with the result as its first input, then what the gradient rules read. `pullbacks`: by
/// input, so that the first is null.
constexpr Op composite(const char* name, std::array<PullbackRule, 4> pullbacks) {
  return {.name = name,
          .kind = Kind::view,
          .shape_rule = internal::type_of_first,
          .pullbacks = pullbacks,
          .view_rule = internal::same_place};
}

}  // namespace thalweg
