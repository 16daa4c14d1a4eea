// The rest of the planner: which nodes are needed, which of them lie in memory, and where.

#include <algorithm>

#include "src/core_ops/core_ops.hpp"
#include "src/plan/planner.hpp"

namespace thalweg::internal {

using run::Extent;
using run::SweepValue;

namespace {

constexpr std::size_t alignment = 64;

std::size_t align(std::size_t bytes) { return std::max(alignment, (bytes + alignment - 1) / alignment * alignment); }

}  // namespace

// --- which nodes ---

void Planner::plan_segment(Segment& segment) {
  segment_ = &segment;
  collect_targets(segment);
  collect_needed(segment.base);
  check_leaves(segment);
  for (std::size_t i = 0; i < nodes_.size(); ++i)
    if (nodes_[i].where == Node::Where::nowhere) {
      plan_.computed.push_back(nodes_[i].id);
      place(nodes_[i]);
    }
  std::size_t begin = 0;
  for (const Segment* earlier : recorder_.path())
    if (earlier != &segment && earlier->plan) begin = std::max(begin, earlier->plan->arena_kept_end);
  finish(begin);
}

void Planner::plan_node(std::int32_t id) {
  eager_ = true;
  PlanBuffer destination;
  destination.place = PlanBuffer::Place::eager;
  destination.node = id;
  targets_.push_back({id, destination});
  collect_needed(0);
  for (Node& node : nodes_)
    if (node.where == Node::Where::nowhere) place(node);
  finish(0);
}

void Planner::collect_targets(Segment& segment) {
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
    } else {
      const RegistryCore& core =
          *recorder_.registry_by_uid(segment.registries[static_cast<std::size_t>(output.registry)]);
      gradient.bytes = static_cast<std::size_t>(core.entries[static_cast<std::size_t>(output.index)].shape.size()) *
                       size_of(core.dtype);
      add_step(ZeroStep{add_buffer(gradient), gradient.bytes});
    }
  }
  const std::vector<PendingEffect>& pending = recorder_.pending();
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

void Planner::collect_needed(std::int32_t base) {
  if (!eager_) place_of_.assign(static_cast<std::size_t>(recorder_.size()), -1);
  std::vector<std::int32_t> stack, found;
  const auto visit = [&](std::int32_t id) {
    if (place_of(id) >= 0) return;
    place_of(id) = 0;
    found.push_back(id);
    stack.push_back(id);
  };
  const auto is_there = [&](std::int32_t id) {
    Node node;
    node.id = id;
    return place_available(node, base, false);
  };
  for (const Target& target : targets_) visit(target.node);
  while (!stack.empty()) {
    const std::int32_t id = stack.back();
    stack.pop_back();
    if (is_there(id)) continue;
    for (const std::int32_t input : value_inputs(id)) {
      visit(input);
      if (!eager_ && id >= base && input < base && key(input).op->kind != Kind::source) plan_.wanted.push_back(input);
    }
  }
  std::sort(found.begin(), found.end());
  nodes_.resize(found.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    nodes_[i].id = found[i];
    place_of(found[i]) = static_cast<std::int32_t>(i);
  }
  for (const Target& target : targets_) {
    node(target.node).target = true;
    if (!eager_ && target.node < base && key(target.node).op->kind != Kind::source) plan_.wanted.push_back(target.node);
  }
  for (Node& node : nodes_)
    if (!place_available(node, base, true))
      for (const std::int32_t input : value_inputs(node.id)) ++this->node(input).uses;
  std::sort(plan_.wanted.begin(), plan_.wanted.end());
  plan_.wanted.erase(std::unique(plan_.wanted.begin(), plan_.wanted.end()), plan_.wanted.end());
}

/// Whether an earlier request (or, on an eager tape, recording itself) has left this node's value in memory.
bool Planner::place_available(Node& node, std::int32_t base, bool place_it) {
  const std::int32_t id = node.id;
  PlanBuffer buffer;
  buffer.node = id;
  if (key(id).op->kind == Kind::source) return false;
  if (eager_) {
    if (id == targets_[0].node || !recorder_.has_eager_value(id)) return false;
    buffer.place = PlanBuffer::Place::eager;
  } else {
    if (id >= base) return false;
    bool found = false;
    for (const Segment* earlier : recorder_.path()) {
      if (found || earlier == segment_ || !earlier->plan) continue;
      const auto& kept = earlier->plan->kept;
      const auto at = std::lower_bound(kept.begin(), kept.end(), id,
                                       [](const Plan::Kept& a, std::int32_t wanted) { return a.node < wanted; });
      if (at == kept.end() || at->node != id) continue;
      found = true;
      const PlanBuffer& there = earlier->plan->buffers_[static_cast<std::size_t>(at->buffer)];
      buffer.place = there.place == PlanBuffer::Place::held ? there.place : PlanBuffer::Place::earlier;
      buffer.offset = there.offset;
    }
    if (!found) return false;
  }
  if (place_it) {
    buffer.dtype = recorder_.info(id).dtype;
    buffer.bytes = bytes_of(id);
    node.where = Node::Where::buffer;
    node.buffer = add_buffer(buffer);
  }
  return true;
}

/// The parameters that the request reads, through nothing that was asked for before: their values must still be those
/// recorded. What a plan happens to find in memory plays no part, so that the error follows from the program alone.
void Planner::check_leaves(Segment& segment) {
  std::vector<std::uint8_t> seen(static_cast<std::size_t>(recorder_.size()), 0);
  for (const Segment* earlier : recorder_.path())
    if (earlier != &segment)
      for (const std::int32_t id : earlier->asked) seen[static_cast<std::size_t>(id)] = 1;
  std::vector<std::int32_t> stack;
  const auto visit = [&](std::int32_t id) {
    if (seen[static_cast<std::size_t>(id)]) return;
    seen[static_cast<std::size_t>(id)] = 1;
    stack.push_back(id);
  };
  for (const Target& target : targets_) visit(target.node);
  while (!stack.empty()) {
    const std::int32_t id = stack.back();
    stack.pop_back();
    const Key& key = this->key(id);
    if (key.op == &parameter_op || key.op == &registry_buffer_op) plan_.checked_.push_back(id);
    for (const std::int32_t input : value_inputs(id)) visit(input);
  }
}

std::span<const std::int32_t> Planner::value_inputs(std::int32_t id) const {
  const std::span<const std::int32_t> inputs = recorder_.inputs(id);
  const bool has_start = inputs.size() > 1 && (key(inputs[1]).op == &number_op || key(inputs[1]).op == &literal_op);
  return key(id).op->kind == Kind::view && !has_start ? inputs.first(1) : inputs;
}

// --- memory ---

std::int32_t Planner::add_buffer(PlanBuffer buffer) {
  plan_.buffers_.push_back(buffer);
  return static_cast<std::int32_t>(plan_.buffers_.size()) - 1;
}

std::int32_t Planner::arena_buffer(const Shape& shape, DType dtype) {
  PlanBuffer buffer;
  buffer.bytes = static_cast<std::size_t>(shape.size()) * size_of(dtype);
  buffer.dtype = dtype;
  return add_buffer(buffer);
}

std::int32_t Planner::add_step(Step step) {
  StepBuild build;
  build.kind = StepBuild::Kind::other;
  build.step = std::move(step);
  steps_.push_back(std::move(build));
  return static_cast<std::int32_t>(steps_.size()) - 1;
}

std::int32_t Planner::number_slot(std::int32_t id) {
  const auto slot = static_cast<std::int32_t>(plan_.numbers_.size());
  if (const auto [known, is_new] = number_slots_.emplace(id, slot); !is_new) return known->second;
  const bool is_literal = key(id).op == &literal_op;
  plan_.numbers_.push_back(is_literal ? std::bit_cast<double>(key(id).attribute) : 0);
  if (!is_literal) plan_.number_nodes_.push_back({slot, id});
  return slot;
}

std::int32_t Planner::materialize(std::int32_t id) {
  Node& node = this->node(id);
  if (node.buffer >= 0) return node.buffer;
  if (node.where == Node::Where::lazy) return materialize_lazy(node);
  SweepBuild& sweep = *sweeps_[static_cast<std::size_t>(node.sweep)];
  const DType dtype = recorder_.info(id).dtype;
  node.buffer_step = node.step;
  for (const run::SweepOutput& output : sweep.sweep.outputs)
    if (output.value == node.value && output.dtype == dtype) return node.buffer = output.slot;
  node.buffer = arena_buffer(shape(id), dtype);
  sweep.sweep.outputs.push_back({node.value, node.buffer, dtype});
  return node.buffer;
}

std::int32_t Planner::materialize_lazy(Node& node) {
  const Key& key = this->key(node.id);
  const std::int32_t id = node.id;
  if (key.op->kind == Kind::effect) {  // an assign stands for the value it assigns
    const std::int32_t value = recorder_.inputs(key)[0], buffer = materialize(value);
    this->node(id).buffer_step = this->node(value).buffer_step;
    return this->node(id).buffer = buffer;
  }
  const bool is_view = key.op->kind == Kind::broadcast || (key.op->kind == Kind::view && shape(id).size() != 1);
  if (is_view) {
    const std::int32_t input = recorder_.inputs(key)[0];
    const std::int32_t from = materialize(input);
    const StridedView view = key.op->view_rule(shape(input), shape(id), key.attribute, {});
    this->node(id).buffer = copy_view(id, from, view, shape(id));
  } else {
    const Info& info = recorder_.info(id);
    SweepBuild& sweep =
        new_sweep(shape(id).size(), shape(id).size(), info.dtype == DType::boolean ? DType::f32 : info.dtype);
    const Extent extent = key.op == &column_index_op ? Extent::per_column
                          : key.op == &cast_op       ? Extent::element
                                                     : Extent::single;
    const std::int32_t value = emit(sweep, id, extent);
    Node& made = this->node(id);
    made.buffer = arena_buffer(shape(id), info.dtype);
    sweep.sweep.outputs.push_back({value, made.buffer, info.dtype});
    sweep.nodes.push_back(id);
  }
  Node& made = this->node(id);
  made.buffer_step = static_cast<std::int32_t>(steps_.size()) - 1;
  return made.buffer;
}

std::int32_t Planner::copy_view(std::int32_t id, std::int32_t input, const StridedView& view, const Shape& shape) {
  CopyStep step;
  step.node = id;
  step.input = input;
  step.dtype = recorder_.info(id).dtype;
  step.output = arena_buffer(shape, step.dtype);
  step.shape = shape;
  step.view = view;
  const std::int32_t output = step.output;
  add_step(std::move(step));
  return output;
}

std::int32_t Planner::root(std::int32_t buffer) const {
  while (plan_.buffers_[static_cast<std::size_t>(buffer)].place == PlanBuffer::Place::alias)
    buffer = plan_.buffers_[static_cast<std::size_t>(buffer)].base;
  return buffer;
}

// --- the end ---

/// Brings a target's value to its destination: the step that computes it writes there, or a copy follows.
void Planner::deliver(std::int32_t id, const PlanBuffer& destination) {
  const std::int32_t buffer = materialize(id);
  PlanBuffer& made = plan_.buffers_[static_cast<std::size_t>(buffer)];
  const bool is_kept = destination.place == PlanBuffer::Place::arena;
  const bool is_own = made.place == PlanBuffer::Place::arena;
  if (is_kept && key(id).op->kind != Kind::source) {
    const std::int32_t base = root(buffer);
    const PlanBuffer::Place place = plan_.buffers_[static_cast<std::size_t>(base)].place;
    const bool moves = made.place == PlanBuffer::Place::alias && made.index >= 0;
    if (!moves && (place == PlanBuffer::Place::arena || place == PlanBuffer::Place::earlier ||
                   place == PlanBuffer::Place::held)) {
      if (place == PlanBuffer::Place::arena) kept_buffers_.push_back(base);
      plan_.kept.push_back({id, buffer});
      if (plan_.value_buffer_ < 0) plan_.value_buffer_ = buffer;
      return;
    }
  }
  const bool direct = is_own && !is_kept &&
                      std::find(kept_buffers_.begin(), kept_buffers_.end(), buffer) == kept_buffers_.end() &&
                      can_write_directly(id, destination);
  PlanBuffer there = destination;
  there.bytes = made.bytes;
  there.dtype = made.dtype;
  if (direct) {
    made = there;
    if (destination.place == PlanBuffer::Place::held) plan_.kept.push_back({id, buffer});
    return;
  }
  CopyStep copy;
  copy.node = id;
  copy.input = buffer;
  copy.dtype = made.dtype;
  copy.shape = Shape{shape(id).size()};
  copy.view.strides[0] = 1;
  copy.output = add_buffer(there);
  if (is_kept) {
    kept_buffers_.push_back(copy.output);
    if (plan_.value_buffer_ < 0) plan_.value_buffer_ = copy.output;
  }
  if (is_kept || destination.place == PlanBuffer::Place::held) plan_.kept.push_back({id, copy.output});
  add_step(std::move(copy));
}

bool Planner::can_write_directly(std::int32_t id, const PlanBuffer& destination) {
  if (destination.place != PlanBuffer::Place::assigned) return true;
  // In place: nothing that comes later reads the old value or can fail, and the pass itself reads it element by element.
  const auto reads_destination = [&](std::int32_t buffer) {
    const PlanBuffer& read = plan_.buffers_[static_cast<std::size_t>(root(buffer))];
    return read.place == PlanBuffer::Place::registry && same_memory(read.node, destination.node);
  };
  const std::int32_t step = node(id).buffer_step;
  for (auto later = static_cast<std::size_t>(step); later < steps_.size(); ++later) {
    const StepBuild& build = steps_[later];
    if (build.kind == StepBuild::Kind::sweep) {
      for (const SweepValue& value : sweeps_[static_cast<std::size_t>(build.sweep)]->sweep.values)
        if (value.kind == SweepValue::Kind::input && reads_destination(value.slot) &&
            (static_cast<std::int32_t>(later) != step || value.extent != Extent::element))
          return false;
      if (static_cast<std::int32_t>(later) == step && has_stages(*sweeps_[static_cast<std::size_t>(build.sweep)]))
        return false;
      continue;
    }
    for (const std::int32_t buffer : reads(build))
      if (reads_destination(buffer)) return false;
    if (const auto* opaque = std::get_if<OpaqueStep>(&build.step); opaque && key(opaque->node).op->can_fail)
      return false;
  }
  return true;
}

/// A pass with stages reads its inputs again after it has written.
bool Planner::has_stages(const SweepBuild& sweep) {
  return std::any_of(sweep.sweep.values.begin(), sweep.sweep.values.end(),
                     [](const SweepValue& value) { return value.kind == SweepValue::Kind::reduce; });
}

/// Whether source `read` and assign node `written` are about the same numbers of a registry.
bool Planner::same_memory(std::int32_t read, std::int32_t written) const {
  const RegistryAddress from = unpack(key(read).attribute), to = unpack(key(written).attribute);
  if (from.uid != to.uid) return false;
  const bool values[2] = {from.space == RegistrySpace::parameter || from.space == RegistrySpace::values,
                          to.space == RegistrySpace::parameter || to.space == RegistrySpace::values};
  if (values[0] && values[1])
    return from.space != to.space || from.space == RegistrySpace::values || from.index == to.index;
  return from.space == to.space && from.index == to.index;
}

void Planner::finish(std::size_t arena_begin) {
  // An effect that reads what another one writes is taken aside first: all of them see the values from before.
  for (const Target& target : targets_)
    if (target.destination.place == PlanBuffer::Place::assigned) {
      const std::int32_t buffer = materialize(target.node);
      Node& node = this->node(target.node);
      if (plan_.buffers_[static_cast<std::size_t>(root(buffer))].place == PlanBuffer::Place::registry) {
        StridedView view;
        view.strides[0] = 1;
        node.buffer = copy_view(target.node, buffer, view, Shape{shape(target.node).size()});
        node.step = node.buffer_step = static_cast<std::int32_t>(steps_.size()) - 1;
      }
    }
  for (const bool effects : {false, true})
    for (const Target& target : targets_)
      if ((target.destination.place == PlanBuffer::Place::assigned) == effects)
        deliver(target.node, target.destination);
  if (segment_ != nullptr && !segment_->learned && key(segment_->request).op != &backward_request_op)
    keep_what_is_there();
  std::sort(plan_.kept.begin(), plan_.kept.end(),
            [](const Plan::Kept& a, const Plan::Kept& b) { return a.node < b.node; });
  for (const std::unique_ptr<SweepBuild>& sweep : sweeps_) set_domain(*sweep);
  lay_out(arena_begin);
  plan_.steps_.reserve(steps_.size());
  for (StepBuild& build : steps_) {
    if (build.kind == StepBuild::Kind::other) {
      plan_.steps_.push_back(std::move(build.step));
      continue;
    }
    SweepBuild& sweep = *sweeps_[static_cast<std::size_t>(build.sweep)];
    if (sweep.sweep.outputs.empty()) continue;
    plan_.steps_.push_back(SweepStep{run::CompiledSweep(sweep.sweep), std::move(sweep.nodes), sweep.sweep.rows,
                                     sweep.sweep.columns, reads(build), writes(build)});
  }
  plan_.complete_binding();
}

/// Before it is known what later requests read, everything that lies in memory anyway stays.
void Planner::keep_what_is_there() {
  std::vector<std::int32_t> kept_before;
  for (const Plan::Kept& kept : plan_.kept) kept_before.push_back(kept.node);
  std::sort(kept_before.begin(), kept_before.end());
  for (const Node& node : nodes_) {
    if (node.buffer < 0 || node.where == Node::Where::lazy || key(node.id).op->kind == Kind::source) continue;
    const std::int32_t base = root(node.buffer);
    if (plan_.buffers_[static_cast<std::size_t>(base)].place != PlanBuffer::Place::arena ||
        plan_.buffers_[static_cast<std::size_t>(node.buffer)].index >= 0 || epilogue_moved_on(node))
      continue;
    if (std::binary_search(kept_before.begin(), kept_before.end(), node.id)) continue;
    kept_buffers_.push_back(base);
    plan_.kept.push_back({node.id, node.buffer});
    plan_.keeps_in_advance = true;
  }
}

/// The sums that an epilogue worked on are gone.
bool Planner::epilogue_moved_on(const Node& node) const {
  if (node.matmul < 0) return false;
  const auto& step = std::get<MatmulStep>(steps_[static_cast<std::size_t>(node.matmul)].step);
  return step.nodes.back() != node.id;
}

std::vector<std::int32_t> Planner::reads(const StepBuild& build) const {
  std::vector<std::int32_t> buffers;
  if (build.kind == StepBuild::Kind::sweep) {
    for (const SweepValue& value : sweeps_[static_cast<std::size_t>(build.sweep)]->sweep.values)
      if (value.kind == SweepValue::Kind::input) buffers.push_back(value.slot);
  } else if (const auto* matmul = std::get_if<MatmulStep>(&build.step)) {
    for (const std::int32_t buffer : {matmul->a, matmul->b, matmul->start, matmul->bias})
      if (buffer >= 0) buffers.push_back(buffer);
  } else if (const auto* copy = std::get_if<CopyStep>(&build.step)) {
    buffers.push_back(copy->input);
  } else if (const auto* opaque = std::get_if<OpaqueStep>(&build.step)) {
    buffers = opaque->inputs;
  }
  return buffers;
}

std::vector<std::int32_t> Planner::writes(const StepBuild& build) const {
  std::vector<std::int32_t> buffers;
  if (build.kind == StepBuild::Kind::sweep) {
    for (const run::SweepOutput& output : sweeps_[static_cast<std::size_t>(build.sweep)]->sweep.outputs)
      buffers.push_back(output.slot);
  } else if (const auto* matmul = std::get_if<MatmulStep>(&build.step)) {
    buffers.push_back(matmul->c);
    if (matmul->workspace >= 0) buffers.push_back(matmul->workspace);
  } else if (const auto* copy = std::get_if<CopyStep>(&build.step)) {
    buffers.push_back(copy->output);
  } else if (const auto* opaque = std::get_if<OpaqueStep>(&build.step)) {
    buffers.push_back(opaque->output);
  } else {
    buffers.push_back(std::get<ZeroStep>(build.step).output);
  }
  return buffers;
}

namespace {

/// First-fit allocation with coalescing, in offsets.
class FreeList {
 public:
  explicit FreeList(std::size_t begin) : end_(begin) {}
  std::size_t take(std::size_t bytes) {
    for (std::size_t i = 0; i < holes_.size(); ++i) {
      if (holes_[i].bytes < bytes) continue;
      const std::size_t offset = holes_[i].offset;
      holes_[i].offset += bytes;
      holes_[i].bytes -= bytes;
      if (holes_[i].bytes == 0) holes_.erase(holes_.begin() + static_cast<std::ptrdiff_t>(i));
      return offset;
    }
    if (!holes_.empty() && holes_.back().offset + holes_.back().bytes == end_) {  // grow the last hole
      const std::size_t offset = holes_.back().offset;
      holes_.pop_back();
      end_ = offset + bytes;
      return offset;
    }
    end_ += bytes;
    return end_ - bytes;
  }
  void give(std::size_t offset, std::size_t bytes) {
    auto at = std::lower_bound(holes_.begin(), holes_.end(), offset,
                               [](const Hole& hole, std::size_t wanted) { return hole.offset < wanted; });
    at = holes_.insert(at, {offset, bytes});
    if (const auto next = at + 1; next != holes_.end() && at->offset + at->bytes == next->offset) {
      at->bytes += next->bytes;
      holes_.erase(next);
    }
    if (at != holes_.begin() && (at - 1)->offset + (at - 1)->bytes == at->offset) {
      (at - 1)->bytes += at->bytes;
      holes_.erase(at);
    }
  }
  std::size_t end() const { return end_; }

 private:
  struct Hole {
    std::size_t offset, bytes;
  };
  std::vector<Hole> holes_;
  std::size_t end_;
};

}  // namespace

void Planner::lay_out(std::size_t arena_begin) {
  for (StepBuild& build : steps_)
    if (auto* matmul = std::get_if<MatmulStep>(&build.step); matmul && build.kind == StepBuild::Kind::other) {
      const std::size_t bytes = run::matmul_workspace(matmul->matmul);
      if (bytes == 0) continue;
      PlanBuffer workspace;
      workspace.bytes = bytes;
      matmul->workspace = add_buffer(workspace);
    }
  const std::size_t count = plan_.buffers_.size();
  std::vector<std::int32_t> last_read(count, -1);
  for (std::size_t step = 0; step < steps_.size(); ++step)
    for (const auto& buffers : {reads(steps_[step]), writes(steps_[step])})
      for (const std::int32_t buffer : buffers)
        last_read[static_cast<std::size_t>(root(buffer))] = static_cast<std::int32_t>(step);

  plan_.arena_begin = arena_begin;
  std::size_t end = arena_begin;
  std::vector<std::uint8_t> placed(count, 0);
  for (const std::int32_t buffer : kept_buffers_) {
    if (placed[static_cast<std::size_t>(buffer)]) continue;
    placed[static_cast<std::size_t>(buffer)] = 1;
    plan_.buffers_[static_cast<std::size_t>(buffer)].offset = end;
    end += align(plan_.buffers_[static_cast<std::size_t>(buffer)].bytes);
  }
  plan_.arena_kept_end = end;
  FreeList free_list(end);
  std::vector<std::vector<std::int32_t>> dying(steps_.size());
  for (std::size_t step = 0; step < steps_.size(); ++step) {
    for (const std::int32_t buffer : writes(steps_[step])) {
      PlanBuffer& made = plan_.buffers_[static_cast<std::size_t>(buffer)];
      if (made.place != PlanBuffer::Place::arena || placed[static_cast<std::size_t>(buffer)]) continue;
      placed[static_cast<std::size_t>(buffer)] = 1;
      made.offset = free_list.take(align(made.bytes));
      dying[static_cast<std::size_t>(last_read[static_cast<std::size_t>(buffer)])].push_back(buffer);
    }
    for (const std::int32_t buffer : dying[step])
      free_list.give(plan_.buffers_[static_cast<std::size_t>(buffer)].offset,
                     align(plan_.buffers_[static_cast<std::size_t>(buffer)].bytes));
  }
  plan_.arena_end = std::max(free_list.end(), end);
  // A kept alias is found by later plans at its own place.
  for (const Plan::Kept& kept : plan_.kept) {
    PlanBuffer& buffer = plan_.buffers_[static_cast<std::size_t>(kept.buffer)];
    if (buffer.place != PlanBuffer::Place::alias) continue;
    std::size_t offset = 0;
    std::int32_t at = kept.buffer;
    for (; plan_.buffers_[static_cast<std::size_t>(at)].place == PlanBuffer::Place::alias;
         at = plan_.buffers_[static_cast<std::size_t>(at)].base)
      offset += plan_.buffers_[static_cast<std::size_t>(at)].offset;
    const PlanBuffer& base = plan_.buffers_[static_cast<std::size_t>(at)];
    buffer.place = base.place == PlanBuffer::Place::arena ? PlanBuffer::Place::earlier : base.place;
    buffer.offset = base.offset + offset;
  }
}

}  // namespace thalweg::internal
