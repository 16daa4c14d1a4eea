#pragma once
// The instruction sets that machine code is generated for.

#include <cstdint>

#include "src/run/sweep_machine.hpp"

// Under sanitizers the machine runs everything, since they do not see what generated code does.
#if defined(__x86_64__) && __has_include(<xbyak/xbyak.h>) && !defined(__SANITIZE_ADDRESS__) && \
    !defined(__SANITIZE_THREAD__)
#define THALWEG_GENERATES_CODE 1
#else
#define THALWEG_GENERATES_CODE 0
#endif

namespace thalweg::run {

/// AVX2 includes FMA.
enum class CodeTarget : std::uint8_t { none, avx2, avx512 };

/// That of the SIMD target in use; `none` if there is no generator for it, or none in this build.
CodeTarget code_target();

inline bool generates_code() { return code_target() != CodeTarget::none; }
/// Small products have a generator for AVX-512 only.
inline bool generates_products() { return code_target() == CodeTarget::avx512; }

}  // namespace thalweg::run
