// Brings targets to their destinations, and finishes the plan.

#include <algorithm>

#include "src/core_ops/core_ops.hpp"
#include "src/plan/planner.hpp"

namespace thalweg::internal {

using run::Extent;
using run::SweepValue;

/// Brings a target's value to its destination: the pass that computes it writes there directly, or a copy follows.
void Planner::deliver(std::int32_t id, const PlanBuffer& destination) {
  const std::int32_t buffer = materialize(id);
  PlanBuffer& made = this->buffer(buffer);
  const bool is_kept = destination.place == PlanBuffer::Place::arena;
  const bool is_asked = segment_ != nullptr && key(segment_->request).inputs[0] == id;
  const bool is_own = made.place == PlanBuffer::Place::arena;
  if (is_kept && key(id).op->kind != Kind::source) {
    const std::int32_t base = root(buffer);
    const PlanBuffer::Place place = this->buffer(base).place;
    // Later plans find a held tensor by its own node, not by a view of it.
    const bool moves = (made.place == PlanBuffer::Place::alias && made.index >= 0) ||
                       (place == PlanBuffer::Place::held && this->buffer(base).node != id);
    if (!moves && (place == PlanBuffer::Place::arena || place == PlanBuffer::Place::earlier ||
                   place == PlanBuffer::Place::held)) {
      if (place == PlanBuffer::Place::arena) kept_buffers_.push_back(base);
      draft_.kept.push_back({id, buffer});
      if (is_asked) draft_.value_buffer_ = buffer;
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
    if (destination.place == PlanBuffer::Place::held) {
      draft_.kept.push_back({id, buffer});
      if (is_asked) draft_.value_buffer_ = buffer;
    }
    return;
  }
  CopyPass& copy = draft_.copies_.emplace_back();
  copy.node = id;
  copy.input = buffer;
  copy.dtype = made.dtype;
  copy.shape = Shape{shape(id).size()};
  copy.view.strides[0] = 1;
  copy.output = add_buffer(there);
  if (is_kept) kept_buffers_.push_back(copy.output);
  if (is_kept || destination.place == PlanBuffer::Place::held) {
    draft_.kept.push_back({id, copy.output});
    if (is_asked) draft_.value_buffer_ = copy.output;
  }
  add_pass(Pass::Kind::copy, draft_.copies_.size());
}

bool Planner::can_write_directly(std::int32_t id, const PlanBuffer& destination) {
  if (destination.place != PlanBuffer::Place::assigned) return true;
  // Assigning in place requires that no later pass reads the old value or can fail, and that the pass itself reads it
  // only element by element.
  const auto overlap = [&](std::int32_t buffer) {
    const PlanBuffer& read = this->buffer(root(buffer));
    return read.place == PlanBuffer::Place::registry ? overlap_of(read.node, destination.node) : Overlap::none;
  };
  const std::int32_t pass = node(id).buffer_pass;
  for (auto later = static_cast<std::size_t>(pass); later < passes_.size(); ++later) {
    const Pass& build = passes_[later];
    if (build.kind == Pass::Kind::sweep) {
      const SweepBuild& sweep = sweeps_[static_cast<std::size_t>(build.index)];
      for (const SweepValue& value : sweep.sweep.values)
        if (value.kind == SweepValue::Kind::input && overlap(value.slot) != Overlap::none) {
          const bool is_read_in_place = static_cast<std::int32_t>(later) == pass && value.extent == Extent::element &&
                                        value.step == 0 && overlap(value.slot) == Overlap::same;
          if (!is_read_in_place) return false;
        }
      if (static_cast<std::int32_t>(later) == pass && has_stages(sweep)) return false;
      continue;
    }
    bool is_read = false;
    for_each_read(build, [&](std::int32_t buffer) { is_read = is_read || overlap(buffer) != Overlap::none; });
    if (is_read) return false;
    if (build.kind == Pass::Kind::opaque && draft_.opaques_[static_cast<std::size_t>(build.index)].op->can_fail)
      return false;
  }
  return true;
}

/// Whether a sweep computes elements from its own reductions: then it may read inputs again after it has written.
bool Planner::has_stages(const SweepBuild& sweep) {
  const std::vector<SweepValue>& values = sweep.sweep.values;
  std::vector<bool> is_late(values.size(), false);  // a reduction, or computed from one
  for (std::size_t i = 0; i < values.size(); ++i) {
    const SweepValue& value = values[i];
    is_late[i] = value.kind == SweepValue::Kind::reduce;
    for (int k = 0; k < value.operand_count; ++k)
      if (is_late[static_cast<std::size_t>(value.operands[k])]) is_late[i] = true;
    if (is_late[i] && value.kind == SweepValue::Kind::apply && value.extent == Extent::element) return true;
  }
  return false;
}

/// How the memory that node `read` reads of a registry overlaps with the memory that node `written` writes.
Planner::Overlap Planner::overlap_of(std::int32_t read, std::int32_t written) const {
  const RegistryCore *const from = recorder_->slot(read).registry, *const to = recorder_->slot(written).registry;
  if (from != to) return Overlap::none;
  const auto begin = [&](std::int32_t id) {
    return reinterpret_cast<std::uintptr_t>(registry_data(*from, key(id).attribute));
  };
  const auto end = [&](std::int32_t id) {
    const auto elements = static_cast<std::size_t>(registry_shape(*from, key(id).attribute)->size());
    return begin(id) + elements * size_of(from->dtype);
  };
  if (begin(read) == begin(written) && end(read) == end(written)) return Overlap::same;
  return begin(read) < end(written) && begin(written) < end(read) ? Overlap::partial : Overlap::none;
}

void Planner::finish(std::size_t arena_begin) {
  // An effect that assigns a registry value as it is gets a copy first, so that all effects see the values from before.
  for (const Target& target : targets_)
    if (target.destination.place == PlanBuffer::Place::assigned) {
      const std::int32_t buffer = materialize(target.node);
      PlannedNode& node = this->node(target.node);
      if (this->buffer(root(buffer)).place == PlanBuffer::Place::registry) {
        StridedView view;
        view.strides[0] = 1;
        node.buffer = copy_view(target.node, buffer, view, Shape{shape(target.node).size()});
        node.pass = node.buffer_pass = last_pass();
      }
    }
  for (const bool effects : {false, true})
    for (const Target& target : targets_)
      if ((target.destination.place == PlanBuffer::Place::assigned) == effects)
        deliver(target.node, target.destination);
  if (segment_ != nullptr && !segment_->learned && key(segment_->request).op != &backward_request_op)
    keep_what_is_there();
  std::sort(draft_.kept.begin(), draft_.kept.end(),
            [](const KeptValue& a, const KeptValue& b) { return a.node < b.node; });
  // Drop sweeps without outputs.
  std::erase_if(passes_, [&](const Pass& pass) {
    return pass.kind == Pass::Kind::sweep && sweeps_[static_cast<std::size_t>(pass.index)].sweep.outputs.empty();
  });
  passes_.insert(passes_.begin(), early_passes_.begin(), early_passes_.end());
  share_transposes();
  join_products();
  lay_out(arena_begin);
  find_moving_buffers();
  draft_.sweeps_.reserve(sweep_count_);
  for (Pass pass : passes_) {
    if (pass.kind == Pass::Kind::sweep) {
      compile_sweep(pass);
      pass.index = static_cast<std::int32_t>(draft_.sweeps_.size()) - 1;
    }
    draft_.passes_.push_back(pass);
  }
  bind_what_moves_for_others();
}

void Planner::compile_sweep(const Pass& pass) {
  SweepBuild& build = sweeps_[static_cast<std::size_t>(pass.index)];
  set_domain(build);
  std::vector<std::int32_t>& lists = draft_.lists_;
  const auto end = [&] { return static_cast<std::int32_t>(lists.size()); };
  run::ListRange nodes{end()}, reads, writes;
  lists.insert(lists.end(), build.nodes.begin(), build.nodes.end());
  nodes.end = reads.begin = end();
  for_each_read(pass, [&](std::int32_t buffer) { lists.push_back(buffer); });
  reads.end = writes.begin = end();
  for_each_write(pass, [&](std::int32_t buffer) { lists.push_back(buffer); });
  writes.end = end();
  run::CompiledSweep sweep(build.sweep);
  const std::span<const std::int32_t> buffers = sweep.buffers();
  for (std::size_t i = 0; i < buffers.size(); ++i)
    note_argument(buffers[i], draft_.argument_count_ + static_cast<std::int32_t>(i));
  const auto arguments = static_cast<std::int32_t>(sweep.argument_count());
  draft_.sweeps_.push_back({std::move(sweep), build.sweep.batches * build.sweep.rows, build.sweep.columns, nodes, reads,
                            writes, std::exchange(draft_.argument_count_, draft_.argument_count_ + arguments)});
}

/// Notes how an argument of a sweep is bound at each run, if its buffer moves.
void Planner::note_argument(std::int32_t buffer, std::int32_t argument) {
  const PlanBuffer& moving = this->buffer(buffer);
  switch (moves_[static_cast<std::size_t>(buffer)]) {
    case Moves::never: return;
    case Moves::for_others: draft_.moving_arguments_.push_back({buffer, argument}); return;
    case Moves::for_sweeps:
    case Moves::for_compiled_sweeps:
      moves_[static_cast<std::size_t>(buffer)] = Moves::for_compiled_sweeps;
      if (moving.place == PlanBuffer::Place::constant)
        draft_.constant_arguments_.push_back({moving.node, argument});
      else
        draft_.held_arguments_.push_back({held_buffer(buffer), argument});
  }
}

HeldBuffer Planner::held_buffer(std::int32_t buffer) const {
  const std::int32_t node = draft_.buffers_[static_cast<std::size_t>(buffer)].node;
  return {node, buffer, info(node).shape, info(node).dtype};
}

/// Finds the buffers whose addresses change from run to run, and the passes that use them. Buffers in the arena, a
/// registry or its gradients do not move.
void Planner::find_moving_buffers() {
  using Place = PlanBuffer::Place;
  moves_.assign(draft_.buffers_.size(), Moves::never);
  const auto moves = [&](std::int32_t buffer) -> Moves& { return moves_[static_cast<std::size_t>(buffer)]; };
  for (std::size_t i = 0; i < moves_.size(); ++i) {
    const PlanBuffer& buffer = draft_.buffers_[i];
    if (buffer.place == Place::constant || buffer.place == Place::held) moves_[i] = Moves::for_sweeps;
    if (buffer.place != Place::alias || (buffer.index < 0 && moves(buffer.base) == Moves::never)) continue;
    moves_[i] = Moves::for_others;
    if (moves(buffer.base) == Moves::for_sweeps) moves(buffer.base) = Moves::for_others;
  }
  for (std::size_t i = 0; i < passes_.size(); ++i) {
    if (passes_[i].kind == Pass::Kind::sweep) continue;  // see compile_sweep
    bool is_moving = false;
    const auto look = [&](std::int32_t buffer) {
      if (moves(buffer) == Moves::never) return;
      moves(buffer) = Moves::for_others;
      is_moving = true;
    };
    for_each_read(passes_[i], look);
    for_each_write(passes_[i], look);
    if (is_moving) draft_.prepared_.push_back(static_cast<std::int32_t>(i));
  }
}

/// A buffer that is no argument of a sweep belongs to them: a value that an earlier request holds may be all that is asked for.
void Planner::bind_what_moves_for_others() {
  using Place = PlanBuffer::Place;
  for (std::size_t i = 0; i < moves_.size(); ++i) {
    if (moves_[i] != Moves::for_others && moves_[i] != Moves::for_sweeps) continue;
    const auto at = static_cast<std::int32_t>(i);
    switch (draft_.buffers_[i].place) {
      case Place::constant: draft_.constants_.push_back({draft_.buffers_[i].node, at}); break;
      case Place::held: draft_.held_.push_back(held_buffer(at)); break;
      default: draft_.moving_views_.push_back(at);
    }
  }
}

/// Until it is known what later requests read, keeps every value that is in memory anyway.
void Planner::keep_what_is_there() {
  std::vector<std::int32_t> kept_before;
  for (const KeptValue& kept : draft_.kept) kept_before.push_back(kept.node);
  std::sort(kept_before.begin(), kept_before.end());
  for_each_needed([&](const PlannedNode& node) {
    if (node.buffer < 0 || node.where == PlannedNode::Where::lazy || key(node.id).op->kind == Kind::source) return;
    const std::int32_t base = root(node.buffer);
    if (buffer(base).place != PlanBuffer::Place::arena || buffer(node.buffer).index >= 0 || epilogue_moved_on(node))
      return;
    if (std::binary_search(kept_before.begin(), kept_before.end(), node.id)) return;
    kept_buffers_.push_back(base);
    draft_.kept.push_back({node.id, node.buffer});
    draft_.keeps_in_advance = true;
  });
}

/// Whether the product's epilogue has overwritten the node's value.
bool Planner::epilogue_moved_on(const PlannedNode& node) {
  if (node.matmul < 0) return false;
  const MatmulPass& pass = matmul_of(node.matmul);
  return pass.nodes[pass.node_count - 1] > node.id;
}

}  // namespace thalweg::internal
