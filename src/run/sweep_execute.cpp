#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>

#include <fmt/format.h>

#include "src/run/sweep_cache.hpp"
#include "src/run/sweep_generate.hpp"
#include "src/run/sweep_program.hpp"
#include "src/run/thread_pool.hpp"

namespace thalweg::run {

namespace {

/// Below this much work (elements times instructions) a sweep stays on one thread.
constexpr std::int64_t parallel_work = 256 * 1024;

struct ScratchMemory {
  std::byte* data;
  std::size_t capacity;
};
constinit thread_local ScratchMemory scratch_memory{nullptr, 0};

void grow_scratch_memory(std::size_t bytes) {
  thread_local AlignedMemory owner;
  owner = AlignedMemory();
  scratch_memory = {nullptr, 0};
  owner = AlignedMemory(bytes);
  scratch_memory = {owner.get(), bytes};
}

/// This thread's memory for tiles, slots and, below its start, temporaries; it grows to what the largest sweep needs.
std::byte* scratch_of(const SweepProgram& program) {
  const std::size_t bytes = program.temporary_bytes + program.scratch_bytes;
  if (scratch_memory.capacity < bytes) grow_scratch_memory(bytes);
  return scratch_memory.data + program.temporary_bytes;
}

}  // namespace

void prepare_thread() {
  constexpr std::size_t usual = std::size_t{1} << 20;
  if (scratch_memory.capacity < usual) grow_scratch_memory(usual);
}

namespace {

/// One element as the machine's dtype holds it.
Partial read_partial(DType dtype, const void* memory, DType memory_dtype) {
  Partial partial{};
  if (dtype == DType::i64) {
    convert_values(&partial.integer, DType::i64, memory, memory_dtype, 1);
  } else if (dtype == DType::f64) {
    convert_values(&partial.floating, DType::f64, memory, memory_dtype, 1);
  } else {
    float value = 0;
    convert_values(&value, DType::f32, memory, memory_dtype, 1);
    partial.floating = value;
  }
  return partial;
}

/// The runs that `count` elements need; a rest is only at the end of what the programs were made for.
Blocks blocks_of(const SweepProgram& program, const BlockPrograms& programs, std::int64_t count) {
  const auto wide = static_cast<std::uint64_t>(program.geometry.wide);
  const Instruction* instructions = program.instructions.data();
  Blocks blocks;
  if (programs.wide != no_program) {
    blocks.wide = instructions + programs.wide;
    blocks.loop = programs.loop;
    blocks.wide_count = static_cast<std::int64_t>(static_cast<std::uint64_t>(count) / wide);
  }
  blocks.lanes = static_cast<std::int64_t>(static_cast<std::uint64_t>(count) % wide);
  if (blocks.lanes > 0 && programs.tail != no_program) {
    blocks.tail = instructions + programs.tail;
    blocks.tail_count = 1;
    blocks.tail_wide = programs.tail_wide;
  }
  return blocks;
}

/// Whole rows that are one block each.
Blocks rows_of(const SweepProgram& program, const BlockPrograms& programs, std::int64_t rows) {
  Blocks blocks;
  if (programs.tail == no_program) return blocks;
  blocks.tail = program.instructions.data() + programs.tail;
  blocks.tail_count = rows;
  blocks.tail_wide = programs.tail_wide;
  blocks.lanes = program.geometry.columns;
  return blocks;
}

/// A program that runs once.
Blocks once(const SweepProgram& program, std::int32_t instruction) {
  Blocks blocks;
  blocks.tail = program.instructions.data() + instruction;
  blocks.tail_count = 1;
  return blocks;
}

/// One walk over the domain.
class Walker {
  static constexpr std::int64_t prefetch_blocks = 2;  // at a time
 public:
  Walker(const SweepProgram& program, const Walk& walk) : program_(program), walk_(walk), geometry_(program.geometry) {}

  void run() {
    if (walk_.stages.begin == walk_.stages.end) return;
    if (program_.tasks > 1 && program_.work >= parallel_work && thread_limit() > 1) {
      parallel_for(program_.tasks, [this](std::int64_t task) { run_task(task); });
    } else {
      for (std::int64_t task = 0; task < program_.tasks; ++task) run_task(task);
    }
    finish();
  }

 private:
  const SweepProgram& program_;
  const Walk& walk_;
  const Geometry& geometry_;

  const Stage& stage(std::int32_t index) const { return program_.stages[static_cast<std::size_t>(index)]; }
  Partial* partials(std::int64_t task) const {
    return reinterpret_cast<Partial*>(program_.at(program_.partial_memory)) + task * program_.partials_per_task;
  }
  /// A task's partials: the columns of each column reduction, then the singles.
  Partial* single_partial(std::int64_t task, std::int32_t single) const {
    return partials(task) + (walk_.columns.end - walk_.columns.begin) * geometry_.columns +
           (single - walk_.singles.begin);
  }

  void start(State& state, std::byte* scratch) const;
  /// The beginning of a row, or an element of the flat walk.
  void move_to(Position& position, std::byte* scratch, std::int64_t row, std::int64_t flat) const;
  void run_task(std::int64_t task) const;
  void walk_flat(State& state, std::byte* scratch, std::int64_t task, std::int64_t begin, std::int64_t end) const;
  void walk_rows(State& state, std::byte* scratch, std::int64_t task, std::int64_t begin, std::int64_t end) const;
  void prefetch_ahead(const State& state, std::int64_t count) const;
  void prefetch_next_row(const State& state, std::int64_t part, std::int64_t parts) const;
  void run_row(State& state, std::byte* scratch, std::int64_t task, bool first) const;
  void fold_columns(std::byte* scratch, std::int64_t task, bool first, bool last) const;
  void join_single(std::int64_t task, const SlotFold& fold, Partial value, bool first) const;
  void join_singles(std::byte* scratch, std::int64_t task, const Stage& stage, bool first) const;
  void finish() const;
};

void Walker::start(State& state, std::byte* scratch) const {
  program_.machine->begin(state.position, program_.positions[0], scratch);
  for (std::int32_t i = walk_.columns.begin; i < walk_.columns.end; ++i) {
    const ColumnFold& fold = program_.column_folds[static_cast<std::size_t>(i)];
    program_.machine->fill(scratch + fold.tile, geometry_.period, identity(fold.reduction, program_.dtype));
  }
  for (std::int32_t s = walk_.stages.begin; s < walk_.stages.end; ++s)
    for (std::int32_t i = stage(s).folds.begin; i < stage(s).folds.end; ++i) {
      const SlotFold& fold = program_.slot_folds[static_cast<std::size_t>(i)];
      program_.machine->fill(scratch + fold.slot, geometry_.wide, identity(fold.reduction, program_.dtype));
    }
}

void Walker::move_to(Position& position, std::byte* scratch, std::int64_t row, std::int64_t flat) const {
  const auto base = reinterpret_cast<std::intptr_t>(scratch);
  position[Address::flat_1] = flat;
  position[Address::flat_4] = 4 * flat;
  position[Address::flat_8] = 8 * flat;
  position[Address::row_1] = row;
  position[Address::row_4] = 4 * row;
  position[Address::row_8] = 8 * row;
  position[Address::accumulator] = base + (flat == 0 ? 0 : flat % geometry_.period * geometry_.size);
  const std::int64_t column = program_.row_walk || flat == 0 ? 0 : flat % program_.read_period;
  position[Address::column] = column * geometry_.size;
  position[Address::scratch_column] = base;
}

void Walker::run_task(std::int64_t task) const {
  State state;
  std::byte* scratch = scratch_of(program_);
  start(state, scratch);
  const std::int64_t length = program_.row_walk ? geometry_.rows : geometry_.elements();
  const std::int64_t begin = task * program_.task_length, end = std::min(length, begin + program_.task_length);
  if (program_.row_walk) {
    walk_rows(state, scratch, task, begin, end);
  } else {
    walk_flat(state, scratch, task, begin, end);
  }
}

void Walker::join_single(std::int64_t task, const SlotFold& fold, Partial value, bool first) const {
  Partial* partial = single_partial(task, fold.target);
  *partial = first ? value : combine(fold.reduction, program_.dtype, *partial, value);
}

/// Of a row that has been summed in one go.
void Walker::join_singles(std::byte* scratch, std::int64_t task, const Stage& stage, bool first) const {
  for (std::int32_t i = stage.folds.begin; i < stage.folds.end; ++i) {
    const SlotFold& fold = program_.slot_folds[static_cast<std::size_t>(i)];
    if (!fold.per_row) join_single(task, fold, program_.machine->fold_slot(scratch + fold.slot, fold.reduction), first);
  }
}

/// The tiles of column reductions go on in f64 and start afresh. What is first and last is the result.
void Walker::fold_columns(std::byte* scratch, std::int64_t task, bool first, bool last) const {
  Partial* partial = partials(task);
  for (std::int32_t i = walk_.columns.begin; i < walk_.columns.end; ++i, partial += geometry_.columns) {
    const ColumnFold& fold = program_.column_folds[static_cast<std::size_t>(i)];
    std::byte* tile = scratch + fold.tile;
    program_.machine->fold_tile(tile, geometry_.period, geometry_.columns, fold.reduction);
    if (first && last && program_.tasks == 1) {
      std::memcpy(program_.at(fold.vector), tile, static_cast<std::size_t>(geometry_.columns * geometry_.size));
      continue;
    }
    program_.machine->add_partials(partial, tile, geometry_.columns, fold.reduction, first);
    if (!last) program_.machine->fill(tile, geometry_.period, identity(fold.reduction, program_.dtype));
    if (last && program_.tasks == 1)
      program_.machine->round_partials(program_.at(fold.vector), partial, geometry_.columns);
  }
}

/// Of each buffer the `count` elements that are some blocks on.
[[gnu::always_inline]] inline void Walker::prefetch_ahead(const State& state, std::int64_t count) const {
  constexpr std::int64_t line = 64, distance = 4096;
  for (const Stream& stream : program_.streams) {
    if (stream.repeated) continue;
    const Instruction& instruction = program_.instructions[static_cast<std::size_t>(stream.instruction)];
    const Address address = instruction.address[stream.which];
    const std::int64_t bytes = count * (address == Address::flat_4 ? 4 : 8);
    const auto* ahead = reinterpret_cast<const char*>(instruction.base[stream.which] +
                                                      state.position.offset[static_cast<std::uint32_t>(address)]);
    for (std::int64_t i = 0; i < bytes; i += line) __builtin_prefetch(ahead + distance + i, 0, 2);
  }
}

void Walker::walk_flat(State& state, std::byte* scratch, std::int64_t task, std::int64_t begin,
                       std::int64_t end) const {
  const Stage& only = stage(walk_.stages.begin);
  const bool columns = walk_.columns.begin < walk_.columns.end, singles = only.folds.begin < only.folds.end;
  if (begin > 0) move_to(state.position, scratch, 0, begin);

  const std::int64_t column_chunk = geometry_.fold_rows * geometry_.columns;
  const std::int64_t single_chunk = geometry_.wide * blocks_per_fold;
  std::int64_t next_columns = columns ? begin + column_chunk : end, next_singles = singles ? begin + single_chunk : end;
  bool first_columns = true, first_singles = true;
  std::int64_t position = begin;
  do {
    std::int64_t stop = std::min({end, next_columns, next_singles});
    if (!program_.streams.empty()) {
      stop = std::min(stop, position + prefetch_blocks * geometry_.wide);
      prefetch_ahead(state, stop - position);
    }
    program_.machine->run(blocks_of(program_, only.blocks, stop - position), &state);
    position = stop;
    if (columns && (position == next_columns || position == end)) {
      fold_columns(scratch, task, first_columns, position == end);
      next_columns += column_chunk;
      first_columns = false;
    }
    if (singles && (position == next_singles || position == end)) {
      for (std::int32_t i = only.folds.begin; i < only.folds.end; ++i) {
        const SlotFold& fold = program_.slot_folds[static_cast<std::size_t>(i)];
        join_single(task, fold, program_.machine->fold_slot(scratch + fold.slot, fold.reduction), first_singles);
      }
      next_singles += single_chunk;
      first_singles = false;
    }
  } while (position < end);
}

/// The `part`th of `parts` parts of the row after this one is on its way from here on.
/// (Inlined by force: gcc 12 takes a function that only prefetches for one without effect and drops calls of it.)
[[gnu::always_inline]] inline void Walker::prefetch_next_row(const State& state, std::int64_t part,
                                                             std::int64_t parts) const {
  constexpr std::int64_t line = 64;
  for (const Stream& stream : program_.streams) {
    if (stream.repeated) continue;
    const Instruction& instruction = program_.instructions[static_cast<std::size_t>(stream.instruction)];
    const Address address = instruction.address[stream.which];
    const std::int64_t bytes = geometry_.columns * (address == Address::flat_4 ? 4 : 8);
    const auto* next = reinterpret_cast<const char*>(instruction.base[stream.which] + state.row[address] + bytes);
    for (std::int64_t i = bytes * part / parts; i < bytes * (part + 1) / parts; i += line)
      __builtin_prefetch(next + i, 0, 2);
  }
}

void Walker::run_row(State& state, std::byte* scratch, std::int64_t task, bool first) const {
  const std::int64_t columns = geometry_.columns, chunk = geometry_.wide * blocks_per_fold;
  for (std::int32_t s = walk_.stages.begin; s < walk_.stages.end; ++s) {
    const Stage& current = stage(s);
    if (!program_.streams.empty())
      prefetch_next_row(state, s - walk_.stages.begin, walk_.stages.end - walk_.stages.begin);
    program_.machine->rewind(&state);
    if (current.row_program != no_program) {
      program_.machine->run(once(program_, current.row_program), &state);
      program_.machine->rewind(&state);
    }
    if (current.blocks.row != nullptr) {
      current.blocks.row(program_.instructions.data() + current.blocks.wide, &state, columns / geometry_.wide);
      join_singles(scratch, task, current, first);
      continue;
    }
    if (current.blocks.wide == no_program && current.blocks.tail == no_program) continue;
    const bool folds = current.folds.begin < current.folds.end;
    Partial rows[max_values];
    for (std::int64_t column = 0; column < columns;) {
      const std::int64_t stop = folds ? std::min(columns, column + chunk) : columns;
      program_.machine->run(blocks_of(program_, current.blocks, stop - column), &state);
      for (std::int32_t i = current.folds.begin; i < current.folds.end; ++i) {
        const SlotFold& fold = program_.slot_folds[static_cast<std::size_t>(i)];
        Partial& sum = rows[i - current.folds.begin];
        const Partial value = program_.machine->fold_slot(scratch + fold.slot, fold.reduction);
        sum = column == 0 ? value : combine(fold.reduction, program_.dtype, sum, value);
      }
      column = stop;
    }
    for (std::int32_t i = current.folds.begin; i < current.folds.end; ++i) {
      const SlotFold& fold = program_.slot_folds[static_cast<std::size_t>(i)];
      const Partial value = rows[i - current.folds.begin];
      if (fold.per_row) {
        program_.machine->fill(scratch + fold.target, geometry_.wide, value);
      } else {
        join_single(task, fold, value, first);
      }
    }
  }
}

void Walker::walk_rows(State& state, std::byte* scratch, std::int64_t task, std::int64_t begin,
                       std::int64_t end) const {
  const bool columns = walk_.columns.begin < walk_.columns.end;
  Position& start = program_.one_block_rows ? state.position : state.row;
  if (!program_.one_block_rows) program_.machine->begin(state.row, program_.positions[1], scratch);
  if (begin > 0) move_to(start, scratch, begin, begin * geometry_.columns);
  bool first = true;
  for (std::int64_t row = begin; row < end || first; first = false) {
    const std::int64_t stop = columns ? std::min(end, row + geometry_.fold_rows) : end;
    if (program_.one_block_rows) {
      program_.machine->run(rows_of(program_, stage(walk_.stages.begin).blocks, stop - row), &state);
    } else {
      for (std::int64_t r = row; r < stop; ++r) {
        run_row(state, scratch, task, r == begin);
        program_.machine->advance(state.row);
      }
    }
    if (columns) fold_columns(scratch, task, first, stop == end);
    row = stop;
  }
  if (begin >= end)
    for (std::int32_t i = walk_.singles.begin; i < walk_.singles.end; ++i)
      *single_partial(task, i) =
          identity(program_.single_results[static_cast<std::size_t>(i)].reduction, program_.dtype);
}

/// The partial results of the tasks are joined in the order of the tasks.
void Walker::finish() const {
  Partial* columns = partials(0);
  for (std::int32_t i = walk_.columns.begin; i < walk_.columns.end && program_.tasks > 1;
       ++i, columns += geometry_.columns) {
    const ColumnFold& fold = program_.column_folds[static_cast<std::size_t>(i)];
    for (std::int64_t task = 1; task < program_.tasks; ++task)
      program_.machine->join_partials(columns, columns + task * program_.partials_per_task, geometry_.columns,
                                      fold.reduction);
    program_.machine->round_partials(program_.at(fold.vector), columns, geometry_.columns);
  }
  for (std::int32_t i = walk_.singles.begin; i < walk_.singles.end; ++i) {
    const SingleResult& single = program_.single_results[static_cast<std::size_t>(i)];
    Partial total = *single_partial(0, i);
    for (std::int64_t task = 1; task < program_.tasks; ++task)
      total = combine(single.reduction, program_.dtype, total, *single_partial(task, i));
    program_.machine->fill(program_.at(single.slot), program_.splat_lanes, total);
  }
}

/// What has one value per column or only one, between the walks.
void run_level(const SweepProgram& program, const Level& level) {
  const Machine& machine = *program.machine;
  const Geometry& geometry = program.geometry;
  if (level.single_program != no_program || level.column_program != no_program) {
    State state;
    state.position = Position();
    state.position.column_period = state.position.accumulator_end = std::numeric_limits<std::intptr_t>::max();
    state.position[Address::scratch] = reinterpret_cast<std::intptr_t>(scratch_of(program));
    if (level.single_program != no_program) machine.run(once(program, level.single_program), &state);
    if (level.column_program != no_program) {
      const std::int64_t block = level.columns_wide ? geometry.wide : geometry.lanes;
      state.position.step_of(Address::column) = block * geometry.size;
      Blocks blocks = once(program, level.column_program);
      blocks.tail_wide = level.columns_wide;
      blocks.tail_count = (geometry.columns + block - 1) / block;
      machine.run(blocks, &state);
    }
  }
  for (std::int32_t i = level.folds.begin; i < level.folds.end; ++i) {
    const VectorFold& fold = program.vector_folds[static_cast<std::size_t>(i)];
    const Geometry vector(1, fold.length, program.dtype, machine.lanes);
    const std::int64_t length = vector.task_length(false, true);
    Partial total{};
    for (std::int64_t start = 0; start < fold.length || start == 0; start += length) {
      const Partial part = machine.reduce_array(program.at(fold.vector + start * geometry.size),
                                                std::min(length, fold.length - start), fold.reduction);
      total = start == 0 ? part : combine(fold.reduction, program.dtype, total, part);
    }
    machine.fill(program.at(fold.slot), program.splat_lanes, total);
  }
  for (std::int32_t i = level.expansions.begin; i < level.expansions.end; ++i) {
    const Expansion& expansion = program.expansions[static_cast<std::size_t>(i)];
    machine.repeat(program.at(expansion.tile), program.read_period + geometry.wide, program.at(expansion.vector),
                   geometry.columns);
  }
}

/// Brings what is data into the sweep's memory: numbers, draws, small inputs.
[[gnu::noinline]] void bring_inputs(SweepProgram& program, const SweepBindings& bindings, const SlotNames& names) {
  const Machine& machine = *program.machine;
  const Geometry& geometry = program.geometry;
  for (NumberInput& number : program.number_inputs) {
    const double value =
        bindings.numbers[static_cast<std::size_t>(names.numbers[static_cast<std::size_t>(number.slot)])];
    if (number.splatted && std::bit_cast<std::uint64_t>(value) == std::bit_cast<std::uint64_t>(number.value)) continue;
    number.value = value;
    number.splatted = true;
    machine.fill(program.at(number.memory), program.splat_lanes, read_partial(program.dtype, &value, DType::f64));
  }
  for (const SingleInput& input : program.singles_to_bring())
    machine.fill(program.at(input.memory), program.splat_lanes, read_partial(program.dtype, input.source, input.dtype));
  for (const ColumnInput& input : program.column_inputs) {
    const void* source = input.source;
    if (input.vector >= 0) {
      convert_values(program.at(input.vector), program.dtype, source, input.dtype, geometry.columns);
      source = program.at(input.vector);
    }
    if (input.tile >= 0)
      machine.repeat(program.at(input.tile), program.read_period + geometry.wide, source, geometry.columns);
  }
  for (const DrawInput& input : program.draw_inputs)
    std::memcpy(program.at(input.memory),
                &bindings.draws[static_cast<std::size_t>(names.draws[static_cast<std::size_t>(input.slot)])],
                sizeof(DrawSource));
}

}  // namespace

void prepare_program(SweepProgram& program) {
  program.binds_more = !(program.streams.empty() && program.single_inputs.empty() && program.column_inputs.empty() &&
                         program.small_outputs.empty());
  program.brings_inputs = !(program.number_inputs.empty() && program.singles_to_bring().empty() &&
                            program.column_inputs.empty() && program.draw_inputs.empty());
  if (!program.one_walk) return;
  const BlockPrograms& programs = program.stages.front().blocks;
  program.only_blocks = program.one_block_rows ? rows_of(program, programs, program.geometry.rows)
                                               : blocks_of(program, programs, program.geometry.elements());
}

void bind_program(SweepProgram& program, std::span<void* const> buffers, const SlotNames& names) {
  const auto at = [&](std::int32_t slot) {
    return buffers[static_cast<std::size_t>(names.buffers[static_cast<std::size_t>(slot)])];
  };
  for (const Patch& patch : program.patches)
    program.instructions[static_cast<std::size_t>(patch.instruction)].base[patch.which] =
        reinterpret_cast<std::intptr_t>(at(patch.slot));
  if (!program.binds_more) return;
  const auto base_of = [&](const Stream& stream) {
    return program.instructions[static_cast<std::size_t>(stream.instruction)].base[stream.which];
  };
  for (std::size_t i = 0; i < program.streams.size(); ++i)
    program.streams[i].repeated =
        std::any_of(program.streams.begin(), program.streams.begin() + static_cast<std::ptrdiff_t>(i),
                    [&](const Stream& earlier) { return base_of(earlier) == base_of(program.streams[i]); });
  for (SingleInput& input : program.single_inputs) input.source = at(input.slot);
  for (ColumnInput& input : program.column_inputs) input.source = at(input.slot);
  for (SmallOutput& output : program.small_outputs) output.destination = at(output.slot);
}

[[gnu::noinline]] void generate_and_prepare(SweepProgram& program) {
  program.has_tried_code = true;
  generate(program);
  prepare_program(program);
}

inline void run_program(SweepProgram& program) {
  if (program.function != nullptr)  // most of a small net
    return program.function(program.instructions.data(), program.memory.get(),
                            program.column_folds.empty() ? nullptr : scratch_of(program));
  if (program.one_walk && program.streams.empty())
    return program.machine->run_from(program.only_blocks, program.positions.data(), scratch_of(program));
  for (const Walk& walk : program.walks) {
    for (std::int32_t i = walk.levels.begin; i < walk.levels.end; ++i)
      run_level(program, program.levels[static_cast<std::size_t>(i)]);
    Walker(program, walk).run();
  }
  for (const SmallOutput& output : program.small_outputs)
    convert_values(output.destination, output.dtype, program.at(output.memory), program.dtype, output.count);
}

CompiledSweep::CompiledSweep() = default;
CompiledSweep::CompiledSweep(CompiledSweep&&) noexcept = default;
CompiledSweep& CompiledSweep::operator=(CompiledSweep&&) noexcept = default;
CompiledSweep::~CompiledSweep() = default;

CompiledSweep::CompiledSweep(const Sweep& sweep) { shared_ = SweepCache::current().program(sweep, slots_, is_first_); }

namespace {

SlotNames names_of(const SharedProgram& shared, std::span<const std::int32_t> slots) {
  return {slots.first(shared.buffers), slots.subspan(shared.buffers, shared.numbers),
          slots.subspan(shared.buffers + shared.numbers)};
}

}  // namespace

void CompiledSweep::bind(std::span<void* const> buffers) {
  if (!shared_->is_delayed) {
    const auto at = [&](std::int32_t slot) {
      return buffers[static_cast<std::size_t>(slots_[static_cast<std::size_t>(slot)])];
    };
    const std::span<const Hazard> hazards = shared_->program.hazards;
    if (std::any_of(hazards.begin(), hazards.end(),
                    [&](const Hazard& hazard) { return at(hazard.output) == at(hazard.input); }))
      shared_ = shared_->delay();
  }
  binding_ = ++shared_->bindings;
}

void CompiledSweep::run(const SweepBindings& bindings) {
  SharedProgram& shared = *shared_;
  if (shared.bound != binding_) {
    bind_program(shared.program, bindings.buffers, names_of(shared, slots_));
    shared.bound = binding_;
  }
  SweepProgram& program = shared.program;
  if (!program.has_tried_code && generation_policy().is_time(program.geometry.elements(), has_run_)) [[unlikely]]
    generate_and_prepare(program);
  has_run_ = true;
  if (program.brings_inputs) bring_inputs(program, bindings, names_of(shared, slots_));
  run_program(program);
}

bool CompiledSweep::can_fuse(const Sweep& sweep) { return fits_machine(sweep); }

std::size_t CompiledSweep::bytes() const {
  return slots_.capacity() * sizeof(slots_[0]) + (is_first_ ? shared_->bytes() : 0);
}
std::size_t CompiledSweep::bytes_moved() const { return shared_->program.bytes_moved; }
std::string CompiledSweep::disassembly() const { return disassemble(shared_->program, names_of(*shared_, slots_)); }

std::string disassemble(const SweepProgram& program, const SlotNames& names) {
  constexpr const char* addresses[] = {"flat1",  "flat4", "flat8",       "row1",    "row4",          "row8",
                                       "column", "fixed", "accumulator", "scratch", "scratch column"};
  std::string text = program.function != nullptr ? "one function of\n" : "";
  for (std::size_t i = 0; i < program.instructions.size(); ++i) {
    const Instruction& instruction = program.instructions[i];
    text += fmt::format("{:3} {}{}", i, program.notes[i].joined ? "& " : "", program.notes[i].text);
    if (program.notes[i].value >= 0) text += fmt::format(" v{}", program.notes[i].value);
    for (int k = 0; k < 2; ++k) {
      const auto at = static_cast<std::int32_t>(i);
      const auto patch = std::find_if(program.patches.begin(), program.patches.end(),
                                      [&](const Patch& p) { return p.instruction == at && p.which == k; });
      if (patch != program.patches.end()) {
        text += fmt::format(" [buffer {}]", names.buffers[static_cast<std::size_t>(patch->slot)]);
      } else if (instruction.address[k] != Address::fixed) {
        text += fmt::format(" [{}]", addresses[static_cast<int>(instruction.address[k])]);
      } else if (instruction.base[k] != 0) {
        text += fmt::format(" [at {}]", instruction.base[k] - reinterpret_cast<std::intptr_t>(program.memory.get()));
      }
    }
    text += '\n';
  }
  return text;
}

}  // namespace thalweg::run
