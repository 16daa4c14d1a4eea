#pragma once
// Machine code for runs of simple instructions.
//
// The vector machine keeps one value in registers; all others go through memory, and each instruction ends in a jump that
// the processor has to guess. Where there are AVX-512's registers, a run of instructions that are no more than a load, a
// store, a sum or a Primitive becomes one instruction with a handler generated for it, in which values stay in registers:
// the same operations on the same numbers in the same order, so the same bits. A program that is all of these runs as one
// loop over its blocks. Most functions stay as they are, between the runs.

#include <cstdint>

#include "src/run/sweep_program.hpp"

#if defined(__x86_64__) && !THALWEG_ACCUMULATOR_IN_MEMORY && __has_include(<xbyak/xbyak.h>)
#define THALWEG_GENERATES_CODE 1
#else
#define THALWEG_GENERATES_CODE 0
#endif

namespace thalweg::run {

/// Sweeps over fewer elements are not worth generated code.
inline constexpr std::int64_t least_generated_elements = 8 * 1024;
/// The bound in use; tests lower it, to compare the two.
std::int64_t& generated_elements();

/// A primitive that is written in line for f32 alone.
constexpr bool is_of_f32(Primitive primitive) {
  return primitive == Primitive::log1p || primitive == Primitive::sin || primitive == Primitive::cos;
}

/// Whether this build has a generator for the SIMD target in use.
bool generates_code();

/// Joins runs in the wide programs of all stages. Does nothing where the target has no generator, or the system allows no
/// generated code.
void generate(SweepDraft& program);

}  // namespace thalweg::run
