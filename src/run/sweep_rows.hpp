#pragma once
// A walk by rows of several stages as one piece of code: all stages of a row, then the next row.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "src/run/sweep_generator.hpp"

namespace thalweg::run {

/// Between the stages as the walker runs them lie the start of each, a program for the row alone, and asking for the row that
/// comes next: a fifth of softmax cross entropy of rows of 1000. Here a stage begins where the one before it ends, and what
/// the next row needs is asked for between the instructions of the dearest stages.
class RowsWriter {
 public:
  RowsWriter(const SweepProgram& program, RunReader& reader, VectorAssembler& assembler, Generator& generator)
      : program_(program),
        geometry_(program.geometry),
        reader_(reader),
        code_(assembler.code()),
        generator_(generator) {}

  /// Whether code can be written: rows that are summed in one go, no sums of all of them, and no instructions that the
  /// generator does not know.
  bool fits(const Walk& walk) const;
  /// A RowsCode; may throw TooLong, with nothing written that counts. Returns its offset.
  std::size_t write(const Walk& walk);
  /// All instructions that it stands for, by the first one of each program and the one after the last.
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
