#include "src/plan/planner.hpp"

#include <memory>

namespace thalweg::internal {

namespace {

/// A planner with room for more nodes is freed before a much smaller plan.
constexpr std::size_t usual_nodes = 1 << 16;

}  // namespace

Planner& Planner::current(std::int32_t nodes) {
  thread_local std::unique_ptr<Planner> planner;
  const bool is_oversized = planner != nullptr && planner->graph_.capacity() > usual_nodes &&
                            static_cast<std::size_t>(nodes) < usual_nodes / 2;
  if (planner == nullptr || is_oversized) planner = std::make_unique<Planner>();
  return *planner;
}

PlanDraft& Planner::plan_segment(Recorder& recorder, const Segment& segment) {
  schedule_.clear();
  graph_.collect(recorder, segment, schedule_);
  finish();
  return schedule_;
}

PlanDraft& Planner::plan_node(Recorder& recorder, std::int32_t id) {
  schedule_.clear();
  graph_.collect(recorder, id, schedule_);
  finish();
  return schedule_;
}

void Planner::finish() {
  placement_.place_all();
  delivery_.deliver_all();
  schedule_.drop_sweeps_without_outputs();
  placement_.operands().insert_early_passes();
  std::span<const GroupMember> groups;
  if (!graph_.is_eager()) {
    share_transposes(schedule_);
    groups = merger_.merge(schedule_);
  }
  layout_.lay_out(schedule_, groups, graph_.arena_begin());
  compilation_.compile();
}

}  // namespace thalweg::internal
