#include "src/evaluate/flat.hpp"

#include <algorithm>

#include <fmt/format.h>

#include <thalweg/op.hpp>
#include <thalweg/registry.hpp>

#include "src/tape/recorder.hpp"

namespace thalweg::internal {

namespace {

Slot registry_slot(RegistryCore& core, std::int32_t index) {
  Slot slot{};
  slot.registry = &core;
  slot.index = static_cast<std::uint32_t>(index);
  slot.version = core.write_count;
  return slot;
}

void record_assign(Recorder& recorder, RegistryCore& core, const RegistryAddress& address, std::int32_t value,
                   SourceLine line, std::int32_t check = -1) {
  recorder.read(core);
  Key key;
  key.op = &assign_op;
  key.count = 1;
  key.inputs[0] = value;
  key.attribute = pack(address);
  const std::int32_t id = recorder.append_source(key, line, registry_slot(core, address.index));
  recorder.assign(core, address.space == RegistrySpace::parameter ? address.index : -1, id, check);
}

}  // namespace

Var flat_buffer(RegistryCore& core, const FlatPlace& place, SourceLine line) {
  Recorder& recorder = Recorder::require("step", line);
  recorder.read(core);
  // It is read as it lies in memory: what was assigned to a parameter in it must be there.
  const auto is_in_it = [&](const PendingEffect& effect) {
    return effect.registry == &core && effect.index >= 0 &&
           core.entries[static_cast<std::size_t>(effect.index)].trainable;
  };
  if (std::any_of(recorder.pending().begin(), recorder.pending().end(), is_in_it)) recorder.run_effects("assign", line);
  Key key;
  key.op = &registry_buffer_op;
  key.dtype = core.dtype;
  key.attribute = pack({core.uid, place.space, flat_index(place.region, place.state)});
  return recorder.var(recorder.append_source(key, line, registry_slot(core, 0)));
}

void assign_flat(RegistryCore& core, const FlatPlace& place, const Var& value, SourceLine line) {
  Recorder& recorder = Recorder::require("step", line);
  const RegistryAddress address{core.uid, place.space, flat_index(place.region, place.state)};
  const std::int32_t id = recorder.resolve(value, "step");
  // The pass that computes the new parameters adds them up as well: they need not be read again to see that all are finite.
  std::int32_t check = -1;
  if (place.space == RegistrySpace::values && recorder.detects_anomalies() && recorder.engine() == Engine::planned) {
    check = sum_to(recorder.var(id), {}).id();
    recorder.keep(check);
  }
  record_assign(recorder, core, address, id, line, check);
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
