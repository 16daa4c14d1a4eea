#pragma once
// Makes a plan: decides for each node, in the order of ids, which pass computes it.
//
// An elementwise node joins the newest sweep over a domain of its size that comes after everything it reads. Readers of
// a reduction cannot run in the same stage as the reduction, but may join its sweep as a later stage. A bias, an
// activation and the gradient of an activation join the contraction before them. Views and broadcasts are read in place
// if possible. Values within a pass stay in registers; a value gets a buffer when another pass reads it.

#include <algorithm>
#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <vector>

#include "src/core_ops/core_ops.hpp"
#include "src/plan/plan.hpp"
#include "src/run/sweep_generate.hpp"

namespace thalweg::internal {

/// Alignment in the arena, in bytes.
inline constexpr std::int64_t buffer_alignment = 64;

/// Numbers of a batch from which on it is worth a sweep's start. A matter of shapes alone, as the way a reduction is
/// done determines its bits.
inline constexpr std::int64_t least_batch = 512;

/// Bytes of a slice's rows from which on sweeps read it in place, a row a batch.
inline constexpr std::int64_t least_row_bytes = 128;
/// The most values of such a sweep before it takes another: a row starts one function.
inline constexpr std::size_t most_values_by_rows = 16;

/// A reduction with its input seen as a (rows × columns) matrix or, where kept axes are on both sides of the reduced
/// ones, as batches of such matrices.
struct ReductionGeometry {
  enum class Form : std::uint8_t { nothing, to_single, per_row, per_column, general } form;
  std::int64_t columns = 1;
  std::int64_t batches = 1;  // of per_column
};
ReductionGeometry reduction_geometry(const Shape& input, std::uint32_t axes);
/// The axes that summing `input` to `output` reduces.
std::uint32_t stretched_axes(const Shape& input, const Shape& output);

/// How an operand that broadcasts to a domain lies in it.
struct OperandGeometry {
  bool simple = true;  // false: no extent describes it; it must be copied out first
  run::Extent extent = run::Extent::element;
  std::int64_t columns = 0;  // the number of columns the domain must have; 0: any
  std::int64_t batches = 0;  // the number of batches it must have; 0: any
  bool moves = true;         // whether each batch has numbers of its own
};
OperandGeometry operand_geometry(const Shape& operand, const Shape& domain);
/// The shape of `operand` stretched along all axes up to its last one that is not 1, which makes it lie per row.
Shape stretched_to_rows(const Shape& operand, const Shape& domain);
/// Whether a matrix product can read the view's last two axes in place: rows or columns are contiguous.
bool lies_as_matrices(const StridedView& view, const Shape& shape);

/// A map from node ids to numbers that is cleared in constant time.
class NodeMap {
 public:
  void clear(std::int32_t ids) {
    if (entries_.size() < static_cast<std::size_t>(ids)) entries_.resize(static_cast<std::size_t>(ids) * 3 / 2);
    if (++stamp_ != 0) return;
    std::fill(entries_.begin(), entries_.end(), Entry());
    stamp_ = 1;
  }
  /// −1 if not set.
  std::int32_t operator[](std::int32_t id) const {
    const Entry& entry = entries_[static_cast<std::size_t>(id)];
    return entry.stamp == stamp_ ? entry.value : -1;
  }
  void set(std::int32_t id, std::int32_t value) { entries_[static_cast<std::size_t>(id)] = {stamp_, value}; }
  bool contains(std::int32_t id) const { return entries_[static_cast<std::size_t>(id)].stamp == stamp_; }
  std::size_t capacity() const { return entries_.size(); }

 private:
  struct Entry {
    std::uint32_t stamp = 0;
    std::int32_t value = -1;
  };
  std::vector<Entry> entries_;
  std::uint32_t stamp_ = 0;
};

inline bool is_number(const Key& key) { return key.op == &number_op || key.op == &literal_op; }

/// The extent of a value computed from operands of extents `a` and `b`.
inline run::Extent join_extents(run::Extent a, run::Extent b) {
  if (a == b || b == run::Extent::single) return a;
  return a == run::Extent::single ? b : run::Extent::element;
}

class Planner {
 public:
  /// This thread's planner, whose lists keep their memory from one plan to the next.
  static Planner& current();

  /// Plans the request of `segment`, the last one of the recorder's path.
  void plan_segment(Recorder& recorder, Plan& plan, Segment& segment);
  /// Plans one node of an eager tape. Its inputs have been computed.
  void plan_node(Recorder& recorder, Plan& plan, std::int32_t id);

 private:
  /// The state of a node in planning. Which members are valid depends on `where`:
  ///   lazy    none; after materialize(), buffer and buffer_pass, for readers after that pass
  ///   buffer  buffer, and pass = buffer_pass, the pass that writes it
  ///   sweep   sweep, value and pass; once stored, also buffer and buffer_pass
  struct PlannedNode {
    std::int32_t id = -1;
    enum class Where : std::uint8_t {
      nowhere,
      lazy,    // computed by its readers: a number, column index, broadcast, transpose, cast, or arithmetic on numbers
      buffer,  // in memory
      sweep,   // a value of a sweep
    } where = Where::nowhere;
    std::uint8_t number_size = 0;    // for arithmetic on numbers: how many sweep values it takes in a reader
    std::uint8_t number_dtypes = 0;  // the dtypes it is read in, as bits; see collect_number_dtypes
    bool target = false;
    std::int32_t buffer = -1;  // its buffer, if it is in memory
    std::int32_t sweep = -1, value = -1;
    std::int32_t pass = -1;                  // the pass that computes it; −1: available from the beginning
    std::int32_t buffer_pass = -1;           // the pass that writes its buffer: the same or a later one
    std::int32_t matmul = -1;                // the product whose epilogue may still take its reader
    std::int32_t uses = 0, factor_uses = 0;  // all uses; uses as a factor of a contraction
    std::int32_t memory_uses = 0;            // uses by readers that always need it in memory
    std::int32_t row_uses = 0;               // uses by readers that can read rows of a slice where they are
    std::int32_t rows = -1;                  // lazy rows of another buffer: index into rows_
  };
  struct SweepBuild {
    run::Sweep sweep;
    std::int64_t size = 0;     // batches × rows × columns
    std::int64_t columns = 0;  // 0: not determined yet
    std::int64_t batches = 0;  // 0: not determined yet
    std::int32_t pass = -1;
    bool reduces = false;
    bool has_rows = false;  // has values per row or reductions, so that it may not compile: ask `fuses`
    bool by_rows = false;   // reads rows of larger buffers: each row is a batch
    std::vector<std::int32_t> nodes;

    /// What restore() goes back to when a node turns out not to fit.
    struct State {
      std::size_t values, nodes;
      std::int64_t columns, batches;
      bool reduces, has_rows, by_rows;
    };
    State state() const { return {sweep.values.size(), nodes.size(), columns, batches, reduces, has_rows, by_rows}; }
    void restore(const State& before) {
      sweep.values.resize(before.values);
      nodes.resize(before.nodes);
      columns = before.columns;
      batches = before.batches;
      reduces = before.reduces;
      has_rows = before.has_rows;
      by_rows = before.by_rows;
    }
  };
  /// How a sweep reads an operand.
  struct Fit {
    bool ok = false;
    run::Extent extent = run::Extent::element;
    std::int64_t columns = 0, batches = 0;  // that it asks for; 0: any
    bool moves = true;
    std::int64_t step = 0;  // SweepValue::step
  };

  void begin(Recorder& recorder, Segment* segment);

  // collect.cpp: which nodes are needed.
  void collect_targets();
  PlannedNode& need(std::int32_t id);
  PlannedNode& need_earlier(std::int32_t id);
  bool reads_by_rows(std::int32_t id, const Key& key);
  void need_inputs(std::int32_t id, const Key& key);
  void collect_needed();
  void collect_number_dtypes();
  void check_leaves();
  bool place_available(PlannedNode& node, bool place_it);
  /// The state of a node that is needed.
  PlannedNode& node(std::int32_t id) {
    return id >= base_ ? nodes_[static_cast<std::size_t>(id - base_)]
                       : earlier_nodes_[static_cast<std::size_t>(earlier_place_[id])];
  }
  /// Calls f for each needed node, in the order of ids.
  template <class F>
  void for_each_needed(F&& f) {
    for (const std::int32_t id : earlier_ids_) f(node(id));
    for (PlannedNode& node : nodes_)
      if (node.id >= 0) f(node);
  }
  /// The inputs whose values a node needs. For a view that is the first one, and numbers that determine its offset.
  std::span<const std::int32_t> value_inputs(const Key& key) const {
    return key.op->kind == Kind::view ? view_inputs(key) : recorder_->inputs(key);
  }
  std::span<const std::int32_t> view_inputs(const Key& key) const;

  // place.cpp: where each node is computed.
  void place(PlannedNode& node);
  void place_by_kind(PlannedNode& node, const Key& key);
  void apply_after(const Op& op, PlannedNode& node);
  void place_source(PlannedNode& node, const Key& key);
  void place_elementwise(PlannedNode& node, const Key& key);
  bool is_arithmetic_on_numbers(PlannedNode& node, const Key& key);
  void compute_number(PlannedNode& node);
  bool place_in_epilogue(PlannedNode& node, const Key& key);
  bool place_activation(PlannedNode& node, const Key& key);
  bool place_bias(PlannedNode& node, std::int32_t sum, std::int32_t bias);
  MatmulPass* open_product(std::int32_t sum, const PlannedNode& reader);
  bool is_there_before(std::int32_t sum, std::int32_t operand);
  void put_in_epilogue(PlannedNode& node, MatmulPass& product, std::int32_t sum);
  void place_reduction(PlannedNode& node, const Key& key);
  void place_draw(PlannedNode& node, const Key& key);
  bool place_strided_reduction(PlannedNode& node, const Key& key, std::uint32_t axes);
  void place_opaque(PlannedNode& node, const Key& key);
  bool take_truth(PlannedNode& node, std::int32_t input);
  void place_opaque_pass(PlannedNode& node, const Op& op, std::uint64_t attribute,
                         std::span<const std::int32_t> inputs);
  static Shape kept_axes_first(const Shape& from, std::uint32_t axes, StridedView& view);
  DType compute_dtype(const Key& key);
  void copy_out_stretched(std::span<const std::int32_t> inputs, const Shape& domain);
  OperandGeometry natural_geometry(std::int32_t id, const Shape& domain);

  // views.cpp
  void place_view(PlannedNode& node, const Key& key);
  StridedView view_of(std::int32_t id, const Key& key);
  void place_whole_view(PlannedNode& node, const Key& key, std::int32_t input);
  void leave_to_readers(PlannedNode& node, std::int32_t input);
  bool leave_rows_to_readers(PlannedNode& node, const StridedView& view, std::int32_t buffer);
  static bool can_run_by_rows(const Key& key, DType dtype) {
    const ElementKernel* const kernel = key.op->kernel;
    return run::generates_code() && kernel->handlers != nullptr &&
           run::is_in_line(kernel->handlers(dtype).primitive, dtype);
  }
  /// Rows of a larger buffer, not copied out.
  bool is_rows(std::int32_t id) {
    const PlannedNode& rows = node(id);
    return rows.where == PlannedNode::Where::lazy && rows.rows >= 0 && rows.buffer < 0;
  }
  void copy_out_rows(std::span<const std::int32_t> inputs, const Key& key, const Shape& domain);
  void take_elements(PlannedNode& node, std::int32_t input);
  void alias(PlannedNode& node, std::int32_t input);
  std::int32_t dynamic_view(std::int32_t id, std::span<const std::int32_t> inputs);

  // factors.cpp
  void place_contraction(PlannedNode& node, const Key& key);
  struct Factor;
  Factor place_factor(std::int32_t id, bool transposed);
  std::int32_t batch_of(const Factor& a, const Factor& b, const Shape& product);

  // join.cpp: which sweep takes a node.
  SweepBuild& new_sweep(std::int64_t size, std::int64_t columns, DType dtype);
  std::int32_t earliest_pass(std::span<const std::int32_t> ids);
  bool is_read_in_sweep(std::int32_t id, const SweepBuild& sweep);
  Fit fit(const SweepBuild& sweep, std::int32_t id, const Shape& domain);
  bool join(SweepBuild& sweep, PlannedNode& node, const Key& key);
  bool join_reduced(SweepBuild& sweep, PlannedNode& node, const Key& key);
  bool join_reduction(SweepBuild& sweep, PlannedNode& node, const Key& key, const ReductionGeometry& geometry);
  bool join_draw(SweepBuild& sweep, PlannedNode& node, const Key& key);
  std::int32_t add_value(SweepBuild& sweep, const run::SweepValue& value);
  std::int32_t emit(SweepBuild& sweep, std::int32_t id, run::Extent extent, bool moves = true);
  std::int32_t emit_number(SweepBuild& sweep, std::int32_t id);
  std::int32_t emit_input(SweepBuild& sweep, std::int32_t buffer, run::Extent extent, DType dtype, bool moves = true,
                          std::int64_t step = 0);
  std::int32_t apply(SweepBuild& sweep, const Key& key, std::span<const std::int32_t> operands);
  bool emit_all(SweepBuild& sweep, PlannedNode& node, const Key& key, std::span<const std::int32_t> inputs,
                std::span<const Fit> fits, std::int64_t columns, std::int64_t batches);
  void append_reduction(SweepBuild& sweep, PlannedNode& node, const Key& key, std::int32_t value, run::Extent extent);
  void put(PlannedNode& node, SweepBuild& sweep, std::int32_t value);
  bool fuses(SweepBuild& sweep);
  void set_domain(SweepBuild& sweep);
  std::int32_t sweep_index(const SweepBuild& sweep) const {
    return passes_[static_cast<std::size_t>(sweep.pass)].index;
  }
  void place_in_sweep(std::span<const std::int32_t> inputs, DType dtype, std::int64_t size,
                      FunctionRef<bool(SweepBuild&)> try_join);
  bool is_copied(const PlannedNode& node, const SweepBuild& sweep) const;

  // materialize.cpp: giving values a buffer.
  std::int32_t materialize(std::int32_t id);
  std::int32_t materialize_lazy(PlannedNode& node);
  std::int32_t number_cell(std::int32_t id);
  std::int32_t copy_view(std::int32_t id, std::int32_t input, const StridedView& view, const Shape& shape);
  std::int32_t add_buffer(const PlanBuffer& buffer);
  std::int32_t arena_buffer(const Shape& shape, DType dtype);
  std::int32_t number_slot(std::int32_t id);
  /// Appends a pass for the last of the `count` entries in its kind's list; returns its index.
  std::int32_t add_pass(Pass::Kind kind, std::size_t count);
  std::int32_t last_pass() const { return static_cast<std::int32_t>(passes_.size()) - 1; }
  MatmulPass& matmul_of(std::int32_t pass) {
    return draft_.matmuls_[static_cast<std::size_t>(passes_[static_cast<std::size_t>(pass)].index)];
  }
  std::size_t bytes_of(std::int32_t id) const;

  // deliver.cpp: bringing targets to their destinations, and finishing the plan.
  void deliver(std::int32_t id, const PlanBuffer& destination);
  bool can_write_directly(std::int32_t id, const PlanBuffer& destination);
  static bool has_stages(const SweepBuild& sweep);
  enum class Overlap : std::uint8_t { none, same, partial };
  Overlap overlap_of(std::int32_t read, std::int32_t written) const;
  void keep_what_is_there();
  bool epilogue_moved_on(const PlannedNode& node);
  void finish(std::size_t arena_begin);
  void compile_sweep(const Pass& pass);
  void find_moving_buffers();
  void note_argument(std::int32_t buffer, std::int32_t argument);
  void bind_what_moves_for_others();
  HeldBuffer held_buffer(std::int32_t buffer) const;

  // products.cpp: optimizations across products.
  void share_transposes();
  void join_products();
  void count_reads();
  void find_chains();
  void join_chain(std::int32_t end);
  bool lie_together(std::span<const std::int32_t> buffers);
  void drop_joined();

  // layout.cpp: placing buffers in the arena.
  void lay_out(std::size_t arena_begin);
  void find_blocks();
  std::size_t block_bytes(std::int32_t block) const;
  void place_block(std::int32_t block, std::size_t offset);
  void place_kept_aliases();
  std::int32_t root(std::int32_t index) const {
    while (buffer(index).place == PlanBuffer::Place::alias) index = buffer(index).base;
    return index;
  }
  const PlanBuffer& buffer(std::int32_t index) const { return draft_.buffers_[static_cast<std::size_t>(index)]; }
  PlanBuffer& buffer(std::int32_t index) { return draft_.buffers_[static_cast<std::size_t>(index)]; }
  /// Call f for every buffer that a pass reads, or writes.
  template <class F>
  void for_each_read(const Pass& pass, F&& f) const;
  template <class F>
  void for_each_write(const Pass& pass, F&& f) const;

  const Key& key(std::int32_t id) const { return id >= base_ ? keys_[id - base_] : recorder_->key(id); }
  const Info& info(std::int32_t id) const { return id >= base_ ? infos_[id - base_] : recorder_->info(id); }
  const Shape& shape(std::int32_t id) const { return *info(id).shape; }

  Recorder* recorder_ = nullptr;
  PlanDraft draft_;             // reused, to keep the memory of its lists
  Segment* segment_ = nullptr;  // null: planning one node of an eager tape
  bool eager_ = false;
  std::int32_t base_ = 0;  // first id of the segment, to which keys_ and infos_ belong
  const Key* keys_ = nullptr;
  const Info* infos_ = nullptr;
  std::vector<const Plan*> earlier_;  // those the tape has carried out

  std::vector<PlannedNode> nodes_;          // of the segment, from base_ on; id −1: not needed
  std::vector<PlannedNode> earlier_nodes_;  // needed nodes of earlier segments
  NodeMap earlier_place_;                   // by id: index into earlier_nodes_
  std::vector<std::int32_t> earlier_ids_;   // ascending
  std::vector<std::int32_t> read_here_;     // nodes of earlier segments that are targets or that the segment reads
  NodeMap seen_;
  std::vector<std::int32_t> number_readers_;  // nodes that read numbers
  std::vector<std::int32_t> stack_;
  std::size_t contractions_ = 0;    // number of needed contractions
  std::vector<Pass> passes_;        // a sweep's index is into sweeps_, others are into the draft's lists
  std::vector<Pass> early_passes_;  // run before passes_
  std::deque<SweepBuild> sweeps_;
  std::size_t sweep_count_ = 0;
  /// An operand that was copied out to a shape with a simple extent in the domain of its reader.
  struct CopiedOut {
    std::int32_t node, buffer, pass;
    OperandGeometry geometry;
  };
  /// All of them: other readers take the same copy.
  struct StretchedCopy {
    std::int32_t node, buffer, pass;
    Shape shape;
  };
  std::vector<StretchedCopy> stretched_copies_;
  /// Rows that lie apart in a buffer.
  struct Rows {
    std::int32_t buffer;  // an alias that begins with them
    std::int64_t length, stride;
  };
  std::vector<Rows> rows_;
  const Rows& rows_of(std::int32_t id) { return rows_[static_cast<std::size_t>(node(id).rows)]; }
  /// The result of arithmetic on numbers in one of the dtypes it is read in.
  struct ComputedNumber {
    std::int32_t node;
    DType dtype;
    std::int32_t buffer;
  };
  const ComputedNumber* computed_number(std::int32_t id, DType dtype) const;
  std::vector<ComputedNumber> computed_numbers_;  // sorted by node
  bool has_arithmetic_on_numbers_ = false;
  const CopiedOut* copied_out(std::int32_t id) const;
  std::vector<CopiedOut> copied_out_;
  struct Target {
    std::int32_t node;
    PlanBuffer destination;
  };
  std::vector<Target> targets_;
  std::vector<std::int32_t> kept_buffers_;
  NodeMap number_slots_;  // by node
  /// A cache of the buffers of parameters, which are often read repeatedly, by a hash of their address.
  struct KnownSource {
    std::uint64_t attribute = 0;
    std::int32_t buffer = -1;  // −1: none
  };
  std::array<KnownSource, 64> known_sources_;
  // For the layout; by buffer or by pass.
  std::vector<std::int32_t> blocks_, last_use_, first_dying_, next_dying_;
  std::vector<std::uint8_t> placed_;
  /// Whether a buffer moves, and who uses it: only sweeps, of which one has been compiled if the plan has an argument of it.
  enum class Moves : std::uint8_t { never, for_sweeps, for_compiled_sweeps, for_others };
  std::vector<Moves> moves_;  // by buffer
  /// A group of buffers of one size that must be contiguous; by buffer, empty if there are no groups.
  struct Together {
    std::int32_t first = -1, next = -1, count = 1;
    bool is_kept = false;
  };
  std::vector<Together> together_;
  /// A product's place in a chain of products that are added up: each is the only reader of the sum before it.
  struct Link {
    std::int32_t before = -1, after = -1, length = 1;
    std::int32_t place = -1;  // index among the remaining products; −1: merged into another one
  };
  std::vector<Link> links_;                    // by product
  std::vector<std::int32_t> reads_, made_by_;  // by buffer: number of readers, and the product that writes it
  std::vector<std::int32_t> chain_, chain_of_a_, chain_of_b_;  // the products of a chain, and their factors
};

/// Marks a node as needed.
inline Planner::PlannedNode& Planner::need(std::int32_t id) {
  if (id < base_) return need_earlier(id);
  PlannedNode& node = nodes_[static_cast<std::size_t>(id - base_)];
  node.id = id;
  return node;
}

template <class F>
void Planner::for_each_read(const Pass& pass, F&& f) const {
  const auto index = static_cast<std::size_t>(pass.index);
  switch (pass.kind) {
    case Pass::Kind::sweep:
      for (const run::SweepValue& value : sweeps_[index].sweep.values)
        if (value.kind == run::SweepValue::Kind::input) f(value.slot);
      break;
    case Pass::Kind::matmul: {
      const MatmulPass& matmul = draft_.matmuls_[index];
      for (const std::int32_t buffer : matmul.inputs())
        if (buffer >= 0) f(buffer);
      for (const std::int32_t buffer : draft_.list(matmul.joined_reads)) f(buffer);
      break;
    }
    case Pass::Kind::copy: f(draft_.copies_[index].input); break;
    case Pass::Kind::opaque:
      for (const std::int32_t buffer : Plan::of_inputs(draft_.opaques_[index], draft_.opaque_inputs_)) f(buffer);
      break;
    case Pass::Kind::zero: break;
  }
}

template <class F>
void Planner::for_each_write(const Pass& pass, F&& f) const {
  const auto index = static_cast<std::size_t>(pass.index);
  switch (pass.kind) {
    case Pass::Kind::sweep:
      for (const run::SweepOutput& output : sweeps_[index].sweep.outputs) f(output.slot);
      break;
    case Pass::Kind::matmul:
      f(draft_.matmuls_[index].c);
      if (draft_.matmuls_[index].workspace >= 0) f(draft_.matmuls_[index].workspace);
      break;
    case Pass::Kind::copy: f(draft_.copies_[index].output); break;
    case Pass::Kind::opaque: f(draft_.opaques_[index].output); break;
    case Pass::Kind::zero: f(draft_.zeros_[index].output); break;
  }
}

}  // namespace thalweg::internal
