#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace thalweg::internal {

/// A map from node ids to numbers that is cleared in constant time.
class NodeMap {
 public:
  void clear(std::int32_t ids) {
    grow(ids);
    if (++stamp_ != 0) return;
    std::fill(entries_.begin(), entries_.end(), Entry());
    stamp_ = 1;
  }
  /// Makes room for more ids, and keeps what is set.
  void grow(std::int32_t ids) {
    if (entries_.size() < static_cast<std::size_t>(ids)) entries_.resize(static_cast<std::size_t>(ids) * 3 / 2);
  }
  /// −1 if not set.
  std::int32_t operator[](std::int32_t id) const {
    const Entry& entry = entries_[static_cast<std::size_t>(id)];
    return entry.stamp == stamp_ ? entry.value : -1;
  }
  void set(std::int32_t id, std::int32_t value) { entries_[static_cast<std::size_t>(id)] = {stamp_, value}; }
  bool contains(std::int32_t id) const { return entries_[static_cast<std::size_t>(id)].stamp == stamp_; }
  std::size_t capacity() const { return entries_.size(); }

 private:
  struct Entry {
    std::uint32_t stamp = 0;
    std::int32_t value = -1;
  };
  std::vector<Entry> entries_;
  std::uint32_t stamp_ = 0;
};

}  // namespace thalweg::internal
