#pragma once
// Each thread's own memory for the duration of a kernel. It is never given back, so it is mostly in the thread's cache.

#include <cstddef>

namespace thalweg::run {

struct ScratchMemory {
  std::byte* data;
  std::size_t capacity;
};
[[gnu::tls_model("initial-exec")]] extern constinit thread_local ScratchMemory scratch_memory;
void grow_scratch_memory(std::size_t bytes);

/// This thread's memory: at least so many bytes, 64-byte aligned, valid until its next call of this function.
inline std::byte* scratch_of_thread(std::size_t bytes) {
  if (scratch_memory.capacity < bytes) grow_scratch_memory(bytes);
  return scratch_memory.data;
}

}  // namespace thalweg::run
