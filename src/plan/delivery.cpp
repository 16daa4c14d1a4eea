#include "src/plan/delivery.hpp"

#include <algorithm>

namespace thalweg::internal {

using run::SweepValue;

namespace {

bool is_effect(const Target& target) { return target.destination.place == PlanBuffer::Place::assigned; }

}  // namespace

void Delivery::deliver_all() {
  reads_.clear();
  noted_passes_ = 0;
  last_failing_ = -1;
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
  const bool direct = made.place == PlanBuffer::Place::arena && !is_kept && !made.kept &&
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
  if (is_kept) schedule_.keep(copy.output);
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
  if (memory.place == Place::arena) schedule_.keep(base);
  note_kept(id, buffer);
  return true;
}

void Delivery::note_kept(std::int32_t id, std::int32_t buffer) {
  schedule_.kept.push_back({id, buffer});
  const Segment* const segment = graph_.segment();
  const bool is_asked = segment != nullptr && graph_.key(segment->request).inputs[0] == id;
  if (is_asked) schedule_.value_buffer_ = buffer;
}

/// Assigning in place requires that no later pass reads the old value or can fail, and that the pass itself does not read
/// it or is a sweep that reads it only element by element. If that sweep reads it more than once, it delays its stores.
bool Delivery::can_assign_in_place(std::int32_t id, std::int32_t assigned) {
  note_passes();
  const std::int32_t pass = graph_.node(id).buffer_pass;
  const MemoryRange written = range_of(assigned);
  const std::int32_t last_read = last_read_of(written);
  if (last_read > pass || last_failing_ >= pass) return false;
  if (last_read < pass) return true;
  const SweepBuild* const sweep = schedule_.sweep_at(pass);
  if (sweep == nullptr) return false;
  const std::vector<SweepValue>& values = sweep->sweep.values;
  return std::none_of(values.begin(), values.end(), [&](const SweepValue& value) {
    if (value.kind != SweepValue::Kind::input || !registry_range(value.slot).overlaps(written)) return false;
    return value.extent != run::Extent::element || value.step != 0;
  });
}

/// Notes what the passes since the last call read of registries, and whether they can fail.
void Delivery::note_passes() {
  for (; noted_passes_ <= schedule_.last_pass(); ++noted_passes_) {
    const Pass& pass = schedule_.passes_[static_cast<std::size_t>(noted_passes_)];
    schedule_.for_each_read(pass, [&](std::int32_t buffer) { note_read(registry_range(buffer)); });
    if (pass.kind == Pass::Kind::opaque && schedule_.opaques_[static_cast<std::size_t>(pass.index)].op->can_fail)
      last_failing_ = noted_passes_;
  }
}

/// Notes that pass number noted_passes_ reads this memory: replaces what is known of the parts of it.
void Delivery::note_read(const MemoryRange& read) {
  if (read.begin == read.end) return;
  split_at(read.begin);
  split_at(read.end);
  reads_.erase(reads_.lower_bound(read.begin), reads_.lower_bound(read.end));
  reads_.emplace(read.begin, LastRead{read.end, noted_passes_});
}

/// Splits the noted range that has `address` in it.
void Delivery::split_at(std::uintptr_t address) {
  auto at = reads_.lower_bound(address);
  if (at == reads_.begin() || (--at)->second.end <= address) return;
  reads_.emplace(address, at->second);
  at->second.end = address;
}

/// The last pass that reads of this memory; −1: none.
std::int32_t Delivery::last_read_of(const MemoryRange& memory) const {
  std::int32_t last = -1;
  auto at = reads_.upper_bound(memory.begin);
  if (at != reads_.begin()) --at;
  for (; at != reads_.end() && at->first < memory.end; ++at)
    if (at->second.end > memory.begin) last = std::max(last, at->second.pass);
  return last;
}

/// The memory of the buffer if it lies in a registry; otherwise none.
Delivery::MemoryRange Delivery::registry_range(std::int32_t buffer) const {
  const PlanBuffer& memory = schedule_.buffer(schedule_.root(buffer));
  return memory.place == PlanBuffer::Place::registry ? range_of(memory.node) : MemoryRange();
}

/// The memory of the registry that node `id` reads or writes.
Delivery::MemoryRange Delivery::range_of(std::int32_t id) const {
  const RegistryCore& registry = *graph_.recorder().slot(id).registry;
  const std::uint64_t attribute = graph_.key(id).attribute;
  const auto begin = reinterpret_cast<std::uintptr_t>(registry_data(registry, attribute));
  return {begin,
          begin + static_cast<std::size_t>(registry_shape(registry, attribute)->size()) * size_of(registry.dtype)};
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
    schedule_.keep(base);
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
