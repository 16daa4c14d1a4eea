#pragma once
// The memory of tensors.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#if __has_include(<sys/single_threaded.h>)
#include <sys/single_threaded.h>
#endif

namespace thalweg::internal {

/// Whether the process has had only one thread so far, so that counting references takes no locked instructions.
inline bool is_single_threaded() {
#if __has_include(<sys/single_threaded.h>)
  return __libc_single_threaded != 0;
#else
  return false;
#endif
}

/// A reference-counted buffer. Allocated blocks are 64-byte aligned, readable and writable up to the next multiple of
/// 64 bytes (kernels read whole vectors), and come from a per-thread pool by size class, so that a loop which creates
/// the same tensors in every iteration allocates nothing. A borrowed block has an owner and guarantees none of this.
struct Storage {
  std::atomic<std::int32_t> references{1};
  bool borrowed = false;
  bool is_large = false;        // begins with a huge page
  std::uint8_t size_class = 0;  // of the pool; a borrowed block has none
  void* data = nullptr;
  union {
    std::size_t bytes = 0;
    Storage* next_free;  // while it is in the pool
  };
  std::shared_ptr<void> owner;  // of borrowed memory

  static Storage* allocate(std::size_t bytes);
  static Storage* borrow(void* data, std::size_t bytes, std::shared_ptr<void> owner);
  void add_reference() {
    if (is_single_threaded()) [[likely]]
      references.store(references.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    else
      references.fetch_add(1, std::memory_order_relaxed);
  }
  /// Gives up a reference and returns whether it was the last one. The holder of the only reference needs no locked
  /// instruction: nobody else could add one.
  bool drop_reference() {
    const std::int32_t count = references.load(std::memory_order_acquire);
    if (count == 1) return true;
    if (is_single_threaded()) [[likely]] {
      references.store(count - 1, std::memory_order_relaxed);
      return false;
    }
    return references.fetch_sub(1, std::memory_order_acq_rel) == 1;
  }
  static void release(Storage* storage);  // called when the last reference is gone
};

class StorageHandle {
 public:
  StorageHandle() = default;
  explicit StorageHandle(Storage* adopted) : storage_(adopted) {}
  StorageHandle(const StorageHandle& other) : storage_(other.storage_) {
    if (storage_) storage_->add_reference();
  }
  StorageHandle(StorageHandle&& other) noexcept : storage_(std::exchange(other.storage_, nullptr)) {}
  StorageHandle& operator=(StorageHandle other) noexcept {
    std::swap(storage_, other.storage_);
    return *this;
  }
  ~StorageHandle() {
    if (storage_ && storage_->drop_reference()) Storage::release(storage_);
  }
  Storage* get() const { return storage_; }
  Storage* operator->() const { return storage_; }
  explicit operator bool() const { return storage_ != nullptr; }
  bool is_shared() const { return storage_ && storage_->references.load(std::memory_order_acquire) > 1; }
  Storage* detach() { return std::exchange(storage_, nullptr); }

 private:
  Storage* storage_ = nullptr;
};

}  // namespace thalweg::internal
