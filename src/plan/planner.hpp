#pragma once
// Makes a plan: decides node by node, in the order of their ids, which pass computes it.
//
// The rules: an elementwise node joins the newest pass over a domain of its size that comes after everything it reads; a
// reduction ends a pass for its consumers, which may go on in it as a further stage; bias and activation join the
// contraction before them; views and broadcasts are read in place where that is possible. What a pass computes lies in
// registers; it gets a buffer when another step reads it.

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "src/plan/plan.hpp"

namespace thalweg::internal {

/// What a reduction does to its input seen as (rows × columns).
struct ReductionGeometry {
  enum class Form : std::uint8_t { nothing, to_single, per_row, per_column, general } form;
  std::int64_t columns = 1;
};
ReductionGeometry reduction_geometry(const Shape& input, std::uint32_t axes);
/// The axes of `input` that summing to `output` reduces.
std::uint32_t stretched_axes(const Shape& input, const Shape& output);

/// How an operand of shape `operand` lies in a domain of shape `domain`, to which it broadcasts.
struct OperandGeometry {
  bool simple = true;  // false: neither of the extents; it must be copied out first
  run::Extent extent = run::Extent::element;
  std::int64_t columns = 0;  // what the domain's columns must be; 0: any
};
OperandGeometry operand_geometry(const Shape& operand, const Shape& domain);

class Planner {
 public:
  Planner(Recorder& recorder, Plan& plan) : recorder_(recorder), plan_(plan) {}

  /// Plans what `segment` requests.
  void plan_segment(Segment& segment);
  /// Plans one node of an eager tape, whose inputs have been computed.
  void plan_node(std::int32_t id);

 private:
  struct Node {
    std::int32_t id = -1;
    enum class Where : std::uint8_t {
      nowhere,
      lazy,    // made where it is read: a number, column index, broadcast, transpose, cast, or arithmetic on numbers
      buffer,  // in memory
      sweep,   // a value of a sweep
    } where = Where::nowhere;
    std::uint8_t weak_depth = 0;
    std::int32_t buffer = -1;  // where it lies in memory, if it does
    std::int32_t sweep = -1, value = -1;
    std::int32_t step = -1;    // what computes it; −1: there from the beginning
    std::int32_t buffer_step = -1;
    std::int32_t matmul = -1;  // the contraction whose epilogue may still take it
    std::int32_t uses = 0;
    bool target = false;
  };
  struct SweepBuild {
    run::Sweep sweep;
    std::int64_t size = 0;     // rows × columns
    std::int64_t columns = 0;  // 0: not decided
    std::int32_t step = -1;
    bool reduces = false;
    std::vector<std::int32_t> nodes;
  };
  struct StepBuild {
    enum class Kind : std::uint8_t { sweep, other } kind;
    std::int32_t sweep = -1;
    Step step = ZeroStep{};
  };
  struct Fit {
    bool ok = false;
    run::Extent extent = run::Extent::element;
    std::int64_t columns = 0;
  };

  // Which nodes.
  void collect_targets(Segment& segment);
  void collect_needed(std::int32_t base);
  void check_leaves(Segment& segment);
  bool place_available(Node& node, std::int32_t base, bool place_it);
  Node& node(std::int32_t id);

  /// The inputs whose values a node needs: a view's is the first, and numbers that say where it lies.
  std::span<const std::int32_t> value_inputs(std::int32_t id) const;

  // Where each is computed.
  void place(Node& node);
  void place_source(Node& node, const Key& key);
  void place_elementwise(Node& node, const Key& key);
  bool is_arithmetic_on_numbers(Node& node, const Key& key);
  bool place_in_epilogue(Node& node, const Key& key);
  void place_reduction(Node& node, const Key& key);
  void place_view(Node& node, const Key& key);
  void place_contraction(Node& node, const Key& key);
  void place_draw(Node& node, const Key& key);
  void place_opaque(Node& node, const Key& key);

  // Sweeps.
  SweepBuild& new_sweep(std::int64_t size, std::int64_t columns, DType dtype);
  std::int32_t earliest_step(std::span<const std::int32_t> ids);
  bool is_read_in_sweep(std::int32_t id, const SweepBuild& sweep);
  Fit fit(const SweepBuild& sweep, std::int32_t id, const Shape& domain);
  bool join(SweepBuild& sweep, Node& node, const Key& key);
  bool join_reduced(SweepBuild& sweep, Node& node, const Key& key);
  bool join_reduction(SweepBuild& sweep, Node& node, const Key& key, const ReductionGeometry& geometry);
  std::int32_t emit(SweepBuild& sweep, std::int32_t id, run::Extent extent);
  std::int32_t emit_number(SweepBuild& sweep, std::int32_t id);
  std::int32_t emit_input(SweepBuild& sweep, std::int32_t buffer, run::Extent extent, DType dtype);
  std::int32_t apply(SweepBuild& sweep, const Key& key, std::span<const std::int32_t> operands);
  bool emit_all(SweepBuild& sweep, Node& node, const Key& key, std::span<const std::int32_t> inputs,
                std::span<const run::Extent> extents, std::int64_t columns);
  void append_reduction(SweepBuild& sweep, Node& node, const Key& key, std::int32_t value, run::Extent extent);
  bool fuses(SweepBuild& sweep);
  void set_domain(SweepBuild& sweep);
  std::int32_t sweep_index(const SweepBuild& sweep) const;
  static Shape kept_axes_first(const Shape& from, std::uint32_t axes, StridedView& view);
  void take_elements(Node& node, std::int32_t input);
  void alias(Node& node, std::int32_t input);
  std::int32_t dynamic_view(std::int32_t id, std::span<const std::int32_t> inputs);
  DType compute_dtype(const Key& key);
  template <class Try>
  void place_in_sweep(std::span<const std::int32_t> inputs, DType dtype, std::int64_t size, Try&& try_join);
  void copy_out_stretched(std::span<const std::int32_t> inputs, const Shape& domain);
  OperandGeometry natural_geometry(std::int32_t id, const Shape& domain);
  bool is_copied(const Node& node, const SweepBuild& sweep) const;

  // Memory.
  std::int32_t materialize(std::int32_t id);
  std::int32_t materialize_lazy(Node& node);
  std::int32_t copy_view(std::int32_t id, std::int32_t input, const StridedView& view, const Shape& shape);
  std::int32_t add_buffer(PlanBuffer buffer);
  std::int32_t arena_buffer(const Shape& shape, DType dtype);
  std::int32_t number_slot(std::int32_t id);
  std::int32_t add_step(Step step);
  std::size_t bytes_of(std::int32_t id) const;

  // The end.
  void deliver(std::int32_t id, const PlanBuffer& destination);
  bool can_write_directly(std::int32_t id, const PlanBuffer& destination);
  static bool has_stages(const SweepBuild& sweep);
  bool same_memory(std::int32_t read, std::int32_t written) const;
  void keep_what_is_there();
  bool epilogue_moved_on(const Node& node) const;
  void finish(std::size_t arena_begin);
  void lay_out(std::size_t arena_begin);
  std::vector<std::int32_t> reads(const StepBuild& step) const;
  std::vector<std::int32_t> writes(const StepBuild& step) const;
  std::int32_t root(std::int32_t buffer) const;

  const Shape& shape(std::int32_t id) const { return *recorder_.info(id).shape; }
  const Key& key(std::int32_t id) const { return recorder_.key(id); }

  Recorder& recorder_;
  Plan& plan_;
  Segment* segment_ = nullptr;
  bool eager_ = false;
  std::vector<Node> nodes_;             // those needed, by ascending id
  /// Index into nodes_; −1: not needed.
  std::int32_t& place_of(std::int32_t id) {
    if (eager_) return few_places_.try_emplace(id, -1).first->second;
    return place_of_[static_cast<std::size_t>(id)];
  }
  std::vector<std::int32_t> place_of_;                         // by id
  std::unordered_map<std::int32_t, std::int32_t> few_places_;  // of a plan for one node of a long tape
  std::vector<StepBuild> steps_;
  std::vector<std::unique_ptr<SweepBuild>> sweeps_;
  /// An operand written out to the shape of the domain that reads it.
  struct CopiedOut {
    std::int32_t node, buffer, step;
  };
  const CopiedOut* copied_out(std::int32_t id) const;
  std::vector<CopiedOut> copied_out_;
  struct Target {
    std::int32_t node;
    PlanBuffer destination;
  };
  std::vector<Target> targets_;
  std::vector<std::int32_t> kept_buffers_;
  std::unordered_map<std::int32_t, std::int32_t> number_slots_;  // by node
};

}  // namespace thalweg::internal
