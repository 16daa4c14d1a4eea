// Which nodes a request needs, which of them lie in memory already, and which parameters it reads.

#include <algorithm>

#include "src/core_ops/core_ops.hpp"
#include "src/plan/planner.hpp"

namespace thalweg::internal {

void Planner::collect_targets() {
  Segment& segment = *segment_;
  const Key& request = key(segment.request);
  const auto ask = [&](std::int32_t id, const PlanBuffer& destination) { targets_.push_back({id, destination}); };
  const auto keep = [&](std::int32_t id) {
    PlanBuffer kept;
    kept.place = PlanBuffer::Place::arena;
    ask(id, kept);
  };
  for (std::int32_t id = segment.base; id < segment.request; ++id)
    if (key(id).op == &keep_op) keep(key(id).inputs[0]);
  if (request.op == &value_request_op) {
    PlanBuffer held;
    held.place = PlanBuffer::Place::held;
    held.node = request.inputs[0];
    ask(request.inputs[0], held);
  }
  if (request.op == &item_request_op || request.op == &backward_request_op) keep(request.inputs[0]);
  for (const GradientOutput& output : segment.gradient_outputs) {
    PlanBuffer gradient;
    gradient.place = PlanBuffer::Place::gradient;
    gradient.node = output.registry;
    gradient.index = output.index;
    if (output.node >= 0) {
      ask(output.node, gradient);
      continue;
    }
    const RegistryCore& core =
        *recorder_->registry_by_uid(segment.registries[static_cast<std::size_t>(output.registry)]);
    gradient.bytes = core.entry_bytes(output.index);
    draft_.zeros_.push_back({.output = add_buffer(gradient), .bytes = gradient.bytes});
    add_pass(Pass::Kind::zero, draft_.zeros_.size());
  }
  const std::vector<PendingEffect>& pending = recorder_->pending();
  for (std::size_t i = 0; i < pending.size(); ++i) {
    const PendingEffect& effect = pending[i];
    // What a later effect of the same request overwrites need not be written.
    const auto overwrites = [&](const PendingEffect& later) {
      return later.registry == effect.registry && key(later.node).attribute == key(effect.node).attribute;
    };
    if (std::any_of(pending.begin() + static_cast<std::ptrdiff_t>(i) + 1, pending.end(), overwrites)) continue;
    PlanBuffer assigned;
    assigned.place = PlanBuffer::Place::assigned;
    assigned.node = effect.node;
    ask(effect.node, assigned);
  }
  for (const std::int32_t id : segment.keep) keep(id);
}

void Planner::count_uses(std::int32_t id, const Key& key) {
  const std::span<const std::int32_t> inputs = value_inputs(key);
  bool reads_number = false;
  const bool is_contraction = key.op->kind == Kind::contraction;
  // A sum of nothing is the same memory: a bias's gradient in a batch of one.
  const bool sums_nothing = key.op->kind == Kind::reduction && shape(id).size() == shape(inputs[0]).size();
  const bool reads_memory = is_contraction || key.op->kind == Kind::opaque || sums_nothing;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    PlannedNode& input = node(inputs[i]);
    ++input.uses;
    if (is_contraction && i < 2) ++input.factor_uses;
    if (reads_memory) ++input.memory_uses;
    reads_number |= info(inputs[i]).weak;
  }
  if (reads_number) number_readers_.push_back(id);
}

/// Numbers take the dtype of what they are read beside: in which dtypes each is read, through other numbers too.
void Planner::collect_number_dtypes() {
  const auto bit = [](DType dtype) { return static_cast<std::uint8_t>(1u << static_cast<unsigned>(dtype)); };
  for (std::size_t i = number_readers_.size(); i-- > 0;) {
    const PlannedNode& reader = node(number_readers_[i]);
    const Key& key = this->key(reader.id);
    const bool is_number = info(reader.id).weak, is_elementwise = key.op->kind == Kind::elementwise;
    std::uint8_t dtypes = is_number ? reader.number_dtypes : is_elementwise ? bit(compute_dtype(key)) : 0;
    if (reader.target) dtypes |= bit(info(reader.id).dtype);
    for (const std::int32_t input : value_inputs(key))  // what is no elementwise op reads memory
      if (info(input).weak && place_of_.contains(input))
        node(input).number_dtypes |= is_elementwise ? dtypes : dtypes | bit(info(input).dtype);
  }
}

void Planner::collect_needed() {
  stack_.clear();
  found_.clear();  // of earlier segments
  std::int32_t first = recorder_->size(), last = -1;
  const auto visit = [&](std::int32_t id) {
    if (place_of_.contains(id)) return;
    place_of_.set(id, 0);
    if (id < base_) {
      stack_.push_back(id);
      found_.push_back(id);
    } else {
      first = std::min(first, id);
      last = std::max(last, id);
    }
  };
  const auto is_there = [&](std::int32_t id) {
    PlannedNode node;
    node.id = id;
    return place_available(node, false);
  };
  for (const Target& target : targets_) visit(target.node);
  for (std::int32_t id = last; id >= base_; --id) {  // inputs have smaller ids
    if (!place_of_.contains(id)) continue;
    for (const std::int32_t input : value_inputs(key(id))) {
      visit(input);
      if (input < base_ && key(input).op->kind != Kind::source && !info(input).weak) draft_.wanted.push_back(input);
    }
  }
  while (!stack_.empty()) {
    const std::int32_t id = stack_.back();
    stack_.pop_back();
    if (is_there(id)) continue;
    for (const std::int32_t input : value_inputs(key(id))) visit(input);
  }
  std::sort(found_.begin(), found_.end());
  const auto add = [&](std::int32_t id) {
    place_of_.set(id, static_cast<std::int32_t>(nodes_.size()));
    nodes_.emplace_back().id = id;
  };
  for (const std::int32_t id : found_) add(id);
  for (std::int32_t id = first; id <= last; ++id)
    if (place_of_.contains(id)) add(id);
  for (const Target& target : targets_) {
    node(target.node).target = true;
    if (!eager_ && target.node < base_ && key(target.node).op->kind != Kind::source)
      draft_.wanted.push_back(target.node);
  }
  std::size_t contractions = 0;
  for (PlannedNode& node : nodes_)
    if (node.id >= base_ || !place_available(node, true)) {
      const Key& key = this->key(node.id);
      count_uses(node.id, key);
      if (key.op->kind == Kind::contraction) ++contractions;
      has_arithmetic_on_numbers_ |= key.op->kind == Kind::elementwise && info(node.id).weak;
    }
  draft_.matmuls_.reserve(contractions);  // long passes, and a plan of many is kept
  if (has_arithmetic_on_numbers_) collect_number_dtypes();
  std::sort(draft_.wanted.begin(), draft_.wanted.end());
  draft_.wanted.erase(std::unique(draft_.wanted.begin(), draft_.wanted.end()), draft_.wanted.end());
}

/// Whether an earlier request (or, on an eager tape, recording itself) has left this node's value in memory.
bool Planner::place_available(PlannedNode& node, bool place_it) {
  const std::int32_t id = node.id;
  // A number takes the dtype of what it is read beside: it is computed again there.
  if (id >= base_ || key(id).op->kind == Kind::source || info(id).weak) return false;
  PlanBuffer buffer;
  buffer.node = id;
  if (eager_) {
    if (id == targets_[0].node || !recorder_->has_eager_value(id)) return false;
    buffer.place = PlanBuffer::Place::eager;
  } else {
    bool found = false;
    for (const Segment* earlier : earlier_) {
      if (found) continue;
      const auto& kept = earlier->plan->kept;
      const auto at = std::lower_bound(kept.begin(), kept.end(), id,
                                       [](const KeptValue& a, std::int32_t wanted) { return a.node < wanted; });
      if (at == kept.end() || at->node != id) continue;
      found = true;
      const PlanBuffer& there = earlier->plan->buffers_[static_cast<std::size_t>(at->buffer)];
      const bool is_held = there.place == PlanBuffer::Place::held;
      buffer.place = is_held ? there.place : PlanBuffer::Place::earlier;
      if (is_held) buffer.node = there.node;  // the one that was asked for, of which this is a view
      buffer.offset = there.offset;
    }
    if (!found) return false;
  }
  if (place_it) {
    buffer.dtype = info(id).dtype;
    buffer.bytes = bytes_of(id);
    node.where = PlannedNode::Where::buffer;
    node.buffer = add_buffer(buffer);
  }
  return true;
}

/// The parameters that the request reads, through nothing that was asked for before: their values must still be those
/// recorded. What a plan happens to find in memory plays no part, so that the error follows from the program alone.
void Planner::check_leaves() {
  for (const Segment* earlier : recorder_->path())
    if (earlier != segment_)
      for (const std::int32_t id : earlier->asked) seen_.set(id, 0);
  stack_.clear();
  const auto visit = [&](std::int32_t id) {
    if (seen_.contains(id)) return;
    seen_.set(id, 0);
    stack_.push_back(id);
  };
  for (const Target& target : targets_) visit(target.node);
  while (!stack_.empty()) {
    const std::int32_t id = stack_.back();
    stack_.pop_back();
    const Key& key = this->key(id);
    if (key.op == &parameter_op || key.op == &registry_buffer_op) draft_.checked_.push_back(id);
    for (const std::int32_t input : value_inputs(key)) visit(input);
  }
}

std::span<const std::int32_t> Planner::view_inputs(const Key& key) const {
  const std::span<const std::int32_t> inputs = recorder_->inputs(key);
  if (inputs.size() < 2) return inputs;
  const Op* const second = this->key(inputs[1]).op;
  return second == &number_op || second == &literal_op ? inputs : inputs.first(1);
}

}  // namespace thalweg::internal
