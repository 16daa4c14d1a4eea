#include "src/tensor/huge_pages.hpp"

#include <cstdint>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace thalweg::internal {

void prefer_huge_pages(void* begin, std::size_t bytes) {
#if defined(__linux__) && defined(MADV_HUGEPAGE)
  // Below, the ends that fill no huge page are too large a part.
  constexpr std::size_t least = std::size_t{4} << 20;
  constexpr std::uintptr_t page = 4096;
  if (bytes < least) return;
  const auto first = (reinterpret_cast<std::uintptr_t>(begin) + page - 1) / page * page;
  const auto end = (reinterpret_cast<std::uintptr_t>(begin) + bytes) / page * page;
  madvise(reinterpret_cast<void*>(first), end - first, MADV_HUGEPAGE);  // refused where there are none
#else
  (void)begin, (void)bytes;
#endif
}

}  // namespace thalweg::internal
