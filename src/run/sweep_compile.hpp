#pragma once
// Compiles a sweep to a program. sweep_layout.cpp decides which values are kept between programs, and where;
// sweep_compile.cpp makes the programs, and the walks that run them.

#include <cstdint>
#include <vector>

#include "src/run/sweep_emit.hpp"
#include "src/run/sweep_nodes.hpp"
#include "src/run/sweep_program.hpp"

namespace thalweg::run {

class Compiler {
 public:
  void compile(const Sweep& sweep, bool delay_stores, SweepDraft& program);

 private:
  void decide_keeping();
  void demand(int segment, int walk);
  bool is_root(const SweepNode& node, int v, int segment) const;
  int output_segment(const SweepNode& node) const;
  int accumulate_segment(const SweepNode& node) const;
  void keep(SweepNode& node, int walk);
  void lend_outputs();
  bool is_made_of(int v, int operand);
  void choose_shared();
  std::int64_t strip_columns() const;
  void lay_out_memory();
  void lay_out_walk_memory(SweepNode& node);
  std::int64_t take(std::int64_t bytes);
  std::int32_t take_scratch(std::int64_t bytes);
  void emit_walk(int walk);
  void emit_level(int walk, int level);
  void emit_stage(int walk, int stage);
  void add_row_actions(int walk, int stage);
  void add_element_actions(int walk, int stage);
  void add_reductions(int walk, int stage);
  BlockPrograms emit_blocks();
  void add_inputs();
  void set_start();
  void find_streams();
  void count_bytes(const Sweep& sweep);

  SweepNodes nodes_;
  Emitter emitter_;
  SweepDraft* program_ = nullptr;
  bool delay_stores_ = false;
  int segments_ = 0;
  std::int64_t memory_bytes_ = 0, scratch_bytes_ = 0;
  std::vector<std::uint8_t> marks_, outputs_of_;  // by value
};

}  // namespace thalweg::run
