#pragma once
// Decides for each node which pass computes it, depending on the kind of its op. Nodes come in the order of ids, so that
// the inputs of each are there.
//
// An elementwise node joins a sweep (Fusion), or the contraction before it (Contractions). Views and broadcasts are read
// in place if possible (Views). Values within a pass stay in registers; a value gets a buffer when another pass reads it
// (Operands).

#include <array>
#include <cstdint>
#include <span>

#include "src/plan/contractions.hpp"
#include "src/plan/fusion.hpp"
#include "src/plan/numbers.hpp"
#include "src/plan/operands.hpp"
#include "src/plan/request_graph.hpp"
#include "src/plan/schedule.hpp"
#include "src/plan/views.hpp"

namespace thalweg::internal {

class Placement {
 public:
  Placement(RequestGraph& graph, Schedule& schedule)
      : graph_(graph),
        schedule_(schedule),
        numbers_(graph, schedule),
        operands_(graph, schedule, numbers_),
        fusion_(graph, schedule, operands_),
        views_(graph, schedule, numbers_, operands_),
        contractions_(graph, schedule, operands_) {}

  /// Places the nodes of the graph that are not in memory already.
  void place_all();
  /// For what reads the placed values.
  Operands& operands() { return operands_; }

 private:
  void place(PlannedNode& node);
  void place_by_kind(PlannedNode& node, const Key& key);
  void place_source(PlannedNode& node, const Key& key);
  void place_elementwise(PlannedNode& node, const Key& key);
  bool is_arithmetic_on_numbers(PlannedNode& node, const Key& key);
  void compute_number(PlannedNode& node);
  void place_broadcast(PlannedNode& node, const Key& key);
  void place_reduction(PlannedNode& node, const Key& key);
  bool reduce_in_place(PlannedNode& node, const Key& key, std::uint32_t axes);
  void reduce_reordered(PlannedNode& node, const Key& key, std::uint32_t axes, std::int64_t columns);
  void place_opaque(PlannedNode& node, const Key& key);
  bool take_truth(PlannedNode& node, std::int32_t input);
  void place_opaque_pass(PlannedNode& node, const Op& op, std::uint64_t attribute,
                         std::span<const std::int32_t> inputs);
  void place_effect(PlannedNode& node, const Key& key);

  RequestGraph& graph_;
  Schedule& schedule_;
  Numbers numbers_;
  Operands operands_;
  Fusion fusion_;
  Views views_;
  Contractions contractions_;
  /// A cache of the buffers of parameters, which are often read repeatedly, by a hash of their address.
  struct KnownSource {
    std::uint64_t attribute = 0;
    std::int32_t buffer = -1;  // −1: none
  };
  std::array<KnownSource, 64> known_sources_;
};

}  // namespace thalweg::internal
