// Where the buffers of tensors come from: one block holds the header (Storage) and, 64 bytes on, the data.

#include <algorithm>
#include <array>
#include <bit>
#include <new>

#include <fmt/format.h>

#include <thalweg/error.hpp>
#include <thalweg/tensor.hpp>

#include "src/tensor/allocations.hpp"
#include "src/tensor/huge_pages.hpp"
#include "src/tensor/pooling.hpp"

namespace thalweg::internal {

namespace {

constexpr std::size_t alignment = 64;
static_assert(sizeof(Storage) <= alignment);

// Size classes: 0 is a header without data; then multiples of 64 bytes up to 256, then four to a doubling, so that a
// block is at most a quarter larger than asked for.
constexpr int class_count = 4 * 64 - 1;
constexpr int unpooled = class_count;

constexpr std::size_t whole_lines(std::size_t bytes) { return (bytes + alignment - 1) / alignment; }

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

thread_local std::int64_t allocated = 0;

void* allocate_block(std::size_t lines) {
  ++allocated;
  const std::size_t bytes = (lines + 1) * alignment;
  void* const block = ::operator new (bytes, std::align_val_t{alignment});
  prefer_huge_pages(block, bytes);
  return block;
}
void free_block(void* block) { ::operator delete (block, std::align_val_t{alignment}); }

/// Blocks that wait for their next use, by size class. What a thread keeps is bounded: in bytes, and large blocks in
/// number. A block goes to the pool of the thread that releases it.
class BlockPool {
 public:
  BlockPool() { current_ = this; }
  ~BlockPool() {
    clear();
    current_ = nullptr;
    is_gone_ = true;
  }

  /// This thread's; null where there is none (yet).
  static BlockPool* current() { return current_; }
  /// The same, made where there is none; null where blocks are not kept, or no more: tensors may outlive the pool (static
  /// ones do).
  static BlockPool* find_or_make() {
    if (current_ != nullptr || !pooling || is_gone_) return current_;
    thread_local BlockPool pool;
    return &pool;
  }

  void* take(int size_class) {
    List& list = lists_[static_cast<std::size_t>(size_class)];
    FreeBlock* block = list.first;
    if (block == nullptr) [[unlikely]]
      return nullptr;
    list.first = block->next;
    --list.count;
    kept_lines_ -= lines_of(size_class) + 1;
    return block;
  }

  bool keep(void* block, int size_class) {
    const std::size_t lines = lines_of(size_class) + 1;
    if (lines >= large_lines || kept_lines_ + lines > max_lines) [[unlikely]]
      return keep_much(block, size_class, lines);
    put(block, size_class, lines);
    return true;
  }

 private:
  struct FreeBlock {
    FreeBlock* next;
  };
  struct List {
    FreeBlock* first = nullptr;
    std::size_t count = 0;
  };

  static constexpr std::size_t max_lines = (std::size_t{256} << 20) / alignment;
  static constexpr std::size_t large_lines = (std::size_t{1} << 20) / alignment;
  static constexpr std::size_t max_large_blocks = 16;

  /// Of a large block, or for a pool that is full.
  [[gnu::noinline]] bool keep_much(void* block, int size_class, std::size_t lines) {
    const List& list = lists_[static_cast<std::size_t>(size_class)];
    if (lines >= large_lines && (lines > max_lines || list.count >= max_large_blocks)) return false;
    // What fills the pool has not been asked for since: start afresh, so that a change of sizes is followed.
    if (kept_lines_ + lines > max_lines) clear();
    put(block, size_class, lines);
    return true;
  }

  void put(void* block, int size_class, std::size_t lines) {
    List& list = lists_[static_cast<std::size_t>(size_class)];
    list.first = new (block) FreeBlock{list.first};
    ++list.count;
    kept_lines_ += lines;
  }

  void clear() {
    for (List& list : lists_)
      for (list.count = 0; list.first != nullptr;) free_block(std::exchange(list.first, list.first->next));
    kept_lines_ = 0;
  }

  // Without this model the compiler calls a function to find it, for which registers are saved at each allocation.
  [[gnu::tls_model("initial-exec")]] static inline constinit thread_local BlockPool* current_ = nullptr;
  static inline constinit thread_local bool is_gone_ = false;

  std::array<List, class_count> lists_{};
  std::size_t kept_lines_ = 0;
};

Storage* make_storage_in(void* block, std::size_t bytes, int size_class) {
  auto* storage = new (block) Storage;
  storage->size_class = static_cast<std::uint8_t>(size_class);
  storage->data = static_cast<std::byte*>(block) + alignment;
  storage->bytes = bytes;
  return storage;
}

/// In a block that waits in the pool; null where there is none.
inline Storage* make_pooled_storage(std::size_t bytes) {
  const int size_class = size_class_of(whole_lines(bytes));
  BlockPool* const pool = BlockPool::current();
  void* const block = pool != nullptr ? pool->take(size_class) : nullptr;
  return block != nullptr ? make_storage_in(block, bytes, size_class) : nullptr;
}

[[gnu::noinline]] Storage* make_new_storage(std::size_t bytes) {
  const bool is_pooled = BlockPool::find_or_make() != nullptr;
  const std::size_t lines = whole_lines(bytes);
  const int size_class = size_class_of(lines);
  // Unpooled blocks are exactly as large as promised, for a sanitizer to see what goes beyond.
  void* const block = allocate_block(is_pooled ? lines_of(size_class) : lines);
  return make_storage_in(block, bytes, size_class);
}

[[noreturn]] void throw_too_large(const Shape& shape, DType dtype, const std::string& needs) {
  throw ShapeError(error_text("shape", fmt::format("{} {} needs {}", to_string(shape), name(dtype), needs)));
}

[[gnu::noinline]] StorageHandle allocate_new_elements(const Shape& shape, DType dtype) {
  std::int64_t bytes = 0;
  if (__builtin_mul_overflow(shape.size(), static_cast<std::int64_t>(size_of(dtype)), &bytes))
    throw_too_large(shape, dtype, "more bytes than int64 counts");
  try {
    return StorageHandle(make_new_storage(static_cast<std::size_t>(bytes)));
  } catch (const std::bad_alloc&) {
    throw_too_large(shape, dtype, fmt::format("{} bytes, more than there are", bytes));
  }
}

}  // namespace

std::int64_t blocks_allocated() { return allocated; }

void keep_out_of_pool(Storage& storage) { storage.size_class = unpooled; }

StorageHandle allocate_elements(const Shape& shape, DType dtype) {
  std::int64_t bytes = 0;
  if (!__builtin_mul_overflow(shape.size(), static_cast<std::int64_t>(size_of(dtype)), &bytes)) [[likely]]
    if (Storage* const storage = make_pooled_storage(static_cast<std::size_t>(bytes))) [[likely]]
      return StorageHandle(storage);
  return allocate_new_elements(shape, dtype);
}

Storage* Storage::allocate(std::size_t bytes) {
  Storage* const storage = make_pooled_storage(bytes);
  return storage != nullptr ? storage : make_new_storage(bytes);
}

Storage* Storage::borrow(void* data, std::size_t bytes, std::shared_ptr<void> owner) {
  Storage* storage = allocate(0);
  storage->borrowed = true;
  storage->data = data;
  storage->bytes = bytes;
  storage->owner = std::move(owner);
  return storage;
}

namespace {

[[gnu::noinline]] void release_slowly(Storage* storage) {
  const int size_class = storage->size_class;
  storage->~Storage();  // may run the owner's deleter, which may release more
  BlockPool* const pool = size_class == unpooled ? nullptr : BlockPool::find_or_make();
  if (pool == nullptr || !pool->keep(storage, size_class)) free_block(storage);
}

}  // namespace

void Storage::release(Storage* storage) {
  BlockPool* const pool = BlockPool::current();
  const int size_class = storage->size_class;
  if (storage->borrowed || size_class == unpooled || pool == nullptr) [[unlikely]]
    return release_slowly(storage);
  // There is no owner, so nothing to destroy.
  if (!pool->keep(storage, size_class)) free_block(storage);
}

}  // namespace thalweg::internal
