#pragma once
// What an optimizer works on: the flat buffers of a registry as Vars of the current tape.

#include <thalweg/tape.hpp>

#include "src/core_ops/core_ops.hpp"

namespace thalweg::internal {

/// What lies in a region of the trainable values, the gradients or a state buffer, as a Var (padding between parameters
/// included). `index`: see flat_index.
Var flat_buffer(RegistryCore& core, RegistrySpace space, std::int32_t index, SourceLine line);
/// Records that it becomes node `value`; carried out with the next request.
void assign_flat(RegistryCore& core, RegistrySpace space, std::int32_t index, std::int32_t value, SourceLine line);
/// Carries out the effects recorded so far; `writer` is who an error about a changed parameter names.
void request_effects(const char* writer, SourceLine line);

}  // namespace thalweg::internal
