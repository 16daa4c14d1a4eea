#include "src/plan/delivery.hpp"

#include <algorithm>

namespace thalweg::internal {

using run::SweepValue;

namespace {

/// Whether a sweep computes elements from its own reductions: then it may read inputs again after it has written.
bool has_stages(const SweepBuild& sweep) {
  const std::vector<SweepValue>& values = sweep.sweep.values;
  std::vector<bool> is_late(values.size(), false);  // a reduction, or computed from one
  for (std::size_t i = 0; i < values.size(); ++i) {
    const SweepValue& value = values[i];
    is_late[i] = value.kind == SweepValue::Kind::reduce;
    for (int k = 0; k < value.operand_count; ++k)
      if (is_late[static_cast<std::size_t>(value.operands[k])]) is_late[i] = true;
    if (is_late[i] && value.kind == SweepValue::Kind::apply && value.extent == run::Extent::element) return true;
  }
  return false;
}

bool is_effect(const Target& target) { return target.destination.place == PlanBuffer::Place::assigned; }

}  // namespace

void Delivery::deliver_all() {
  copy_what_effects_read();
  for (const bool effects : {false, true})
    for (const Target& target : graph_.targets())
      if (is_effect(target) == effects) deliver(target);
  const Segment* const segment = graph_.segment();
  if (segment != nullptr && !segment->learned && graph_.key(segment->request).op != &backward_request_op)
    keep_what_is_there();
  std::sort(schedule_.kept.begin(), schedule_.kept.end(),
            [](const KeptValue& a, const KeptValue& b) { return a.node < b.node; });
}

/// An effect that assigns a registry value as it is gets a copy first, so that all effects see the values from before.
void Delivery::copy_what_effects_read() {
  for (const Target& target : graph_.targets()) {
    if (!is_effect(target)) continue;
    const std::int32_t buffer = operands_.materialize(target.node);
    if (schedule_.buffer(schedule_.root(buffer)).place != PlanBuffer::Place::registry) continue;
    PlannedNode& node = graph_.node(target.node);
    StridedView view;
    view.strides[0] = 1;
    node.buffer = operands_.copy_view(target.node, buffer, view, Shape{graph_.shape(target.node).size()});
    node.pass = node.buffer_pass = schedule_.last_pass();
  }
}

void Delivery::deliver(const Target& target) {
  const std::int32_t id = target.node, buffer = operands_.materialize(id);
  const PlanBuffer& destination = target.destination;
  const bool is_kept = destination.place == PlanBuffer::Place::arena;
  const bool is_held = destination.place == PlanBuffer::Place::held;
  if (is_kept && keep_where_it_is(id, buffer)) return;
  PlanBuffer& made = schedule_.buffer(buffer);
  const std::vector<std::int32_t>& kept = schedule_.kept_buffers;
  const bool direct = made.place == PlanBuffer::Place::arena && !is_kept &&
                      std::find(kept.begin(), kept.end(), buffer) == kept.end() &&
                      (!is_effect(target) || can_assign_in_place(id, destination.node));
  PlanBuffer there = destination;
  there.bytes = made.bytes;
  there.dtype = made.dtype;
  if (direct) {
    made = there;
    if (is_held) note_kept(id, buffer);
    return;
  }
  CopyPass& copy = schedule_.copies_.emplace_back();
  copy.node = id;
  copy.input = buffer;
  copy.dtype = made.dtype;
  copy.shape = Shape{graph_.shape(id).size()};
  copy.view.strides[0] = 1;
  copy.output = schedule_.add_buffer(there);
  if (is_kept) schedule_.kept_buffers.push_back(copy.output);
  if (is_kept || is_held) note_kept(id, copy.output);
  schedule_.add_pass(Pass::Kind::copy, schedule_.copies_.size());
}

/// Lets a value that is to be kept stay in its buffer; false if it may change there.
bool Delivery::keep_where_it_is(std::int32_t id, std::int32_t buffer) {
  if (graph_.key(id).op->kind == Kind::source) return false;
  using Place = PlanBuffer::Place;
  const PlanBuffer& made = schedule_.buffer(buffer);
  const std::int32_t base = schedule_.root(buffer);
  const PlanBuffer& memory = schedule_.buffer(base);
  // Later plans find a held tensor by its own node, not by a view of it.
  const bool moves =
      (made.place == Place::alias && made.index >= 0) || (memory.place == Place::held && memory.node != id);
  if (moves || (memory.place != Place::arena && memory.place != Place::earlier && memory.place != Place::held))
    return false;
  if (memory.place == Place::arena) schedule_.kept_buffers.push_back(base);
  note_kept(id, buffer);
  return true;
}

void Delivery::note_kept(std::int32_t id, std::int32_t buffer) {
  schedule_.kept.push_back({id, buffer});
  const Segment* const segment = graph_.segment();
  const bool is_asked = segment != nullptr && graph_.key(segment->request).inputs[0] == id;
  if (is_asked) schedule_.value_buffer_ = buffer;
}

/// Assigning in place requires that no later pass reads the old value or can fail, and that the pass itself reads it
/// only element by element.
bool Delivery::can_assign_in_place(std::int32_t id, std::int32_t assigned) {
  const auto overlap = [&](std::int32_t buffer) {
    const PlanBuffer& read = schedule_.buffer(schedule_.root(buffer));
    return read.place == PlanBuffer::Place::registry ? overlap_of(read.node, assigned) : Overlap::none;
  };
  const std::int32_t pass = graph_.node(id).buffer_pass;
  for (std::int32_t later = pass; later <= schedule_.last_pass(); ++later) {
    if (const SweepBuild* const sweep = schedule_.sweep_at(later)) {
      for (const SweepValue& value : sweep->sweep.values)
        if (value.kind == SweepValue::Kind::input && overlap(value.slot) != Overlap::none) {
          const bool is_read_in_place = later == pass && value.extent == run::Extent::element && value.step == 0 &&
                                        overlap(value.slot) == Overlap::same;
          if (!is_read_in_place) return false;
        }
      if (later == pass && has_stages(*sweep)) return false;
      continue;
    }
    const Pass& other = schedule_.passes_[static_cast<std::size_t>(later)];
    bool is_read = false;
    schedule_.for_each_read(other, [&](std::int32_t buffer) { is_read = is_read || overlap(buffer) != Overlap::none; });
    if (is_read) return false;
    if (other.kind == Pass::Kind::opaque && schedule_.opaques_[static_cast<std::size_t>(other.index)].op->can_fail)
      return false;
  }
  return true;
}

/// How the memory that node `read` reads of a registry overlaps with the memory that node `written` writes.
Delivery::Overlap Delivery::overlap_of(std::int32_t read, std::int32_t written) const {
  const Recorder& recorder = graph_.recorder();
  const RegistryCore *const from = recorder.slot(read).registry, *const to = recorder.slot(written).registry;
  if (from != to) return Overlap::none;
  const auto begin = [&](std::int32_t id) {
    return reinterpret_cast<std::uintptr_t>(registry_data(*from, graph_.key(id).attribute));
  };
  const auto end = [&](std::int32_t id) {
    const auto elements = static_cast<std::size_t>(registry_shape(*from, graph_.key(id).attribute)->size());
    return begin(id) + elements * size_of(from->dtype);
  };
  if (begin(read) == begin(written) && end(read) == end(written)) return Overlap::same;
  return begin(read) < end(written) && begin(written) < end(read) ? Overlap::partial : Overlap::none;
}

/// Until it is known what later requests read, keeps every value that is in memory anyway.
void Delivery::keep_what_is_there() {
  std::vector<std::int32_t> kept_before;
  for (const KeptValue& kept : schedule_.kept) kept_before.push_back(kept.node);
  std::sort(kept_before.begin(), kept_before.end());
  graph_.for_each_node([&](const PlannedNode& node) {
    if (node.buffer < 0 || node.where == PlannedNode::Where::lazy || graph_.key(node.id).op->kind == Kind::source)
      return;
    const std::int32_t base = schedule_.root(node.buffer);
    if (schedule_.buffer(base).place != PlanBuffer::Place::arena || schedule_.buffer(node.buffer).index >= 0 ||
        epilogue_moved_on(node))
      return;
    if (std::binary_search(kept_before.begin(), kept_before.end(), node.id)) return;
    schedule_.kept_buffers.push_back(base);
    schedule_.kept.push_back({node.id, node.buffer});
    schedule_.keeps_in_advance = true;
  });
}

/// Whether the product's epilogue has overwritten the node's value.
bool Delivery::epilogue_moved_on(const PlannedNode& node) const {
  if (node.matmul < 0) return false;
  const MatmulPass& pass = schedule_.matmul_at(node.matmul);
  return pass.nodes[pass.node_count - 1] > node.id;
}

}  // namespace thalweg::internal
