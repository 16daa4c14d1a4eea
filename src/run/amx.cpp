#include "src/run/amx.hpp"

#include <atomic>

#if defined(__x86_64__) && defined(__linux__)
#define THALWEG_KNOWS_AMX 1
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#else
#define THALWEG_KNOWS_AMX 0
#endif

namespace thalweg::run {

namespace {

std::atomic<bool> is_allowed{true};

#if THALWEG_KNOWS_AMX
bool processor_has_amx() {
  if (__builtin_cpu_supports("avx512bf16") == 0) return false;
  unsigned a = 0, b = 0, c = 0, d = 0;
  constexpr unsigned bf16_bit = 1U << 22, tile_bit = 1U << 24;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (d & bf16_bit) != 0 && (d & tile_bit) != 0;
}

/// Whether the kernel saves the registers at all (the bits of the tiles in XCR0), and lets this process use them.
bool kernel_permits_amx() {
  unsigned low = 0, high = 0;
  asm("xgetbv" : "=a"(low), "=d"(high) : "c"(0));  // of any processor with AVX-512
  constexpr unsigned tile_bits = 3U << 17;
  constexpr long request_permission = 0x1023, tile_data = 18;  // ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA
  return (low & tile_bits) == tile_bits && syscall(SYS_arch_prctl, request_permission, tile_data) == 0;
}
#endif

}  // namespace

bool has_amx() {
#if THALWEG_KNOWS_AMX
  static const bool has = processor_has_amx() && kernel_permits_amx();
  return has;
#else
  return false;
#endif
}

bool uses_amx() { return is_allowed.load(std::memory_order_relaxed) && has_amx(); }

void allow_amx(bool allowed) { is_allowed.store(allowed, std::memory_order_relaxed); }

}  // namespace thalweg::run
