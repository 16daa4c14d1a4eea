#pragma once
// What an optimizer works on: the flat buffers of a registry as Vars of a tape.

#include "src/core_ops/core_ops.hpp"
#include "src/tape/recorder.hpp"

namespace thalweg::internal {

/// A flat buffer is read as it lies in memory: what was assigned to a parameter in it is carried out first.
[[gnu::noinline]] void carry_out_assignments(Recorder& recorder, const RegistryCore& core, SourceLine line);
/// The sum of the values that are assigned, node `value`, kept: whether all of them are finite need not be seen by reading
/// the new parameters again. The pass that computes them adds them up as well.
[[gnu::noinline]] std::int32_t record_check(Recorder& recorder, std::int32_t value);

/// What lies in a region of the trainable values, the gradients or a state buffer, as a Var (padding between parameters
/// included). `index`: see flat_index.
inline Var flat_buffer(Recorder& recorder, RegistryCore& core, RegistrySpace space, std::int32_t index,
                       SourceLine line) {
  recorder.read(core);
  if (!recorder.pending().empty()) carry_out_assignments(recorder, core, line);
  const Slot slot = registry_slot(core, 0, core.write_count);
  return recorder.var(recorder.append_with_slot(registry_buffer_op, -1, traits_of(0, core.dtype),
                                                pack({core.uid, space, index}), line, slot));
}

/// Records that what lies at `address` becomes node `value`; carried out with the next request.
inline void record_assign(Recorder& recorder, RegistryCore& core, const RegistryAddress& address, std::int32_t value,
                          SourceLine line) {
  recorder.read(core);
  const bool is_checked = address.space == RegistrySpace::values && recorder.detects_anomalies();
  const std::int32_t check = is_checked ? record_check(recorder, value) : -1;
  const Slot slot = registry_slot(core, static_cast<std::uint32_t>(address.index), core.write_count);
  const std::int32_t id = recorder.append_with_slot(assign_op, value, traits_of(1), pack(address), line, slot);
  recorder.assign(core, address.space == RegistrySpace::parameter ? address.index : -1, id, check);
}

}  // namespace thalweg::internal
