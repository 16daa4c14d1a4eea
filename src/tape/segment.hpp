#pragma once
// A recording as structure: segments, one per request, in a tree of what programs on this thread have recorded.
//
// A tape walks down the tree as it is recorded: each record is compared with the next one of the segment that was taken
// last time and, where it is equal, only its data are written. So an unchanged step costs neither shape inference, nor
// differentiation, nor planning; recordings with a common beginning share its segments and their plans.

#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

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
};

/// What a composition recorded, with its lines and scopes as they look from the place it was called from.
struct Composed {
  std::int32_t begin = std::numeric_limits<std::int32_t>::max();  // its nodes are those from here
  std::int32_t end = 0;                                           // to before here
  const Composition* composition = nullptr;
  std::uint64_t attribute = 0;
  std::int32_t inputs[2] = {-1, -1};
  std::int32_t result = -1;
  std::vector<ScopeEntry> scopes = {};  // opened in it, its own first, from which their parents count
  std::vector<Line> lines = {};  // of its nodes, with scopes likewise; without a file: the line it was called from
};
/// Begins behind every node.
extern const Composed no_composed;

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
  std::unordered_multimap<std::uint64_t, Segment*> children_by_hash;  // of their keys up to the request
  /// The children that went on differently than the one expected, by a hash of the place and of their key there.
  std::unordered_multimap<std::uint64_t, Segment*> children_by_turn;
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
