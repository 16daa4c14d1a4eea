#include "src/tape/arena.hpp"

#include <cstdlib>
#include <cstring>

#include "src/tensor/huge_pages.hpp"

namespace thalweg::internal {

Arena::~Arena() { std::free(block_); }

bool Arena::grow(std::size_t bytes) {
  // Unused space costs only address space, whereas each growth means binding the plans anew.
  constexpr std::size_t page = 4096, least = std::size_t{1} << 20;
  // Avoids 4K aliasing with other large blocks, which begin at a page: a load waits for a store at a multiple of 4 KiB
  // from it.
  constexpr std::size_t shift = 3136;
  const std::size_t size = std::max(least, (bytes + bytes / 4 + page - 1) / page * page);
  auto* const block = static_cast<char*>(std::aligned_alloc(64, shift + size));
  if (block == nullptr) return false;
  prefer_huge_pages(block, shift + size);
  if (kept_bytes_ > 0) std::memcpy(block + shift, data_, kept_bytes_);
  std::free(block_);
  block_ = block;
  data_ = block + shift;
  bytes_ = size;
  return true;
}

}  // namespace thalweg::internal
