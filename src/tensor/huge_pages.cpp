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
  const std::size_t before = (page - reinterpret_cast<std::uintptr_t>(begin) % page) % page;
  const std::size_t whole_pages = (bytes - before) / page * page;
  madvise(static_cast<std::byte*>(begin) + before, whole_pages, MADV_HUGEPAGE);  // refused where there are none
#else
  (void)begin, (void)bytes;
#endif
}

}  // namespace thalweg::internal
