#pragma once
// Brings the values of targets to their destinations: the pass that computes a value writes there directly, or a copy
// follows.

#include <cstdint>
#include <vector>

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
  enum class Overlap : std::uint8_t { none, same, partial };
  Overlap overlap_of(std::int32_t read, std::int32_t written) const;
  void keep_what_is_there();
  bool epilogue_moved_on(const PlannedNode& node) const;

  RequestGraph& graph_;
  Schedule& schedule_;
  Operands& operands_;
};

}  // namespace thalweg::internal
