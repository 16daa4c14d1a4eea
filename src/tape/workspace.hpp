#pragma once
// The state a thread keeps between tapes: recorders (tape memory), the tree of segments, interned shapes and lists.

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

/// The unique address of this shape in the process.
const Shape* intern_shape(const Shape& shape);

/// Interned values that keys refer to: shapes by address, lists of node ids by number.
class InternPool {
 public:
  const Shape* shape(const Shape& shape);
  std::int32_t list(std::span<const std::int32_t> ids);
  std::span<const std::int32_t> list(std::int32_t number) const { return lists_[static_cast<std::size_t>(number)]; }
  std::size_t bytes() const { return list_bytes_; }
  /// Removes the lists. Shapes stay, since registries refer to them.
  void clear_lists();

 private:
  std::array<const Shape*, 64> cache_{};
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

  /// A free recorder, for a new tape.
  Recorder* acquire() {
    const bool is_full = live_count_ == 0 && segment_bytes + pool.bytes() > segment_limit;
    if (is_full || live_count_ == recorders_.size()) [[unlikely]]
      return acquire_new(is_full);
    return recorders_[live_count_++].get();
  }
  /// Called when its tape has ended. Returns the recorder of the innermost remaining tape, or null.
  Recorder* release(Recorder* recorder) {
    if (recorders_[live_count_ - 1].get() != recorder) [[unlikely]]
      make_innermost(recorder);
    --live_count_;
    return live_count_ == 0 ? nullptr : recorders_[live_count_ - 1].get();
  }
  /// Whether the tape with this serial is alive.
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
  Recorder* acquire_new(bool drops_recordings);
  void make_innermost(Recorder* recorder);
  void drop_recordings();

  [[gnu::tls_model("initial-exec")]] static constinit thread_local Workspace* current_;
  std::vector<std::unique_ptr<Recorder>> recorders_;  // those of live tapes first, the innermost last of them
  std::size_t live_count_ = 0;
  std::vector<std::unique_ptr<Plan>> retired_plans_;
  std::uint64_t last_serial_;
};

}  // namespace thalweg::internal
