#pragma once
// Which SIMD instructions the library's kernels use. By default the best the processor has; the environment variable
// THALWEG_TARGET names another one at the start of the process.

#include <string_view>

namespace thalweg {

/// Uses the kernels of another target from now on: "sse4", "avx2", "avx512" on x86; "" goes back to the best one.
/// For tests, before other threads compute. Throws ValueError naming the supported ones.
void set_simd_target(std::string_view name);

/// The target in use.
std::string_view simd_target();

}  // namespace thalweg
