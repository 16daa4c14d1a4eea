#pragma once
// The structure of recordings: one segment per request, in a tree of everything this thread has recorded.
//
// A tape walks down the tree while it records: each new node is compared with the next one of the segment that was
// taken last time and, if equal, only its data are written. So a repeated step costs no shape inference, no
// differentiation and no planning, and recordings with a common beginning share its segments and their plans.

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include <thalweg/precision.hpp>

#include "src/tape/node.hpp"
#include "src/tape/recording_memory.hpp"

namespace thalweg {
struct Composition;
}

namespace thalweg::internal {

class Plan;

/// The destination of a gradient: parameter `index` of a registry.
struct GradientOutput {
  std::int32_t registry;  // index into Segment::registries
  std::int32_t index;
  std::int32_t node;  // −1: the loss does not depend on the parameter, whose gradient is 0
};

/// The nodes that `gradients` appended after its own record.
struct Expansion {
  std::int32_t begin;  // id of its record
  std::int32_t count;  // number of nodes appended
  std::vector<std::int32_t> results;
  /// Constants among the inputs that no node up to y reads and, if there are any, the constants that y depends on.
  std::vector<std::int32_t> unread = {}, constants = {};
};

/// The nodes that a composition recorded, with their lines and scopes relative to the call.
struct Composed {
  std::int32_t begin = std::numeric_limits<std::int32_t>::max();  // first node
  std::int32_t end = 0;                                           // one past the last node
  const Composition* composition = nullptr;
  std::uint64_t attribute = 0;
  std::int32_t inputs[2] = {-1, -1};
  std::int32_t result = -1;
  // Settings that it asked for; under other settings it must be built anew.
  std::optional<Phase> phase = {};
  std::optional<Precision> precision = {};
  std::vector<ScopeEntry> scopes = {};  // opened in it, starting with its own; parents are relative to that
  std::vector<Line> lines = {};  // of its nodes, with relative scopes; an empty file stands for the caller's line
};
/// The end marker of a list: it begins after every node.
extern const Composed no_composed;

class Segment;

/// A hash table of segments; several may have the same hash.
class SegmentTable {
 public:
  void insert(std::uint64_t hash, Segment* segment) {
    if (2 * count_ >= entries_.size()) grow();
    ++count_;
    put({hash, segment});
  }
  /// The first segment with this hash for which is_it(segment) holds; null if there is none.
  template <class F>
  Segment* find(std::uint64_t hash, F is_it) const {
    if (entries_.empty()) return nullptr;
    for (std::size_t i = hash & (entries_.size() - 1); entries_[i].segment != nullptr;
         i = (i + 1) & (entries_.size() - 1))
      if (entries_[i].hash == hash && is_it(*entries_[i].segment)) return entries_[i].segment;
    return nullptr;
  }

 private:
  struct Entry {
    std::uint64_t hash = 0;
    Segment* segment = nullptr;
  };
  std::vector<Entry> entries_;  // linear probing; the size is a power of two, at most half of it used
  std::size_t count_ = 0;

  void put(const Entry& entry) {
    std::size_t i = entry.hash & (entries_.size() - 1);
    while (entries_[i].segment != nullptr) i = (i + 1) & (entries_.size() - 1);
    entries_[i] = entry;
  }
  void grow() {
    std::vector<Entry> before(entries_.empty() ? 4 : 2 * entries_.size());
    before.swap(entries_);
    for (const Entry& entry : before)
      if (entry.segment != nullptr) put(entry);
  }
};

class Segment {
 public:
  Segment(Segment* parent_segment, std::int32_t first_id);
  ~Segment();

  Segment* parent;
  std::int32_t base;  // id of the first node
  /// The user's nodes from `base` on, the request, then the nodes that differentiation appended; and one more key that
  /// equals no other, so that replay need not check for the end.
  std::span<Key> keys;
  std::span<Info> infos;
  std::int32_t request = -1;  // id of the request's record; −1: a failed request (see Recorder::execute)
  std::vector<Expansion> expansions;
  const Composed* first_composed = &no_composed;  // list in order of nodes, ended by no_composed
  std::vector<GradientOutput> gradient_outputs;
  std::vector<std::uint32_t> registries;  // uids, indexed by GradientOutput::registry

  std::vector<std::unique_ptr<Segment>> children;
  /// The children by hash of their keys up to the request, and also by hash of their keys up to where they diverged
  /// from the predicted child.
  SegmentTable known_children;
  Segment* likely = nullptr;  // the child taken last: the prediction
  std::int32_t longest = 0;   // the largest end() among this and its children
  /// A divergence: recordings that began like this segment and continued with `key` at `place`, in segment `to`.
  struct Turn {
    std::int32_t place;  // from base
    Key key;
    Segment* to;
  };
  std::vector<Turn> turns;

  std::unique_ptr<Plan> plan;
  std::vector<std::int32_t> asked;  // nodes whose values stay until the tape ends: requested, or backward's argument
  std::vector<std::int32_t> keep;   // nodes of this segment that later segments have read, sorted; only grows
  bool learned = false;             // whether `keep` is known; until then, everything in memory is kept

  std::int32_t end() const { return end_; }
  /// Sets all of its nodes.
  void complete(std::span<const Key> all_keys, std::span<const Info> all_infos, RecordingMemory& memory);
  /// Sets the compositions among its nodes, in order.
  void set_composed(std::vector<Composed> composed);
  std::span<const Composed> composed() const;
  std::size_t bytes() const;

 private:
  RecordingMemory::Block block_;    // of keys and infos
  std::vector<Composed> composed_;  // ended by no_composed; or empty
  std::int32_t end_ = -1;
};

}  // namespace thalweg::internal
