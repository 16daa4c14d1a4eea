#pragma once
// A schedule for what one request asked: the passes over memory, where their buffers lie, and what must be bound anew at
// each run. Plain data, made by the planner (planner.cpp), run by Plan::run.

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <thalweg/statistics.hpp>

#include "src/run/list_range.hpp"
#include "src/run/matmul.hpp"
#include "src/run/matmul_generate.hpp"
#include "src/run/sweep.hpp"
#include "src/run/thread_choice.hpp"
#include "src/tape/recorder.hpp"
#include "src/tape/recording_memory.hpp"

namespace thalweg::internal {

/// How a buffer of the plan gets its address.
struct PlanBuffer {
  enum class Place : std::uint8_t {
    arena,     // offset into the tape's arena
    constant,  // the tensor of node `node`
    registry,  // the parameter or flat buffer that node `node` reads
    held,      // a tensor that the tape holds for node `node` (it was asked for)
    gradient,  // the gradient of parameter `index` of the segment's registry `node`
    assigned,  // what the assign node `node` writes
    alias,     // `offset` bytes into buffer `base`, or as far as dynamic view `index` says, where there is one
    earlier,   // offset into the arena, where the plan of an earlier segment keeps it
    eager,     // the value of node `node`, computed as it was recorded
    number,    // number cell `index`
  };
  Place place = Place::arena;
  DType dtype = DType::f32;
  std::int32_t node = -1;
  std::int32_t index = -1;
  std::int32_t base = -1;
  std::size_t offset = 0;
  std::size_t bytes = 0;
};

// A pass holds the addresses that it works on; Plan::prepare writes them where they have changed. Nodes, reads and
// writes (buffers) are for explain_plan.

struct SweepPass {
  run::CompiledSweep sweep;
  std::int64_t rows = 0, columns = 0;
  run::ListRange nodes, reads, writes;
  std::int32_t arguments = 0;  // the first of its, among the plan's
};
struct MatmulPass {
  run::MatmulForm form;
  std::int32_t a = -1, b = -1, c = -1, start = -1, bias = -1, activated = -1;            // buffers
  std::array<std::int32_t, 5> inputs() const { return {a, b, start, bias, activated}; }  // −1: none
  std::int32_t workspace = -1;                                                           // a buffer, −1: none wanted
  std::int32_t batch = -1;               // of the plan's, −1: one product
  std::int32_t nodes[3] = {-1, -1, -1};  // the contraction, and those of the epilogue
  std::int32_t node_count = 1;
  run::ListRange joined_nodes, joined_reads;  // of products that have become part of it; see products.cpp
};
/// A matmul pass as it is run, apart from what planning and explain_plan need to know: plans of many products are read from
/// beyond the caches at each run.
struct BoundMatmul {
  run::MatmulMemory memory;
  run::PreparedMatmul::Run run = nullptr;
  const run::MatmulForm* form = nullptr;  // of the first pass that has the same
  void* workspace = nullptr;
  std::int32_t panel = no_panel;  // of the plan's
  std::int32_t batch = -1;
  static constexpr std::int32_t no_panel = -1;
  static constexpr std::int32_t generated = -2;  // none taken: `run` is code written for the form
};
/// A strided copy: output[i] = input[offset + Σ i_k·strides_k]; the offset may depend on numbers.
struct CopyPass {
  std::int32_t input = -1, output = -1, node = -1;
  Shape shape;
  StridedView view;
  DType dtype = DType::f32;
  std::int32_t dynamic = -1;  // the view is computed at each run
  const void* input_memory = nullptr;
  void* output_memory = nullptr;
};
struct OpaquePass {
  std::int32_t node = -1, output = -1;
  std::int32_t origin = -1;  // the node whose op and line an error names
  const Op* op = nullptr;
  std::uint64_t attribute = 0;
  run::ListRange inputs;
  NodeType output_type;
  void* output_memory = nullptr;
};
/// Zeros for a gradient that nothing reaches.
struct ZeroPass {
  std::int32_t output = -1;
  std::size_t bytes = 0;
  void* memory = nullptr;
};
/// What is done next: the `index`th of the plan's sweeps, matmuls, …
struct Pass {
  enum class Kind : std::uint8_t { sweep, matmul, copy, opaque, zero } kind;
  std::int32_t index;
};

/// A view whose place depends on numbers (the start of a slice).
struct DynamicView {
  const Op* op;
  const Shape* input;
  const Shape* output;
  std::uint64_t attribute;
  std::array<std::int32_t, Shape::max_rank> numbers;  // slots
  std::int32_t count;                                 // of them
  StridedView evaluate(std::span<const double> all_numbers) const;
};
/// A value that stays in the arena, or with the tape, for later plans.
struct KeptValue {
  std::int32_t node, buffer;
};
// Buffers that move from run to run: of a constant, and of what the tape holds for a node that was asked for.
struct ConstantBuffer {
  std::int32_t node, buffer;
};
struct HeldBuffer {
  std::int32_t node, buffer;
  const Shape* shape;
  DType dtype;
};
/// An argument of a sweep that moves from run to run, as its buffer does.
struct MovingArgument {
  std::int32_t buffer, argument;
};
/// A number that is data; a literal's value never changes.
struct PlanNumber {
  std::int32_t slot, node;
};
/// A number in memory, for passes that are no sweeps.
struct NumberCell {
  alignas(16) std::byte bytes[16] = {};
  std::int32_t slot;
  DType dtype;
};

/// What planning decides. A draft's lists grow; those of the plan that is made of it lie in one block.
template <template <class> class List>
class PlanLists {
 public:
  // What planning later segments needs to know.
  List<KeptValue> kept;           // sorted by node
  List<std::int32_t> computed;    // nodes this plan computes, sorted
  List<std::int32_t> wanted;      // nodes of earlier segments that it would like to find kept
  bool keeps_in_advance = false;  // more than is known to be read
  std::size_t arena_begin = 0, arena_kept_end = 0, arena_end = 0;

 protected:
  friend class Plan;
  friend class Planner;
  template <template <class> class OtherList>
  friend class PlanLists;
  /// Calls f(a list, the same one of `other`) for each.
  template <class Other, class F>
  void with_lists_of(Other& other, F&& f) {
    f(kept, other.kept), f(computed, other.computed), f(wanted, other.wanted), f(buffers_, other.buffers_);
    f(constants_, other.constants_), f(held_, other.held_), f(moving_views_, other.moving_views_);
    f(moving_arguments_, other.moving_arguments_), f(prepared_, other.prepared_), f(checked_, other.checked_);
    f(numbers_, other.numbers_), f(number_nodes_, other.number_nodes_), f(number_cells_, other.number_cells_);
    f(draw_nodes_, other.draw_nodes_), f(passes_, other.passes_), f(matmuls_, other.matmuls_);
    f(batches_, other.batches_), f(copies_, other.copies_), f(opaques_, other.opaques_), f(zeros_, other.zeros_);
    f(opaque_inputs_, other.opaque_inputs_), f(opaque_types_, other.opaque_types_), f(lists_, other.lists_);
    f(dynamic_views_, other.dynamic_views_);
  }
  std::span<const std::int32_t> list(const run::ListRange& range) const {
    return std::span(lists_).subspan(static_cast<std::size_t>(range.begin),
                                     static_cast<std::size_t>(range.end - range.begin));
  }

  List<PlanBuffer> buffers_;
  List<ConstantBuffer> constants_;
  List<HeldBuffer> held_;
  List<std::int32_t> moving_views_;  // buffers that these, or numbers, move
  List<MovingArgument> moving_arguments_;
  List<std::int32_t> prepared_;  // passes other than sweeps that work on either
  List<std::int32_t> checked_;   // parameter leaves whose value must be the one recorded
  List<double> numbers_;         // by slot
  List<PlanNumber> number_nodes_;
  List<NumberCell> number_cells_;
  List<std::int32_t> draw_nodes_;
  List<Pass> passes_;
  List<MatmulPass> matmuls_;
  List<run::MatmulBatch> batches_;
  List<CopyPass> copies_;
  List<OpaquePass> opaques_;
  List<ZeroPass> zeros_;
  List<std::int32_t> opaque_inputs_;  // buffers, by OpaquePass::inputs; likewise their types
  List<NodeType> opaque_types_;
  List<std::int32_t> lists_;  // nodes, reads and writes of the sweeps; what was joined to products
  List<DynamicView> dynamic_views_;
  std::vector<SweepPass> sweeps_;
  std::int32_t argument_count_ = 0;  // of all sweeps
  std::int32_t value_buffer_ = -1;   // of what an item request or backward asks for
};
template <class T>
using GrowingList = std::vector<T>;
template <class T>
using LaidList = std::span<T>;
using PlanDraft = PlanLists<GrowingList>;

class Plan : public PlanLists<LaidList> {
 public:
  /// The plan for what `segment`, the last of the recorder's path, requests.
  static std::unique_ptr<Plan> make(Recorder& recorder, Segment& segment);
  /// The plan for one node of an eager tape.
  static std::unique_ptr<Plan> make_node(Recorder& recorder, std::int32_t id);
  /// When a tape ends: what later segments read of earlier ones is kept by these from now on.
  static void learn(Recorder& recorder);

  /// Returns where the value that an item request asks for, or that backward starts from, lies; null for other requests.
  const void* run(Recorder& recorder, const Recorder::BackwardTarget& target, SourceLine line);

  std::size_t bytes() const;
  std::string explain(const Recorder& recorder) const;
  /// Adds what one run does.
  void summarize(PlanSummary& summary) const;

  /// One pass over memory as plain data.
  struct PassSummary {
    const char* title = "";                          // "sweep", "matmul", "copy", "opaque", "zeros"
    std::vector<std::int32_t> nodes, reads, writes;  // ids; buffers
    std::size_t bytes = 0;                           // that it moves
  };
  std::vector<PassSummary> pass_summaries() const;
  /// Tells this plan from every other of the process.
  std::uint64_t number() const { return number_; }
  static constexpr std::uint64_t no_number = 0;  // of none
  /// The memory behind a buffer: aliases of one place have one root.
  struct BufferView {
    std::int32_t root;
    std::size_t offset, bytes;
    bool is_arena;
    const char* where;                           // outside the arena, what it is for
    std::int32_t node;                           // that it belongs to, −1: none
    std::int32_t registry = -1, parameter = -1;  // of a gradient: as in Segment::gradient_outputs
  };
  BufferView buffer_view(std::int32_t buffer) const;
  /// Floating-point operations of a node; see TapeGraph::flops.
  static std::int64_t flops(const Recorder& recorder, std::int32_t id);
  /// Where the last run has left the value of a node that was to be kept.
  const void* kept_value(std::int32_t node) const;

  std::uint64_t made_after = 0;  // number of the plan that the tape had carried out before it was made; 0: none

 private:
  friend class Planner;
  void bind(Recorder& recorder, const Recorder::BackwardTarget& target);
  [[gnu::noinline]] void bind_all(Recorder& recorder, const Recorder::BackwardTarget& target);
  /// Reads the numbers that are data; whether one has changed.
  bool read_numbers(const Recorder& recorder);
  void fill_number_cells();
  /// Writes the addresses of its buffers into a pass.
  void prepare(const Pass& pass);
  void choose_kernel(BoundMatmul& matmul);
  /// Products that are better off with generated code get that which is known for their form; a plan that runs again will run
  /// often, and has it written.
  [[gnu::noinline]] void take_code(run::GeneratedProduct (&code_for)(const run::ProductForm&));
  static constexpr int runs_until_generated = 2;
  void run_passes(const Recorder& recorder);
  void run_pass(const Pass& pass, const Recorder& recorder);
  void run_other(const Pass& pass, const Recorder& recorder);
  // Apart from `run`, which so needs less of the stack.
  [[gnu::noinline]] void run_large(const Recorder& recorder);
  [[gnu::noinline]] void run_observed(const Recorder& recorder);
  [[gnu::noinline]] void check_leaves(const Recorder& recorder, SourceLine line) const;
  void* address(const PlanBuffer& buffer, Recorder& recorder, const Recorder::BackwardTarget& target);
  void share_forms();
  /// The plan that the planner has drafted; counts what its passes do.
  void complete(PlanDraft& draft, RecordingMemory& memory);
  void lay_lists(PlanDraft& draft, RecordingMemory& memory);
  std::size_t pass_bytes(const Pass& pass) const;
  /// The buffers that a pass reads, and those it writes.
  std::vector<std::int32_t> reads(const Pass& pass) const;
  std::vector<std::int32_t> writes(const Pass& pass) const;
  std::vector<std::int32_t> nodes(const MatmulPass& pass) const;
  template <class List>
  static auto of_inputs(const OpaquePass& pass, List& list) {
    return std::span(list.data() + pass.inputs.begin, list.data() + pass.inputs.end);
  }
  std::size_t total_bytes(std::vector<std::int32_t> buffers) const;
  std::string explain_pass(const Pass& pass, const Recorder& recorder) const;
  std::string why_apart(std::size_t index) const;
  std::string explain_work(std::size_t index, std::int64_t flops) const;
  std::string explain_memory() const;
  std::span<run::Argument> arguments_of(const SweepPass& pass) {
    return arguments_.subspan(static_cast<std::size_t>(pass.arguments), pass.sweep.argument_count());
  }
  const SweepPass& sweep(const Pass& pass) const { return sweeps_[static_cast<std::size_t>(pass.index)]; }
  const MatmulPass& matmul(const Pass& pass) const { return matmuls_[static_cast<std::size_t>(pass.index)]; }
  /// How many products a matmul pass makes.
  std::int64_t batch_count(const MatmulPass& pass) const;
  const CopyPass& copy(const Pass& pass) const { return copies_[static_cast<std::size_t>(pass.index)]; }
  const OpaquePass& opaque(const Pass& pass) const { return opaques_[static_cast<std::size_t>(pass.index)]; }
  const ZeroPass& zero(const Pass& pass) const { return zeros_[static_cast<std::size_t>(pass.index)]; }

  static std::uint64_t next_number();

  std::uint64_t number_ = next_number();
  RecordingMemory::Block block_;  // in which the lists lie
  LaidList<void*> pointers_;      // by buffer
  LaidList<run::DrawSource> draws_;
  LaidList<run::Argument> arguments_;    // of the sweeps, one after the other
  LaidList<BoundMatmul> bound_matmuls_;  // by index into matmuls_
  LaidList<const void*> opaque_memory_;  // by OpaquePass::inputs
  std::vector<run::MatmulPanel> panels_;
  std::vector<std::shared_ptr<const void>> code_;  // of generated products
  int runs_ = 0;                                   // up to runs_until_generated
  /// A plan that moves less than this many bytes has no pass that is worth a second thread.
  static constexpr std::int64_t least_shared_bytes = 1 << 16;
  run::RepeatedWork repeated_;
  // What the addresses that are not bound at every run depend on.
  struct Binding {
    void* arena = nullptr;
    void* gradients = nullptr;     // the buffer that `backward` was told to fill
    std::int64_t registries = -1;  // RegistryCore::layouts_made(); −1: not bound yet
    bool operator==(const Binding&) const = default;
  } binding_;
  /// What a run adds to the thread's statistics.
  struct Counts {
    std::int64_t requests = 1, sweeps = 0, matmuls = 0, other_kernels = 0, bytes_moved = 0;
  } counts_;
  std::size_t static_bytes_ = 0;
};

}  // namespace thalweg::internal
