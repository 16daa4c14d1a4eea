#pragma once
// A free list of ranges of memory, as offsets.

#include <algorithm>
#include <cstddef>
#include <optional>
#include <vector>

namespace thalweg::internal {

/// First-fit allocation with coalescing.
class FreeList {
 public:
  explicit FreeList(std::size_t begin) : end_(begin) {}

  /// Takes space from a hole, if one is large enough.
  std::optional<std::size_t> take_hole(std::size_t bytes) {
    for (std::size_t i = 0; i < holes_.size(); ++i) {
      if (holes_[i].bytes < bytes) continue;
      const std::size_t offset = holes_[i].offset;
      holes_[i].offset += bytes;
      holes_[i].bytes -= bytes;
      if (holes_[i].bytes == 0) holes_.erase(holes_.begin() + static_cast<std::ptrdiff_t>(i));
      return offset;
    }
    return std::nullopt;
  }

  /// Takes space from a hole, or else from a larger end.
  std::size_t take(std::size_t bytes) {
    if (const std::optional<std::size_t> hole = take_hole(bytes)) return *hole;
    if (!holes_.empty() && holes_.back().offset + holes_.back().bytes == end_) {  // grow the last hole
      const std::size_t offset = holes_.back().offset;
      holes_.pop_back();
      end_ = offset + bytes;
      return offset;
    }
    end_ += bytes;
    return end_ - bytes;
  }

  void give(std::size_t offset, std::size_t bytes) {
    auto at = std::lower_bound(holes_.begin(), holes_.end(), offset,
                               [](const Hole& hole, std::size_t wanted) { return hole.offset < wanted; });
    at = holes_.insert(at, {offset, bytes});
    if (const auto next = at + 1; next != holes_.end() && at->offset + at->bytes == next->offset) {
      at->bytes += next->bytes;
      holes_.erase(next);
    }
    if (at != holes_.begin() && (at - 1)->offset + (at - 1)->bytes == at->offset) {
      (at - 1)->bytes += at->bytes;
      holes_.erase(at);
    }
  }

  std::size_t end() const { return end_; }

 private:
  struct Hole {
    std::size_t offset, bytes;
  };
  std::vector<Hole> holes_;  // by offset
  std::size_t end_;
};

}  // namespace thalweg::internal
