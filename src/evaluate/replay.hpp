#pragma once
// Recomputes a tape node by node on a second tape: for pictures, and to find the origin of a bad number.

#include <cstdint>
#include <vector>

#include "src/tape/recorder.hpp"

namespace thalweg::internal {

/// An eager copy of a tape that executes no effects and makes no requests on the original. It is the thread's current
/// tape during its lifetime. Values that depend on a parameter written since it was read are not available.
class Replay {
 public:
  explicit Replay(const Recorder& original);
  Replay(const Replay&) = delete;
  Replay& operator=(const Replay&) = delete;

  /// Records and computes the next node; returns its id, or −1 at the end.
  std::int32_t advance();
  void advance_to_end() {
    while (advance() >= 0) {
    }
  }

  std::int32_t computed() const { return copy_.size(); }
  /// The value of a computed node; null for requests, numbers, and values that are not available.
  const Tensor* value(std::int32_t id);
  bool is_stale(std::int32_t id) const { return stale_[id]; }

  /// The gradients of `y` with respect to every floating-point node that it depends on, by id; empty tensors elsewhere.
  std::vector<Tensor> gradients(std::int32_t y);

 private:
  bool reads_something_stale(std::int32_t id) const;

  const Recorder& original_;
  Tape tape_{TapeOptions{.engine = Engine::eager}};
  Recorder& copy_;
  std::int32_t end_;  // size of the original when the copy began
  std::vector<bool> stale_;
};

}  // namespace thalweg::internal
