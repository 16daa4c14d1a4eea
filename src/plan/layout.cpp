#include "src/plan/layout.hpp"

#include <algorithm>
#include <utility>

#include "src/tensor/free_list.hpp"

namespace thalweg::internal {

namespace {

std::size_t align(std::size_t bytes) {
  constexpr std::size_t alignment = buffer_alignment;
  return std::max(alignment, (bytes + alignment - 1) / alignment * alignment);
}

/// Calls f for every buffer that is first needed when the pass runs.
template <class F>
void for_each_result(const Schedule& schedule, const Pass& pass, F&& f) {
  schedule.for_each_write(pass, f);
  if (const std::int32_t workspace = schedule.workspace_of(pass); workspace >= 0) f(workspace);
}

/// Gives kept aliases an arena offset of their own, by which later plans find them.
void place_kept_aliases(Schedule& schedule) {
  for (const KeptValue& kept : schedule.kept) {
    PlanBuffer& alias = schedule.buffer(kept.buffer);
    if (alias.place != PlanBuffer::Place::alias) continue;
    std::size_t offset = 0;
    std::int32_t at = kept.buffer;
    for (; schedule.buffer(at).place == PlanBuffer::Place::alias; at = schedule.buffer(at).base)
      offset += schedule.buffer(at).offset;
    const PlanBuffer& base = schedule.buffer(at);
    alias.place = base.place == PlanBuffer::Place::arena ? PlanBuffer::Place::earlier : base.place;
    alias.offset = base.offset + offset;
    alias.node = base.node;
  }
}

}  // namespace

void ArenaLayout::lay_out(Schedule& schedule, std::span<const GroupMember> groups, std::size_t arena_begin) {
  groups_ = groups;
  add_workspaces(schedule);
  find_blocks(schedule);
  find_last_uses(schedule);
  placed_.assign(schedule.buffers_.size(), 0);
  schedule.arena_begin = arena_begin;
  place_kept(schedule);
  place_others(schedule);
  place_kept_aliases(schedule);
}

void ArenaLayout::add_workspaces(Schedule& schedule) {
  for (MatmulPass& matmul : schedule.matmuls_) {
    const std::size_t bytes = run::matmul_workspace(matmul.form);
    if (bytes == 0) continue;
    PlanBuffer workspace;
    workspace.bytes = bytes;
    matmul.workspace = schedule.add_buffer(workspace);
  }
}

/// Finds for each buffer its block: the first of its contiguous group or, for an alias, the block of its base, which
/// precedes it.
void ArenaLayout::find_blocks(const Schedule& schedule) {
  blocks_.resize(schedule.buffers_.size());
  for (std::size_t i = 0; i < blocks_.size(); ++i) {
    const PlanBuffer& buffer = schedule.buffers_[i];
    const bool is_together = i < groups_.size() && groups_[i].first >= 0;
    blocks_[i] = buffer.place == PlanBuffer::Place::alias ? blocks_[static_cast<std::size_t>(buffer.base)]
                 : is_together                            ? groups_[i].first
                                                          : static_cast<std::int32_t>(i);
  }
}

void ArenaLayout::find_last_uses(const Schedule& schedule) {
  last_use_.assign(blocks_.size(), -1);
  for (std::size_t pass = 0; pass < schedule.passes_.size(); ++pass) {
    const auto use = [&](std::int32_t buffer) {
      last_use_[static_cast<std::size_t>(blocks_[static_cast<std::size_t>(buffer)])] = static_cast<std::int32_t>(pass);
    };
    schedule.for_each_read(schedule.passes_[pass], use);
    for_each_result(schedule, schedule.passes_[pass], use);
  }
}

/// Kept values come first, one after another.
void ArenaLayout::place_kept(Schedule& schedule) {
  std::size_t end = schedule.arena_begin;
  for (const std::int32_t index : schedule.kept_buffers) {
    if (std::exchange(placed_[static_cast<std::size_t>(index)], 1) != 0) continue;
    schedule.buffer(index).offset = end;
    end += align(schedule.buffer(index).bytes);
  }
  schedule.arena_kept_end = end;
}

/// Takes memory for each block at the pass that writes it first, and gives it back after its last use.
void ArenaLayout::place_others(Schedule& schedule) {
  FreeList free_list(schedule.arena_kept_end);
  first_dying_.assign(schedule.passes_.size(), -1);
  next_dying_.assign(blocks_.size(), -1);
  for (std::size_t pass = 0; pass < schedule.passes_.size(); ++pass) {
    for_each_result(schedule, schedule.passes_[pass], [&](std::int32_t index) {
      if (schedule.buffer(index).place != PlanBuffer::Place::arena) return;
      const std::int32_t block = blocks_[static_cast<std::size_t>(index)];
      if (std::exchange(placed_[static_cast<std::size_t>(block)], 1) != 0) return;
      place_block(schedule, block, free_list.take(block_bytes(schedule, block)));
      const std::int32_t last = last_use_[static_cast<std::size_t>(block)];
      next_dying_[static_cast<std::size_t>(block)] = std::exchange(first_dying_[static_cast<std::size_t>(last)], block);
    });
    for (std::int32_t dead = first_dying_[pass]; dead >= 0; dead = next_dying_[static_cast<std::size_t>(dead)])
      free_list.give(schedule.buffer(dead).offset, block_bytes(schedule, dead));
  }
  schedule.arena_end = std::max(free_list.end(), schedule.arena_kept_end);
}

std::size_t ArenaLayout::block_bytes(const Schedule& schedule, std::int32_t block) const {
  const auto index = static_cast<std::size_t>(block);
  const std::size_t count = index < groups_.size() ? static_cast<std::size_t>(groups_[index].count) : 1;
  return count * align(schedule.buffer(block).bytes);
}

void ArenaLayout::place_block(Schedule& schedule, std::int32_t block, std::size_t offset) const {
  schedule.buffer(block).offset = offset;
  if (static_cast<std::size_t>(block) >= groups_.size()) return;
  for (std::int32_t next = groups_[static_cast<std::size_t>(block)].next; next >= 0;
       next = groups_[static_cast<std::size_t>(next)].next)
    schedule.buffer(next).offset = offset += align(schedule.buffer(block).bytes);
}

}  // namespace thalweg::internal
