#pragma once
// From a sweep to a program. sweep_layout.cpp: which values are kept from one program to another, and where; sweep_compile.cpp: the
// programs, and how the walk runs them.

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
  void demand(int segment, int pass);
  bool is_root(const Node& node, int v, int segment) const;
  int output_segment(const Node& node) const;
  int accumulate_segment(const Node& node) const;
  void keep(Node& node, int pass);
  void choose_shared();
  void lay_out_memory();
  void lay_out_walk_memory(Node& node);
  std::int64_t take(std::int64_t bytes);
  std::int32_t take_scratch(std::int64_t bytes);
  void emit_pass(int pass);
  void emit_level(int pass, int level);
  void emit_stage(int pass, int stage);
  void add_row_actions(int pass, int stage);
  void add_element_actions(int pass, int stage);
  void add_reductions(int pass, int stage);
  BlockPrograms emit_blocks();
  void add_inputs();
  void set_start();
  void find_streams();
  void count_bytes(const Sweep& sweep);

  Nodes nodes_;
  Emitter emitter_;
  SweepDraft* program_ = nullptr;
  bool delay_stores_ = false;
  int segments_ = 0;
  std::int64_t memory_bytes_ = 0, scratch_bytes_ = 0;
  std::vector<std::uint8_t> marks_, outputs_of_;  // by value
};

}  // namespace thalweg::run
