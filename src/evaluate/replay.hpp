#pragma once
// A tape computed once more, node by node, beside itself: for pictures and for finding where a bad number arose.

#include <cstdint>
#include <vector>

#include "src/tape/recorder.hpp"

namespace thalweg::internal {

/// An eager copy of a tape's recording that carries out no effects and asks nothing of the tape. While it lives it is the
/// thread's current tape. Values that depend on a parameter written since it was read cannot be had again.
class Replay {
 public:
  explicit Replay(const Recorder& original);
  Replay(const Replay&) = delete;
  Replay& operator=(const Replay&) = delete;

  /// Records and computes the node after the last one; returns its id, −1 when all have been.
  std::int32_t advance();
  void advance_to_end() {
    while (advance() >= 0) {
    }
  }

  std::int32_t computed() const { return copy_.size(); }
  /// The value of a node that has been computed; null for requests, numbers, and what cannot be had again.
  const Tensor* value(std::int32_t id);
  bool is_stale(std::int32_t id) const { return stale_[static_cast<std::size_t>(id)]; }

  /// The gradients of `y` with respect to every node of fractions that it is computed from, by id; empty tensors elsewhere.
  std::vector<Tensor> gradients(std::int32_t y);

 private:
  bool reads_something_stale(std::int32_t id) const;

  const Recorder& original_;
  Tape tape_{TapeOptions{.engine = Engine::eager}};
  Recorder& copy_;
  std::int32_t end_;  // of the original when the copy began
  std::vector<bool> stale_;
};

}  // namespace thalweg::internal
