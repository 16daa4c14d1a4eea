#pragma once
// For authors of ops: an op composed of other ops whose gradient has a closed form that is shorter than what
// differentiating its parts would give.
//
// The parts are recorded as usual and stay visible on the tape. One more node follows them. Its first input is their
// result, which is also its own value, at no cost; its gradient rules read the further inputs. The first input has no
// rule, so the gradient bypasses the parts.

#include <array>
#include <span>

#include <thalweg/op.hpp>

namespace thalweg {

namespace internal {

inline NodeType type_of_first(const Inference& inference) { return inference.input(0); }

inline StridedView contiguous_view(const Shape&, const Shape& output, std::uint64_t, std::span<const double>) {
  StridedView view;
  std::int64_t stride = 1;
  for (int axis = output.rank(); axis-- > 0; stride *= output[axis])
    view.strides[static_cast<std::size_t>(axis)] = stride;
  return view;
}

}  // namespace internal

/// The op of that last node. Record it with the result as its first input, followed by what the gradient rules read: x,
/// and intermediate values of the forward pass. `pullbacks` has one rule per input; the first is null.
constexpr Op composite(const char* name, std::array<PullbackRule, 4> pullbacks) {
  return {.name = name,
          .kind = Kind::view,
          .shape_rule = internal::type_of_first,
          .pullbacks = pullbacks,
          .view_rule = internal::contiguous_view};
}

/// An op composed of others which depends only on its inputs' types, its attribute and, if `build` asks for them, the
/// tape's phase and the precision of matrix products. `build` then runs once: a later step that repeats it records all
/// of its nodes at once. Numbers in it must be literals; if it has tensors, parameters, draws or other numbers of its
/// own, which may change from step to step, it is built every time. A constant, like an Op: it outlives every tape.
struct Composition {
  const char* name;  // in errors and pictures: `build` runs in an OpScope of this name
  Var (*build)(std::span<const Var> inputs, std::uint64_t attribute, SourceLine line);
};

Var record(const Composition& composition, const Operand& a, std::uint64_t attribute = 0);
Var record(const Composition& composition, const Operand& a, const Operand& b, std::uint64_t attribute = 0);

}  // namespace thalweg
