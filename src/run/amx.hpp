#pragma once
// Intel's AMX: eight registers of 16 × 64 bytes, and an instruction that multiplies two of them in bf16.

namespace thalweg::run {

/// Whether this process may use AMX for bf16. The first call asks the kernel, which saves the registers of such a process
/// with its threads from then on; so it is made only where a product would use them.
bool has_amx();

/// Whether products in bf16 use it: if has_amx(), unless set_simd_target named a lesser target.
bool uses_amx();
void allow_amx(bool allowed);

}  // namespace thalweg::run
