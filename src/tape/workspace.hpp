#pragma once
// The state a thread keeps between tapes: recorders (tape memory), the tree of segments, interned lists of node ids.

#include <cstdint>
#include <deque>
#include <memory>
#include <unordered_map>
#include <vector>

#include "src/tape/recording_memory.hpp"
#include "src/tape/segment.hpp"

namespace thalweg::internal {

class Recorder;

/// Interned lists of node ids, which keys refer to by number.
class InternPool {
 public:
  std::int32_t list(std::span<const std::int32_t> ids);
  std::span<const std::int32_t> list(std::int32_t number) const { return lists_[static_cast<std::size_t>(number)]; }
  std::size_t bytes() const { return list_bytes_; }
  void clear();

 private:
  std::unordered_multimap<std::uint64_t, std::int32_t> list_numbers_;
  std::deque<std::vector<std::int32_t>> lists_;
  std::size_t list_bytes_ = 0;
};

class Workspace {
 public:
  /// This thread's workspace.
  static Workspace& current() { return current_ != nullptr ? *current_ : make_current(); }
  Workspace();
  ~Workspace();

  /// A free recorder of this thread, for a new tape.
  static Recorder* acquire();
  /// Takes back the recorder of a tape that has ended.
  void release(Recorder& recorder);
  /// Makes the next tape drop recordings and plans, if they exceed the limit and no tape is alive.
  void check_limit();
  /// Whether the tape that has this serial is alive.
  bool is_alive(std::uint64_t serial) const;

  RecordingMemory memory;  // declared first: it must outlive what lies in it
  InternPool pool;
  std::unique_ptr<Segment> root;
  std::size_t segment_bytes = 0;
  /// When recordings and plans exceed this, all are dropped as soon as no tape of the thread is alive.
  std::size_t segment_limit = std::size_t{48} << 20;

  /// A plan whose segment gets another one. It stays while a tape but `ending` has carried it out: what was asked for on that
  /// tape lies where this plan has put it.
  void retire(std::unique_ptr<Plan> plan, const Recorder* ending = nullptr);
  /// That of this number; null where there is none.
  const Plan* retired_plan(std::uint64_t number) const;

  std::uint64_t next_serial() { return ++last_serial_; }
  /// Whether this thread issued the serial.
  bool has_made(std::uint64_t serial) const { return serial >> serial_bits == last_serial_ >> serial_bits; }

 private:
  static constexpr int serial_bits = 40;  // the bits above hold the thread's number

  static Workspace& make_current();
  Recorder* acquire_new();
  bool is_full() const { return segment_bytes + pool.bytes() > segment_limit; }
  void drop_recordings();

  [[gnu::tls_model("initial-exec")]] static constinit thread_local Workspace* current_;
  friend class Recorder;
  std::vector<std::unique_ptr<Recorder>> recorders_;
  Recorder* outermost_ = nullptr;  // the first of the list linked by Recorder::inner_
  std::vector<std::unique_ptr<Plan>> retired_plans_;
  std::uint64_t last_serial_;
};

}  // namespace thalweg::internal
