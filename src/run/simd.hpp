#pragma once
// The SIMD target from the environment.

namespace thalweg::run {

/// Throws ValueError where THALWEG_TARGET named no supported target when the process started. Whoever hands out kernels
/// calls it, which also keeps the reading of the variable in the program.
void check_simd_environment();

}  // namespace thalweg::run
