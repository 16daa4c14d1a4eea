#pragma once
// Which sweep computes a node: the one that computes its latest operand, or else the newest one after it that accepts
// the node, or else a new one. Readers of a reduction cannot run in the same stage as the reduction, but may join its
// sweep as a later stage.

#include <cstdint>
#include <span>

#include "src/plan/geometry.hpp"
#include "src/plan/operands.hpp"
#include "src/plan/request_graph.hpp"
#include "src/plan/schedule.hpp"
#include "src/tape/function_ref.hpp"

namespace thalweg::internal {

class Fusion {
 public:
  Fusion(RequestGraph& graph, Schedule& schedule, Operands& operands)
      : graph_(graph), schedule_(schedule), operands_(operands) {}

  void place_elementwise(PlannedNode& node, const Key& key);
  /// A reduction whose geometry is not general.
  void place_reduction(PlannedNode& node, const Key& key, const ReductionGeometry& geometry);
  void place_draw(PlannedNode& node, const Key& key);
  /// Makes the node the reduction of value `value` of the sweep to `extent`.
  static void append_reduction(SweepBuild& sweep, PlannedNode& node, const Key& key, std::int32_t value,
                               run::Extent extent);
  /// Makes the node value `value` of the sweep.
  static void put(PlannedNode& node, SweepBuild& sweep, std::int32_t value);
  /// The last of the passes that compute these nodes; −1: they are available from the beginning.
  std::int32_t last_pass_of(std::span<const std::int32_t> ids) const;

 private:
  /// How a sweep reads an operand.
  struct Fit {
    bool ok = false;
    run::Extent extent = run::Extent::element;
    std::int64_t columns = 0, batches = 0;  // that it asks for; 0: any
    bool moves = true;
    std::int64_t step = 0, period = 0;  // SweepValue::step and period
  };

  void place(std::span<const std::int32_t> inputs, DType dtype, std::int64_t size,
             FunctionRef<bool(SweepBuild&)> try_join);
  Fit fit(const SweepBuild& sweep, std::int32_t id, const Shape& domain);
  // Join a node to a sweep; false, and nothing has changed, if it does not fit.
  bool join(SweepBuild& sweep, PlannedNode& node, const Key& key);
  bool join_reduced(SweepBuild& sweep, PlannedNode& node, const Key& key);
  bool join_reduction(SweepBuild& sweep, PlannedNode& node, const Key& key, const ReductionGeometry& geometry);
  bool join_draw(SweepBuild& sweep, PlannedNode& node, const Key& key);
  bool emit_all(SweepBuild& sweep, PlannedNode& node, const Key& key, std::span<const std::int32_t> inputs,
                std::span<const Fit> fits, std::int64_t columns, std::int64_t batches);

  RequestGraph& graph_;
  Schedule& schedule_;
  Operands& operands_;
};

}  // namespace thalweg::internal
