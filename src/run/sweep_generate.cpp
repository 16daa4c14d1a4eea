#include "src/run/sweep_generate.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#if THALWEG_GENERATES_CODE
#include "src/run/executable_code.hpp"
#include "src/run/sweep_function.hpp"
#include "src/run/sweep_rows.hpp"
#endif

namespace thalweg::run {

GenerationPolicy& generation_policy() {
  static GenerationPolicy policy;
  return policy;
}

#if THALWEG_GENERATES_CODE

namespace {

/// Everything that the code for a program's stages depends on. Programs with equal keys, for instance of sums over
/// different numbers of rows, share code.
using Source = std::vector<std::int64_t>;

/// Entry points of the code for a program's stages.
struct StageCode {
  struct Loop {
    std::size_t stage;
    LoopCode BlockPrograms::*place;
    std::size_t entry;
  };
  struct Run {
    int begin;  // the instruction that represents it
    std::size_t entry;
  };
  struct Rows {
    std::size_t walk;
    std::size_t entry;
  };
  std::vector<Rows> rows;
  std::vector<Loop> loops;
  std::vector<Run> runs;
  std::vector<std::pair<int, int>> joined;  // ranges of merged instructions
  std::shared_ptr<const std::uint8_t> code;
};

/// A thread's latest entries, which keep their code alive.
std::map<Source, StageCode>& known_stages() {
  thread_local std::map<Source, StageCode> known;
  return known;
}
constexpr std::size_t most_known_stages = 64;

/// Generates the code of a program's runs: each extends to the next opaque instruction, or is split if registers run
/// out.
class Joiner {
 public:
  Joiner(SweepProgram& program, Xbyak::CodeGenerator& code)
      : program_(program),
        reader_(program),
        code_(code),
        assembler_(code, program.dtype == DType::f64, code_target()),
        generator_(assembler_) {}

  /// Moves the code to executable memory; null if that fails.
  std::shared_ptr<const std::uint8_t> join() {
    if (const std::optional<std::size_t> function = write_function()) {
      generator_.finish();
      std::shared_ptr<const std::uint8_t> code = finished();
      program_.function = reinterpret_cast<SweepCode>(address(code, *function));
      return code;
    }
    std::map<Source, StageCode>& known = known_stages();
    Source source = source_of_stages();
    auto at = known.find(source);
    if (at == known.end()) {
      if (known.size() == most_known_stages) known.clear();
      at = known.emplace(std::move(source), write_stages()).first;
    }
    put(at->second);
    return at->second.code;
  }

 private:
  SweepProgram& program_;
  RunReader reader_;
  Xbyak::CodeGenerator& code_;
  VectorAssembler assembler_;
  Generator generator_;
  StageCode made_;

  static std::uint8_t* address(const std::shared_ptr<const std::uint8_t>& code, std::size_t entry) {
    return const_cast<std::uint8_t*>(code.get()) + entry;
  }

  std::shared_ptr<const std::uint8_t> finished() {
    code_.ready();
    return executable_code({code_.getCode(), code_.getSize()});
  }

  std::optional<std::size_t> write_function() {
    FunctionWriter writer(program_, reader_, assembler_, generator_);
    if (!writer.fits()) return std::nullopt;
    try {
      const std::size_t entry = writer.write();
      mark_joined(0, static_cast<int>(program_.instructions.size()) - 1);
      return entry;
    } catch (const TooLong&) {
      return std::nullopt;
    }
  }

  Source source_of_stages() const {
    Source source;
    const auto add = [&](auto... values) { (source.push_back(static_cast<std::int64_t>(values)), ...); };
    const Block tail = tail_block();
    add(program_.dtype, program_.row_walk, program_.one_block_rows, program_.geometry.wide, tail.vectors, tail.last);
    add(program_.row_walk ? program_.geometry.columns : 0, program_.positions.size(), program_.strip_columns);
    for (const Position& position : program_.positions) {
      source.insert(source.end(), std::begin(position.step), std::end(position.step));
      add(position.column_period, position.accumulator_period, position.accumulator_end);
    }
    for (const Walk& walk : program_.walks)
      add(walk.stages.begin, walk.stages.end, walk.singles.end > walk.singles.begin, program_.goes_by_strips(walk));
    for (const Stream& stream : program_.streams) add(stream.instruction, stream.which);
    for (const Stage& stage : program_.stages)
      add(stage.row_program, stage.blocks.wide, stage.blocks.tail, stage.blocks.tail_wide, stage.folds.begin,
          stage.folds.end);
    for (const SlotFold& fold : program_.slot_folds) add(fold.reduction, fold.per_row, fold.slot, fold.target);
    const auto own_memory = reinterpret_cast<std::intptr_t>(program_.memory.get());
    for (int i = 0; i < static_cast<int>(program_.instructions.size()); ++i) {
      const Meaning& meaning = reader_.meaning(i);
      add(reader_.is_end(i), meaning.kind, meaning.dtype, meaning.primitive, meaning.form, meaning.arity,
          meaning.reduction, reinterpret_cast<std::intptr_t>(meaning.one_vector));
      for (const int which : {0, 1}) {
        const Memory memory = reader_.memory(i, which);
        const std::intptr_t offset = memory.base - own_memory;
        const bool is_own = offset >= 0 && offset < static_cast<std::intptr_t>(program_.memory.bytes());
        add(memory.address, memory.slot, is_own, is_own ? offset : memory.base);
      }
    }
    return source;
  }

  StageCode write_stages() {
    for (std::size_t i = 0; i < program_.walks.size(); ++i) write_walk(i);
    if (!made_.runs.empty() || !made_.loops.empty() || !made_.rows.empty()) {
      generator_.finish();
      made_.code = finished();
    }
    return std::move(made_);
  }

  void put(const StageCode& made) {
    for (const auto& [begin, entry] : made.runs)
      program_.instructions[static_cast<std::size_t>(begin)].handler =
          reinterpret_cast<Handler>(address(made.code, entry));
    for (const auto& [walk, entry] : made.rows)
      program_.walks[walk].rows = reinterpret_cast<RowsCode>(address(made.code, entry));
    for (const auto& [stage, place, entry] : made.loops)
      program_.stages[stage].blocks.*place = reinterpret_cast<LoopCode>(address(made.code, entry));
    for (const auto& [begin, end] : made.joined) mark_joined(begin, end);
  }

  Block tail_block() const {
    const Geometry& g = program_.geometry;
    const std::int64_t length = program_.row_walk ? g.columns : g.elements();
    return block_of(length % g.wide == 0 ? g.wide : length % g.wide, g.lanes);
  }

  /// The end of a program without opaque instructions; nothing if it has any.
  std::optional<int> end_of(int first) const {
    int end = first;
    while (!reader_.is_end(end) && !reader_.ends_run(end)) ++end;
    return reader_.is_end(end) ? std::optional(end) : std::nullopt;
  }

  void write_walk(std::size_t index) {
    const Walk& walk = program_.walks[index];
    const bool by_strips = program_.goes_by_strips(walk);
    if (!by_strips && write_rows(index)) return;
    for (std::int32_t i = walk.stages.begin; i < walk.stages.end; ++i)
      write_stage(static_cast<std::size_t>(i), !by_strips);
  }

  /// All stages of a walk by rows as one piece of code.
  bool write_rows(std::size_t index) {
    const Walk& walk = program_.walks[index];
    RowsWriter writer(program_, reader_, assembler_, generator_);
    if (!writer.fits(walk)) return false;
    try {
      made_.rows.push_back({index, writer.write(walk)});
    } catch (const TooLong&) {
      return false;
    }
    for (const auto& each : writer.instructions(walk)) made_.joined.push_back(each);
    return true;
  }

  void write_stage(std::size_t index, bool whole_rows) {
    const BlockPrograms& blocks = program_.stages[index].blocks;
    if (program_.one_block_rows && write_rows_of_one_block(index)) return;
    if (blocks.wide != no_program && whole_rows && write_row(index)) return;
    if (blocks.wide != no_program && !write_loop(index, nullptr)) write_runs(blocks.wide, {});
    if (blocks.tail_wide) write_runs(blocks.tail, tail_block());
  }

  /// A program without opaque instructions as one loop over its blocks.
  bool write_loop(std::size_t stage, const RowEnd* row) {
    const int begin = program_.stages[stage].blocks.wide;
    const std::optional<int> end = end_of(begin);
    if (!end || program_.positions.empty()) return false;
    try {
      const std::size_t entry = generator_.write_loop(reader_.read(begin, *end), program_.positions.front(), row);
      made_.loops.push_back({stage, row != nullptr ? &BlockPrograms::row : &BlockPrograms::loop, entry});
    } catch (const TooLong&) {
      return false;
    }
    made_.joined.emplace_back(begin, *end);
    return true;
  }

  /// A stage whose rows are summed in one go, as a loop and the rest of the row.
  bool write_row(std::size_t index) {
    const Geometry& g = program_.geometry;
    const ListRange& folds = program_.stages[index].folds;
    const bool has_folds = folds.begin < folds.end;
    if (!program_.row_walk || program_.one_block_rows || (has_folds && g.columns > g.wide * blocks_per_fold))
      return false;
    const std::span<const SlotFold> all = program_.slot_folds;
    RowEnd row{
        .folds = all.subspan(static_cast<std::size_t>(folds.begin), static_cast<std::size_t>(folds.end - folds.begin))};
    if (g.columns % g.wide != 0) row.block = tail_block();
    return write_loop(index, &row);
  }

  /// Emits one loop over rows of one block each, reductions included.
  bool write_rows_of_one_block(std::size_t index) {
    const int begin = program_.stages[index].blocks.tail;
    if (begin == no_program || !reader_.knows(begin) || program_.positions.empty()) return false;
    const int end = reader_.end_of(begin);
    try {
      const Run run = reader_.read(begin, end);
      made_.loops.push_back(
          {index, &BlockPrograms::rows, generator_.write_loop_of_rows(run, program_.positions.front(), tail_block())});
    } catch (const TooLong&) {
      return false;
    }
    made_.joined.emplace_back(begin, end);
    return true;
  }

  void write_runs(int first, const Block& block) {
    if (THALWEG_ACCUMULATOR_IN_MEMORY == 1) return;  // runs between other instructions pass it in registers
    for (int i = first; !reader_.is_end(i);) {
      int end = i;
      while (!reader_.is_end(end) && !reader_.ends_run(end)) ++end;
      i = end - i < 2 ? end + (reader_.is_end(end) ? 0 : 1) : write_run(i, end, block);
    }
  }

  /// Returns the first instruction after the merged ones.
  int write_run(int begin, int end, const Block& block) {
    while (end - begin >= 2) {
      const Run run = reader_.read(begin, end);
      try {
        made_.runs.push_back({begin, generator_.write_handler(run, block)});
        made_.joined.emplace_back(begin, end);
        return end;
      } catch (const TooLong& at) {
        const auto k = static_cast<std::size_t>(at.operation);
        end = std::min(end - 1, k < run.operations.size() ? run.operations[k].instruction : end);
      }
    }
    return begin + 1;
  }

  void mark_joined(int begin, int end) {
    for (int i = begin + 1; i < end; ++i) program_.notes[static_cast<std::size_t>(i)].joined = true;
  }
};

}  // namespace

void generate(SweepProgram& program) {
  if (!generates_code() || !is_floating(program.dtype)) return;
  try {
    program.code = Joiner(program, code_draft()).join();
    // Generated code reads the streams of a flat walk in parallel, and software prefetching only slows it down.
    if (program.code != nullptr && !program.row_walk) program.streams = {};
  } catch (const Xbyak::Error& error) {  // keep the handlers
    if (!is_limit(error)) throw;
  }
}

#else

void generate(SweepProgram&) {}

#endif

}  // namespace thalweg::run
