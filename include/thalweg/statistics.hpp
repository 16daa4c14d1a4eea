#pragma once
#include <cstdint>
#include <string>

namespace thalweg {

class Tape;

/// What the engine has done on the calling thread so far. The difference of two readings is the cost of a step.
struct Statistics {
  std::int64_t plans_made = 0;
  std::int64_t requests = 0;
  std::int64_t sweeps = 0;  // passes of fused elementwise work
  std::int64_t matmuls = 0;
  std::int64_t other_kernels = 0;
  std::int64_t bytes_moved = 0;      // between memory and kernels
  std::int64_t recording_bytes = 0;  // presently held by recordings and plans
  std::int64_t backward_passes_derived = 0;
};
Statistics statistics();

/// What the plans of a tape's requests so far do each time they run, in numbers.
struct PlanSummary {
  std::int64_t matmuls = 0;
  std::int64_t other_passes = 0;        // sweeps, copies and opaque kernels
  std::int64_t bytes_moved = 0;         // between memory and kernels
  std::int64_t pass_bytes = 0;          // inputs and outputs of each pass, counted once: the least it can move
  std::int64_t input_output_bytes = 0;  // inputs and outputs of each plan: what a single pass would move
  std::int64_t arena_bytes = 0;         // peak memory of intermediate values
};
PlanSummary plan_summary(const Tape& tape);

/// The plans of a tape's requests so far, in words: the passes over memory and the ops fused in each, the bytes that
/// each moves, and why a fused pass is separate from the one before it; the total moved, compared with the least
/// possible for the same passes and for a single pass; operations; and the peak of memory, with what holds it. During a
/// Profiler's lifetime (profile.hpp), also the mean time of each pass.
std::string explain_plan(const Tape& tape);

}  // namespace thalweg
