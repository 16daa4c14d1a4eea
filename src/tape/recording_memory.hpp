#pragma once
// The memory of a thread's recordings and plans: one block each, carved out of a few large chunks. New structures mean
// new memory, and page faults cost 1 to 2 µs per 4 KiB page; huge pages cost a quarter of that for the same memory.

#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

namespace thalweg::internal {

class RecordingMemory {
  struct Chunk;

 public:
  RecordingMemory();
  ~RecordingMemory();
  RecordingMemory(const RecordingMemory&) = delete;
  RecordingMemory& operator=(const RecordingMemory&) = delete;

  /// A 64-byte aligned block, returned to its chunk on destruction.
  class Block {
   public:
    Block() = default;
    Block(Block&& other) noexcept { swap(other); }
    Block& operator=(Block&& other) noexcept {
      swap(other);
      return *this;
    }
    ~Block();
    std::byte* data() const { return data_; }
    std::size_t bytes() const { return bytes_; }

   private:
    friend class RecordingMemory;
    void swap(Block& other) noexcept {
      std::swap(chunk_, other.chunk_), std::swap(data_, other.data_), std::swap(bytes_, other.bytes_);
    }
    Chunk* chunk_ = nullptr;  // null: the block is an allocation of its own
    std::byte* data_ = nullptr;
    std::size_t bytes_ = 0;
  };
  Block take(std::size_t bytes);

 private:
  std::vector<std::unique_ptr<Chunk>> chunks_;
};

}  // namespace thalweg::internal
