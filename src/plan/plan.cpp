// Executing a plan: binds its data, then runs its passes in order.

#include "src/plan/plan.hpp"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstring>
#include <memory>
#include <ranges>
#include <utility>

#include "src/core_ops/core_ops.hpp"
#include "src/plan/call.hpp"
#include "src/plan/planner.hpp"
#include "src/run/copy.hpp"
#include "src/run/late_help.hpp"
#include "src/run/matmul_generate.hpp"
#include "src/run/sweep_machine.hpp"

namespace thalweg::internal {

std::unique_ptr<Plan> Plan::make(Recorder& recorder, Segment& segment) {
  auto plan = std::make_unique<Plan>();
  plan->complete(Planner::current(recorder.size()).plan_segment(recorder, segment), recorder.workspace().memory);
  ++counters.plans_made;
  return plan;
}

std::unique_ptr<Plan> Plan::make_node(Recorder& recorder, std::int32_t id) {
  auto plan = std::make_unique<Plan>();
  plan->complete(Planner::current(recorder.size()).plan_node(recorder, id), recorder.workspace().memory);
  return plan;
}

void Plan::learn(Recorder& recorder) {
  std::vector<bool> is_wanted(static_cast<std::size_t>(recorder.size()), false);  // by a later request
  for (Segment* segment : recorder.path() | std::views::reverse) {
    if (!segment->plan) continue;
    // What later requests of this recording have read, of what this one computes.
    std::vector<std::int32_t> keep = segment->keep;
    for (const std::int32_t id : segment->plan->computed)
      if (is_wanted[static_cast<std::size_t>(id)]) keep.push_back(id);
    for (const std::int32_t id : segment->plan->wanted) is_wanted[static_cast<std::size_t>(id)] = true;
    std::sort(keep.begin(), keep.end());
    keep.erase(std::unique(keep.begin(), keep.end()), keep.end());
    if (segment->learned && keep == segment->keep) continue;
    const bool first = !segment->learned;
    segment->keep = std::move(keep);
    segment->learned = true;
    const auto is_kept = [&](std::int32_t id) { return segment->plan->kept_place(id) >= 0; };
    const bool fits =
        first && !segment->plan->keeps_in_advance && std::all_of(segment->keep.begin(), segment->keep.end(), is_kept);
    if (fits) continue;  // the plan already keeps them
    recorder.workspace().retire(std::move(segment->plan), &recorder);
  }
}

// --- binding ---

StridedView DynamicView::evaluate(std::span<const double> all_numbers) const {
  double values[Shape::max_rank] = {};
  const auto known = static_cast<std::size_t>(count);
  for (std::size_t i = 0; i < known; ++i) values[i] = all_numbers[static_cast<std::size_t>(numbers[i])];
  return op->view_rule(*input, *output, attribute, {values, known});
}

void* Plan::address(const PlanBuffer& buffer, Recorder& recorder, const BackwardTarget& target) {
  switch (buffer.place) {
    case PlanBuffer::Place::arena:
    case PlanBuffer::Place::earlier: return recorder.arena().data() + buffer.offset;
    case PlanBuffer::Place::constant: return recorder.slot(buffer.node).storage->data;
    case PlanBuffer::Place::registry:
    case PlanBuffer::Place::assigned:
      return registry_data(*recorder.slot(buffer.node).registry, recorder.key(buffer.node).attribute);
    case PlanBuffer::Place::held: {
      const Info& info = recorder.info(buffer.node);
      return recorder.hold(buffer.node, info.shape, info.dtype);
    }
    case PlanBuffer::Place::eager: return recorder.eager_data(buffer.node);
    case PlanBuffer::Place::number: return number_cells_[static_cast<std::size_t>(buffer.index)].bytes;
    case PlanBuffer::Place::gradient: {
      RegistryCore& core = *recorder.requested_registry(buffer.node);
      if (target.buffer == nullptr) return core.gradient_data(buffer.index);
      return static_cast<char*>(target.buffer) +
             (core.gradient_data(buffer.index) - static_cast<char*>(core.gradients.data()));
    }
    case PlanBuffer::Place::alias: {
      char* const base = static_cast<char*>(pointers_[static_cast<std::size_t>(buffer.base)]);
      if (buffer.index < 0) return base + buffer.offset;
      const StridedView view = dynamic_views_[static_cast<std::size_t>(buffer.index)].evaluate(numbers_);
      return base + static_cast<std::size_t>(view.offset) * size_of(buffer.dtype);
    }
  }
  return nullptr;
}

void Plan::fill_number_cells() {
  for (NumberCell& cell : number_cells_)
    run::convert_values(cell.bytes, cell.dtype, &numbers_[static_cast<std::size_t>(cell.slot)], DType::f64, 1);
}

// (This and bind are inlined by force: as calls they cost a step 50 instructions.)
[[gnu::always_inline]] inline void Plan::bind_data(Recorder& recorder, const BackwardTarget& target) {
  const bool have_changed = read_data(recorder);
  if (have_changed) fill_number_cells();
  const Binding bound = std::exchange(binding_, {});  // if something throws, the next run binds everything
  bool have_moved = false;
  const auto move_to = [&](std::int32_t buffer, void* found) {
    void*& known = pointers_[static_cast<std::size_t>(buffer)];
    have_moved |= found != known;
    known = found;
  };
  for (const auto& [node, buffer] : constants_) move_to(buffer, recorder.slot(node).storage->data);
  for (const HeldBuffer& held : held_) move_to(held.buffer, recorder.hold(held.node, held.shape, held.dtype));
  if (have_moved || have_changed)
    for (const std::int32_t buffer : moving_views_)
      move_to(buffer, address(buffers_[static_cast<std::size_t>(buffer)], recorder, target));
  if (have_moved) {
    for (const auto& [buffer, argument] : moving_arguments_)
      arguments_[static_cast<std::size_t>(argument)] =
          reinterpret_cast<run::Argument>(pointers_[static_cast<std::size_t>(buffer)]);
    for (const std::int32_t pass : prepared_) prepare(passes_[static_cast<std::size_t>(pass)]);
  }
  binding_ = bound;
}

[[gnu::always_inline]] inline void Plan::bind(Recorder& recorder, const BackwardTarget& target) {
  const Binding binding{recorder.arena(arena_end), target.buffer, RegistryCore::layouts_made()};
  if (binding != binding_) [[unlikely]] {
    binding_ = {};  // if something throws, the next run binds everything
    bind_all(recorder, target);
    binding_ = binding;
    return;
  }
  bind_constant_arguments(recorder);
  for (const auto& [held, argument] : held_arguments_) {
    void* const memory = recorder.hold(held.node, held.shape, held.dtype);
    pointers_[static_cast<std::size_t>(held.buffer)] = memory;
    bind_argument(argument, memory);
  }
  if (has_data_) bind_data(recorder, target);
}

void Plan::bind_all(Recorder& recorder, const BackwardTarget& target) {
  if (runs_ == 0) take_code(run::known_product);  // before kernels are chosen for the other products
  read_data(recorder);
  fill_number_cells();
  for (std::size_t i = 0; i < buffers_.size(); ++i) pointers_[i] = address(buffers_[i], recorder, target);
  for (const Pass& pass : passes_) prepare(pass);
}

void Plan::prepare(const Pass& pass) {
  // Kernels pass their pointers to memcpy and the like, which do not accept null even for 0 bytes.
  alignas(64) static std::byte nothing[64];
  const auto at = [this](std::int32_t buffer) -> void* {
    if (buffer < 0) return nullptr;
    void* const memory = pointers_[static_cast<std::size_t>(buffer)];
    return memory == nullptr ? nothing : memory;
  };
  const auto index = static_cast<std::size_t>(pass.index);
  switch (pass.kind) {
    case Pass::Kind::sweep: {
      const SweepPass& sweep = sweeps_[index];
      sweep.sweep.find_arguments({pointers_, numbers_, draws_}, arguments_of(sweep));
      break;
    }
    case Pass::Kind::matmul: {
      const MatmulPass& matmul = matmuls_[index];
      BoundMatmul& bound = bound_matmuls_[index];
      bound.memory = {at(matmul.a),     at(matmul.b),    at(matmul.c),
                      at(matmul.start), at(matmul.bias), at(matmul.activated)};
      bound.workspace = at(matmul.workspace);
      if (matmul.batch < 0 && bound.panel != BoundMatmul::generated) choose_kernel(bound);
      break;
    }
    case Pass::Kind::copy:
      copies_[index].input_memory = at(copies_[index].input);
      copies_[index].output_memory = at(copies_[index].output);
      break;
    case Pass::Kind::opaque: {
      OpaquePass& opaque = opaques_[index];
      for (auto i = static_cast<std::size_t>(opaque.inputs.begin); i < static_cast<std::size_t>(opaque.inputs.end); ++i)
        opaque_memory_[i] = at(opaque_inputs_[i]);
      opaque.output_memory = at(opaque.output);
      break;
    }
    case Pass::Kind::zero: zeros_[index].memory = at(zeros_[index].output); break;
  }
}

void Plan::choose_kernel(BoundMatmul& matmul) {
  run::PreparedMatmul prepared;
  run::prepare(prepared, {*matmul.form, matmul.memory});
  matmul.run = prepared.run;
  if (!prepared.takes_panel) return;
  if (matmul.panel < 0) {
    panels_.emplace_back();
    matmul.panel = static_cast<std::int32_t>(panels_.size()) - 1;
  }
  panels_[static_cast<std::size_t>(matmul.panel)] = prepared.panel;
}

void Plan::take_code(run::GeneratedProduct (&code_for)(const run::ProductForm&)) {
  const run::MatmulForm* form = nullptr;  // the latest one: time steps repeat it
  bool has_start = false, has_bias = false;
  run::GeneratedProduct made;
  for (std::size_t i = 0; i < bound_matmuls_.size(); ++i) {
    BoundMatmul& product = bound_matmuls_[i];
    const MatmulPass& pass = matmuls_[i];
    if (product.batch >= 0 || product.panel == BoundMatmul::generated) continue;
    if (product.form != form || has_start != (pass.start >= 0) || has_bias != (pass.bias >= 0)) {
      form = product.form, has_start = pass.start >= 0, has_bias = pass.bias >= 0;
      made = code_for({*form, has_start, has_bias});
      if (made.run != nullptr && std::find(code_.begin(), code_.end(), made.code) == code_.end())
        code_.push_back(made.code);
    }
    if (made.run == nullptr) continue;
    product.run = made.run;
    product.panel = BoundMatmul::generated;
  }
}

// --- running ---

inline void Plan::run_pass(const Pass& pass, const Recorder& recorder) {
  const auto index = static_cast<std::size_t>(pass.index);
  if (pass.kind == Pass::Kind::sweep)
    return sweeps_[index].sweep.run(&arguments_[static_cast<std::size_t>(sweeps_[index].arguments)]);
  if (pass.kind != Pass::Kind::matmul) return run_other(pass, recorder);
  const BoundMatmul& product = bound_matmuls_[index];
  if (product.batch < 0) {
    const run::MatmulPanel* const panel =
        product.panel < 0 ? nullptr : &panels_[static_cast<std::size_t>(product.panel)];
    return product.run(panel, *product.form, product.memory, product.workspace);
  }
  run::matmul({*product.form, product.memory}, batches_[static_cast<std::size_t>(product.batch)], product.workspace);
}

void Plan::run_other(const Pass& pass, const Recorder& recorder) {
  const auto index = static_cast<std::size_t>(pass.index);
  switch (pass.kind) {
    case Pass::Kind::copy: {
      const CopyPass& copy = copies_[index];
      const StridedView view =
          copy.dynamic < 0 ? copy.view : dynamic_views_[static_cast<std::size_t>(copy.dynamic)].evaluate(numbers_);
      return run::copy_strided(copy.input_memory, copy.output_memory, copy.shape, view, size_of(copy.dtype));
    }
    case Pass::Kind::opaque: {
      const OpaquePass& opaque = opaques_[index];
      return opaque.op->opaque_kernel({of_inputs(opaque, opaque_memory_), of_inputs(opaque, opaque_types_),
                                       opaque.output_memory, opaque.output_type, opaque.attribute, &recorder,
                                       opaque.origin});
    }
    case Pass::Kind::zero: std::memset(zeros_[index].memory, 0, zeros_[index].bytes); return;
    case Pass::Kind::sweep:
    case Pass::Kind::matmul: return;
  }
}

void Plan::run_observed(const Recorder& recorder) {
  using Clock = PassObserver::Clock;
  PassObserver& observer = *pass_observer;
  observer.request_began(recorder, *this, Clock::now());
  for (std::size_t i = 0; i < passes_.size(); ++i) {
    const Clock::time_point begin = Clock::now();
    run_pass(passes_[i], recorder);
    observer.pass_ended(recorder, *this, i, begin, Clock::now());
  }
  observer.request_ended(Clock::now());
}

[[gnu::always_inline]] inline void Plan::run_passes(const Recorder& recorder) {
  if (pass_observer != nullptr) [[unlikely]] {
    run_observed(recorder);
  } else {
    for (const Pass& pass : passes_) run_pass(pass, recorder);
  }
}

void Plan::run_large(const Recorder& recorder) {
  const run::LateHelp help(runs_ < runs_until_settled);
  run::ThreadChoice::of_this_thread().run(repeated_, [&] { run_passes(recorder); });
}

std::uint64_t Plan::next_number() {
  static std::atomic<std::uint64_t> last{0};
  return last.fetch_add(1, std::memory_order_relaxed) + 1;
}

void Plan::settle(const Recorder& recorder) {
  ++runs_;
  if (runs_ == runs_until_generated) take_code(run::generated_product);
  if (runs_ == runs_until_settled) find_calls(recorder);  // by now, sweeps have the functions that they will have
}

void Plan::find_calls(const Recorder& recorder) {
  const bool is_alone = made_after == no_number && recorder.effects().empty();
  const bool binds_arguments_only =
      constants_.empty() && held_.empty() && moving_views_.empty() && number_cells_.empty();
  const bool gives_one_value = held_arguments_.size() == 1;
  if (!is_alone || !binds_arguments_only || !gives_one_value || counts_.bytes_moved >= least_shared_bytes) return;
  std::vector<Call> calls;
  for (const Pass& pass : passes_) {
    if (pass.kind != Pass::Kind::sweep) return;
    const SweepPass& sweep = sweeps_[static_cast<std::size_t>(pass.index)];
    if (sweep.sweep.function().code == nullptr) return;
    calls.push_back({sweep.sweep.function(), &arguments_[static_cast<std::size_t>(sweep.arguments)]});
  }
  calls_ = std::move(calls);
  takes_tensors_only_ =
      argument_count_ == std::ssize(constant_arguments_) + 1 && number_nodes_.empty() && draw_nodes_.empty();
  const auto& [value, argument] = held_arguments_.front();
  called_value_ = value;
  called_value_argument_ = &arguments_[static_cast<std::size_t>(argument)];
  value_bytes_ = static_cast<std::size_t>(value.shape->size()) * size_of(value.dtype);
  value_size_class_ = size_class_of(whole_lines(value_bytes_));
}

void Plan::check_leaves(const Recorder& recorder, SourceLine line) const {
  for (const std::int32_t leaf : checked_) recorder.check_fresh(leaf, line);
}

const void* Plan::run(Recorder& recorder, const BackwardTarget& target, SourceLine line) {
  if (!recorder.reads().are_fresh()) [[unlikely]]
    check_leaves(recorder, line);
  bind(recorder, target);
  if (runs_ < runs_until_settled) [[unlikely]]
    settle(recorder);
  if (counts_.bytes_moved < least_shared_bytes) {
    run_passes(recorder);
  } else {
    run_large(recorder);
  }
  count_run();
  return value_buffer_ >= 0 ? pointers_[static_cast<std::size_t>(value_buffer_)] : nullptr;
}

const void* Plan::kept_value(std::int32_t node) const {
  const std::int32_t buffer = kept_place(node);
  return buffer < 0 ? nullptr : pointers_[static_cast<std::size_t>(buffer)];
}

std::size_t Plan::bytes() const { return static_bytes_; }

}  // namespace thalweg::internal

namespace thalweg {

Statistics statistics() {
  Statistics result = internal::counters;
  result.recording_bytes = static_cast<std::int64_t>(internal::Workspace::current().segment_bytes);
  return result;
}

}  // namespace thalweg
