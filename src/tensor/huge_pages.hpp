#pragma once
// Huge pages for large buffers: a loop over several buffers then does not stall at every 4 KiB page, where hardware
// prefetching stops and the next address must be translated.

#include <cstddef>

namespace thalweg::internal {

inline constexpr std::size_t huge_page = std::size_t{2} << 20;

/// Hints the system to back [begin, begin + bytes) with huge pages, if that pays off. Call it before the first touch.
void prefer_huge_pages(void* begin, std::size_t bytes);

}  // namespace thalweg::internal
