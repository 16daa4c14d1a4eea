#pragma once
// A recording as structure: segments, one per request, in a tree of what programs on this thread have recorded.
//
// A tape walks down the tree as it is recorded: each record is compared with the next one of the segment that was taken
// last time and, where it is equal, only its data are written. So an unchanged step costs neither shape inference, nor
// differentiation, nor planning; recordings with a common beginning share its segments and their plans.

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

/// Where a gradient goes: parameter `index` of the registry with this uid.
struct GradientOutput {
  std::int32_t registry;  // index into Segment::registries
  std::int32_t index;
  std::int32_t node;  // −1: nothing reaches it, it gets zeros
};

/// What `gradients` appended after its own record.
struct Expansion {
  std::int32_t begin;  // id of the record
  std::int32_t count;  // of nodes appended
  std::vector<std::int32_t> results;
  /// Inputs that are constants which nothing up to y was made from; where there are any, the constants y was made from.
  std::vector<std::int32_t> unread = {}, constants = {};
};

/// What a composition recorded, with its lines and scopes as they look from the place it was called from.
struct Composed {
  std::int32_t begin = std::numeric_limits<std::int32_t>::max();  // its nodes are those from here
  std::int32_t end = 0;                                           // to before here
  const Composition* composition = nullptr;
  std::uint64_t attribute = 0;
  std::int32_t inputs[2] = {-1, -1};
  std::int32_t result = -1;
  // What was asked beside these: other answers, other nodes.
  std::optional<Phase> phase = {};
  std::optional<Precision> precision = {};
  std::vector<ScopeEntry> scopes = {};  // opened in it, its own first, from which their parents count
  std::vector<Line> lines = {};  // of its nodes, with scopes likewise; without a file: the line it was called from
};
/// Begins behind every node.
extern const Composed no_composed;

class Segment;

/// Segments by hashes; there may be several of one hash.
class SegmentTable {
 public:
  void insert(std::uint64_t hash, Segment* segment) {
    if (2 * count_ >= entries_.size()) grow();
    ++count_;
    put({hash, segment});
  }
  /// The first of those of this hash for which is_it(segment); null if there is none.
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
  std::vector<Entry> entries_;  // a power of two, half of them used: each lies where its hash says, or soon after
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
  /// The nodes from `base` on, the request after the last of them that the user wrote, then what differentiation
  /// appended; and one more key that equals none, so that replay needs no check for the end.
  std::span<Key> keys;
  std::span<Info> infos;
  std::int32_t request = -1;  // id of the request's record; −1: a failed request's mark (see Recorder::execute)
  std::vector<Expansion> expansions;
  const Composed* first_composed = &no_composed;  // then those behind it, and no_composed
  std::vector<GradientOutput> gradient_outputs;
  std::vector<std::uint32_t> registries;  // uids, of gradient_outputs

  std::vector<std::unique_ptr<Segment>> children;
  /// The children by a hash of their keys: of those up to the request, and of those up to where they went on differently than
  /// the child that was expected.
  SegmentTable known_children;
  Segment* likely = nullptr;  // the child taken last
  std::int32_t longest = 0;   // the end of the longest of this and its children
  /// Where recordings that began like this one went on differently, as far as it has been seen of this one.
  struct Turn {
    std::int32_t place;  // from base
    Key key;
    Segment* to;
  };
  std::vector<Turn> turns;

  std::unique_ptr<Plan> plan;
  std::vector<std::int32_t> asked;  // nodes whose values this request keeps for good: asked for, or backward's argument
  std::vector<std::int32_t> keep;   // nodes of this segment that later ones were seen to read, sorted; only grows
  bool learned = false;             // keep is known; before that, whatever is in memory anyway is kept

  std::int32_t end() const { return end_; }
  /// These are all its nodes.
  void complete(std::span<const Key> all_keys, std::span<const Info> all_infos, RecordingMemory& memory);
  /// What compositions have recorded of them, in their order.
  void set_composed(std::vector<Composed> composed);
  std::span<const Composed> composed() const;
  std::size_t bytes() const;

 private:
  RecordingMemory::Block block_;    // of keys and infos
  std::vector<Composed> composed_;  // with no_composed as their end, where there are any
  std::int32_t end_ = -1;
};

}  // namespace thalweg::internal
