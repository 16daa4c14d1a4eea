// Which nodes a request needs, which of their values are in memory already, and which parameters it reads.

#include <algorithm>
#include <limits>

#include "src/plan/request_graph.hpp"
#include "src/run/sweep_generate.hpp"

namespace thalweg::internal {

namespace {

bool is_of_registry(const Key& key) { return key.op == &parameter_op || key.op == &registry_buffer_op; }

}  // namespace

bool can_run_by_rows(const Key& key, DType dtype) {
  const ElementKernel* const kernel = key.op->kernel;
  return run::generates_code() && kernel->handlers != nullptr &&
         run::is_in_line(kernel->handlers(dtype).primitive, dtype);
}

void RequestGraph::begin(Recorder& recorder, const Segment* segment) {
  recorder_ = &recorder;
  segment_ = segment;
  base_ = is_eager() ? std::numeric_limits<std::int32_t>::max() : segment->base;
  keys_ = is_eager() ? nullptr : segment->keys.data();
  infos_ = is_eager() ? nullptr : segment->infos.data();
  const std::int32_t ids = recorder.size();
  nodes_.assign(is_eager() ? 0 : static_cast<std::size_t>(ids - base_), {});
  earlier_nodes_.clear();
  earlier_ids_.clear();
  earlier_place_.clear(ids);
  seen_.clear(ids);
  targets_.clear();
  number_readers_.clear();
  stack_.clear();
  contractions_ = 0;
  has_arithmetic_on_numbers_ = false;
  if (!is_eager()) note_earlier(recorder, ids);
}

/// Notes what the tape's earlier requests keep, and which values they were asked for. Goes on from what it has noted for
/// the tape's last plan, so that many requests take linear time.
void RequestGraph::note_earlier(const Recorder& recorder, std::int32_t ids) {
  const auto path = recorder.path();
  const std::size_t count = path.size() - 1;  // without the request itself
  const bool goes_on = noted_serial_ == recorder.serial() && noted_ <= count &&
                       (noted_ == 0 || recorder.carried_out_number(noted_ - 1) == noted_plan_);
  if (!goes_on) {
    noted_serial_ = 0;  // should this throw
    noted_ = 0;
    earlier_.clear();
    kept_by_.clear(ids);
    asked_.clear(ids);
    arena_begin_ = 0;
    noted_serial_ = recorder.serial();
  }
  kept_by_.grow(ids);
  asked_.grow(ids);
  for (; noted_ < count; ++noted_) {
    for (const std::int32_t id : path[noted_]->asked) asked_.set(id, 0);
    noted_plan_ = recorder.carried_out_number(noted_);
    const Plan* const earlier = recorder.carried_out(noted_);
    if (earlier == nullptr) continue;
    for (const KeptValue& kept : earlier->kept)
      if (!kept_by_.contains(kept.node)) kept_by_.set(kept.node, static_cast<std::int32_t>(earlier_.size()));
    earlier_.push_back(earlier);
    arena_begin_ = std::max(arena_begin_, earlier->arena_kept_end);
  }
}

void RequestGraph::collect(Recorder& recorder, const Segment& segment, Schedule& schedule) {
  begin(recorder, &segment);
  collect_targets(schedule);
  collect_nodes(schedule);
  std::sort(read_here_.begin(), read_here_.end());
  for (const std::int32_t id : read_here_)
    if (key(id).op->kind != Kind::source && (node(id).target || !info(id).weak)) schedule.wanted.push_back(id);
  collect_leaves(schedule);
}

void RequestGraph::collect(Recorder& recorder, std::int32_t id, Schedule& schedule) {
  begin(recorder, nullptr);
  PlanBuffer destination;
  destination.place = PlanBuffer::Place::eager;
  destination.node = id;
  targets_.push_back({id, destination});
  collect_nodes(schedule);
}

DType RequestGraph::compute_dtype(const Key& key) const {
  DType dtype = DType::boolean;
  bool weak = true;
  for (const std::int32_t id : inputs(key)) {
    const Info& info = this->info(id);
    if (info.dtype == DType::boolean || (info.weak && !weak)) continue;
    if (weak && !info.weak) {
      dtype = info.dtype;
      weak = false;
    } else if (weak && dtype != DType::f32) {
      dtype = info.dtype;
    }
  }
  return dtype == DType::boolean ? DType::f32 : dtype;
}

void RequestGraph::collect_targets(Schedule& schedule) {
  const Segment& segment = *segment_;
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
    const RegistryCore& core = *recorder_->reads().find(segment.registries[static_cast<std::size_t>(output.registry)]);
    gradient.bytes = core.entry_bytes(output.index);
    schedule.zeros_.push_back({.output = schedule.add_buffer(gradient), .bytes = gradient.bytes});
    schedule.add_pass(Pass::Kind::zero, schedule.zeros_.size());
  }
  const std::vector<PendingEffect>& pending = recorder_->effects().pending();
  const std::vector<bool> overwritten = recorder_->effects().overwritten();
  for (std::size_t i = 0; i < pending.size(); ++i) {
    if (overwritten[i]) continue;
    PlanBuffer assigned;
    assigned.place = PlanBuffer::Place::assigned;
    assigned.node = pending[i].node;
    ask(pending[i].node, assigned);
  }
  for (const std::int32_t id : segment.keep) keep(id);
}

PlannedNode& RequestGraph::need_earlier(std::int32_t id) {
  if (const std::int32_t place = earlier_place_[id]; place >= 0) return earlier_nodes_[static_cast<std::size_t>(place)];
  earlier_place_.set(id, static_cast<std::int32_t>(earlier_nodes_.size()));
  earlier_ids_.push_back(id);
  stack_.push_back(id);
  PlannedNode& node = earlier_nodes_.emplace_back();
  node.id = id;
  return node;
}

/// Whether an elementwise node can read rows of slices where they are: beside values per element or single ones.
bool RequestGraph::reads_by_rows(std::int32_t id, const Key& key) const {
  if (key.op->kind != Kind::elementwise) return false;
  const std::span<const std::int32_t> inputs = this->inputs(key);
  const auto is_slice = [&](std::int32_t input) {
    const Op* const op = this->key(input).op;
    return op->kind == Kind::view && op != &reshape_op;
  };
  if (std::none_of(inputs.begin(), inputs.end(), is_slice)) return false;
  const std::int64_t size = shape(id).size();
  const bool fit = std::all_of(inputs.begin(), inputs.end(), [&](std::int32_t input) {
    const std::int64_t there = shape(input).size();
    return there == 1 || (there == size && this->key(input).op->kind != Kind::broadcast);
  });
  return fit && can_run_by_rows(key, compute_dtype(key));
}

/// Marks the inputs of a node as needed, and counts their uses.
void RequestGraph::need_inputs(std::int32_t id, const Key& key) {
  const std::span<const std::int32_t> inputs = value_inputs(key);
  bool reads_number = false;
  const bool is_contraction = key.op->kind == Kind::contraction;
  // A sum over axes of size 1 has the same memory as its input: a bias's gradient in a batch of one.
  const bool sums_nothing = key.op->kind == Kind::reduction && shape(id).size() == shape(inputs[0]).size();
  const bool reads_memory = is_contraction || key.op->kind == Kind::opaque || sums_nothing;
  const bool by_rows = reads_by_rows(id, key);
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    PlannedNode& input = need(inputs[i]);
    if (by_rows) ++input.row_uses;
    ++input.uses;
    if (is_contraction && i < 2) ++input.factor_uses;
    if (reads_memory) ++input.memory_uses;
    reads_number |= info(inputs[i]).weak;
  }
  if (reads_number) number_readers_.push_back(id);
  if (is_contraction) ++contractions_;
  has_arithmetic_on_numbers_ |= key.op->kind == Kind::elementwise && info(id).weak;
}

/// A number takes the dtype of the tensor it is combined with. Collects the dtypes in which each is read, also through
/// arithmetic on numbers.
void RequestGraph::collect_number_dtypes() {
  const auto bit = [](DType dtype) { return static_cast<std::uint8_t>(1u << static_cast<unsigned>(dtype)); };
  std::sort(number_readers_.begin(), number_readers_.end());
  for (std::size_t i = number_readers_.size(); i-- > 0;) {
    const PlannedNode& reader = node(number_readers_[i]);
    const Key& key = this->key(reader.id);
    const bool is_number = info(reader.id).weak, is_elementwise = key.op->kind == Kind::elementwise;
    std::uint8_t dtypes = is_number ? reader.number_dtypes : is_elementwise ? bit(compute_dtype(key)) : 0;
    if (reader.target) dtypes |= bit(info(reader.id).dtype);
    for (const std::int32_t input : value_inputs(key))  // ops that are not elementwise read it from memory
      if (info(input).weak) node(input).number_dtypes |= is_elementwise ? dtypes : dtypes | bit(info(input).dtype);
  }
}

void RequestGraph::collect_nodes(Schedule& schedule) {
  for (const Target& target : targets_) need(target.node).target = true;
  for (std::size_t i = nodes_.size(); i-- > 0;) {  // backward, since inputs have smaller ids
    const std::int32_t id = nodes_[i].id;
    if (id < 0) continue;
    const Key& key = keys_[i];
    if (key.op->kind == Kind::source) {
      if (is_of_registry(key)) schedule.checked_.push_back(id);
    } else {
      need_inputs(id, key);
    }
  }
  read_here_ = earlier_ids_;
  PlanBuffer available;
  while (!stack_.empty()) {
    const std::int32_t id = stack_.back();
    stack_.pop_back();
    if (!find_available(id, available)) need_inputs(id, key(id));
  }
  std::sort(earlier_ids_.begin(), earlier_ids_.end());
  for (const std::int32_t id : earlier_ids_) {
    if (!find_available(id, available)) continue;
    available.dtype = info(id).dtype;
    available.bytes = bytes(id);
    PlannedNode& node = this->node(id);
    node.where = PlannedNode::Where::buffer;
    node.buffer = schedule.add_buffer(available);
  }
  schedule.matmuls_.reserve(contractions_);  // avoids repeated copies of these large structs
  if (has_arithmetic_on_numbers_) collect_number_dtypes();
}

/// Whether the node's value is in memory from an earlier request or, on an eager tape, from recording; `buffer` then
/// says in which place.
bool RequestGraph::find_available(std::int32_t id, PlanBuffer& buffer) const {
  // Numbers are computed anew by their readers, in the readers' dtypes. Other sources are read where they lie, except a
  // parameter whose value was asked for: it is kept as it was then.
  const bool lies_still = key(id).op->kind == Kind::source && !is_of_registry(key(id));
  if (id >= base_ || lies_still || info(id).weak) return false;
  buffer = {};
  buffer.node = id;
  if (is_eager()) {
    buffer.place = PlanBuffer::Place::eager;
    return id != targets_[0].node && recorder_->has_eager_value(id);
  }
  const std::int32_t place = kept_by_[id];
  if (place < 0) return false;
  const PlanBuffer* const kept = earlier_[static_cast<std::size_t>(place)]->kept_buffer(id);
  const bool is_held = kept->place == PlanBuffer::Place::held;
  buffer.place = is_held ? kept->place : PlanBuffer::Place::earlier;
  if (is_held) buffer.node = kept->node;  // the requested node, of which this one is a view
  buffer.offset = kept->offset;
  return true;
}

/// Collects the parameters that the request reads, except through values that were requested before: they must not have
/// changed since they were recorded. Ignores what happens to be in memory, so that the error depends on the program
/// alone.
void RequestGraph::collect_leaves(Schedule& schedule) {
  stack_.clear();
  const auto visit = [&](std::int32_t id) {
    if (seen_.contains(id) || asked_.contains(id)) return;
    seen_.set(id, 0);
    stack_.push_back(id);
  };
  for (const std::int32_t id : read_here_) visit(id);
  while (!stack_.empty()) {
    const std::int32_t id = stack_.back();
    stack_.pop_back();
    const Key& key = this->key(id);
    if (is_of_registry(key)) schedule.checked_.push_back(id);
    for (const std::int32_t input : value_inputs(key)) visit(input);
  }
  std::sort(schedule.checked_.begin(), schedule.checked_.end());  // the error names the first
}

std::span<const std::int32_t> RequestGraph::view_inputs(const Key& key) const {
  const std::span<const std::int32_t> inputs = this->inputs(key);
  if (inputs.size() < 2) return inputs;
  const Op* const second = this->key(inputs[1]).op;
  return second == &number_op || second == &literal_op ? inputs : inputs.first(1);
}

}  // namespace thalweg::internal
