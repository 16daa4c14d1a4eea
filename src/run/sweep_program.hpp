#pragma once
// A compiled sweep: made by sweep_compile.cpp, executed by sweep_execute.cpp.
//
// A sweep runs in walks over its domain. A value that depends on a reduction over the whole domain (to `single` or
// `per_column`) belongs to a later walk; between walks, small programs compute values per column and single values. A
// walk by rows has stages: a value that depends on a reduction over the row belongs to a later stage. Rows that fit
// into one block of the machine need no stages: there a row's reduction is an instruction like any other.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "src/run/aligned_memory.hpp"
#include "src/run/list_range.hpp"
#include "src/run/sweep_geometry.hpp"
#include "src/run/sweep_machine.hpp"

namespace thalweg::run {

inline constexpr std::int32_t no_program = -1;

/// The programs for a range of elements, as indices of first instructions: for whole wide blocks and for the rest.
struct BlockPrograms {
  std::int32_t wide = no_program;
  std::int32_t tail = no_program;
  bool tail_wide = false;
  LoopCode loop = nullptr;  // generated code in place of `wide`
  LoopCode row = nullptr;   // generated code in place of `wide`, `tail` and the stage's folds of a row
  LoopCode rows = nullptr;  // generated code in place of `tail`, where each row is one block
};

/// A reduction that accumulates lane by lane in a slot of the thread's scratch memory.
struct SlotFold {
  Reduction reduction;
  bool per_row;         // whether the result goes to a slot of scratch memory, not into partial `target`
  std::int32_t slot;    // byte offset in scratch memory
  std::int32_t target;  // per_row: byte offset of that slot; else index among the walk's singles
};

struct ColumnFold {
  Reduction reduction;
  std::int32_t tile;    // byte offset in scratch memory
  std::int64_t vector;  // byte offset in the sweep's memory: the result
};

struct SingleResult {
  Reduction reduction;
  std::int64_t slot;  // byte offset in the sweep's memory: the result
};

/// A reduction of a vector (per column or per row) in the sweep's memory to one value.
struct VectorFold {
  Reduction reduction;
  std::int64_t vector, length;
  std::int64_t slot;
};

/// A vector of values per column, repeated to fill a tile.
struct Expansion {
  std::int64_t vector, tile;
};

/// Small programs between walks, executed in the order of the members.
struct Level {
  std::int32_t single_program = no_program;
  std::int32_t column_program = no_program;
  bool columns_wide = false;
  ListRange folds;  // of vector_folds
  ListRange expansions;
};

struct Stage {
  std::int32_t row_program = no_program;  // narrow; runs once per row, before the blocks
  BlockPrograms blocks;
  ListRange folds;  // of slot_folds, after the blocks
};

struct Walk {
  ListRange levels;  // before the walk
  ListRange stages;
  ListRange columns;        // of column_folds
  ListRange singles;        // of single_results
  RowsCode rows = nullptr;  // generated code in place of the stages
};

// In a program, a slot is an index into the arguments.

/// Instruction `instruction`'s base `which` is argument `slot`: a buffer or a draw.
struct Patch {
  std::int32_t instruction;
  std::int16_t which;
  std::int32_t slot;
};

/// One element of a buffer, or a number.
struct SingleInput {
  std::int32_t slot;
  DType dtype;
  std::int64_t memory;     // byte offset in the sweep's memory
  std::uint64_t bits = 0;  // the element loaded last
  bool is_there = false;   // whether any has been loaded
};
struct ColumnInput {
  std::int32_t slot;
  DType dtype;
  std::int64_t vector, tile;  // −1: not needed
};
/// A per_column or single value written out after the walks.
struct SmallOutput {
  std::int64_t memory, count;
  std::int32_t slot;
  DType dtype;
};
/// A buffer of elements that a walk streams through: base `which` of an instruction that reads or writes it.
struct Stream {
  std::int32_t instruction;
  std::int16_t which;
  bool repeated = false;  // the same memory as an earlier stream (updated in place)
};
/// An output that is written before the last read of an input that may be the same memory.
struct Hazard {
  std::int32_t output, input;  // slots
};

enum class OperandForm : std::uint8_t { plain, swapped, memory };

/// What an instruction does with vectors of the machine's dtype, for the JIT.
struct Meaning {
  enum class Kind : std::uint8_t {
    opaque,
    load,
    load_splat,  // of `dtype`
    copy,
    store,
    store_first,
    apply,
    accumulate,
    reduce_row,
  };
  Kind kind = Kind::opaque;
  DType dtype = DType::f32;
  Primitive primitive = Primitive::none;
  OperandForm form = OperandForm::plain;
  std::uint8_t arity = 0;
  Reduction reduction = Reduction::sum;
  void (*one_vector)(const void* x, void* result) = nullptr;  // see ElementHandlers
};

/// Information about an instruction, for disassembly and the JIT.
struct Note {
  const char* text = "";
  std::int32_t value = -1;
  Meaning meaning;
  bool joined = false;  // whether it is part of the generated code of an earlier instruction
};

struct ProgramFacts {
  bool goes_by_strips(const Walk& walk) const { return strip_columns > 0 && walk.columns.begin < walk.columns.end; }

  DType dtype = DType::f32;
  Geometry geometry;
  const Machine* machine = nullptr;
  bool row_walk = false;
  bool one_block_rows = false;
  bool brings_inputs = true;     // has single or per-column inputs to load before the walks
  bool one_walk = false;         // is a single stage of a single walk in a single task, without folds
  std::int64_t splat_lanes = 0;  // lanes of a slot that are read: those of one vector if all programs are narrow
  std::int64_t read_period = 1;  // period of the tiles of values per column, in elements
  std::int64_t task_length = 1, tasks = 1;
  std::int64_t strip_columns = 0;  // of walks that add up columns strip by strip; 0: there are none
  std::int64_t work = 0;           // rough cost of all elements, to decide on threads
  std::size_t bytes_moved = 0;
  std::int64_t partial_memory = 0;  // Partials by task
  std::int64_t partials_per_task = 0;
  std::size_t temporary_bytes = 0;  // of a thread's scratch memory, below its start
  std::size_t scratch_bytes = 0;
  SweepCode function = nullptr;      // generated code in place of all programs
  std::shared_ptr<const void> code;  // owns the generated code that handlers and loops point to
};

template <template <class> class List>
struct ProgramLists {
  /// The start of a walk, at the beginning of the domain with scratch memory at 0; for a walk by rows in blocks, a
  /// second one that moves by rows. Empty if everything is one run. First member, for its alignment.
  List<Position> positions;
  List<Instruction> instructions;
  List<Patch> patches;
  List<Hazard> hazards;
  List<Stream> streams;  // only if the buffers do not fit the cache
  List<Walk> walks;
  List<Level> levels;
  List<Stage> stages;
  List<SlotFold> slot_folds;
  List<ColumnFold> column_folds;
  List<SingleResult> single_results;
  List<VectorFold> vector_folds;
  List<Expansion> expansions;
  List<SingleInput> single_inputs;
  List<ColumnInput> column_inputs;
  List<SmallOutput> small_outputs;
  List<Note> notes;

  /// Calls f(list, the same list of `other`) for every list.
  template <class Other, class F>
  void with_lists_of(Other& other, F f) {
    f(positions, other.positions), f(instructions, other.instructions), f(patches, other.patches),
        f(hazards, other.hazards);
    f(streams, other.streams);
    f(walks, other.walks), f(levels, other.levels), f(stages, other.stages), f(slot_folds, other.slot_folds);
    f(column_folds, other.column_folds), f(single_results, other.single_results);
    f(vector_folds, other.vector_folds), f(expansions, other.expansions), f(single_inputs, other.single_inputs);
    f(column_inputs, other.column_inputs), f(small_outputs, other.small_outputs), f(notes, other.notes);
  }
};

template <class T>
using DraftList = std::vector<T>;
template <class T>
using FinalList = std::span<T>;

/// A program under construction. Reused, so that its lists keep their memory.
struct SweepDraft : ProgramFacts, ProgramLists<DraftList> {
  AlignedMemory memory;
  std::byte* at(std::int64_t offset) const { return memory.get() + offset; }
};

/// A finished program: the lists of a draft in one block of memory.
struct SweepProgram : ProgramFacts, ProgramLists<FinalList> {
  AlignedMemory memory, lists;
  Blocks only_blocks;           // if one_walk
  bool has_tried_code = false;  // whether code generation has been tried
  std::byte* at(std::int64_t offset) const { return memory.get() + offset; }
  /// Empty if a generated function loads them itself.
  std::span<SingleInput> singles_to_bring() const {
    return function == nullptr ? single_inputs : std::span<SingleInput>();
  }
};

/// Whether compile_sweep accepts it: matching extents and dtypes, handlers for all kernels, a single kind of walk.
bool fits_machine(const Sweep& sweep);
/// `delay_stores`: write outputs after all reads, for buffers that alias.
SweepProgram compile_sweep(const Sweep& sweep, bool delay_stores);
/// Precomputes what all runs have in common; called again after code generation.
void prepare_program(SweepProgram& program);
/// `slots` are those of the sweep that uses the program; see CompiledSweep::buffers.
std::string disassemble(const SweepProgram& program, std::span<const std::int32_t> slots, std::size_t buffers);

}  // namespace thalweg::run
