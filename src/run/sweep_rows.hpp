#pragma once
// Generates a RowsCode: a walk by rows of several stages as one piece of code.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "src/run/sweep_generator.hpp"

namespace thalweg::run {

/// In the walker, starting each stage, running its row program and prefetching the next row take a fifth of the time of
/// softmax cross entropy on rows of 1000. In this code, a stage begins directly after the one before it, and the
/// prefetches are interleaved with the instructions of the most expensive stages.
class RowsWriter {
 public:
  RowsWriter(const SweepProgram& program, RunReader& reader, VectorAssembler& assembler, Generator& generator)
      : program_(program),
        geometry_(program.geometry),
        reader_(reader),
        code_(assembler.code()),
        generator_(generator) {}

  /// Whether the walk is supported: rows are summed in one go, there are no sums over all rows, and the JIT supports
  /// all instructions.
  bool fits(const Walk& walk) const;
  /// Emits a RowsCode and returns its offset. May throw TooLong, and then emits nothing of use.
  std::size_t write(const Walk& walk);
  /// The instructions it replaces, as the first and the one past the last of each program.
  std::vector<std::pair<int, int>> instructions(const Walk& walk) const;

 private:
  struct StageRuns {
    std::optional<Run> row, blocks;
    RowEnd end;
    Frame frame;
    Budget budget;
  };
  const SweepProgram& program_;
  const Geometry& geometry_;
  RunReader& reader_;
  Xbyak::CodeGenerator& code_;
  Generator& generator_;

  std::span<const Stage> stages(const Walk& walk) const;
  bool moves_in_small_steps() const;
  std::vector<PrefetchedStream> next_row() const;
  std::vector<StageRuns> read(const Walk& walk, std::span<const PrefetchedStream> prefetched);
  void write_stage(const StageRuns& stage);
  void advance();
};

}  // namespace thalweg::run
