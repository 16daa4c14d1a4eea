#include "src/tensor/huge_pages.hpp"

#include <cstdint>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace thalweg::internal {

void prefer_huge_pages(void* begin, std::size_t bytes) {
#if defined(__linux__) && defined(MADV_HUGEPAGE)
  // In smaller blocks, ends that do not fill a huge page are too large a part.
  constexpr std::uintptr_t page = 4096;
  const bool is_aligned = reinterpret_cast<std::uintptr_t>(begin) % huge_page == 0;
  if (bytes < (is_aligned ? 1 : 2) * huge_page) return;
  const std::size_t before = (page - reinterpret_cast<std::uintptr_t>(begin) % page) % page;
  const std::size_t whole_pages = (bytes - before) / page * page;
  madvise(static_cast<std::byte*>(begin) + before, whole_pages, MADV_HUGEPAGE);  // fails harmlessly if unsupported
#else
  (void)begin, (void)bytes;
#endif
}

}  // namespace thalweg::internal
