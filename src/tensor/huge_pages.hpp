#pragma once
// Large buffers on large pages: a walk through several of them at once is not held up at each 4 KiB page, where the
// processor's prefetching ends and the next address has to be translated.

#include <cstddef>

namespace thalweg::internal {

/// Asks the system to back [begin, begin + bytes) with huge pages where that pays; a hint, before the first touch.
void prefer_huge_pages(void* begin, std::size_t bytes);

}  // namespace thalweg::internal
