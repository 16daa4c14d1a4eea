#pragma once
// A plan: the schedule for one request, that is its passes over memory, the places of their buffers, and what must be
// bound anew at each run. Plain data, made by the planner (planner.hpp) and executed by Plan::run.

#include <algorithm>
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

/// A buffer of the plan, and how it gets its address.
struct PlanBuffer {
  enum class Place : std::uint8_t {
    arena,     // offset into the tape's arena
    constant,  // the tensor of node `node`
    registry,  // the parameter or flat buffer that node `node` reads
    held,      // a tensor that the tape holds for node `node`, whose value was requested
    gradient,  // the gradient of parameter `index` of the segment's registry `node`
    assigned,  // what the assign node `node` writes
    alias,     // `offset` bytes into buffer `base`, or at the offset of dynamic view `index` if that is ≥ 0
    earlier,   // offset into the arena, where the plan of an earlier segment keeps the value
    eager,     // the value of node `node` of an eager tape
    number,    // number cell `index`
  };
  Place place = Place::arena;
  DType dtype = DType::f32;
  bool kept = false;  // in the arena, for later requests
  std::int32_t node = -1;
  std::int32_t index = -1;
  std::int32_t base = -1;
  std::size_t offset = 0;
  std::size_t bytes = 0;
};

// A pass holds the addresses it works on; Plan::prepare updates them. Its lists of nodes, reads and writes (buffers)
// are for explain_plan.

struct SweepPass {
  run::CompiledSweep sweep;
  std::int64_t rows = 0, columns = 0;
  run::ListRange nodes, reads, writes;
  std::int32_t arguments = 0;  // index of its first argument in the plan's list
};
struct MatmulPass {
  run::MatmulForm form;
  std::int32_t a = -1, b = -1, c = -1, start = -1, bias = -1, activated = -1;            // buffers
  std::array<std::int32_t, 5> inputs() const { return {a, b, start, bias, activated}; }  // −1: none
  std::int32_t workspace = -1;                                                           // a buffer; −1: none
  std::int32_t batch = -1;               // index into the plan's batches; −1: a single product
  std::int32_t nodes[3] = {-1, -1, -1};  // the contraction, then the nodes of the epilogue
  std::int32_t node_count = 1;
  run::ListRange joined_nodes, joined_reads;  // of products that were merged into it; see products.cpp
};
/// The part of a matmul pass that running needs, separate from what planning and explain_plan need: a plan with many
/// products does not fit the caches, so each run should read little.
struct BoundMatmul {
  run::MatmulMemory memory;
  run::PreparedMatmul::Run run = nullptr;
  const run::MatmulForm* form = nullptr;  // shared by passes with equal forms
  void* workspace = nullptr;
  std::int32_t panel = no_panel;  // index into the plan's panels
  std::int32_t batch = -1;
  static constexpr std::int32_t no_panel = -1;
  static constexpr std::int32_t generated = -2;  // needs no panel: `run` is code generated for the form
};
/// A strided copy: output[i] = input[offset + Σ i_k·strides_k]; the offset may depend on numbers.
struct CopyPass {
  std::int32_t input = -1, output = -1, node = -1;
  Shape shape;
  StridedView view;
  DType dtype = DType::f32;
  std::int32_t dynamic = -1;  // index of a dynamic view, which is computed at each run; −1: `view` is fixed
  const void* input_memory = nullptr;
  void* output_memory = nullptr;
};
struct OpaquePass {
  std::int32_t node = -1, output = -1;
  std::int32_t origin = -1;  // the node whose op and line errors name
  const Op* op = nullptr;
  std::uint64_t attribute = 0;
  run::ListRange inputs;
  NodeType output_type;
  void* output_memory = nullptr;
};
/// Zeros, for the gradient of a parameter that the loss does not depend on.
struct ZeroPass {
  std::int32_t output = -1;
  std::size_t bytes = 0;
  void* memory = nullptr;
};
/// One step of the schedule: number `index` of the plan's sweeps, matmuls, …
struct Pass {
  enum class Kind : std::uint8_t { sweep, matmul, copy, opaque, zero } kind;
  std::int32_t index;
};

/// A view whose offset depends on numbers, such as the start of a slice.
struct DynamicView {
  const Op* op;
  const Shape* input;
  const Shape* output;
  std::uint64_t attribute;
  std::array<std::int32_t, Shape::max_rank> numbers;  // slots
  std::int32_t count;                                 // number of slots
  StridedView evaluate(std::span<const double> all_numbers) const;
};
/// A value that stays in the arena, or is held by the tape, for later plans.
struct KeptValue {
  std::int32_t node, buffer;
};
// Buffers whose addresses change from run to run: constants, and tensors that the tape holds for requested values. If only
// sweeps use such a buffer, its address is written directly to their arguments.
struct ConstantBuffer {
  std::int32_t node, buffer;
};
struct ConstantArgument {
  std::int32_t node, argument;
};
struct HeldBuffer {
  std::int32_t node, buffer;
  const Shape* shape;
  DType dtype;
};
struct HeldArgument {
  HeldBuffer held;
  std::int32_t argument;
};
/// An argument of a sweep whose buffer moves and is used by other passes or views too.
struct MovingArgument {
  std::int32_t buffer, argument;
};
/// A number that is data, unlike a literal: its value may change from run to run.
struct PlanNumber {
  std::int32_t slot, node;
};
/// A number in memory, for passes other than sweeps.
struct NumberCell {
  alignas(16) std::byte bytes[16] = {};
  std::int32_t slot;
  DType dtype;
};

/// The result of planning. The lists are vectors in a draft (PlanDraft), and spans into one block of memory in a Plan.
template <template <class> class List>
struct PlanLists {
  // For planning later segments.
  List<KeptValue> kept;           // sorted by node
  List<std::int32_t> computed;    // nodes this plan computes, sorted
  List<std::int32_t> wanted;      // nodes of earlier segments that this plan reads
  bool keeps_in_advance = false;  // whether `kept` has more than later segments are known to read
  std::size_t arena_begin = 0, arena_kept_end = 0, arena_end = 0;

  /// Calls f(list, the same list of `other`) for every list.
  template <class Other, class F>
  void with_lists_of(Other& other, F&& f) {
    f(kept, other.kept), f(computed, other.computed), f(wanted, other.wanted), f(buffers_, other.buffers_);
    f(constants_, other.constants_), f(constant_arguments_, other.constant_arguments_);
    f(held_, other.held_), f(held_arguments_, other.held_arguments_), f(moving_views_, other.moving_views_);
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
  template <class OtherList>
  static auto of_inputs(const OpaquePass& pass, OtherList& list) {
    return std::span(list.data() + pass.inputs.begin, list.data() + pass.inputs.end);
  }
  /// Call f for every buffer that a pass reads, or writes; more than once if it appears so. For a sweep, they call
  /// of_sweep(its index): a draft has other sweeps than a plan. A product's workspace is neither; see workspace_of.
  template <class OfSweep, class F>
  void for_each_read(const Pass& pass, OfSweep&& of_sweep, F&& f) const;
  template <class OfSweep, class F>
  void for_each_write(const Pass& pass, OfSweep&& of_sweep, F&& f) const;
  /// The buffer that a pass needs only while it runs; −1: none.
  std::int32_t workspace_of(const Pass& pass) const {
    return pass.kind == Pass::Kind::matmul ? matmuls_[static_cast<std::size_t>(pass.index)].workspace : -1;
  }

  List<PlanBuffer> buffers_;
  List<ConstantBuffer> constants_;
  List<ConstantArgument> constant_arguments_;
  List<HeldBuffer> held_;
  List<HeldArgument> held_arguments_;
  List<std::int32_t> moving_views_;  // aliases of those buffers, or at offsets that depend on numbers
  List<MovingArgument> moving_arguments_;
  List<std::int32_t> prepared_;  // passes other than sweeps that use moving buffers
  List<std::int32_t> checked_;   // leaves whose parameter must not have changed since it was read
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
  List<std::int32_t> opaque_inputs_;  // buffers, indexed by OpaquePass::inputs, as are the types
  List<NodeType> opaque_types_;
  List<std::int32_t> lists_;  // nodes, reads and writes of sweeps, and of joined products; see ListRange members
  List<DynamicView> dynamic_views_;
  std::vector<SweepPass> sweeps_;
  std::int32_t argument_count_ = 0;  // of all sweeps
  std::int32_t value_buffer_ = -1;   // of the value that an item request or backward asks for
};
template <class T>
using GrowingList = std::vector<T>;
template <class T>
using LaidList = std::span<T>;
using PlanDraft = PlanLists<GrowingList>;

template <template <class> class List>
template <class OfSweep, class F>
void PlanLists<List>::for_each_read(const Pass& pass, OfSweep&& of_sweep, F&& f) const {
  const auto index = static_cast<std::size_t>(pass.index);
  switch (pass.kind) {
    case Pass::Kind::sweep: of_sweep(index); break;
    case Pass::Kind::matmul:
      for (const std::int32_t buffer : matmuls_[index].inputs())
        if (buffer >= 0) f(buffer);
      for (const std::int32_t buffer : list(matmuls_[index].joined_reads)) f(buffer);
      break;
    case Pass::Kind::copy: f(copies_[index].input); break;
    case Pass::Kind::opaque:
      for (const std::int32_t buffer : of_inputs(opaques_[index], opaque_inputs_)) f(buffer);
      break;
    case Pass::Kind::zero: break;
  }
}

template <template <class> class List>
template <class OfSweep, class F>
void PlanLists<List>::for_each_write(const Pass& pass, OfSweep&& of_sweep, F&& f) const {
  const auto index = static_cast<std::size_t>(pass.index);
  switch (pass.kind) {
    case Pass::Kind::sweep: of_sweep(index); break;
    case Pass::Kind::matmul: f(matmuls_[index].c); break;
    case Pass::Kind::copy: f(copies_[index].output); break;
    case Pass::Kind::opaque: f(opaques_[index].output); break;
    case Pass::Kind::zero: f(zeros_[index].output); break;
  }
}

class Plan : private PlanLists<LaidList> {
 public:
  using PlanLists::arena_kept_end;
  using PlanLists::computed;
  using PlanLists::keeps_in_advance;
  using PlanLists::kept;
  using PlanLists::wanted;

  /// The plan for the request of `segment`, the last one of the recorder's path.
  static std::unique_ptr<Plan> make(Recorder& recorder, Segment& segment);
  /// The plan for one node of an eager tape.
  static std::unique_ptr<Plan> make_node(Recorder& recorder, std::int32_t id);
  /// Called when a tape ends: from now on, its segments keep the values that later segments have read.
  static void learn(Recorder& recorder);

  /// Returns the address of the value that an item request asks for or backward starts from; null for other requests.
  const void* run(Recorder& recorder, const BackwardTarget& target, SourceLine line);
  /// Runs a plan that comes down to calling the functions of its sweeps, for the first request of a tape, a value that
  /// leaves the tape. Returns that value's memory; null, and has done nothing, if it is for `run`: the plan is not like
  /// that, has not run often enough, or there is more to do this time.
  Storage* call(const Recorder& recorder);
  /// The value that `call` computes.
  const HeldBuffer& called_value() const { return called_value_; }

  std::size_t bytes() const;
  std::string explain(const Recorder& recorder) const;
  /// Adds the work of one run.
  void summarize(PlanSummary& summary) const;

  /// One pass over memory as plain data.
  struct PassSummary {
    const char* title = "";                          // "sweep", "matmul", "copy", "opaque", "zeros"
    std::vector<std::int32_t> nodes, reads, writes;  // ids; buffers
    std::size_t bytes = 0;                           // moved between memory and kernels
  };
  std::vector<PassSummary> pass_summaries() const;
  /// Identifies the plan in the process.
  std::uint64_t number() const { return number_; }
  static constexpr std::uint64_t no_number = 0;  // of no plan
  /// The memory behind a buffer: aliases of the same memory have the same root.
  struct BufferView {
    std::int32_t root;
    std::size_t offset, bytes;
    bool is_arena;
    const char* where;                           // outside the arena: its purpose
    std::int32_t node;                           // the node it belongs to; −1: none
    std::int32_t registry = -1, parameter = -1;  // of a gradient: as in Segment::gradient_outputs
  };
  BufferView buffer_view(std::int32_t buffer) const;
  /// Floating-point operations of a node; see TapeGraph::flops.
  static std::int64_t flops(const Recorder& recorder, std::int32_t id);
  /// The buffer in which the plan keeps a node's value for later requests; null if it does not.
  const PlanBuffer* kept_buffer(std::int32_t node) const {
    const std::int32_t buffer = kept_place(node);
    return buffer < 0 ? nullptr : &buffers_[static_cast<std::size_t>(buffer)];
  }
  /// The address of a kept value after the last run.
  const void* kept_value(std::int32_t node) const;

  std::uint64_t made_after = 0;  // number of the plan that the tape had executed last when this one was made; 0: none

 private:
  /// The index of that buffer; −1: none.
  std::int32_t kept_place(std::int32_t node) const {
    const auto at = std::lower_bound(kept.begin(), kept.end(), node,
                                     [](const KeptValue& value, std::int32_t wanted) { return value.node < wanted; });
    return at == kept.end() || at->node != node ? -1 : at->buffer;
  }
  /// What determines the addresses that are not bound at every run.
  struct Binding {
    void* arena = nullptr;
    void* gradients = nullptr;     // the buffer that `backward` was told to fill
    std::int64_t registries = -1;  // RegistryCore::layouts_made(); −1: not bound yet
    bool operator==(const Binding&) const = default;
  };
  void bind(Recorder& recorder, const BackwardTarget& target);
  bool is_bound_for(const Recorder& recorder) const;
  void bind_argument(std::int32_t argument, void* memory) {
    arguments_[static_cast<std::size_t>(argument)] = reinterpret_cast<run::Argument>(memory);
  }
  void bind_constant_arguments(const Recorder& recorder) {
    for (const auto& [node, argument] : constant_arguments_) bind_argument(argument, recorder.slot(node).storage->data);
  }
  void bind_data(Recorder& recorder, const BackwardTarget& target);
  [[gnu::noinline]] void bind_all(Recorder& recorder, const BackwardTarget& target);
  /// Reads the numbers and draws that are data. Returns whether a number has changed.
  bool read_data(const Recorder& recorder);
  void fill_number_cells();
  /// Writes the addresses of a pass's buffers into it.
  void prepare(const Pass& pass);
  void choose_kernel(BoundMatmul& matmul);
  /// Gives products for which generated code is faster the code that `code_for` returns: at the first run what exists
  /// already, at run number runs_until_generated newly generated code, since a plan that runs again will run often.
  [[gnu::noinline]] void take_code(run::GeneratedProduct (&code_for)(const run::ProductForm&));
  static constexpr int runs_until_generated = 2;
  /// Counts the first runs, and does what is due at some of them.
  [[gnu::noinline]] void settle(const Recorder& recorder);
  static constexpr int runs_until_settled = 3;
  /// Fills calls_ if this plan, about to run for the first request of a tape, is one for `call`.
  void find_calls(const Recorder& recorder);
  void count_run() const;
  /// The same for `call`: its passes are sweeps.
  void count_call() const;
  void run_passes(const Recorder& recorder);
  void run_pass(const Pass& pass, const Recorder& recorder);
  void run_other(const Pass& pass, const Recorder& recorder);
  // Out of line, so that `run` needs less of the stack.
  [[gnu::noinline]] void run_large(const Recorder& recorder);
  [[gnu::noinline]] void run_observed(const Recorder& recorder);
  [[gnu::noinline]] void check_leaves(const Recorder& recorder, SourceLine line) const;
  void* address(const PlanBuffer& buffer, Recorder& recorder, const BackwardTarget& target);
  void share_forms();
  /// Takes over what the planner has drafted, and counts the work of the passes.
  void complete(PlanDraft& draft, RecordingMemory& memory);
  void lay_lists(PlanDraft& draft, RecordingMemory& memory);
  std::size_t pass_bytes(const Pass& pass) const;
  /// The buffers that a pass reads, and those that it writes, in order.
  std::vector<std::int32_t> reads(const Pass& pass) const;
  std::vector<std::int32_t> writes(const Pass& pass) const;
  std::vector<std::int32_t> nodes(const MatmulPass& pass) const;
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
  /// The number of products that a matmul pass computes.
  std::int64_t batch_count(const MatmulPass& pass) const;
  const CopyPass& copy(const Pass& pass) const { return copies_[static_cast<std::size_t>(pass.index)]; }
  const OpaquePass& opaque(const Pass& pass) const { return opaques_[static_cast<std::size_t>(pass.index)]; }
  const ZeroPass& zero(const Pass& pass) const { return zeros_[static_cast<std::size_t>(pass.index)]; }

  static std::uint64_t next_number();

  std::uint64_t number_ = next_number();
  RecordingMemory::Block block_;  // in which the lists lie
  LaidList<void*> pointers_;      // by buffer
  LaidList<run::DrawSource> draws_;
  LaidList<run::Argument> arguments_;    // of all sweeps, one after another
  LaidList<BoundMatmul> bound_matmuls_;  // by index into matmuls_
  LaidList<const void*> opaque_memory_;  // by OpaquePass::inputs
  std::vector<run::MatmulPanel> panels_;
  std::vector<std::shared_ptr<const void>> code_;  // of generated products
  int runs_ = 0;                                   // counts up to runs_until_settled
  /// In plans that move fewer bytes, no pass is worth a second thread.
  static constexpr std::int64_t least_shared_bytes = 1 << 16;
  run::RepeatedWork repeated_;
  bool has_data_ = false;  // whether a run binds more than arguments of sweeps
  Binding binding_;
  // The passes of a plan for `call`, in order; empty for another one.
  struct Call {
    run::CompiledSweep::Function function;
    const run::Argument* arguments;
  };
  std::vector<Call> calls_;
  HeldBuffer called_value_{};
  run::Argument* called_value_argument_ = nullptr;
  bool takes_tensors_only_ = false;  // there are calls; they have no other arguments than constants and the value
  std::size_t value_bytes_ = 0;
  int value_size_class_ = 0;
  /// What each run adds to the thread's statistics.
  struct Counts {
    std::int64_t requests = 1, sweeps = 0, matmuls = 0, other_kernels = 0, bytes_moved = 0;
  } counts_;
  std::size_t static_bytes_ = 0;
};

}  // namespace thalweg::internal
