#pragma once
// Brings the values of targets to their destinations: the pass that computes a value writes there directly, or a copy
// follows.

#include <cstdint>
#include <map>

#include "src/plan/operands.hpp"
#include "src/plan/request_graph.hpp"
#include "src/plan/schedule.hpp"

namespace thalweg::internal {

class Delivery {
 public:
  Delivery(RequestGraph& graph, Schedule& schedule, Operands& operands)
      : graph_(graph), schedule_(schedule), operands_(operands) {}

  void deliver_all();

 private:
  void deliver(const Target& target);
  void copy_what_effects_read();
  bool keep_where_it_is(std::int32_t id, std::int32_t buffer);
  /// Notes that later requests find the node's value in `buffer`.
  void note_kept(std::int32_t id, std::int32_t buffer);
  bool can_assign_in_place(std::int32_t id, std::int32_t assigned);
  /// Memory of a registry.
  struct MemoryRange {
    std::uintptr_t begin = 0, end = 0;
    bool overlaps(const MemoryRange& other) const { return begin < other.end && other.begin < end; }
  };
  void note_passes();
  void note_read(const MemoryRange& read);
  void split_at(std::uintptr_t address);
  std::int32_t last_read_of(const MemoryRange& memory) const;
  MemoryRange registry_range(std::int32_t buffer) const;
  MemoryRange range_of(std::int32_t id) const;
  void keep_what_is_there();
  bool epilogue_moved_on(const PlannedNode& node) const;

  RequestGraph& graph_;
  Schedule& schedule_;
  Operands& operands_;
  // What the first passes, `noted_passes_` of them, read of registries, as disjoint ranges by their beginning.
  struct LastRead {
    std::uintptr_t end;
    std::int32_t pass;
  };
  std::map<std::uintptr_t, LastRead> reads_;
  std::int32_t noted_passes_ = 0;
  std::int32_t last_failing_ = -1;  // the last of them that can fail
};

}  // namespace thalweg::internal
