#include "src/run/sweep_walk.hpp"

#include <algorithm>
#include <cstring>

#include "src/run/thread_pool.hpp"

namespace thalweg::run {

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

Blocks rows_of(const SweepProgram& program, const BlockPrograms& programs, std::int64_t rows) {
  Blocks blocks;
  if (programs.tail == no_program) return blocks;
  blocks.tail = program.instructions.data() + programs.tail;
  blocks.tail_count = rows;
  blocks.tail_loop = programs.rows;
  blocks.tail_wide = programs.tail_wide;
  blocks.lanes = program.geometry.columns;
  return blocks;
}

Blocks once(const SweepProgram& program, std::int32_t instruction) {
  Blocks blocks;
  blocks.tail = program.instructions.data() + instruction;
  blocks.tail_count = 1;
  return blocks;
}

namespace {

/// One walk over the domain.
class Walker {
  static constexpr std::int64_t prefetch_blocks = 2;  // at a time
 public:
  Walker(const SweepProgram& program, const Walk& walk) : program_(program), walk_(walk), geometry_(program.geometry) {}

  void run() {
    if (walk_.stages.begin == walk_.stages.end) return;
    if (program_.goes_by_strips(walk_)) return run_strips();
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
  void prefetch_next_row(const State& state, std::int64_t begin, std::int64_t end) const;
  void run_row(State& state, std::byte* scratch, std::int64_t task, bool first) const;
  void fold_columns(std::byte* scratch, std::int64_t task, bool first, bool last) const;
  void join_single(std::int64_t task, const SlotFold& fold, Partial value, bool first) const;
  void join_singles(std::byte* scratch, std::int64_t task, const Stage& stage, bool first) const;
  void finish() const;
  void run_strips() const;
  void run_strip(std::int64_t begin, std::int64_t count) const;
  void run_row_of_strip(State& state, std::int64_t count) const;
  void fold_strip(std::byte* scratch, std::int64_t begin, std::int64_t count, std::int64_t task, bool first,
                  bool last) const;
};

void Walker::start(State& state, std::byte* scratch) const {
  program_.machine->begin(state.position, program_.positions[0], scratch);
  for (std::int32_t i = walk_.columns.begin; i < walk_.columns.end; ++i) {
    const ColumnFold& fold = program_.column_folds[static_cast<std::size_t>(i)];
    const std::int64_t length = program_.strip_columns > 0 ? program_.strip_columns : geometry_.period;
    program_.machine->fill(scratch + fold.tile, length, identity(fold.reduction, program_.dtype));
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

/// Columns `begin` to `end` of the row after this one are on their way from here on.
/// (Inlined by force: gcc 12 takes a function that only prefetches for one without effect and drops calls of it.)
[[gnu::always_inline]] inline void Walker::prefetch_next_row(const State& state, std::int64_t begin,
                                                             std::int64_t end) const {
  constexpr std::int64_t line = 64;
  for (const Stream& stream : program_.streams) {
    if (stream.repeated) continue;
    const Instruction& instruction = program_.instructions[static_cast<std::size_t>(stream.instruction)];
    const Address address = instruction.address[stream.which];
    const std::int64_t size = address == Address::flat_4 ? 4 : 8;
    const auto* next =
        reinterpret_cast<const char*>(instruction.base[stream.which] + state.row[address] + geometry_.columns * size);
    for (std::int64_t i = begin * size; i < end * size; i += line) __builtin_prefetch(next + i, 0, 2);
  }
}

void Walker::run_row(State& state, std::byte* scratch, std::int64_t task, bool first) const {
  const std::int64_t columns = geometry_.columns, chunk = geometry_.wide * blocks_per_fold;
  for (std::int32_t s = walk_.stages.begin; s < walk_.stages.end; ++s) {
    const Stage& current = stage(s);
    if (!program_.streams.empty()) {
      const std::int64_t part = s - walk_.stages.begin, parts = walk_.stages.end - walk_.stages.begin;
      prefetch_next_row(state, columns * part / parts, columns * (part + 1) / parts);
    }
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
    } else if (walk_.rows != nullptr) {
      if (row < stop) walk_.rows(program_.instructions.data(), &state, stop - row);
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

void Walker::run_strips() const {
  const std::int64_t columns = geometry_.columns, most = program_.strip_columns;
  const auto run = [&](std::int64_t strip) { run_strip(strip * most, std::min(most, columns - strip * most)); };
  const std::int64_t strips = (columns + most - 1) / most;
  if (program_.work >= parallel_work && thread_limit() > 1) return parallel_for(strips, run);
  for (std::int64_t strip = 0; strip < strips; ++strip) run(strip);
}

/// All rows of the columns from `begin` on.
void Walker::run_strip(std::int64_t begin, std::int64_t count) const {
  State state;
  std::byte* scratch = scratch_of(program_);
  start(state, scratch);
  program_.machine->begin(state.row, program_.positions[1], scratch);
  state.row[Address::flat_1] = begin;
  state.row[Address::flat_4] = 4 * begin;
  state.row[Address::flat_8] = 8 * begin;
  state.row[Address::column] = begin * geometry_.size;
  std::int64_t row = 0;
  for (std::int64_t task = 0; task < program_.tasks; ++task) {
    const std::int64_t end = std::min(geometry_.rows, (task + 1) * program_.task_length);
    for (bool first = true; row < end || first; first = false) {
      const std::int64_t stop = std::min(end, row + geometry_.fold_rows);
      for (; row < stop; ++row) run_row_of_strip(state, count);
      fold_strip(scratch, begin, count, task, first, stop == end);
    }
  }
}

void Walker::run_row_of_strip(State& state, std::int64_t count) const {
  const BlockPrograms& blocks = stage(walk_.stages.begin).blocks;
  const std::int64_t part = program_.streams.empty() ? count : prefetch_blocks * geometry_.wide;
  program_.machine->rewind(&state);
  for (std::int64_t column = 0; column < count; column += part) {
    const std::int64_t to = std::min(count, column + part);
    if (!program_.streams.empty()) prefetch_next_row(state, column, to);
    program_.machine->run(blocks_of(program_, blocks, to - column), &state);
  }
  program_.machine->advance(state.row);
}

/// As fold_columns and finish do it: the folds of a task are added up, then the tasks, both in their order.
void Walker::fold_strip(std::byte* scratch, std::int64_t begin, std::int64_t count, std::int64_t task, bool first,
                        bool last) const {
  const Machine& machine = *program_.machine;
  for (std::int32_t i = walk_.columns.begin; i < walk_.columns.end; ++i) {
    const ColumnFold& fold = program_.column_folds[static_cast<std::size_t>(i)];
    std::byte* tile = scratch + fold.tile;
    std::byte* result = program_.at(fold.vector) + begin * geometry_.size;
    if (first && last && program_.tasks == 1) {
      std::memcpy(result, tile, static_cast<std::size_t>(count * geometry_.size));
      continue;
    }
    Partial* total = reinterpret_cast<Partial*>(tile + (program_.strip_columns + geometry_.wide) * geometry_.size);
    Partial* of_task = task == 0 ? total : total + program_.strip_columns;
    if (first && last && task > 0) {
      machine.add_partials(total, tile, count, fold.reduction, false);
    } else {
      machine.add_partials(of_task, tile, count, fold.reduction, first);
      if (last && task > 0) machine.join_partials(total, of_task, count, fold.reduction);
    }
    machine.fill(tile, count, identity(fold.reduction, program_.dtype));
    if (last && task + 1 == program_.tasks) machine.round_partials(result, total, count);
  }
}

}  // namespace

void run_walk(const SweepProgram& program, const Walk& walk) { Walker(program, walk).run(); }

}  // namespace thalweg::run
