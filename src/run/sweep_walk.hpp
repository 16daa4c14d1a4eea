#pragma once
// A walk over a sweep's domain, as the vector machine runs it.

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

/// This thread's memory for tiles, slots and, below its start, temporaries; it grows to what the largest sweep needs.
inline std::byte* scratch_of(const SweepProgram& program) {
  const std::size_t bytes = program.temporary_bytes + program.scratch_bytes;
  if (scratch_memory.capacity < bytes) grow_scratch_memory(bytes);
  return scratch_memory.data + program.temporary_bytes;
}

/// The runs that `count` elements need; a rest is only at the end of what the programs were made for.
Blocks blocks_of(const SweepProgram& program, const BlockPrograms& programs, std::int64_t count);
/// Whole rows that are one block each.
Blocks rows_of(const SweepProgram& program, const BlockPrograms& programs, std::int64_t rows);
/// A program that runs once.
Blocks once(const SweepProgram& program, std::int32_t instruction);

/// On up to thread_limit() threads, with the results of its sums in the sweep's memory.
void run_walk(const SweepProgram& program, const Walk& walk);

}  // namespace thalweg::run
