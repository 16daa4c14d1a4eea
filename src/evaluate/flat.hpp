#pragma once
// The flat buffers of a registry as Vars of a tape, for optimizers.

#include "src/core_ops/core_ops.hpp"
#include "src/tape/recorder.hpp"

namespace thalweg::internal {

/// Executes pending assignments to parameters in the flat buffers, which are read as they are in memory.
[[gnu::noinline]] void carry_out_assignments(Recorder& recorder, const RegistryCore& core, SourceLine line);
/// Records and keeps the sum of the assigned values, node `value`: it tells whether all are finite without another read
/// of the new parameters, since the pass that computes them can sum them as well.
[[gnu::noinline]] std::int32_t record_check(Recorder& recorder, std::int32_t value);

/// A region of the trainable values, the gradients or a state buffer as a Var, including padding between parameters.
/// `index`: see flat_index.
inline Var flat_buffer(Recorder& recorder, RegistryCore& core, RegistrySpace space, std::int32_t index,
                       SourceLine line) {
  recorder.read(core);
  if (!recorder.effects().empty()) carry_out_assignments(recorder, core, line);
  const Slot slot = registry_slot(core, 0, core.write_count);
  return recorder.var(recorder.append_with_slot(registry_buffer_op, -1, traits_of(0, core.dtype),
                                                pack({core.uid, space, index}), line, slot));
}

/// Records an assignment of node `value` to `address`; executed with the next request.
inline void record_assign(Recorder& recorder, RegistryCore& core, const RegistryAddress& address, std::int32_t value,
                          SourceLine line) {
  recorder.read(core);
  const bool is_checked = address.space == RegistrySpace::values && recorder.detects_anomalies();
  const std::int32_t check = is_checked ? record_check(recorder, value) : -1;
  const Slot slot = registry_slot(core, static_cast<std::uint32_t>(address.index), core.write_count);
  const std::int32_t id = recorder.append_with_slot(assign_op, value, traits_of(1), pack(address), line, slot);
  recorder.add({&core, pack(address), id, check});
}

}  // namespace thalweg::internal
