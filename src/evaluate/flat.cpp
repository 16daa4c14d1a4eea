#include "src/evaluate/flat.hpp"

#include <algorithm>

#include <fmt/format.h>

#include <thalweg/registry.hpp>

namespace thalweg::internal {

void carry_out_assignments(Recorder& recorder, const RegistryCore& core, SourceLine line) {
  const auto is_in_it = [&](const PendingEffect& effect) {
    const RegistryAddress address = unpack(effect.address);
    return effect.registry == &core && address.space == RegistrySpace::parameter &&
           core.entries[address.index].trainable;
  };
  const std::vector<PendingEffect>& pending = recorder.effects().pending();
  if (std::any_of(pending.begin(), pending.end(), is_in_it)) recorder.run_effects("assign", line);
}

std::int32_t record_check(Recorder& recorder, std::int32_t value) {
  if (recorder.engine() == Engine::eager) return -1;
  const std::int32_t check = sum_to(recorder.var(value), {}).id();
  recorder.keep(check);
  return check;
}

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
  if (recorder.info(id).weak) {  // converts the number to the parameter's dtype: adding −0 does not change it
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
  if (core.entries[parameter.index()].trainable) recorder.note_assigned(core, parameter.index());
}

}  // namespace thalweg
