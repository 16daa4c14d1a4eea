#include "src/evaluate/flat.hpp"

#include <algorithm>

#include <fmt/format.h>

#include <thalweg/op.hpp>
#include <thalweg/registry.hpp>

#include "src/tape/recorder.hpp"

namespace thalweg::internal {

namespace {

[[gnu::always_inline]] inline void record_assign(Recorder& recorder, RegistryCore& core, RegistryAddress address,
                                                 std::int32_t value, SourceLine line, std::int32_t check = -1) {
  recorder.read(core);
  const Slot slot = registry_slot(core, static_cast<std::uint32_t>(address.index), core.write_count);
  const std::int32_t id = recorder.append_with_slot(assign_op, value, traits_of(1), pack(address), line, slot);
  recorder.assign(core, address.space == RegistrySpace::parameter ? address.index : -1, id, check);
}

/// A flat buffer is read as it lies in memory: what was assigned to a parameter in it must be there.
[[gnu::noinline]] void carry_out_assignments(Recorder& recorder, const RegistryCore& core, SourceLine line) {
  const auto is_in_it = [&](const PendingEffect& effect) {
    return effect.registry == &core && effect.index >= 0 &&
           core.entries[static_cast<std::size_t>(effect.index)].trainable;
  };
  if (std::any_of(recorder.pending().begin(), recorder.pending().end(), is_in_it)) recorder.run_effects("assign", line);
}

}  // namespace

Var flat_buffer(RegistryCore& core, RegistrySpace space, std::int32_t index, SourceLine line) {
  Recorder& recorder = Recorder::require("step", line);
  recorder.read(core);
  if (!recorder.pending().empty()) carry_out_assignments(recorder, core, line);
  const std::uint64_t attribute = pack({core.uid, space, index});
  return recorder.var(recorder.append_with_slot(registry_buffer_op, -1, traits_of(0, core.dtype), attribute, line,
                                                registry_slot(core, 0, core.write_count)));
}

void assign_flat(RegistryCore& core, RegistrySpace space, std::int32_t index, std::int32_t value, SourceLine line) {
  Recorder& recorder = Recorder::require("step", line);
  // The pass that computes the new parameters adds them up as well: they need not be read again to see that all are finite.
  std::int32_t check = -1;
  if (space == RegistrySpace::values && recorder.detects_anomalies() && recorder.engine() == Engine::planned) {
    check = sum_to(recorder.var(value), {}).id();
    recorder.keep(check);
  }
  record_assign(recorder, core, {core.uid, space, index}, value, line, check);
}

void request_effects(const char* writer, SourceLine line) { Recorder::require(writer, line).run_effects(writer, line); }

}  // namespace thalweg::internal

namespace thalweg {

void assign(const Parameter& parameter, const Operand& value) {
  using namespace internal;
  Recorder& recorder = Recorder::require("assign", value.line());
  if (!parameter.core())
    throw TapeError(error_text("assign", "an empty Parameter was given", recorder.blame(value.line())));
  RegistryCore& core = *parameter.core();
  std::int32_t id = recorder.resolve(value, "assign");
  const Shape& wanted = parameter.shape();
  if (recorder.info(id).weak) {  // in the parameter's dtype; adding −0 changes nothing
    const Var typed = add(recorder.var(recorder.literal(-0.0, core.dtype)), recorder.var(id));
    id = broadcast_to(typed, wanted).id();
  }
  const Info& info = recorder.info(id);
  if (!(*info.shape == wanted))
    throw ShapeError(error_text("assign",
                                fmt::format("parameter '{}' has shape {}, the value {}", parameter.name(),
                                            to_string(wanted), to_string(*info.shape)),
                                recorder.blame(value.line())));
  if (info.dtype != core.dtype && !info.weak)
    throw DtypeError(error_text(
        "assign",
        fmt::format("parameter '{}' is {}, the value {}", parameter.name(), name(core.dtype), name(info.dtype)),
        recorder.blame(value.line())));
  record_assign(recorder, core, {core.uid, RegistrySpace::parameter, parameter.index()}, id, value.line());
  if (core.entries[static_cast<std::size_t>(parameter.index())].trainable)
    recorder.note_assigned(core, parameter.index());
}

}  // namespace thalweg
