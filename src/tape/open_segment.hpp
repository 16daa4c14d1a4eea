#pragma once
// The open segment of a tape while it is new: the nodes recorded since the last request, which no known segment has.

#include <cstdint>
#include <vector>

#include "src/tape/segment.hpp"

namespace thalweg::internal {

class OpenSegment {
 public:
  std::vector<Key> keys;
  std::vector<Info> infos;
  std::vector<Expansion> expansions;
  std::vector<Composed> composed;
  Segment* turned_from = nullptr;  // the prediction from which it diverged, and where; null: none
  std::int32_t turned_at = 0;

  void push(const Key& key, const Info& info) {
    keys.push_back(key);
    try {
      infos.push_back(info);
    } catch (...) {
      keys.pop_back();
      throw;
    }
  }
  void pop() {
    keys.pop_back();
    infos.pop_back();
  }
  void clear();
  /// Makes it begin like `segment`, with the nodes up to `end`.
  void begin_like(const Segment& segment, std::int32_t end);
  /// Drops what was recorded after its first `count` nodes, which end at `end`.
  void shorten(std::size_t count, std::int32_t end);
};

}  // namespace thalweg::internal
