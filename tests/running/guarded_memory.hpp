#pragma once
// Memory that ends at an inaccessible page: reading or writing past the end crashes, even with accesses that sanitizers
// do not check (masked vector loads).

#include <cstddef>
#include <stdexcept>

#include <sys/mman.h>
#include <unistd.h>

namespace thalweg::testing {

class GuardedMemory {
 public:
  explicit GuardedMemory(std::size_t bytes) {
    const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    usable_ = (bytes + page - 1) / page * page;
    mapped_ = usable_ + page;
    begin_ = mmap(nullptr, mapped_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (begin_ == MAP_FAILED) throw std::runtime_error("no memory");
    if (mprotect(static_cast<char*>(begin_) + usable_, page, PROT_NONE) != 0) throw std::runtime_error("no guard page");
  }
  ~GuardedMemory() { munmap(begin_, mapped_); }
  GuardedMemory(const GuardedMemory&) = delete;
  GuardedMemory& operator=(const GuardedMemory&) = delete;

  /// The last `count` elements before the guard page.
  template <class T>
  T* last(std::size_t count) {
    if (count * sizeof(T) > usable_) throw std::runtime_error("the guarded memory is too small");
    return reinterpret_cast<T*>(static_cast<char*>(begin_) + usable_ - count * sizeof(T));
  }

 private:
  void* begin_ = nullptr;
  std::size_t usable_ = 0, mapped_ = 0;
};

}  // namespace thalweg::testing
