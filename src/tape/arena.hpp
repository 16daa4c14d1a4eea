#pragma once
// The arena: the memory of a tape's intermediate values, in which each plan gives its buffers an offset.

#include <algorithm>
#include <cstddef>

namespace thalweg::internal {

class Arena {
 public:
  Arena() = default;
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;
  ~Arena();

  char* data() const { return data_; }
  std::size_t bytes() const { return bytes_; }
  /// Makes room for at least `bytes` bytes, at another address; what is kept moves there. False if there are not so many.
  bool grow(std::size_t bytes);
  /// The first `bytes` bytes hold values for later requests of the tape.
  void keep(std::size_t bytes) { kept_bytes_ = std::max(kept_bytes_, bytes); }
  void keep_nothing() { kept_bytes_ = 0; }

 private:
  char* data_ = nullptr;
  std::size_t bytes_ = 0;
  std::size_t kept_bytes_ = 0;
  char* block_ = nullptr;  // the allocation that contains it
};

}  // namespace thalweg::internal
