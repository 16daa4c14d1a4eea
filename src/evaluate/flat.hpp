#pragma once
// What an optimizer works on: the flat buffers of a registry as Vars of the current tape.

#include <thalweg/tape.hpp>

#include "src/core_ops/core_ops.hpp"

namespace thalweg::internal {

/// A region of the trainable values, the gradients or a state buffer.
struct FlatPlace {
  RegistrySpace space;
  std::int32_t region;
  std::int32_t state = 0;  // the buffer, of state
};

/// What lies there, as a Var (padding between parameters included).
Var flat_buffer(RegistryCore& core, const FlatPlace& place, SourceLine line);
/// Records that it becomes `value`; carried out with the next request.
void assign_flat(RegistryCore& core, const FlatPlace& place, const Var& value, SourceLine line);
/// Carries out the effects recorded so far; `writer` is who an error about a changed parameter names.
void request_effects(const char* writer, SourceLine line);

}  // namespace thalweg::internal
