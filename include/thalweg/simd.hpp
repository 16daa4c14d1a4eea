#pragma once
// The SIMD instruction set of the library's kernels: by default the best the processor has, or the one that the
// environment variable THALWEG_TARGET names at the start of the process; if it names none, the first tape throws a ValueError.

#include <string_view>

namespace thalweg {

/// Switches to the kernels of another target: "sse4", "avx2", "avx512" or "amx" (avx512 with AMX's tiles) on x86; "" for the
/// best one. For tests, before other threads compute. Throws ValueError naming the supported ones.
void set_simd_target(std::string_view name);

/// The target in use.
std::string_view simd_target();

}  // namespace thalweg
