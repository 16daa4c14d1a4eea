#include "src/run/sweep_generate.hpp"

#if THALWEG_GENERATES_CODE

#include <algorithm>
#include <limits>

#include "src/run/sweep_rows.hpp"

namespace thalweg::run {

namespace {

/// Rough cost, in instructions per vector.
int cost_of(const Run& run) {
  constexpr int of_function = 16;
  int cost = 0;
  for (const Operation& operation : run.operations)
    cost +=
        operation.meaning.kind == Meaning::Kind::apply && is_function(operation.meaning.primitive) ? of_function : 1;
  return cost;
}

}  // namespace

std::span<const Stage> RowsWriter::stages(const Walk& walk) const {
  return program_.stages.subspan(static_cast<std::size_t>(walk.stages.begin),
                                 static_cast<std::size_t>(walk.stages.end - walk.stages.begin));
}

bool RowsWriter::moves_in_small_steps() const {
  const Position& by_rows = program_.positions[1];
  return std::all_of(std::begin(by_rows.step), std::end(by_rows.step),
                     [](std::intptr_t step) { return step >= 0 && step <= std::numeric_limits<std::int32_t>::max(); });
}

bool RowsWriter::fits(const Walk& walk) const {
  if (!program_.row_walk || program_.one_block_rows || walk.stages.begin == walk.stages.end) return false;
  if (walk.singles.begin < walk.singles.end || !moves_in_small_steps()) return false;
  return std::ranges::all_of(stages(walk), [&](const Stage& stage) {
    const bool has_folds = stage.folds.begin < stage.folds.end;
    if (has_folds && geometry_.columns > geometry_.wide * blocks_per_fold) return false;
    const bool has_blocks = stage.blocks.wide != no_program;
    return reader_.knows(stage.row_program) && reader_.knows(stage.blocks.wide) &&
           (has_blocks || stage.blocks.tail == no_program);
  });
}

std::vector<std::pair<int, int>> RowsWriter::instructions(const Walk& walk) const {
  std::vector<std::pair<int, int>> found;
  for (const Stage& stage : stages(walk))
    for (const std::int32_t first : {stage.row_program, stage.blocks.wide, stage.blocks.tail})
      if (first != no_program) found.emplace_back(first, reader_.end_of(first));
  return found;
}

std::vector<PrefetchedStream> RowsWriter::next_row() const {
  std::vector<PrefetchedStream> prefetched;
  for (const Stream& stream : program_.streams) {
    Memory memory = reader_.memory(stream.instruction, stream.which);
    const bool has_size_of_elements = memory.address == (geometry_.size == 4 ? Address::flat_4 : Address::flat_8);
    if (!has_size_of_elements) continue;
    memory.base = geometry_.columns * geometry_.size;
    const bool is_written = reader_.meaning(stream.instruction).kind == Meaning::Kind::store;
    prefetched.push_back({memory, stream.instruction, stream.which, is_written});
  }
  return prefetched;
}

/// Assigns the vectors of a block that prefetch the next row to the stages in proportion to their cost.
std::vector<RowsWriter::StageRuns> RowsWriter::read(const Walk& walk, std::span<const PrefetchedStream> prefetched) {
  std::vector<StageRuns> all;
  for (const Stage& stage : stages(walk)) {
    StageRuns& runs = all.emplace_back();
    runs.frame.by_rows = true;
    if (stage.row_program != no_program) runs.row = reader_.read(stage.row_program, reader_.end_of(stage.row_program));
    if (stage.blocks.wide == no_program) continue;
    runs.blocks = reader_.read(stage.blocks.wide, reader_.end_of(stage.blocks.wide));
    const std::span<const SlotFold> folds = program_.slot_folds;
    runs.end.folds = folds.subspan(static_cast<std::size_t>(stage.folds.begin),
                                   static_cast<std::size_t>(stage.folds.end - stage.folds.begin));
    if (geometry_.columns % geometry_.wide != 0)
      runs.end.block = block_of(geometry_.columns % geometry_.wide, geometry_.lanes);
    runs.frame.prefetched = prefetched;
  }
  std::vector<int> shares(all.size(), 0);
  for (unsigned vector = 0; vector < wide_vectors; ++vector) {
    std::size_t dearest = 0;
    double highest = 0;
    for (std::size_t i = 0; i < all.size(); ++i) {
      const double price = !all[i].blocks ? 0 : static_cast<double>(cost_of(*all[i].blocks)) / (shares[i] + 1);
      if (price > highest) dearest = i, highest = price;
    }
    ++shares[dearest];
    all[dearest].frame.prefetching_vectors |= 1U << vector;
  }
  return all;
}

std::size_t RowsWriter::write(const Walk& walk) {
  const std::vector<PrefetchedStream> prefetched = next_row();
  std::vector<StageRuns> all = read(walk, prefetched);
  for (StageRuns& stage : all)
    if (stage.blocks) stage.budget = generator_.budget_of(*stage.blocks, &stage.end, stage.frame);
  const std::size_t entry = generator_.begin_code();
  code_.push(code_.rdx);
  Xbyak::Label next;
  code_.L(next);
  for (const StageRuns& stage : all) write_stage(stage);
  advance();
  code_.dec(code_.qword[code_.rsp]);
  code_.jnz(next, Xbyak::CodeGenerator::T_NEAR);
  code_.pop(code_.rdx);
  generator_.end_code();
  return entry;
}

void RowsWriter::write_stage(const StageRuns& stage) {
  if (stage.row) generator_.write_flat(*stage.row, 0, {.vectors = 1}, {}, {.by_rows = true});
  if (stage.blocks)
    generator_.write_row_stage(*stage.blocks, geometry_.columns / geometry_.wide, program_.positions[0], stage.end,
                               stage.budget, stage.frame);
}

/// Emits the step to the next row.
void RowsWriter::advance() {
  const Position& by_rows = program_.positions[1];
  constexpr std::size_t row = offsetof(State, row);
  for (std::size_t i = 0; i < static_cast<std::size_t>(Address::count); ++i)
    if (by_rows.step[i] != 0)
      code_.add(code_.qword[code_.rsi + (row + offsetof(Position, offset) + 8 * i)],
                static_cast<std::uint32_t>(by_rows.step[i]));
  if (by_rows.step[static_cast<std::size_t>(Address::accumulator)] == 0) return;
  const auto accumulator =
      code_.qword[code_.rsi + (row + offsetof(Position, offset) + 8 * static_cast<std::size_t>(Address::accumulator))];
  const auto field = [&](std::size_t offset) { return code_.qword[code_.rsi + (row + offset)]; };
  Xbyak::Label within;
  code_.mov(code_.rax, accumulator);
  code_.cmp(code_.rax, field(offsetof(Position, accumulator_end)));
  code_.jl(within);
  code_.sub(code_.rax, field(offsetof(Position, accumulator_period)));
  code_.mov(accumulator, code_.rax);
  code_.L(within);
}

}  // namespace thalweg::run

#endif
