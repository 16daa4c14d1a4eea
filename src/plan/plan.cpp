// Running a plan: binding what is data, then its steps in order.

#include "src/plan/plan.hpp"

#include <algorithm>
#include <cstring>

#include "src/core_ops/core_ops.hpp"
#include "src/plan/counters.hpp"
#include "src/plan/planner.hpp"
#include "src/run/copy.hpp"

namespace thalweg::internal {

namespace {

thread_local Statistics counters;

}  // namespace

Statistics& counted() { return counters; }

std::unique_ptr<Plan> Plan::make(Recorder& recorder, Segment& segment) {
  auto plan = std::make_unique<Plan>();
  Planner(recorder, *plan).plan_segment(segment);
  ++counters.plans_made;
  return plan;
}

std::unique_ptr<Plan> Plan::make_node(Recorder& recorder, std::int32_t id) {
  auto plan = std::make_unique<Plan>();
  Planner(recorder, *plan).plan_node(id);
  return plan;
}

void Plan::learn(Recorder& recorder) {
  for (Segment* segment : recorder.path()) {
    if (!segment->plan) continue;
    // What later requests of this recording would have liked to find, of what this one computes anyway.
    std::vector<std::int32_t> keep = segment->keep;
    for (const Segment* later : recorder.path()) {
      if (later->base <= segment->base || !later->plan) continue;
      std::set_intersection(later->plan->wanted.begin(), later->plan->wanted.end(), segment->plan->computed.begin(),
                            segment->plan->computed.end(), std::back_inserter(keep));
    }
    std::sort(keep.begin(), keep.end());
    keep.erase(std::unique(keep.begin(), keep.end()), keep.end());
    if (segment->learned && keep == segment->keep) continue;
    const bool first = !segment->learned;
    segment->keep = std::move(keep);
    segment->learned = true;
    const auto is_kept = [&](std::int32_t id) {
      return std::any_of(segment->plan->kept.begin(), segment->plan->kept.end(),
                         [&](const Kept& kept) { return kept.node == id; });
    };
    const bool fits =
        first && !segment->plan->keeps_in_advance && std::all_of(segment->keep.begin(), segment->keep.end(), is_kept);
    if (fits) continue;  // the plan does so already
    segment->plan = nullptr;
    ++segment->version;
  }
}

// --- binding ---

/// Which buffers move from run to run. What lies in the arena, in a registry or in its gradients stays where it is.
void Plan::complete_binding() {
  pointers_.assign(buffers_.size(), nullptr);
  std::vector<std::uint8_t> moves(buffers_.size(), 0);
  for (std::size_t i = 0; i < buffers_.size(); ++i) {
    const PlanBuffer& buffer = buffers_[i];
    using Place = PlanBuffer::Place;
    const bool is_moving_alias =
        buffer.place == Place::alias && (buffer.index >= 0 || moves[static_cast<std::size_t>(buffer.base)] != 0);
    moves[i] = buffer.place == Place::constant || buffer.place == Place::held || buffer.place == Place::eager ||
               is_moving_alias;
    if (moves[i] != 0) bound_.push_back(static_cast<std::int32_t>(i));
  }
  for (std::size_t i = 0; i < steps_.size(); ++i) {
    const auto is_moving = [&](std::int32_t buffer) { return moves[static_cast<std::size_t>(buffer)] != 0; };
    if (const std::vector<std::int32_t> read = reads(steps_[i]), written = writes(steps_[i]);
        std::any_of(read.begin(), read.end(), is_moving) || std::any_of(written.begin(), written.end(), is_moving))
      prepared_.push_back(static_cast<std::int32_t>(i));
  }
  draws_.resize(draw_nodes_.size());
  for (const Step& step : steps_) {
    if (std::holds_alternative<SweepStep>(step)) {
      ++sweeps_;
      bytes_moved_ += step_bytes(step);
    } else if (std::holds_alternative<MatmulStep>(step)) {
      ++matmuls_;
      bytes_moved_ += step_bytes(step);
    } else {
      ++others_;
      bytes_moved_ += step_bytes(step);
    }
  }
  static_bytes_ = sizeof(Plan) + buffers_.capacity() * sizeof(PlanBuffer) + steps_.capacity() * sizeof(Step) +
                  computed.capacity() * 4 + wanted.capacity() * 4 + kept.capacity() * sizeof(Kept) +
                  static_cast<std::size_t>(sweeps_) * 2048;
}

std::size_t Plan::step_bytes(const Step& step) const {
  const auto bytes = [&](std::int32_t buffer) { return buffers_[static_cast<std::size_t>(buffer)].bytes; };
  if (const auto* sweep = std::get_if<SweepStep>(&step)) return sweep->sweep.bytes_moved();
  if (const auto* matmul = std::get_if<MatmulStep>(&step)) {
    const run::Matmul& m = matmul->matmul;
    const std::int64_t elements = m.m * m.k + m.k * m.n + m.m * m.n * (matmul->start >= 0 ? 2 : 1);
    return static_cast<std::size_t>(elements) * size_of(m.dtype);
  }
  if (const auto* copy = std::get_if<CopyStep>(&step)) return 2 * bytes(copy->output);
  if (const auto* zero = std::get_if<ZeroStep>(&step)) return bytes(zero->output);
  if (const auto* opaque = std::get_if<OpaqueStep>(&step)) {
    std::size_t sum = bytes(opaque->output);
    // An opaque op reads at most as much of an input as it writes, as far as the engine can tell (gather of rows).
    for (const std::int32_t input : opaque->inputs) sum += std::min(bytes(input), bytes(opaque->output));
    return sum;
  }
  return 0;
}

StridedView Plan::DynamicView::evaluate(const Plan& plan) const {
  double values[Shape::max_rank] = {};
  for (std::size_t i = 0; i < numbers.size(); ++i) values[i] = plan.numbers_[static_cast<std::size_t>(numbers[i])];
  return op->view_rule(*input, *output, attribute, {values, numbers.size()});
}

void* Plan::address(const PlanBuffer& buffer, Recorder& recorder, const Recorder::BackwardTarget& target) {
  switch (buffer.place) {
    case PlanBuffer::Place::arena:
    case PlanBuffer::Place::earlier:
      return recorder.arena_data() + buffer.offset;
    case PlanBuffer::Place::constant:
      return recorder.slot(buffer.node).storage->data;
    case PlanBuffer::Place::registry:
      return registry_data(*recorder.slot(buffer.node).registry, recorder.key(buffer.node).attribute);
    case PlanBuffer::Place::assigned:
      return registry_data(*recorder.slot(buffer.node).registry, recorder.key(buffer.node).attribute);
    case PlanBuffer::Place::held:
      return recorder.hold(buffer.node);
    case PlanBuffer::Place::eager:
      return recorder.eager_data(buffer.node);
    case PlanBuffer::Place::gradient: {
      RegistryCore& core = *recorder.requested_registry(buffer.node);
      if (target.buffer == nullptr) return core.gradient_data(buffer.index);
      return static_cast<char*>(target.buffer) +
             (core.gradient_data(buffer.index) - static_cast<char*>(core.gradients.data()));
    }
    case PlanBuffer::Place::alias: {
      char* const base = static_cast<char*>(pointers_[static_cast<std::size_t>(buffer.base)]);
      if (buffer.index < 0) return base + buffer.offset;
      const StridedView view = dynamic_views_[static_cast<std::size_t>(buffer.index)].evaluate(*this);
      return base + static_cast<std::size_t>(view.offset) * size_of(buffer.dtype);
    }
  }
  return nullptr;
}

void Plan::bind(Recorder& recorder, const Recorder::BackwardTarget& target) {
  for (const PlanNumber& number : number_nodes_)
    numbers_[static_cast<std::size_t>(number.slot)] = recorder.slot(number.node).number;
  for (std::size_t i = 0; i < draw_nodes_.size(); ++i) {
    const Slot& slot = recorder.slot(draw_nodes_[i]);
    draws_[i] = {slot.seed, slot.draw, slot.stream};
  }
  const Binding binding{recorder.arena(arena_end), target.buffer, RegistryCore::layouts_made()};
  if (binding != binding_) {
    binding_ = binding;
    for (std::size_t i = 0; i < buffers_.size(); ++i) pointers_[i] = address(buffers_[i], recorder, target);
    for (Step& step : steps_) prepare(step);
    return;
  }
  for (const std::int32_t buffer : bound_)
    pointers_[static_cast<std::size_t>(buffer)] = address(buffers_[static_cast<std::size_t>(buffer)], recorder, target);
  for (const std::int32_t step : prepared_) prepare(steps_[static_cast<std::size_t>(step)]);
}

void Plan::prepare(Step& step) {
  const auto at = [this](std::int32_t buffer) {
    return buffer < 0 ? nullptr : pointers_[static_cast<std::size_t>(buffer)];
  };
  if (auto* sweep = std::get_if<SweepStep>(&step)) {
    sweep->sweep.bind(pointers_);
  } else if (auto* matmul = std::get_if<MatmulStep>(&step)) {
    matmul->matmul.a = at(matmul->a);
    matmul->matmul.b = at(matmul->b);
    matmul->matmul.c = at(matmul->c);
    matmul->matmul.start = at(matmul->start);
    matmul->matmul.bias = at(matmul->bias);
    matmul->workspace_memory = at(matmul->workspace);
  } else if (auto* copy = std::get_if<CopyStep>(&step)) {
    copy->input_memory = at(copy->input);
    copy->output_memory = at(copy->output);
  } else if (auto* opaque = std::get_if<OpaqueStep>(&step)) {
    for (std::size_t i = 0; i < opaque->inputs.size(); ++i) opaque->input_memory[i] = at(opaque->inputs[i]);
    opaque->output_memory = at(opaque->output);
  } else {
    auto& zero = std::get<ZeroStep>(step);
    zero.memory = at(zero.output);
  }
}

// --- running ---

void Plan::run_step(Step& step, const Recorder& recorder) {
  if (auto* sweep = std::get_if<SweepStep>(&step)) {
    sweep->sweep.run(numbers_, draws_);
  } else if (auto* matmul = std::get_if<MatmulStep>(&step)) {
    run::matmul(matmul->matmul, matmul->workspace_memory);
  } else if (auto* copy = std::get_if<CopyStep>(&step)) {
    const StridedView view =
        copy->dynamic < 0 ? copy->view : dynamic_views_[static_cast<std::size_t>(copy->dynamic)].evaluate(*this);
    run::copy_strided(copy->input_memory, copy->output_memory, copy->shape, view, size_of(copy->dtype));
  } else if (auto* opaque = std::get_if<OpaqueStep>(&step)) {
    opaque->op->opaque_kernel({opaque->input_memory, opaque->input_types, opaque->output_memory, opaque->output_type,
                               opaque->attribute, opaque->op->name, recorder.outermost_line(opaque->origin)});
  } else {
    const auto& zero = std::get<ZeroStep>(step);
    std::memset(zero.memory, 0, zero.bytes);
  }
}

Plan::Outcome Plan::run(Recorder& recorder, const Recorder::BackwardTarget& target, SourceLine line) {
  for (const std::int32_t leaf : checked_) recorder.check_fresh(leaf, line);
  bind(recorder, target);
  for (Step& step : steps_) run_step(step, recorder);
  ++counters.requests;
  counters.sweeps += sweeps_;
  counters.matmuls += matmuls_;
  counters.other_kernels += others_;
  counters.bytes_moved += static_cast<std::int64_t>(bytes_moved_);
  Outcome outcome;
  if (value_buffer_ >= 0) outcome.value = pointers_[static_cast<std::size_t>(value_buffer_)];
  return outcome;
}

std::size_t Plan::bytes() const { return static_bytes_; }

}  // namespace thalweg::internal

namespace thalweg {

Statistics statistics() {
  Statistics result = internal::counted();
  result.recording_bytes = static_cast<std::int64_t>(internal::Workspace::current().segment_bytes);
  return result;
}

}  // namespace thalweg
