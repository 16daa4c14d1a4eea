#pragma once
// The schedule that planning builds and hands from stage to stage: passes in their order, the sweeps that nodes may
// still join, and the buffers between them. At the end it is a draft, which Plan::complete turns into the plan.

#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

#include "src/plan/plan.hpp"

namespace thalweg::internal {

/// Alignment in the arena, in bytes.
inline constexpr std::int64_t buffer_alignment = 64;

/// A sweep that nodes may still join.
struct SweepBuild {
  run::Sweep sweep;
  std::int64_t size = 0;     // batches × rows × columns
  std::int64_t columns = 0;  // 0: not determined yet
  std::int64_t batches = 0;  // 0: not determined yet
  std::int32_t pass = -1, index = -1;
  bool reduces = false;
  bool has_rows = false;  // has values per row or reductions, so that it may not compile: ask `fuses`
  bool by_rows = false;   // reads rows of larger buffers: each row is a batch
  std::vector<std::int32_t> nodes;

  /// What restore() goes back to when a node turns out not to fit.
  struct State {
    std::size_t values, nodes;
    std::int64_t columns, batches;
    bool reduces, has_rows, by_rows;
  };
  State state() const { return {sweep.values.size(), nodes.size(), columns, batches, reduces, has_rows, by_rows}; }
  void restore(const State& before);
  void begin(std::int64_t of_size, std::int64_t of_columns, DType dtype);

  std::int32_t add(const run::SweepValue& value);
  /// Writes what is known of the domain into `sweep`.
  void set_domain();
  /// Whether the values can run as one sweep.
  bool fuses();
};

struct Schedule : PlanDraft {
  // A sweep's pass is an index into `builds` until it is compiled.
  std::deque<SweepBuild> builds;  // the first `build_count`; the others keep their memory for later plans
  std::size_t build_count = 0;
  std::vector<std::int32_t> kept_buffers;  // in the arena, for later requests

  void clear();

  const PlanBuffer& buffer(std::int32_t index) const { return buffers_[static_cast<std::size_t>(index)]; }
  PlanBuffer& buffer(std::int32_t index) { return buffers_[static_cast<std::size_t>(index)]; }
  /// The buffer in whose memory an alias lies.
  std::int32_t root(std::int32_t index) const {
    while (buffer(index).place == PlanBuffer::Place::alias) index = buffer(index).base;
    return index;
  }
  std::int32_t add_buffer(const PlanBuffer& buffer) {
    buffers_.push_back(buffer);
    return static_cast<std::int32_t>(buffers_.size()) - 1;
  }
  std::int32_t add_arena_buffer(const Shape& shape, DType dtype);
  /// Keeps a buffer of the arena for later requests.
  void keep(std::int32_t index) {
    kept_buffers.push_back(index);
    buffer(index).kept = true;
  }

  /// Appends a pass for the last of the `count` entries in its kind's list; returns its index.
  std::int32_t add_pass(Pass::Kind kind, std::size_t count) {
    passes_.push_back({kind, static_cast<std::int32_t>(count) - 1});
    return last_pass();
  }
  std::int32_t last_pass() const { return static_cast<std::int32_t>(passes_.size()) - 1; }
  /// The sweep that pass number `pass` is; null if it is something else.
  SweepBuild* sweep_at(std::int32_t pass) {
    const Pass& at = passes_[static_cast<std::size_t>(pass)];
    return at.kind == Pass::Kind::sweep ? &builds[static_cast<std::size_t>(at.index)] : nullptr;
  }
  SweepBuild& add_sweep(std::int64_t size, std::int64_t columns, DType dtype);
  /// Nobody reads a value of theirs.
  void drop_sweeps_without_outputs();
  /// Appends a copy of `view` of buffer `input`, for node `node`; returns the buffer of the copy.
  std::int32_t add_copy(std::int32_t node, DType dtype, std::int32_t input, const StridedView& view,
                        const Shape& shape);
  MatmulPass& matmul_at(std::int32_t pass) {
    return matmuls_[static_cast<std::size_t>(passes_[static_cast<std::size_t>(pass)].index)];
  }

  /// Call f for every buffer that a pass reads, or writes; more than once if it appears so.
  template <class F>
  void for_each_read(const Pass& pass, F&& f) const {
    const auto of_sweep = [&](std::size_t index) {
      for (const run::SweepValue& value : builds[index].sweep.values)
        if (value.kind == run::SweepValue::Kind::input) f(value.slot);
    };
    PlanDraft::for_each_read(pass, of_sweep, f);
  }
  template <class F>
  void for_each_write(const Pass& pass, F&& f) const {
    const auto of_sweep = [&](std::size_t index) {
      for (const run::SweepOutput& output : builds[index].sweep.outputs) f(output.slot);
    };
    PlanDraft::for_each_write(pass, of_sweep, f);
  }
};

}  // namespace thalweg::internal
