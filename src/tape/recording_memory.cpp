#include "src/tape/recording_memory.hpp"

#include <new>
#include <optional>

#include "src/tensor/free_list.hpp"
#include "src/tensor/huge_pages.hpp"
#include "src/tensor/pooling.hpp"

namespace thalweg::internal {

namespace {

constexpr std::size_t line = 64;
/// Size of the first chunk, enough for a program with a few nets. All others consist of whole huge pages.
constexpr std::size_t first_chunk = std::size_t{64} << 10;

constexpr std::size_t round_up(std::size_t bytes, std::size_t unit) { return (bytes + unit - 1) / unit * unit; }

}  // namespace

struct RecordingMemory::Chunk {
  explicit Chunk(std::size_t bytes)
      : alignment(std::align_val_t{bytes % huge_page == 0 ? huge_page : line}),
        data(static_cast<std::byte*>(::operator new(bytes, alignment))),
        free(0) {
    prefer_huge_pages(data, bytes);
    free.give(0, bytes);
  }
  Chunk(const Chunk&) = delete;
  Chunk& operator=(const Chunk&) = delete;
  ~Chunk() { ::operator delete(data, alignment); }

  std::align_val_t alignment;
  std::byte* data;
  FreeList free;
};

RecordingMemory::RecordingMemory() = default;
RecordingMemory::~RecordingMemory() = default;

RecordingMemory::Block RecordingMemory::take(std::size_t bytes) {
  Block block;
  if (bytes == 0) return block;
  block.bytes_ = round_up(bytes, line);
  if (!pooling) {
    block.data_ = static_cast<std::byte*>(::operator new (block.bytes_, std::align_val_t{line}));
    return block;
  }
  const auto take_from = [&](Chunk& chunk) {
    const std::optional<std::size_t> offset = chunk.free.take_hole(block.bytes_);
    if (!offset) return false;
    block.chunk_ = &chunk;
    block.data_ = chunk.data + *offset;
    return true;
  };
  for (std::size_t i = chunks_.size(); i-- > 0;)  // newest first, since it has most space
    if (take_from(*chunks_[i])) return block;
  const bool is_first = chunks_.empty() && block.bytes_ <= first_chunk;
  chunks_.push_back(std::make_unique<Chunk>(is_first ? first_chunk : round_up(block.bytes_, huge_page)));
  take_from(*chunks_.back());
  return block;
}

RecordingMemory::Block::~Block() {
  if (data_ == nullptr) return;
  if (chunk_ != nullptr) {
    try {
      chunk_->free.give(static_cast<std::size_t>(data_ - chunk_->data), bytes_);
    } catch (const std::bad_alloc&) {  // then it stays unused as long as the chunk lives
    }
  } else {
    ::operator delete (data_, std::align_val_t{line});
  }
}

}  // namespace thalweg::internal
