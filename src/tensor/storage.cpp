// Where the buffers of tensors come from.

#include <new>

#include <fmt/format.h>

#include <thalweg/error.hpp>
#include <thalweg/tensor.hpp>

#include "src/tensor/allocations.hpp"
#include "src/tensor/block_pool.hpp"
#include "src/tensor/huge_pages.hpp"

namespace thalweg::internal {

namespace {

thread_local std::int64_t allocated = 0;

Storage* make_storage_in(void* block, std::size_t bytes, int size_class, bool is_large) {
  auto* storage = new (block) Storage;
  storage->size_class = static_cast<std::uint8_t>(size_class);
  storage->is_large = is_large;
  storage->data = static_cast<std::byte*>(block) + block_alignment;
  storage->bytes = bytes;
  return storage;
}

[[gnu::noinline]] Storage* make_new_storage(std::size_t bytes) {
  const bool is_pooled = BlockPool::find_or_make() != nullptr;
  const std::size_t lines = whole_lines(bytes);
  const int size_class = size_class_of(lines);
  // Unpooled blocks have exactly the guaranteed size, so that a sanitizer detects accesses beyond it.
  const std::size_t block_bytes = ((is_pooled ? lines_of(size_class) : lines) + 1) * block_alignment;
  const bool is_large = block_bytes >= huge_page;
  void* const block = ::operator new(block_bytes, alignment_of_block(is_large));
  ++allocated;
  prefer_huge_pages(block, block_bytes);
  return make_storage_in(block, bytes, size_class, is_large);
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
  if (Storage* const storage = take_pooled(shape, dtype)) [[likely]]
    return StorageHandle(storage);
  return allocate_new_elements(shape, dtype);
}

Storage* Storage::allocate(std::size_t bytes) {
  Storage* const storage = take_pooled(bytes);
  return storage != nullptr ? storage : make_new_storage(bytes);
}

Storage* Storage::borrow(void* data, std::size_t bytes, std::shared_ptr<void> owner) {
  Storage* storage = allocate(0);
  storage->borrowed = true;
  storage->size_class = unpooled;
  storage->data = data;
  storage->bytes = bytes;
  storage->owner = std::move(owner);
  return storage;
}

void BlockPool::keep_or_free(Storage* block) {
  List& list = lists_[block->size_class];
  // Each large block counts those of its list, in the place of its references.
  const std::int32_t count = list.first != nullptr ? list.first->references.load(std::memory_order_relaxed) : 0;
  if (list.lines >= large_lines && (list.lines > max_lines || count >= max_large_blocks))
    return free_block(block, block->is_large);
  // The blocks that fill the pool have not been reused: start afresh, to adapt to a change of sizes.
  if (kept_lines_ + list.lines > max_lines) clear();
  block->references.store(count + 1, std::memory_order_relaxed);
  put(block, list);
}

namespace {

[[gnu::noinline]] void release_slowly(Storage* storage) {
  const int size_class = storage->borrowed ? size_class_of(0) : storage->size_class;
  const bool is_large = storage->is_large;
  storage->~Storage();  // may run the owner's deleter, which may release more
  BlockPool* const pool = size_class == unpooled ? nullptr : BlockPool::find_or_make();
  if (pool == nullptr) return free_block(storage, is_large);
  Storage* const block = make_storage_in(storage, 0, size_class, is_large);
  if (!pool->keep(block)) pool->keep_or_free(block);
}

}  // namespace

void Storage::release(Storage* storage) {
  if (!BlockPool::current().keep(storage)) [[unlikely]]  // where it is kept, there is no owner to destroy
    release_slowly(storage);
}

}  // namespace thalweg::internal
