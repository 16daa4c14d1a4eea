#include "src/tape/recording_memory.hpp"

#include <algorithm>
#include <cstdint>
#include <vector>

#include <catch2/catch.hpp>

#include "src/tensor/pooling.hpp"

using thalweg::internal::RecordingMemory;

TEST_CASE("recording memory: blocks are aligned, lie apart and keep what is written there") {
  RecordingMemory memory;
  std::vector<RecordingMemory::Block> blocks;
  for (std::size_t i = 0; i < 300; ++i) {
    // Some in the first chunk, many in later ones, and two that fill more than a chunk alone.
    const std::size_t bytes = i == 40 || i == 200 ? (std::size_t{5} << 20) + i : 1 + i * 977 % 40'000;
    blocks.push_back(memory.take(bytes));
    const RecordingMemory::Block& block = blocks.back();
    CHECK(reinterpret_cast<std::uintptr_t>(block.data()) % 64 == 0);
    CHECK(block.bytes() >= bytes);
    std::fill_n(block.data(), block.bytes(), static_cast<std::byte>(i));
    if (i % 3 == 2) blocks[i - 1] = RecordingMemory::Block();  // and some go back in between
  }
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    const std::byte* const data = blocks[i].data();
    CHECK((data == nullptr) == (i % 3 == 1));
    CHECK(std::all_of(data, data + blocks[i].bytes(), [&](std::byte b) { return b == static_cast<std::byte>(i); }));
  }
}

TEST_CASE("recording memory: what has gone back is taken again") {
  if (!thalweg::internal::pooling) return;
  RecordingMemory memory;
  std::vector<std::byte*> before;
  for (int turn = 0; turn < 3; ++turn) {
    std::vector<RecordingMemory::Block> blocks;
    std::vector<std::byte*> places;
    for (int i = 0; i < 200; ++i) {
      blocks.push_back(memory.take(20'000));
      places.push_back(blocks.back().data());
    }
    std::sort(places.begin(), places.end());
    if (turn == 2) CHECK(places == before);  // the first turn begins in the chunk that is there before the large ones
    before = places;
  }
}

TEST_CASE("recording memory: a block goes back once, from where it was moved to") {
  RecordingMemory memory;
  RecordingMemory::Block one = memory.take(100);
  std::byte* const place = one.data();
  RecordingMemory::Block other = std::move(one);
  CHECK(other.data() == place);
  one = memory.take(100);
  CHECK(one.data() != place);
  CHECK(memory.take(0).data() == nullptr);
  other = RecordingMemory::Block();
  if (thalweg::internal::pooling) CHECK(memory.take(64).data() == place);
}
