#pragma once
// Free blocks of memory for tensors. A block holds a header (Storage) and, 64 bytes on, the data.

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <new>
#include <utility>

#include <thalweg/dtype.hpp>
#include <thalweg/internal/storage.hpp>
#include <thalweg/shape.hpp>

#include "src/tensor/huge_pages.hpp"
#include "src/tensor/pooling.hpp"

namespace thalweg::internal {

inline constexpr std::size_t block_alignment = 64;
static_assert(sizeof(Storage) <= block_alignment);

// Size classes: 0 is a header without data; then multiples of 64 bytes up to 256, then four per doubling, so that a
// block is at most a quarter larger than requested.
inline constexpr int class_count = 4 * 64 - 1;
inline constexpr int unpooled = class_count;  // of blocks that do not go to the pool

constexpr std::size_t whole_lines(std::size_t bytes) { return (bytes + block_alignment - 1) / block_alignment; }

constexpr int size_class_of(std::size_t lines) {
  if (lines <= 4) return static_cast<int>(lines);
  const int shift = std::bit_width(lines - 1) - 3;  // (lines − 1) >> shift is 4, 5, 6 or 7
  return 4 * shift + static_cast<int>((lines - 1) >> shift) + 1;
}

constexpr std::size_t lines_of(int size_class) {
  if (size_class <= 4) return static_cast<std::size_t>(size_class);
  const int shift = (size_class - 5) / 4;
  return static_cast<std::size_t>((size_class - 5) % 4 + 5) << shift;
}

static_assert(size_class_of(5) == 5 && size_class_of(8) == 8 && size_class_of(9) == 9 && size_class_of(10) == 9);
static_assert(lines_of(size_class_of(1000)) == 1024 && lines_of(size_class_of(1025)) == 1280);

/// A large block begins with a huge page: otherwise its ends, most of a block of few MB, would lie in small pages.
constexpr std::align_val_t alignment_of_block(bool is_large) {
  return std::align_val_t{is_large ? huge_page : block_alignment};
}

inline void free_block(void* block, bool is_large) { ::operator delete(block, alignment_of_block(is_large)); }

/// A thread's free blocks, by size class. The total bytes and the number of large blocks are limited. A block goes to
/// the pool of the thread that releases it.
class alignas(64) BlockPool {
 public:
  /// This thread's pool. A thread has one that is empty and keeps nothing before its first block, and after its last.
  static BlockPool& current() { return *current_; }
  /// The same, created if need be; null if blocks are not pooled, or no longer, since static tensors may outlive the
  /// pool.
  static BlockPool* find_or_make();

  Storage* take(int size_class) {
    List& list = lists_[static_cast<std::size_t>(size_class)];
    Storage* const block = list.first;
    if (block == nullptr) [[unlikely]]
      return nullptr;
    list.first = block->next_free;
    kept_lines_ -= list.lines;
    return block;
  }

  /// Keeps a block without references that owns no other memory. Returns false, and has done nothing, for a block that is
  /// unpooled or large, or if the pool is full.
  bool keep(Storage* block) {
    List& list = lists_[block->size_class];
    if (list.lines >= large_lines || kept_lines_ + list.lines > max_lines) [[unlikely]]
      return false;
    put(block, list);
    return true;
  }
  /// The same for such a block; frees it if it is too large or there are too many.
  void keep_or_free(Storage* block);

 private:
  struct List {
    Storage* first = nullptr;
    std::size_t lines = 0;  // of a block, with its header
  };

  static constexpr std::size_t max_lines = (std::size_t{256} << 20) / block_alignment;
  static constexpr std::size_t large_lines = (std::size_t{1} << 20) / block_alignment;
  static constexpr std::int32_t max_large_blocks = 16;

  /// One that keeps nothing: blocks of all lists are too large.
  constexpr BlockPool() {
    for (List& list : lists_) list.lines = max_lines + 1;
  }

  void put(Storage* block, List& list) {
    block->next_free = list.first;
    list.first = block;
    kept_lines_ += list.lines;
  }

  void clear() {
    for (List& list : lists_)
      while (list.first != nullptr) {
        Storage* const block = std::exchange(list.first, list.first->next_free);
        free_block(block, block->is_large);
      }
    kept_lines_ = 0;
  }

  struct Own;              // a thread's own pool
  static BlockPool none_;  // never written
  // With the default TLS model the compiler would call a function to find it, and save registers around the call.
  [[gnu::tls_model("initial-exec")]] static inline constinit thread_local BlockPool* current_ = &none_;
  static inline constinit thread_local bool is_gone_ = false;

  std::size_t kept_lines_ = 0;  // beside the lists of the smallest blocks, since both are written together
  std::array<List, class_count + 1> lists_{};
};

struct BlockPool::Own {
  BlockPool pool;
  Own() {
    for (int size_class = 0; size_class < class_count; ++size_class)
      pool.lists_[static_cast<std::size_t>(size_class)].lines = std::min(lines_of(size_class) + 1, max_lines + 1);
    current_ = &pool;
  }
  ~Own() {
    pool.clear();
    current_ = &none_;
    is_gone_ = true;
  }
};

inline constinit BlockPool BlockPool::none_;

inline BlockPool* BlockPool::find_or_make() {
  if (current_ != &none_) return current_;
  if (!pooling || is_gone_) return nullptr;
  thread_local Own own;
  return current_;
}

/// A block from the pool, or null. Its header is as it was when it came, except for what is set here.
inline Storage* take_pooled(std::size_t bytes, int size_class) {
  Storage* const storage = BlockPool::current().take(size_class);
  if (storage == nullptr) [[unlikely]]
    return nullptr;
  storage->references.store(1, std::memory_order_relaxed);
  storage->bytes = bytes;
  return storage;
}
inline Storage* take_pooled(std::size_t bytes) { return take_pooled(bytes, size_class_of(whole_lines(bytes))); }
inline Storage* take_pooled(const Shape& shape, DType dtype) {
  std::int64_t bytes = 0;
  if (__builtin_mul_overflow(shape.size(), static_cast<std::int64_t>(size_of(dtype)), &bytes)) [[unlikely]]
    return nullptr;
  return take_pooled(static_cast<std::size_t>(bytes));
}

}  // namespace thalweg::internal
