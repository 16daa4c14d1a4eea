#pragma once
// A composite with a closed-form gradient, for authors of ops: an op made of other ops, whose gradient as a whole is
// shorter than what differentiating its parts would give.
//
// The parts are recorded as usual and stay visible on the tape. Behind them stands one more node, whose first input is
// their result: that is its value too, and costs no pass. Its gradient rules read its further inputs. The first input has
// no rule, so the gradient does not go through the parts.

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

/// The op of such a node. Record it with the result as its first input, then what the gradient rules read: x, and values
/// that the forward pass has computed anyway. `pullbacks` has a rule for each input; the first is null.
constexpr Op composite(const char* name, std::array<PullbackRule, 4> pullbacks) {
  return {.name = name,
          .kind = Kind::view,
          .shape_rule = internal::type_of_first,
          .pullbacks = pullbacks,
          .view_rule = internal::contiguous_view};
}

/// An op made of others whose parts follow from its inputs' types, its attribute, and the tape's phase and the precision of
/// products where it asks for them: `build` reads nothing else. So it is called once: where a step records again what the step
/// before did, of the same nodes, all of it is recorded at once. Its numbers are literals; with numbers, tensors, parameters or
/// draws of its own, which may change from step to step, it is built each time. A constant like an Op: it outlives every tape.
struct Composition {
  const char* name;  // which errors in it, and pictures, name: `build` runs in an OpScope
  Var (*build)(std::span<const Var> inputs, std::uint64_t attribute, SourceLine line);
};

Var record(const Composition& composition, const Operand& a, std::uint64_t attribute = 0);
Var record(const Composition& composition, const Operand& a, const Operand& b, std::uint64_t attribute = 0);

}  // namespace thalweg
