#pragma once
// What an optimizer works on: the flat buffers of a registry as Vars of the current tape.

#include <thalweg/tape.hpp>

#include "src/core_ops/core_ops.hpp"

namespace thalweg::internal {

/// The trainable values, the gradients, or state buffer `state_index`, as a 1-D Var (padding included).
Var flat_buffer(RegistryCore& core, RegistrySpace space, std::int32_t state_index, SourceLine line);
/// Records that the buffer becomes `value`; carried out with the next request.
void assign_flat(RegistryCore& core, RegistrySpace space, std::int32_t state_index, const Var& value, SourceLine line);
/// Carries out the effects recorded so far; `writer` is who an error about a changed parameter names.
void request_effects(const char* writer, SourceLine line);

}  // namespace thalweg::internal
