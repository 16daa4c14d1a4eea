#pragma once
// How views are read: from their input's memory where possible.

#include <cstdint>

#include "src/plan/numbers.hpp"
#include "src/plan/operands.hpp"
#include "src/plan/request_graph.hpp"
#include "src/plan/schedule.hpp"

namespace thalweg::internal {

class Views {
 public:
  Views(RequestGraph& graph, Schedule& schedule, Numbers& numbers, Operands& operands)
      : graph_(graph), schedule_(schedule), numbers_(numbers), operands_(operands) {}

  void place(PlannedNode& node, const Key& key);
  /// Makes the node share the elements of `input`, which is materialized if it is lazy.
  void take_elements(PlannedNode& node, std::int32_t input);

 private:
  void place_whole(PlannedNode& node, const Key& key, std::int32_t input);
  void leave_to_readers(PlannedNode& node, std::int32_t input);
  bool leave_rows_to_readers(PlannedNode& node, const StridedView& view, std::int32_t buffer);
  PlanBuffer alias_of(std::int32_t buffer, std::int32_t id, const StridedView& view) const;

  RequestGraph& graph_;
  Schedule& schedule_;
  Numbers& numbers_;
  Operands& operands_;
};

}  // namespace thalweg::internal
