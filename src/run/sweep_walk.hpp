#pragma once
// Walking a sweep's domain on the vector machine.

#include <cstddef>
#include <cstdint>

#include "src/run/scratch_memory.hpp"
#include "src/run/sweep_program.hpp"

namespace thalweg::run {

/// Below this much work (elements times instructions) a sweep stays on one thread.
inline constexpr std::int64_t parallel_work = 256 * 1024;

/// This thread's memory for tiles, slots and, below its start, temporaries.
inline std::byte* scratch_of(const SweepProgram& program) {
  return scratch_of_thread(program.temporary_bytes + program.scratch_bytes) + program.temporary_bytes;
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
