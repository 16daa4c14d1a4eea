#pragma once
// The JIT: machine code for runs of simple instructions.
//
// The vector machine keeps one value in registers; all others go through memory, and each instruction ends in an
// indirect jump that the processor must predict. With AVX-512 or AVX2, a run of simple instructions (loads, stores, sums and
// Primitives) is merged into one instruction with a generated handler that keeps values in registers. It performs the
// same operations on the same numbers in the same order, so the bits are the same. A program of only such instructions
// becomes a loop over its blocks, and a small sweep of nothing else, including its reductions, becomes one function
// (sweep_function.hpp), without any setup of state and blocks. Most elementary functions remain separate instructions
// between the runs.

#include <cstdint>

#include "src/run/code_target.hpp"
#include "src/run/sweep_program.hpp"

namespace thalweg::run {

/// When to generate code for a sweep's program, which takes 10 to 250 µs once: for a large sweep before its first run;
/// for a small one, which gains 10 to 60 ns per run, when a plan runs it for the second time, since such a plan is
/// likely to run often. Not later: after a few repetitions a step must have everything it needs, and allocate nothing
/// from then on.
struct GenerationPolicy {
  std::int64_t large = 8 * 1024;  // elements
  bool small_when_repeated = true;
  bool is_time(std::int64_t elements, bool has_run) const {
    return elements >= large || (has_run && small_when_repeated);
  }
};
/// The policy in effect; tests change it, to compare generated code with the machine.
GenerationPolicy& generation_policy();

/// Whether a primitive is emitted inline; some are for f32 only.
constexpr bool is_in_line(Primitive primitive, DType dtype) {
  return primitive != Primitive::none && (primitive < Primitive::log || dtype == DType::f32);
}

/// Generates code for a program: one function for all of it if possible, or else code for runs in the wide programs of
/// its stages. Does nothing if the target has no generator, or the system does not permit generated code.
void generate(SweepProgram& program);

}  // namespace thalweg::run
