#include "src/run/sweep_generate.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#if THALWEG_GENERATES_CODE
#include "src/run/executable_code.hpp"
#include "src/run/sweep_function.hpp"
#endif

namespace thalweg::run {

GenerationPolicy& generation_policy() {
  static GenerationPolicy policy;
  return policy;
}

#if THALWEG_GENERATES_CODE

namespace {

/// The machine code of a program's runs: each from an instruction to the next that is opaque, in parts where registers are
/// short.
class Joiner {
 public:
  Joiner(SweepProgram& program, Xbyak::CodeGenerator& code)
      : program_(program),
        reader_(program),
        code_(code),
        assembler_(code, program.dtype == DType::f64),
        generator_(assembler_) {}

  void join() {
    if (join_all()) return;
    for (Stage& stage : program_.stages) join_stage(stage);
  }

  void join_stage(Stage& stage) {
    BlockPrograms& blocks = stage.blocks;
    if (blocks.wide != no_program && join_row(stage)) return;
    if (blocks.wide != no_program && !join_loop(blocks, nullptr)) join_runs(blocks.wide, {});
    if (blocks.tail_wide) join_runs(blocks.tail, tail_block());
  }

  /// Puts the code in its place, and hands it out; null where there is none.
  std::shared_ptr<const std::uint8_t> finish() {
    if (!function_ && handlers_.empty() && loops_.empty()) return nullptr;
    generator_.finish();
    code_.ready();
    std::shared_ptr<const std::uint8_t> code = executable_code({code_.getCode(), code_.getSize()});
    const auto address = [&](std::size_t entry) { return const_cast<std::uint8_t*>(code.get()) + entry; };
    for (const auto& [begin, entry] : handlers_)
      program_.instructions[static_cast<std::size_t>(begin)].handler = reinterpret_cast<Handler>(address(entry));
    for (const auto& [blocks, is_row, entry] : loops_)
      (is_row ? blocks->row : blocks->loop) = reinterpret_cast<LoopCode>(address(entry));
    if (function_) program_.function = reinterpret_cast<SweepCode>(address(*function_));
    return code;
  }

 private:
  SweepProgram& program_;
  RunReader reader_;
  Xbyak::CodeGenerator& code_;
  VectorAssembler assembler_;
  Generator generator_;
  std::vector<std::pair<int, std::size_t>> handlers_;  // by instruction
  struct Loop {
    BlockPrograms* blocks;
    bool is_row;
    std::size_t entry;
  };
  std::vector<Loop> loops_;
  std::optional<std::size_t> function_;

  Block tail_block() const {
    const Geometry& g = program_.geometry;
    const std::int64_t length = program_.row_walk ? g.columns : g.elements();
    const std::int64_t elements = length % g.wide == 0 ? g.wide : length % g.wide;
    return {.vectors = static_cast<int>((elements + g.lanes - 1) / g.lanes),
            .last = static_cast<int>(elements % g.lanes)};
  }

  /// The end of a program without opaque instructions; nothing where it has any.
  std::optional<int> end_of(int first) const {
    int end = first;
    while (!reader_.is_end(end) && !reader_.ends_run(end)) ++end;
    return reader_.is_end(end) ? std::optional(end) : std::nullopt;
  }

  bool join_all() {
    FunctionWriter writer(program_, reader_, assembler_, generator_);
    if (!writer.fits()) return false;
    try {
      function_ = writer.write();
    } catch (const TooLong&) {
      return false;
    }
    mark_joined(0, static_cast<int>(program_.instructions.size()) - 1);
    return true;
  }

  /// A program without opaque instructions is one loop over all its blocks.
  bool join_loop(BlockPrograms& blocks, const RowEnd* row) {
    const std::optional<int> end = end_of(blocks.wide);
    if (!end || program_.positions.empty()) return false;
    try {
      const std::size_t entry = generator_.write_loop(reader_.read(blocks.wide, *end), program_.positions.front(), row);
      loops_.push_back({&blocks, row != nullptr, entry});
    } catch (const TooLong&) {
      return false;
    }
    mark_joined(blocks.wide, *end);
    return true;
  }

  /// A stage of rows that are summed in one go is one loop, and what is left of the row.
  bool join_row(Stage& stage) {
    const Geometry& g = program_.geometry;
    const bool has_folds = stage.folds.begin < stage.folds.end;
    if (!program_.row_walk || program_.one_block_rows || (has_folds && g.columns > g.wide * blocks_per_fold))
      return false;
    const std::span<const SlotFold> all = program_.slot_folds;
    RowEnd row{.folds = all.subspan(static_cast<std::size_t>(stage.folds.begin),
                                    static_cast<std::size_t>(stage.folds.end - stage.folds.begin))};
    if (g.columns % g.wide != 0) row.block = tail_block();
    return join_loop(stage.blocks, &row);
  }

  void join_runs(int first, const Block& block) {
    for (int i = first; !reader_.is_end(i);) {
      int end = i;
      while (!reader_.is_end(end) && !reader_.ends_run(end)) ++end;
      i = end - i < 2 ? end + (reader_.is_end(end) ? 0 : 1) : join_run(i, end, block);
    }
  }

  /// Returns the first instruction after what was joined.
  int join_run(int begin, int end, const Block& block) {
    while (end - begin >= 2) {
      const Run run = reader_.read(begin, end);
      try {
        handlers_.emplace_back(begin, generator_.write_handler(run, block));
        mark_joined(begin, end);
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

bool generates_code() { return machine(DType::f32).lanes * sizeof(float) == max_vector_bytes; }

void generate(SweepProgram& program) {
  const bool has_vectors =
      static_cast<std::size_t>(program.machine->lanes) * size_of(program.dtype) == max_vector_bytes;
  if (!has_vectors || !is_floating(program.dtype)) return;
  try {
    Joiner joiner(program, code_draft());
    joiner.join();
    program.code = joiner.finish();
    // It goes through the streams of a flat walk side by side, and asking for them ahead only gets in its way.
    if (program.code != nullptr && !program.row_walk) program.streams = {};
  } catch (const Xbyak::Error&) {  // no memory that may be executed: the handlers stay
  }
}

#else

bool generates_code() { return false; }
void generate(SweepProgram&) {}

#endif

}  // namespace thalweg::run
