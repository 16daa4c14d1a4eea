#include "src/plan/numbers.hpp"

#include <algorithm>
#include <bit>

namespace thalweg::internal {

std::int32_t Numbers::slot(std::int32_t id) {
  if (slots_.contains(id)) return slots_[id];
  const auto slot = static_cast<std::int32_t>(schedule_.numbers_.size());
  slots_.set(id, slot);
  const Key& key = graph_.key(id);
  const bool is_literal = key.op == &literal_op;
  schedule_.numbers_.push_back(is_literal ? std::bit_cast<double>(key.attribute) : 0);
  if (!is_literal) schedule_.number_nodes_.push_back({slot, id});
  return slot;
}

std::int32_t Numbers::add_cell(std::int32_t id) {
  NumberCell& cell = schedule_.number_cells_.emplace_back();
  cell.slot = slot(id);
  cell.dtype = graph_.info(id).dtype;
  PlanBuffer buffer;
  buffer.place = PlanBuffer::Place::number;
  buffer.node = id;
  buffer.index = static_cast<std::int32_t>(schedule_.number_cells_.size()) - 1;
  buffer.bytes = size_of(cell.dtype);
  buffer.dtype = cell.dtype;
  return schedule_.add_buffer(buffer);
}

std::int32_t Numbers::add_dynamic_view(std::int32_t id, std::span<const std::int32_t> inputs) {
  DynamicView& dynamic = schedule_.dynamic_views_.emplace_back();
  dynamic.op = graph_.key(id).op;
  dynamic.attribute = graph_.key(id).attribute;
  dynamic.input = graph_.info(inputs[0]).shape;
  dynamic.output = graph_.info(id).shape;
  dynamic.count = static_cast<std::int32_t>(inputs.size()) - 1;
  for (std::size_t i = 1; i < inputs.size(); ++i) dynamic.numbers[i - 1] = slot(inputs[i]);
  return static_cast<std::int32_t>(schedule_.dynamic_views_.size()) - 1;
}

const Numbers::Computed* Numbers::computed(std::int32_t id, DType dtype) const {
  const auto at = std::lower_bound(computed_.begin(), computed_.end(), id,
                                   [](const Computed& number, std::int32_t wanted) { return number.node < wanted; });
  for (auto number = at; number != computed_.end() && number->node == id; ++number)
    if (number->dtype == dtype) return &*number;
  return nullptr;
}

}  // namespace thalweg::internal
