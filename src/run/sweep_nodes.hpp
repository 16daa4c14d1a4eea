#pragma once
// A sweep's values as the compiler sees them: on the canonical domain, without dead ones, each with its place in the
// schedule (walk and stage) and its memory.

#include <cstdint>
#include <vector>

#include "src/run/sweep.hpp"
#include "src/run/sweep_geometry.hpp"

namespace thalweg::run {

/// A value of at least this cost is kept for later stages and walks, a cheaper one is recomputed.
inline constexpr int keep_cost = 8;

enum class Keep : std::uint8_t {
  none,
  row_buffer,  // in a thread's scratch memory, for later stages of the row
  vector,      // in the sweep's memory: all elements, or one per row
  output,      // read back from the output it is written to
  lent,        // in the buffer of an output that is computed from it in the last segment
};

struct SweepNode {
  SweepValue::Kind kind = SweepValue::Kind::input;
  Extent extent = Extent::element;
  DType dtype = DType::f32;
  Reduction reduction = Reduction::sum;
  Distribution distribution = Distribution::uniform;
  std::uint8_t operand_count = 0;
  bool live = false;
  bool vector_wanted = false;  // per_column: read as a plain vector, not only as a tile
  bool shared = false;         // small: read by a program other than the one that computes it
  Keep keep = Keep::none;
  std::int32_t slot = 0;
  std::int16_t operands[3] = {0, 0, 0};
  std::int16_t walk = 0;
  std::int16_t stage = 0;         // of the walk; for a small value, its level
  std::int16_t segment = -1;      // the segment (stage of a walk) in which it is first computed
  std::int32_t output_slot = -1;  // an output of the machine's dtype, or the one that lends its buffer
  std::int32_t cost = 0;
  std::int32_t row_slot = -1;  // byte offset in scratch memory: a per_row value, splatted
  std::int64_t memory = -1;    // byte offset in the sweep's memory, or of a row buffer in scratch memory
  std::int64_t tile = -1;      // byte offset in the sweep's memory: a per_column value for the flat walk
  const ElementKernel* kernel = nullptr;
  const ElementHandlers* handlers = nullptr;

  bool small() const { return extent == Extent::single || extent == Extent::per_column; }
  bool is_apply() const { return kind == SweepValue::Kind::apply; }
  bool is_reduce() const { return kind == SweepValue::Kind::reduce; }
};

/// An output whose value is the id of a node.
struct SweepNodeOutput {
  std::int16_t value;
  std::int32_t slot;
  DType dtype;
};

struct SweepNodes {
  DType dtype = DType::f32;
  Geometry geometry;
  bool row_walk = false;
  bool one_block_rows = false;
  bool fits = true;  // false if two reductions need different walks
  bool has_column_folds = false, has_singles = false;
  std::int16_t walks = 1;
  std::vector<SweepNode> nodes;
  std::vector<SweepNodeOutput> outputs;
  std::vector<std::int16_t> stage_counts;    // by walk; 0: the walk is empty
  std::vector<std::int16_t> level_counts;    // by walk
  std::vector<std::int16_t> first_segments;  // by walk

  SweepNode& operator[](int id) { return nodes[id]; }
  const SweepNode& operator[](int id) const { return nodes[id]; }
  int count() const { return static_cast<int>(nodes.size()); }

  /// Whether the node reduces elements, which takes a walk.
  bool reduces_elements(const SweepNode& node) const {
    return node.is_reduce() && (*this)[node.operands[0]].extent == Extent::element;
  }
  /// Whether the node reduces elements over the whole domain, so that its result is available in the next walk.
  bool reduces_in_walk(const SweepNode& node) const { return node.small() && reduces_elements(node); }
  /// Whether a walk computes it, not a program between walks.
  bool in_walk(const SweepNode& node) const { return !node.small() || reduces_in_walk(node); }
  int segment_of(const SweepNode& node) const { return first_segments[node.walk] + node.stage; }

  /// Reads the sweep: canonical extents, live nodes, walks and stages.
  void assign(const Sweep& sweep);
  /// Whether one kind of walk suffices for a sweep that is still growing: any of its values may become an output.
  bool fit(const Sweep& sweep);

 private:
  void read(const Sweep& sweep, bool all_live);
  void read_values(const Sweep& sweep);
  void make_one_row();
  void mark_live(bool all);
  void choose_walk();
  void schedule();
  void place(SweepNode& node) const;
};

}  // namespace thalweg::run
