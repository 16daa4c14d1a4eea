#include "ops/strided.hpp"

#include <algorithm>
#include <tuple>

#include "ops/buffers.hpp"
#include "ops/interned.hpp"
#include "src/tensor/visit.hpp"

namespace thalweg {

namespace {

struct InOrder {
  static auto words(const Placement& p) { return std::tuple(p.whole.rank(), p.piece.rank(), p.strides); }
  bool operator()(const Placement& a, const Placement& b) const {
    if (words(a) != words(b)) return words(a) < words(b);
    if (!(a.whole == b.whole))
      return std::lexicographical_compare(a.whole.begin(), a.whole.end(), b.whole.begin(), b.whole.end());
    return std::lexicographical_compare(a.piece.begin(), a.piece.end(), b.piece.begin(), b.piece.end());
  }
};

NodeType strided_shape(const Inference& inference) {
  return {attribute_placement(inference.attribute()).piece, inference.input(0).dtype, false};
}

StridedView strided_view(const Shape&, const Shape&, std::uint64_t attribute, std::span<const double> numbers) {
  StridedView view;
  view.strides = attribute_placement(attribute).strides;
  view.offset = static_cast<std::int64_t>(numbers.empty() ? 0 : numbers[0]);
  return view;
}

NodeType unstrided_shape(const Inference& inference) {
  return {attribute_placement(inference.attribute()).whole, inference.input(0).dtype, false};
}

template <class T>
void add_in_places(const OpaqueCall& call) {
  const T* piece = static_cast<const T*>(call.inputs[0]);
  T* whole = static_cast<T*>(call.output);
  for_each_line(attribute_placement(call.attribute), *static_cast<const std::int64_t*>(call.inputs[1]),
                [&](std::int64_t from, std::int64_t to, std::int64_t count, std::int64_t stride) {
                  for (std::int64_t i = 0; i < count; ++i) whole[to + i * stride] += piece[from + i];
                });
}

void unstrided_kernel(const OpaqueCall& call) {
  fill_zeros(call);
  internal::visit_floating(call.output_type.dtype, [&]<class T>() { add_in_places<T>(call); });
}

Var strided_pullback(const Pullback& p);
Var unstrided_pullback(const Pullback& p);

const Op strided_op{.name = "strided",
                    .kind = Kind::view,
                    .shape_rule = strided_shape,
                    .pullbacks = {strided_pullback},
                    .view_rule = strided_view};

/// The piece at its places in the whole, zeros elsewhere.
const Op unstrided_op{.name = "unstrided",
                      .kind = Kind::opaque,
                      .shape_rule = unstrided_shape,
                      .pullbacks = {unstrided_pullback},
                      .opaque_kernel = unstrided_kernel};

Var strided_pullback(const Pullback& p) { return record(unstrided_op, p.gradient, p.input(1), p.attribute); }
Var unstrided_pullback(const Pullback& p) { return record(strided_op, p.gradient, p.input(1), p.attribute); }

}  // namespace

std::uint64_t placement_attribute(const Placement& placement) { return interned<Placement, InOrder>(placement); }

const Placement& attribute_placement(std::uint64_t attribute) { return interned_at<Placement>(attribute); }

Var strided(const Operand& x, const Placement& placement, std::int64_t offset) {
  return record(strided_op, x, offset, placement_attribute(placement));
}

Var strided_again(const Operand& x, const Var& offset, std::uint64_t attribute) {
  return record(strided_op, x, offset, attribute);
}

}  // namespace thalweg
