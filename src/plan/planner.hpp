#pragma once
// Makes a plan, in stages that hand on the schedule:
//   RequestGraph   collects the nodes that the request needs
//   Placement      decides for each node, in the order of ids, which pass computes it
//   Delivery       brings the values of targets to their destinations
//   ProductMerger  and share_transposes optimize across products
//   ArenaLayout    places the buffers in the arena
//   Compilation    compiles the sweeps, and finds what each run must bind

#include <cstdint>

#include "src/plan/compilation.hpp"
#include "src/plan/delivery.hpp"
#include "src/plan/layout.hpp"
#include "src/plan/placement.hpp"
#include "src/plan/products.hpp"
#include "src/plan/request_graph.hpp"
#include "src/plan/schedule.hpp"

namespace thalweg::internal {

/// Plans one request after another; keeps the memory of its lists.
class Planner {
 public:
  Planner() = default;
  Planner(const Planner&) = delete;
  Planner& operator=(const Planner&) = delete;
  /// This thread's planner, for a tape of that many nodes.
  static Planner& current(std::int32_t nodes);

  /// Plans the request of `segment`, the last one of the recorder's path. The draft is valid until the next one.
  PlanDraft& plan_segment(Recorder& recorder, const Segment& segment);
  /// Plans one node of an eager tape. Its inputs have been computed.
  PlanDraft& plan_node(Recorder& recorder, std::int32_t id);

 private:
  void finish();

  Schedule schedule_;
  RequestGraph graph_;
  Placement placement_{graph_, schedule_};
  Delivery delivery_{graph_, schedule_, placement_.operands()};
  ProductMerger merger_;
  ArenaLayout layout_;
  Compilation compilation_{graph_, schedule_};
};

}  // namespace thalweg::internal
