// Requests make a tape compute. A request executes the effects recorded before it, computes what it asks for and no
// more, and commits at its end. A request that throws has no effect.

#include <algorithm>

#include <fmt/format.h>

#include <thalweg/compute.hpp>
#include <thalweg/format.hpp>

#include "src/core_ops/core_ops.hpp"
#include "src/evaluate/anomaly.hpp"
#include "src/plan/call.hpp"
#include "src/tape/recorder.hpp"
#include "src/tensor/allocations.hpp"
#include "src/tensor/shape_error.hpp"

namespace thalweg::internal {

namespace {

/// " at file.cpp:12"; empty if the line is unknown.
std::string place(SourceLine line) {
  const std::string text = error_text("", "", line);
  const std::size_t at = text.find(" at ");
  return at == std::string::npos ? "" : text.substr(at);
}

/// The element that `data` points at, converted.
double read_element(const void* data, DType dtype) {
  switch (dtype) {
    case DType::f32: return *static_cast<const float*>(data);
    case DType::f64: return *static_cast<const double*>(data);
    case DType::i64: return static_cast<double>(*static_cast<const std::int64_t*>(data));
    case DType::boolean: return *static_cast<const bool*>(data) ? 1 : 0;
  }
  return 0;
}

}  // namespace

inline const void* Recorder::compute(Segment& segment, SourceLine line, const BackwardTarget& target) {
  if (engine() == Engine::eager) [[unlikely]]
    return execute_eager(segment, line, target);
  // A plan finds values of earlier requests by their offset in the arena, so it is valid only after the same plan as
  // when it was made.
  if (segment.plan == nullptr || segment.plan->made_after != last_plan_) [[unlikely]]
    plan(segment, last_plan_);
  Plan& plan = *segment.plan;
  const void* const value = plan.run(*this, target, line);
  path_.back().plan = last_plan_ = plan.number();
  arena_.keep(plan.arena_kept_end);
  return value;
}

inline const void* Recorder::execute(Segment& segment, const char* writer, SourceLine line,
                                     const BackwardTarget& target) {
  has_traces_ = true;
  path_.push_back({&segment, Plan::no_number});
  const void* value = nullptr;
  try {
    if (!effects_.empty()) effects_.claim(writer, line);
    value = compute(segment, line, target);
  } catch (...) {
    undo(segment);
    throw;
  }
  conclude(segment, value, target, writer, line);
  return value;
}

/// Executes a request for gradients.
void Recorder::fill_gradients(Segment& segment, SourceLine line, const BackwardTarget& target) {
  const std::span<const std::uint32_t> filled =
      target.buffer == nullptr ? segment.registries : std::span<const std::uint32_t>();
  for (const std::uint32_t uid : filled) reads_.find(uid)->gradients_filled = false;  // in case of a throw
  execute(segment, "backward", line, target);
  for (const std::uint32_t uid : filled) reads_.find(uid)->note_gradients(target.selection);
}

void Recorder::plan(Segment& segment, std::uint64_t before) {
  workspace_.retire(std::move(segment.plan));
  segment.plan = Plan::make(*this, segment);
  segment.plan->made_after = before;
  workspace_.segment_bytes += segment.plan->bytes();
  note_more();
  planned_ = true;
}

const Plan* Recorder::carried_out(std::size_t place) const {
  const auto& [segment, number] = path_[place];
  if (segment->plan != nullptr && segment->plan->number() == number) return segment->plan.get();
  return workspace_.retired_plan(number);
}

bool Recorder::has_carried_out(std::uint64_t plan) const {
  return std::any_of(path_.begin(), path_.end(), [&](const Step& step) { return step.plan == plan; });
}

/// Undoes a request that throws before its end: restores the tape to its state before.
void Recorder::undo(Segment& segment) {
  effects_.unclaim();
  path_.pop_back();
  last_segment_ = segment.parent;
  segment_base_ = segment.base;
  next_ = segment.request;
  copy_beginning(segment);
  held_.forget(segment);
  eager_values_.forget(next_);
}

void Recorder::forget(std::int32_t first) {
  if (is_predicted()) leave_prediction();
  first = std::max(first, segment_base_);
  rewind(first);
  effects_.forget(first);
}

/// Notes the values that stay until the tape ends: the requested one, and those of keep().
void Recorder::note_asked(Segment& segment) {
  const auto count = static_cast<std::size_t>(segment.request - segment.base);
  if (const std::int32_t id = segment.keys[count].inputs[0]; id >= 0) segment.asked.push_back(id);
  for (std::size_t i = 0; i < count; ++i)
    if (segment.keys[i].op == &keep_op) segment.asked.push_back(segment.keys[i].inputs[0]);
}

/// Requests a value, which the plan stores with the tape.
inline HeldValues::Value& Recorder::ask(std::int32_t id, SourceLine line) {
  Segment& segment = complete({&value_request_op, id}, line, [](Segment&) {});
  execute(segment, "value", line, all_registries);
  return *held_.find(id);
}

inline Tensor Recorder::value(std::int32_t id, SourceLine line) {
  const HeldValues::Value& held = ask(id, line);
  return {held.storage, held.dtype, held.shape};
}

inline Tensor Recorder::call(std::uint64_t serial, std::int32_t id) {
  const bool is_own = recorders_.current == this && serial_ == serial;
  if (!is_own || !expects({&value_request_op, id}) || options_.detect_anomaly) [[unlikely]]
    return {};
  Plan* const plan = cursor_.segment()->plan.get();
  Storage* const value = plan != nullptr ? plan->call(*this) : nullptr;
  if (value == nullptr) [[unlikely]]
    return {};
  return {StorageHandle(value), plan->called_value().dtype, plan->called_value().shape};
}

[[gnu::noinline]] Tensor Recorder::last_value(std::int32_t id, SourceLine line) { return held_.take(ask(id, line)); }

double Recorder::item(std::int32_t id, SourceLine line) {
  Segment& segment = complete({&item_request_op, id}, line, [](Segment&) {});
  const void* const data = execute(segment, "item", line, all_registries);
  return read_element(data, info(id).dtype);
}

void Recorder::run_effects(const char* writer, SourceLine line) {
  Segment& segment = complete({&effects_request_op}, line, [](Segment&) {});
  execute(segment, writer, line, all_registries);
}

/// An attribute that distinguishes requests for gradients of different targets.
std::uint64_t Recorder::target_attribute(const BackwardTarget& target) const {
  std::uint64_t attribute = (std::uint64_t{target.registry->uid} << 32) | 1;
  if (target.selection != nullptr)
    attribute |= static_cast<std::uint64_t>(
                     workspace_.pool.list(std::span<const int>(target.selection->data(), target.selection->size())))
                 << 1;
  return attribute;
}

void Recorder::backward(std::int32_t loss, std::int32_t seed, const BackwardTarget& target, SourceLine line) {
  const std::uint64_t attribute = target.registry == nullptr ? 0 : target_attribute(target);
  Segment& segment = complete({&backward_request_op, loss, seed, attribute}, line,
                              [&](Segment& derived) { derive_backward(loss, seed, target, line, derived); });
  fill_gradients(segment, line, target);
}

void Recorder::conclude_looking(Segment& segment, const void* value, const BackwardTarget& target, const char* writer,
                                SourceLine line) {
  const std::optional<BadNumber> bad = find_bad_number(*this, segment, value, target);
  commit(writer, line);
  if (bad) throw_anomaly(*this, *bad, writer, line);
}

void Recorder::throw_if_written(std::int32_t leaf, SourceLine line) const {
  const Slot& read = slot(leaf);
  const RegistryCore& registry = *read.registry;
  const RegistryAddress address = unpack(key(leaf).attribute);
  if (address.space != RegistrySpace::parameter) {
    if (address.space == RegistrySpace::gradients) return;
    throw TapeError(error_text("step", "the registry was written since the update was recorded", line));
  }
  const RegistryCore::Entry& entry = registry.entries[read.index];
  if (registry.last_write(static_cast<int>(read.index)).count <= read.version) return;
  const Segment& requested = *path_.back().segment;
  const Op& request = *requested.keys[static_cast<std::size_t>(requested.request - requested.base)].op;
  throw TapeError(
      error_text(request.name,
                 fmt::format("this needs parameter '{}' as it was when it was read{}, but {} has changed it since; {}",
                             entry.name, place(user_line(leaf)), registry.describe_writer(static_cast<int>(read.index)),
                             &request == &backward_request_op ? "call backward() before that, or record its loss again"
                                                              : "ask for the value before that, or keep() it"),
                 line));
}

// --- memory ---

char* Recorder::grow_arena(std::size_t bytes) {
  if (!arena_.grow(bytes)) {
    const std::int32_t request = path_.back().segment->request;
    throw ShapeError(error_text(key(request).op->name, fmt::format("this needs {} bytes, more than there are", bytes),
                                user_line(request)));
  }
  return arena_.data();
}

void* Recorder::hold_new(std::int32_t id, const Shape* shape, DType dtype) {
  try {
    StorageHandle storage = allocate_elements(*shape, dtype);
    void* const data = storage->data;
    held_.add(id, dtype, shape, path_.back().segment, std::move(storage));
    return data;
  } catch (const ShapeError& error) {
    throw_for(key(id).op->name, user_line(id), error);
  }
}

/// Records a keep for each node since the last request that a watch() pattern matches.
void Recorder::watch_open_segment() {
  const std::int32_t end = next_;
  for (std::int32_t id = segment_base_; id < end; ++id) {
    if (key(id).op->kind == Kind::effect) continue;
    const std::string scope = scope_name(id);
    const std::string_view parameter =
        key(id).op == &parameter_op ? slot(id).registry->entries[slot(id).index].name : std::string_view();
    const auto is_named = [&](const std::string& pattern) {
      return (!scope.empty() && matches(pattern, scope)) || (!parameter.empty() && matches(pattern, parameter));
    };
    if (std::any_of(watched_.begin(), watched_.end(), is_named)) keep(id);
  }
}

}  // namespace thalweg::internal

namespace thalweg {

Tensor Var::value(const char* file, unsigned line) const {
  return internal::Recorder::of(*this, "value", {file, line}).value(id(), {file, line});
}

Tensor internal::printed_value(const Var& var, SourceLine line) {
  return Recorder::of(var, "print", line).value(var.id(), line);
}

namespace {

[[gnu::noinline]] Tensor last_value(Var var, SourceLine line) {
  return internal::Recorder::of(var, "value", line).last_value(var.id(), line);
}

}  // namespace

Tensor internal::compute(Var (*function)(const void* object), const void* object, const TapeOptions& options,
                         SourceLine line) {
  struct End {
    void operator()(Recorder* recorder) const { recorder->end(); }
  };
  Recorder* const recorder = Workspace::acquire();
  recorder->begin(options);
  std::unique_ptr<Recorder, End> tape(recorder);
  const Var result = function(object);
  Tensor value = recorder->call(result.serial(), result.id());
  if (value.storage()) [[likely]]
    tape.release()->end_current();
  else
    value = last_value(result, line);
  return value;  // the only one, so that it is made where the caller wants it
}

}  // namespace thalweg
