#pragma once
// What a thread keeps between tapes: recorders (tape memory), the tree of segments, interned shapes and lists.

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <unordered_map>
#include <vector>

#include "src/tape/recording_memory.hpp"
#include "src/tape/segment.hpp"

namespace thalweg::internal {

class Recorder;

/// The one address of this shape in the process.
const Shape* intern_shape(const Shape& shape);

/// Immutable values that keys refer to by address or number: shapes, and lists of node ids.
class InternPool {
 public:
  const Shape* shape(const Shape& shape);
  std::int32_t list(std::span<const std::int32_t> ids);
  std::span<const std::int32_t> list(std::int32_t number) const { return lists_[static_cast<std::size_t>(number)]; }
  std::size_t bytes() const { return list_bytes_; }
  /// Forgets the lists; shapes stay, for registries refer to them.
  void clear_lists();

 private:
  std::array<const Shape*, 64> cache_{};
  std::unordered_multimap<std::uint64_t, std::int32_t> list_numbers_;
  std::deque<std::vector<std::int32_t>> lists_;
  std::size_t list_bytes_ = 0;
};

class Workspace {
 public:
  static Workspace& current();
  Workspace();
  ~Workspace();

  Recorder* acquire();
  void release(Recorder* recorder);

  RecordingMemory memory;  // before what lies in it
  InternPool pool;
  std::unique_ptr<Segment> root;
  std::vector<Recorder*> live;  // innermost last
  std::size_t segment_bytes = 0;
  /// Recordings and plans are dropped beyond this, as soon as no tape of the thread is alive.
  std::size_t segment_limit = std::size_t{48} << 20;

  std::uint64_t next_serial();
  /// Which thread made a serial.
  std::uint64_t thread_number() const { return thread_number_; }
  static std::uint64_t thread_of(std::uint64_t serial) { return serial >> 40; }

 private:
  void drop_recordings();
  std::vector<std::unique_ptr<Recorder>> recorders_;
  std::vector<Recorder*> free_;
  std::uint64_t thread_number_;
  std::uint64_t serial_ = 0;
};

}  // namespace thalweg::internal
