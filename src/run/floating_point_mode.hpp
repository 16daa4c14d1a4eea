#pragma once
// The processor's floating-point mode of the calling thread: how results are rounded and whether subnormal numbers are zero.

#include <cstdint>

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

namespace thalweg::run {

/// The control bits of the thread's mode (MXCSR on x86-64, FPCR on Arm), without what has happened so far.
inline std::uint64_t floating_point_mode() {
#if defined(__x86_64__)
  constexpr std::uint64_t control = 0xFFC0;
  return _mm_getcsr() & control;
#elif defined(__aarch64__)
  std::uint64_t mode;
  asm volatile("mrs %0, fpcr" : "=r"(mode));
  return mode;
#else
  return 0;
#endif
}

/// Gives the thread a mode that floating_point_mode() told, of this thread or another.
inline void set_floating_point_mode(std::uint64_t mode) {
#if defined(__x86_64__)
  _mm_setcsr(static_cast<unsigned>(mode));
#elif defined(__aarch64__)
  asm volatile("msr fpcr, %0" : : "r"(mode) : "memory");
#else
  static_cast<void>(mode);
#endif
}

/// The bits by which subnormal arguments and results count as zero: FTZ and DAZ (Intel's manual, volume 1, 10.2.3), FZ
/// on Arm; 0 where there are none.
#if defined(__x86_64__)
constexpr std::uint64_t flush_subnormals_bits = 0x8040;
#elif defined(__aarch64__)
constexpr std::uint64_t flush_subnormals_bits = std::uint64_t{1} << 24;
#else
constexpr std::uint64_t flush_subnormals_bits = 0;
#endif

}  // namespace thalweg::run
