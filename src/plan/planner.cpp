#include "src/plan/planner.hpp"

#include <limits>

namespace thalweg::internal {

namespace {

/// Longer lists are freed before the next plan.
constexpr std::size_t usual_nodes = 1 << 16;

}  // namespace

Planner& Planner::current() {
  thread_local Planner planner;
  return planner;
}

void Planner::begin(Recorder& recorder, Segment* segment) {
  recorder_ = &recorder;
  segment_ = segment;
  eager_ = segment == nullptr;
  base_ = eager_ ? std::numeric_limits<std::int32_t>::max() : segment->base;
  keys_ = eager_ ? nullptr : segment->keys.data();
  infos_ = eager_ ? nullptr : segment->infos.data();
  const std::int32_t ids = recorder.size();
  if (number_slots_.capacity() > usual_nodes && static_cast<std::size_t>(ids) < usual_nodes / 2) {
    earlier_place_ = seen_ = number_slots_ = NodeMap();
    nodes_ = earlier_nodes_ = {};
    passes_ = {};
    sweeps_.clear();
    draft_ = {};
  }
  draft_.with_lists_of(draft_, [](auto& list, auto&) { list.clear(); });
  draft_.sweeps_.clear();
  draft_.keeps_in_advance = false;
  draft_.argument_count_ = 0;
  draft_.value_buffer_ = -1;
  earlier_place_.clear(ids);
  seen_.clear(ids);
  number_slots_.clear(ids);
  known_sources_.fill({});
  nodes_.assign(eager_ ? 0 : static_cast<std::size_t>(ids - base_), {});
  earlier_nodes_.clear();
  earlier_ids_.clear();
  contractions_ = 0;
  number_readers_.clear();
  passes_.clear();
  early_passes_.clear();
  sweep_count_ = 0;
  earlier_.clear();
  for (std::size_t i = 0; i < recorder.path().size(); ++i)
    if (const Plan* earlier = recorder.carried_out(i)) earlier_.push_back(earlier);
  copied_out_.clear();
  stretched_copies_.clear();
  rows_.clear();
  computed_numbers_.clear();
  has_arithmetic_on_numbers_ = false;
  targets_.clear();
  kept_buffers_.clear();
}

void Planner::plan_segment(Recorder& recorder, Plan& plan, Segment& segment) {
  begin(recorder, &segment);
  collect_targets();
  collect_needed();
  check_leaves();
  for_each_needed([&](PlannedNode& node) {
    if (node.where != PlannedNode::Where::nowhere) return;
    draft_.computed.push_back(node.id);
    place(node);
  });
  std::size_t arena_begin = 0;
  for (const Plan* earlier : earlier_) arena_begin = std::max(arena_begin, earlier->arena_kept_end);
  finish(arena_begin);
  plan.complete(draft_, recorder.workspace().memory);
}

void Planner::plan_node(Recorder& recorder, Plan& plan, std::int32_t id) {
  begin(recorder, nullptr);
  PlanBuffer destination;
  destination.place = PlanBuffer::Place::eager;
  destination.node = id;
  targets_.push_back({id, destination});
  collect_needed();
  for_each_needed([&](PlannedNode& node) {
    if (node.where == PlannedNode::Where::nowhere) place(node);
  });
  finish(0);
  plan.complete(draft_, recorder.workspace().memory);
}

}  // namespace thalweg::internal
