#pragma once
#include <cstdint>
#include <string>

namespace thalweg {

class Tape;

/// What the engine has done on the calling thread since it started. Differences of two readings tell what a step cost.
struct Statistics {
  std::int64_t plans_made = 0;
  std::int64_t requests = 0;
  std::int64_t sweeps = 0;  // passes of fused elementwise work
  std::int64_t matmuls = 0;
  std::int64_t other_kernels = 0;
  std::int64_t bytes_moved = 0;      // between memory and kernels
  std::int64_t recording_bytes = 0;  // held now by recordings and plans
  std::int64_t backward_passes_derived = 0;
};
Statistics statistics();

/// What the plans of the requests made on a tape so far do each time they run, in numbers.
struct PlanSummary {
  std::int64_t matmuls = 0;
  std::int64_t other_passes = 0;        // sweeps, copies and opaque kernels
  std::int64_t bytes_moved = 0;         // between memory and kernels
  std::int64_t pass_bytes = 0;          // inputs and outputs of each pass, counted once: what it must move at least
  std::int64_t input_output_bytes = 0;  // inputs and outputs of each plan: what one single pass would move
  std::int64_t arena_bytes = 0;         // the most that intermediate values take
};
PlanSummary plan_summary(const Tape& tape);

/// The plans of the requests made on this tape so far, in words: what was fused into what, the passes over memory, the
/// bytes each moves and why a fused pass is apart from the one before it; what is moved beside the least that the same
/// passes, or one single pass, would move; operations; and when most memory is held, by what. While a Profiler lives
/// (profile.hpp), the mean time of each pass as well.
std::string explain_plan(const Tape& tape);

}  // namespace thalweg
