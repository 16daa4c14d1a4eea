#include "src/run/sweep_generate.hpp"

#if THALWEG_GENERATES_CODE

#include <algorithm>
#include <limits>
#include <span>

#include "src/run/sweep_function.hpp"

namespace thalweg::run {

namespace {

/// A walk with sums of up to this many vectors is unrolled; a longer one is a loop over blocks.
constexpr std::int64_t most_in_line = 32;
/// The fewest registers to leave for everything but the sums of a walk.
constexpr int least_left = 8;

template <class T>
std::span<T> in_range(std::span<T> list, ListRange range) {
  return list.subspan(static_cast<std::size_t>(range.begin), static_cast<std::size_t>(range.end - range.begin));
}

}  // namespace

bool FunctionWriter::fits() const {
  if (program_.instructions.empty() || program_.tasks != 1 || geometry_.elements() == 0) return false;
  if (program_.row_walk && !program_.one_block_rows) return false;
  const auto is_same = [&](const SmallOutput& output) { return output.dtype == program_.dtype; };
  if (!std::all_of(program_.small_outputs.begin(), program_.small_outputs.end(), is_same)) return false;
  return std::all_of(program_.walks.begin(), program_.walks.end(), [&](const Walk& walk) { return fits(walk); });
}

bool FunctionWriter::fits(const Level& level) const {
  if (!reader_.knows(level.single_program) || !reader_.knows(level.column_program)) return false;
  const bool expands = level.expansions.begin < level.expansions.end;
  if (expands && block_of(geometry_.columns).vectors > assembler_.vector_count()) return false;
  const auto is_one_chunk = [&](const VectorFold& fold) {
    return fold.length > 0 && fold.length <= geometry_.wide * blocks_per_fold;
  };
  const auto folds = in_range(program_.vector_folds, level.folds);
  return std::all_of(folds.begin(), folds.end(), is_one_chunk);
}

bool FunctionWriter::fits(const Walk& walk) const {
  const auto levels = in_range(program_.levels, walk.levels);
  if (!std::all_of(levels.begin(), levels.end(), [&](const Level& level) { return fits(level); })) return false;
  if (walk.stages.begin == walk.stages.end) return true;
  const BlockPrograms& blocks = blocks_of(walk);
  if (!reader_.knows(blocks.wide) || !reader_.knows(blocks.tail)) return false;
  const bool has_columns = walk.columns.begin < walk.columns.end, has_singles = walk.singles.begin < walk.singles.end;
  if (program_.one_block_rows && has_singles) return false;
  return (!has_columns || geometry_.rows <= geometry_.fold_rows) &&
         (!has_singles || geometry_.elements() <= geometry_.wide * blocks_per_fold);
}

Frame FunctionWriter::frame(const Position* position) const {
  return {.has_state = false, .memory = reinterpret_cast<std::intptr_t>(program_.memory.get()), .position = position};
}

std::size_t FunctionWriter::write() {
  budget_ = {.carried = std::numeric_limits<int>::max()};
  try {
    return write_all();
  } catch (const TooLong&) {
    budget_.hoisted = 0;
    return write_all();
  }
}

std::size_t FunctionWriter::write_all() {
  const std::size_t entry = generator_.begin_code();
  for (const SingleInput& input : program_.single_inputs) write_input(input);
  for (const Walk& walk : program_.walks) {
    for (const Level& level : in_range(program_.levels, walk.levels)) write_level(level);
    write_walk(walk);
  }
  for (const SmallOutput& output : program_.small_outputs) write_output(output);
  generator_.end_code();
  return entry;
}

void FunctionWriter::write_input(const SingleInput& input) {
  const Vector number = assembler_.vector(0);
  code_.mov(code_.rax, argument(input.slot));
  assembler_.load_splat(number, code_.ptr[code_.rax], input.dtype, code_.rax);
  assembler_.move(memory(input.memory), number);
}

void FunctionWriter::write_level(const Level& level) {
  if (level.single_program != no_program)
    generator_.write_flat(read(level.single_program), 0, {.vectors = 1}, budget_, frame(nullptr));
  if (level.column_program != no_program) write_columns(level);
  for (const VectorFold& fold : in_range(program_.vector_folds, level.folds)) write_fold(fold);
  for (const Expansion& expansion : in_range(program_.expansions, level.expansions)) write_expansion(expansion);
}

/// Vectors per column may be accessed beyond their end.
void FunctionWriter::write_columns(const Level& level) {
  Position position{};
  position.column_period = std::numeric_limits<std::intptr_t>::max();
  position.step_of(Address::column) = geometry_.wide * geometry_.size;
  const std::int64_t rest = geometry_.columns % geometry_.wide;
  generator_.write_flat(read(level.column_program), geometry_.columns / geometry_.wide,
                        {.vectors = block_of(rest).vectors}, budget_, frame(&position));
}

/// Sums in the order of reduce_array.
void FunctionWriter::write_fold(const VectorFold& fold) {
  const Block block = block_of(fold.length);
  assembler_.set_tail(block.last, code_.rax);
  std::vector<Vector> sums;
  for (int i = 0; i < std::min(block.vectors, wide_vectors); ++i)
    reducer_.set_identity(sums.emplace_back(assembler_.vector(i)), fold.reduction);
  const Vector part = assembler_.vector(wide_vectors), all = assembler_.vector(wide_vectors + 1);
  for (int i = 0; i < block.vectors; ++i) {
    const Vector& sum = sums[static_cast<std::size_t>(i % wide_vectors)];
    const bool is_partial = block.last > 0 && i + 1 == block.vectors;
    const Xbyak::Address from = memory(fold.vector + i * vector_bytes());
    is_partial ? assembler_.load_tail(part, from) : assembler_.move(part, from);
    reducer_.reduce(all, fold.reduction, sum, part);
    is_partial ? assembler_.move_tail(sum, all) : assembler_.move(sum, all);
  }
  assembler_.move(memory(fold.slot), fold_lanes(std::move(sums), fold.reduction));
}

/// Copies whole vectors; each copy overwrites the excess of the one before, and the last one ends with the tile's
/// memory.
void FunctionWriter::write_expansion(const Expansion& expansion) {
  const std::int64_t lanes = geometry_.lanes, length = program_.read_period + geometry_.wide;
  const std::int64_t end = (length + lanes - 1) / lanes * lanes;
  const int vectors = block_of(geometry_.columns).vectors;
  for (int i = 0; i < vectors; ++i)
    assembler_.move(assembler_.vector(i), memory(expansion.vector + i * vector_bytes()));
  for (std::int64_t copy = 0; copy < length; copy += geometry_.columns)
    for (int i = 0; i < vectors && copy + i * lanes < end; ++i) {
      const std::int64_t at = copy + i * lanes;
      const Xbyak::Address to = memory(expansion.tile + at * geometry_.size);
      if (at + lanes <= end) {
        assembler_.move(to, assembler_.vector(i));
      } else {
        assembler_.set_tail(static_cast<int>(end - at), code_.rax);
        assembler_.store_tail(to, assembler_.vector(i));
      }
    }
}

void FunctionWriter::write_walk(const Walk& walk) {
  if (walk.stages.begin == walk.stages.end) return;
  const BlockPrograms& blocks = blocks_of(walk);
  if (blocks.wide == no_program && blocks.tail == no_program) return;
  program_.one_block_rows ? write_rows(walk) : write_flat(walk);
}

void FunctionWriter::write_rows(const Walk& walk) {
  const Position* position = geometry_.rows > 1 ? program_.positions.data() : nullptr;
  clear_tiles(walk);
  generator_.write_rows(read(blocks_of(walk).tail), geometry_.rows, block_of(geometry_.columns), budget_,
                        frame(position));
  for (const ColumnFold& fold : in_range(program_.column_folds, walk.columns)) fold_tile(fold);
}

/// The last, partial block runs the same operations as whole blocks. Sums per column stay in registers if they take few
/// vectors, or a block has all of them.
void FunctionWriter::write_flat(const Walk& walk) {
  const BlockPrograms& programs = blocks_of(walk);
  const Run run = read(programs.wide != no_program ? programs.wide : programs.tail);
  const Block all = block_of(geometry_.elements());
  const int columns = walk.columns.end - walk.columns.begin, singles = walk.singles.end - walk.singles.begin;
  Budget budget = budget_;
  budget.lane_vectors = std::min(all.vectors, wide_vectors);
  budget.column_vectors = static_cast<int>(std::min<std::int64_t>(all.vectors, geometry_.period / geometry_.lanes));
  const bool fit =
      columns * budget.column_vectors + singles * budget.lane_vectors <= assembler_.vector_count() - least_left;
  const bool in_line =
      fit && (geometry_.elements() <= geometry_.wide || (columns + singles > 0 && all.vectors <= most_in_line));
  const bool has_tiles = columns > 0 && (!fit || (!in_line && geometry_.period != geometry_.wide));
  if (has_tiles) budget.column_vectors = 0;
  if (has_tiles) clear_tiles(walk);
  if (in_line) {
    Frame still = frame(nullptr);
    still.column_period = program_.read_period * geometry_.size;
    generator_.write_flat(run, 0, all, budget, still);
  } else {
    const Block rest = block_of(geometry_.elements() % geometry_.wide);
    const std::int64_t blocks = geometry_.elements() / geometry_.wide;
    generator_.write_flat(run, blocks, rest, budget, frame(program_.positions.data()));
  }
  write_results(walk, run);
  if (!has_tiles) return;
  for (const ColumnFold& fold : in_range(program_.column_folds, walk.columns)) fold_tile(fold);
}

/// Folds the sums in registers, using two more.
void FunctionWriter::write_results(const Walk& walk, const Run& run) {
  if (generator_.registers_before_sums() < 2) throw TooLong{0};
  for (std::size_t k = 0; k < run.operations.size(); ++k) {
    const Operation& operation = run.operations[k];
    const std::vector<Vector> sums = generator_.sums_of(k);
    if (sums.empty()) continue;
    if (sums_columns(operation)) {
      for (const ColumnFold& fold : in_range(program_.column_folds, walk.columns))
        if (fold.tile == operation.target.base) fold_columns(sums, fold, geometry_.period);
    } else {
      for (const SlotFold& fold : program_.slot_folds)
        if (fold.slot == operation.target.base)
          assembler_.move(memory(program_.single_results[static_cast<std::size_t>(fold.target)].slot),
                          fold_lanes(sums, fold.reduction));
    }
  }
}

/// In the order of fold_slot, where missing vectors hold the identity. Since the sums started from it, adding it again
/// would change nothing.
Vector FunctionWriter::fold_lanes(std::vector<Vector> sums, Reduction reduction) {
  for (std::size_t half = wide_vectors / 2; half > 0; half /= 2)
    for (std::size_t i = 0; i < half && i + half < sums.size(); ++i)
      reducer_.reduce(sums[i], reduction, sums[i], sums[i + half]);
  const Vector free = assembler_.vector(sums[0].getIdx() == 0 ? 1 : 0);
  reducer_.reduce_lanes(sums[0], reduction, free);
  return sums[0];
}

/// In the order of fold_tile; missing vectors as above.
void FunctionWriter::fold_columns(std::vector<Vector> sums, const ColumnFold& fold, std::int64_t period) {
  const Vector shifted = assembler_.vector(0), nothing = assembler_.vector(1);
  reducer_.set_identity(nothing, fold.reduction);
  const std::int64_t lanes = geometry_.lanes;
  const auto count = static_cast<std::int64_t>(sums.size());
  const auto sum = [&](std::int64_t i) { return i < count ? sums[static_cast<std::size_t>(i)] : nothing; };
  for (std::int64_t half = period / 2; half >= geometry_.columns; half /= 2)
    for (std::int64_t i = 0; i * lanes < half && i < count; ++i) {
      const std::int64_t from = i * lanes + half, at = from / lanes, lane = from % lanes;
      if (at >= count) continue;
      if (lane != 0) assembler_.shift_lanes(shifted, sum(at + 1), sum(at), static_cast<int>(lane));
      reducer_.reduce(sum(i), fold.reduction, sum(i), lane != 0 ? shifted : sum(at));
    }
  for (std::int64_t i = 0; i * lanes < geometry_.columns; ++i)
    assembler_.move(memory(fold.vector + i * vector_bytes()), sum(i));
}

/// Emits a loop over `vectors` vectors, with code by f; rax is the offset.
template <class F>
void FunctionWriter::write_vectors(std::int64_t vectors, F f) {
  const auto bytes = static_cast<int>(vector_bytes());
  Xbyak::Label again;
  code_.xor_(code_.eax, code_.eax);
  code_.L(again);
  f();
  code_.add(code_.rax, bytes);
  code_.cmp(code_.rax, static_cast<std::uint32_t>(vectors * bytes));
  code_.jb(again);
}

void FunctionWriter::clear_tiles(const Walk& walk) {
  const Vector nothing = assembler_.vector(0);
  for (const ColumnFold& fold : in_range(program_.column_folds, walk.columns)) {
    reducer_.set_identity(nothing, fold.reduction);
    write_vectors(block_of(geometry_.period).vectors,
                  [&] { assembler_.move(code_.ptr[code_.rdx + code_.rax + fold.tile], nothing); });
  }
}

/// Emits everything, with fewer sums in registers until the code fits.
void FunctionWriter::fold_tile(const ColumnFold& fold) {
  constexpr int first = 2;
  const int most = assembler_.vector_count() - first;
  std::int64_t period = geometry_.period;
  for (; block_of(period).vectors > most && period / 2 >= geometry_.columns; period /= 2) {
    const Vector a = assembler_.vector(0), b = assembler_.vector(1);
    write_vectors(block_of(period / 2).vectors, [&] {
      assembler_.move(a, code_.ptr[code_.rdx + code_.rax + fold.tile]);
      assembler_.move(b, code_.ptr[code_.rdx + code_.rax + (fold.tile + period / 2 * geometry_.size)]);
      reducer_.reduce(a, fold.reduction, a, b);
      assembler_.move(code_.ptr[code_.rdx + code_.rax + fold.tile], a);
    });
  }
  if (block_of(period).vectors > most) throw TooLong{0};  // as many columns
  std::vector<Vector> sums;
  for (int i = 0; i < block_of(period).vectors; ++i)
    assembler_.move(sums.emplace_back(assembler_.vector(first + i)), tile(fold, i * geometry_.lanes));
  fold_columns(std::move(sums), fold, period);
}

void FunctionWriter::write_output(const SmallOutput& output) {
  const Block block = block_of(output.count);
  code_.mov(code_.rax, argument(output.slot));
  const Vector moved = assembler_.vector(0);
  for (int i = 0; i < block.vectors; ++i) {
    const std::int64_t bytes = i * vector_bytes();
    const bool is_partial = block.last > 0 && i + 1 == block.vectors;
    assembler_.move(moved, memory(output.memory + bytes));
    const Xbyak::Address to = code_.ptr[code_.rax + bytes];
    if (is_partial) {
      assembler_.set_tail(block.last, code_.rcx);
      assembler_.store_tail(to, moved);
    } else {
      assembler_.move(to, moved);
    }
  }
}

}  // namespace thalweg::run

#endif
