#pragma once
// How passes read the values of nodes: from memory (`materialize` gives a value a buffer), or as values of a sweep
// (`emit` appends them). An operand that does not lie simply in the domain of its reader is copied out first.

#include <cstdint>
#include <span>
#include <vector>

#include "src/plan/geometry.hpp"
#include "src/plan/numbers.hpp"
#include "src/plan/request_graph.hpp"
#include "src/plan/schedule.hpp"

namespace thalweg::internal {

class Operands {
 public:
  Operands(RequestGraph& graph, Schedule& schedule, Numbers& numbers)
      : graph_(graph), schedule_(schedule), numbers_(numbers) {}
  void begin();

  /// The buffer with the node's value, which another pass than the one that computes it reads.
  std::int32_t materialize(std::int32_t id);
  /// Appends a copy of `view` of buffer `input`, for node `id`; returns the buffer of the copy.
  std::int32_t copy_view(std::int32_t id, std::int32_t input, const StridedView& view, const Shape& shape) {
    return schedule_.add_copy(id, graph_.info(id).dtype, input, view, shape);
  }

  /// The value of `sweep` that is the node's, with the extent that it has in the domain; appended if it is not there.
  std::int32_t emit(SweepBuild& sweep, std::int32_t id, run::Extent extent, bool moves = true, std::int64_t period = 0);
  std::int32_t emit_input(SweepBuild& sweep, std::int32_t buffer, run::Extent extent, DType dtype, bool moves = true,
                          std::int64_t step = 0, std::int64_t period = 0);
  static std::int32_t emit_apply(SweepBuild& sweep, const Key& key, std::span<const std::int32_t> operands);
  /// Whether the sweep computes the node.
  bool is_computed_in(std::int32_t id, const SweepBuild& sweep) const {
    const PlannedNode& node = graph_.node(id);
    return node.where == PlannedNode::Where::sweep && node.sweep == sweep.index;
  }
  /// Whether a lazy node has been copied out before this sweep.
  static bool is_materialized_before(const PlannedNode& node, const SweepBuild& sweep) {
    return node.where == PlannedNode::Where::lazy && node.buffer >= 0 && node.buffer_pass < sweep.pass;
  }

  /// Rows that lie apart in a buffer; sweeps read them in place.
  struct Rows {
    std::int32_t buffer;  // an alias that begins with them
    std::int64_t length, stride;
  };
  /// Whether the node is rows of a larger buffer, not copied out.
  bool is_rows(std::int32_t id) const {
    const PlannedNode& rows = graph_.node(id);
    return rows.where == PlannedNode::Where::lazy && rows.rows >= 0 && rows.buffer < 0;
  }
  const Rows& rows_of(std::int32_t id) const { return rows_[static_cast<std::size_t>(graph_.node(id).rows)]; }
  void leave_rows(PlannedNode& node, const Rows& rows) {
    node.where = PlannedNode::Where::lazy;
    node.rows = static_cast<std::int32_t>(rows_.size());
    rows_.push_back(rows);
  }

  /// An operand that was copied out to a shape with a simple extent in the domain of the node that is being placed.
  struct CopiedOut {
    std::int32_t node, buffer, pass;
    OperandGeometry geometry;
  };
  /// Copies out those operands of an elementwise node that a sweep over `domain` cannot read where they are.
  void copy_out(std::span<const std::int32_t> inputs, const Shape& domain) {
    copy_out_rows(inputs);
    copy_out_stretched(inputs, domain);
  }
  /// Null if the operand is read where it is.
  const CopiedOut* copied_out(std::int32_t id) const;
  std::span<const CopiedOut> copied_out() const { return copied_out_; }
  /// The node has been placed.
  void end_copies() { copied_out_.clear(); }
  /// Copies of operands that are available from the beginning come first, so that they split no pass.
  void insert_early_passes() {
    schedule_.passes_.insert(schedule_.passes_.begin(), early_passes_.begin(), early_passes_.end());
  }

  /// How a node lies in a domain, looking through broadcasts.
  OperandGeometry geometry_in(std::int32_t id, const Shape& domain) const;
  /// The strides of a view, for the present numbers.
  StridedView view_of(std::int32_t id, const Key& key) const;

 private:
  std::int32_t materialize_lazy(PlannedNode& node);
  std::int32_t copy_lazy_view(std::int32_t id, const Key& key);
  std::int32_t compute_lazy(std::int32_t id, const Key& key);
  std::int32_t emit_number(SweepBuild& sweep, std::int32_t id);
  void copy_out_rows(std::span<const std::int32_t> inputs);
  void copy_out_stretched(std::span<const std::int32_t> inputs, const Shape& domain);
  void copy_out(std::int32_t input, const Shape& target, const OperandGeometry& geometry);

  RequestGraph& graph_;
  Schedule& schedule_;
  Numbers& numbers_;
  std::vector<Rows> rows_;
  std::vector<CopiedOut> copied_out_;
  /// All copies: other readers take the same one.
  struct StretchedCopy {
    std::int32_t buffer, pass;
    Shape shape;
    std::int32_t previous;  // the node's copy before it; −1: none
  };
  std::vector<StretchedCopy> stretched_copies_;
  std::vector<Pass> early_passes_;
};

}  // namespace thalweg::internal
