#pragma once
// Walking a sweep's domain on the vector machine.

#include <cstddef>
#include <cstdint>

#include "src/run/sweep_program.hpp"

namespace thalweg::run {

struct ScratchMemory {
  std::byte* data;
  std::size_t capacity;
};
[[gnu::tls_model("initial-exec")]] extern constinit thread_local ScratchMemory scratch_memory;
void grow_scratch_memory(std::size_t bytes);

/// This thread's memory for tiles, slots and, below its start, temporaries. It grows to the needs of the largest sweep.
inline std::byte* scratch_of(const SweepProgram& program) {
  const std::size_t bytes = program.temporary_bytes + program.scratch_bytes;
  if (scratch_memory.capacity < bytes) grow_scratch_memory(bytes);
  return scratch_memory.data + program.temporary_bytes;
}

/// The runs for `count` elements. Only the last elements of the domain or row may leave a rest.
Blocks blocks_of(const SweepProgram& program, const BlockPrograms& programs, std::int64_t count);
/// The runs for whole rows of one block each.
Blocks rows_of(const SweepProgram& program, const BlockPrograms& programs, std::int64_t rows);
/// A single run of a program.
Blocks once(const SweepProgram& program, std::int32_t instruction);

/// Runs on up to thread_limit() threads; the results of reductions go to the sweep's memory.
void run_walk(const SweepProgram& program, const Walk& walk);

}  // namespace thalweg::run
