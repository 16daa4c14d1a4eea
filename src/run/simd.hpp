#pragma once
// The SIMD target set by the environment.

namespace thalweg::run {

/// Throws ValueError if THALWEG_TARGET named an unsupported target when the process started. Called when a thread makes its
/// first tape and wherever kernels are handed out, which also keeps the linker from dropping the code that reads the variable.
void check_simd_environment();

}  // namespace thalweg::run
