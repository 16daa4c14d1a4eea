#pragma once
// What each recording supplies anew, by node id: source lines and the data of sources.

#include <algorithm>
#include <cstdint>

#include "src/tape/node.hpp"

namespace thalweg::internal {

class NodeData {
 public:
  NodeData() = default;
  NodeData(const NodeData&) = delete;
  NodeData& operator=(const NodeData&) = delete;
  ~NodeData() {
    delete[] lines_;
    delete[] slots_;
  }

  /// The number of nodes that there is room for.
  std::int32_t capacity() const { return capacity_; }
  /// Makes room for more than `ids` nodes. Their lines and slots move.
  void reserve(std::int32_t ids) {
    if (ids >= capacity_) [[unlikely]]
      grow(ids);
  }
  Line* lines() { return lines_; }
  const Line& line(std::int32_t id) const { return lines_[id]; }
  /// A node's line is mostly where the tape before has recorded it, and comparing is cheaper than storing.
  void set_line(std::int32_t id, SourceLine place, std::int32_t scope) {
    Line& line = lines_[id];
    const Line found = line_in_scope(place, scope);
    if (line.file != found.file || line.line != found.line || line.scope != found.scope) [[unlikely]]
      line = found;
  }
  Slot& slot(std::int32_t id) { return slots_[id]; }
  const Slot& slot(std::int32_t id) const { return slots_[id]; }
  const Slot* slots() const { return slots_; }

 private:
  [[gnu::noinline]] void grow(std::int32_t ids) {
    const std::int32_t size = std::max(256, ids + ids / 2 + 2);
    enlarge(lines_, size);
    enlarge(slots_, size);
    capacity_ = size;
  }
  template <class T>
  void enlarge(T*& elements, std::int32_t size) {
    T* const larger = new T[static_cast<std::size_t>(size)]();
    std::copy_n(elements, capacity_, larger);
    delete[] elements;
    elements = larger;
  }

  // Plain pointers: with unique_ptr, GCC 12 keeps one more register alive in record().
  Line* lines_ = nullptr;
  Slot* slots_ = nullptr;
  std::int32_t capacity_ = 0;
};

}  // namespace thalweg::internal
