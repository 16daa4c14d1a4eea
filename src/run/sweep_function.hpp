#pragma once
// Generates a SweepCode: a whole sweep as one function, with small inputs, the programs between walks, the walks and
// their reductions, and small outputs.

#include <cstddef>
#include <cstdint>
#include <vector>

#include "src/run/sweep_generator.hpp"

namespace thalweg::run {

class FunctionWriter {
 public:
  FunctionWriter(const SweepProgram& program, RunReader& reader, VectorAssembler& assembler, Generator& generator)
      : program_(program),
        geometry_(program.geometry),
        reader_(reader),
        assembler_(assembler),
        code_(assembler.code()),
        generator_(generator),
        reducer_(assembler) {}

  /// Whether the sweep is supported: a single task, sums without intermediate f64, walks without stages, and only
  /// instructions that the JIT supports.
  bool fits() const;
  /// Emits a SweepCode and returns its offset. May throw TooLong, and then emits nothing of use.
  std::size_t write();

 private:
  const SweepProgram& program_;
  const Geometry& geometry_;
  RunReader& reader_;
  VectorAssembler& assembler_;
  Xbyak::CodeGenerator& code_;
  Generator& generator_;
  VectorReducer reducer_;
  Budget budget_;

  bool fits(const Level& level) const;
  bool fits(const Walk& walk) const;
  Run read(std::int32_t first) { return reader_.read(first, reader_.end_of(first)); }
  const BlockPrograms& blocks_of(const Walk& walk) const { return program_.stages[walk.stages.begin].blocks; }
  Frame frame(const Position* position) const;
  std::int64_t vector_bytes() const { return assembler_.vector_bytes(); }
  Block block_of(std::int64_t elements) const { return run::block_of(elements, geometry_.lanes); }
  Xbyak::Address memory(std::int64_t offset) const { return code_.ptr[code_.rsi + offset]; }
  Xbyak::Address argument(std::int32_t slot) const {
    return code_.ptr[code_.rdi + slot * static_cast<int>(sizeof(Argument))];
  }

  std::size_t write_all();
  void write_input(const SingleInput& input);
  void write_level(const Level& level);
  void write_columns(const Level& level);
  void write_fold(const VectorFold& fold);
  void write_expansion(const Expansion& expansion);
  void write_walk(const Walk& walk);
  void write_rows(const Walk& walk);
  void write_flat(const Walk& walk);
  void write_results(const Walk& walk, const Run& run);
  Vector fold_lanes(std::vector<Vector> sums, Reduction reduction);
  void fold_columns(std::vector<Vector> sums, const ColumnFold& fold, std::int64_t period);
  void clear_tiles(const Walk& walk);
  void fold_tile(const ColumnFold& fold);
  template <class F>
  void write_vectors(std::int64_t vectors, F f);
  Xbyak::Address tile(const ColumnFold& fold, std::int64_t element) const {
    return code_.ptr[code_.rdx + fold.tile + element * geometry_.size];
  }
  void write_output(const SmallOutput& output);
};

}  // namespace thalweg::run
