#pragma once
// Machine code for runs of simple instructions.
//
// The vector machine keeps one value in registers; all others go through memory, and each instruction ends in a jump that
// the processor has to guess. Where there are AVX-512's registers, a run of instructions that are no more than a load, a
// store, a sum or a Primitive becomes one instruction with a handler generated for it, in which values stay in registers:
// the same operations on the same numbers in the same order, so the same bits. A program that is all of these runs as one
// loop over its blocks, and a small sweep of nothing else, with its sums, as one function (sweep_function.hpp): no state is
// set up, no blocks are counted. Most functions stay as they are, between the runs.

#include <cstdint>

#include "src/run/sweep_program.hpp"

#if defined(__x86_64__) && !THALWEG_ACCUMULATOR_IN_MEMORY && __has_include(<xbyak/xbyak.h>)
#define THALWEG_GENERATES_CODE 1
#else
#define THALWEG_GENERATES_CODE 0
#endif

namespace thalweg::run {

/// When a sweep's program gets generated code, which takes 10 to 250 µs once: that of a large one before its first run, that
/// of a small one, which gains 10 to 60 ns a run, when a plan runs it for the second time. For then the plan is that of a
/// step which is made again and again; what is never seen twice is not worth it. Not later: a step that has been made a few
/// times has all that it needs, and allocates nothing from then on.
struct GenerationPolicy {
  std::int64_t large = 8 * 1024;  // elements
  bool small_when_repeated = true;
  bool is_time(std::int64_t elements, bool has_run) const {
    return elements >= large || (has_run && small_when_repeated);
  }
};
/// The one in use; tests change it, to compare generated code with the machine.
GenerationPolicy& generation_policy();

/// A primitive that is written in line for f32 alone.
constexpr bool is_of_f32(Primitive primitive) {
  return primitive == Primitive::log || primitive == Primitive::log1p || primitive == Primitive::sin ||
         primitive == Primitive::cos;
}

/// Whether this build has a generator for the SIMD target in use.
bool generates_code();

/// Writes code for a program: for all of it where that can be one function, else for runs in the wide programs of its
/// stages. Does nothing where the target has no generator, or the system allows no generated code.
void generate(SweepProgram& program);

}  // namespace thalweg::run
