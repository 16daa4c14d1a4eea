// Places the buffers of a plan in its tape's arena.

#include <algorithm>
#include <utility>

#include "src/plan/planner.hpp"
#include "src/tensor/free_list.hpp"

namespace thalweg::internal {

namespace {

std::size_t align(std::size_t bytes) {
  constexpr std::size_t alignment = buffer_alignment;
  return std::max(alignment, (bytes + alignment - 1) / alignment * alignment);
}

}  // namespace

/// Finds for each buffer the one that determines its place: the first of its contiguous group or, for an alias, that of
/// its base, which precedes it.
void Planner::find_blocks() {
  blocks_.resize(draft_.buffers_.size());
  for (std::size_t i = 0; i < blocks_.size(); ++i) {
    const PlanBuffer& buffer = draft_.buffers_[i];
    const bool is_together = i < together_.size() && together_[i].first >= 0;
    blocks_[i] = buffer.place == PlanBuffer::Place::alias ? blocks_[buffer.base]
                 : is_together                            ? together_[i].first
                                                          : static_cast<std::int32_t>(i);
  }
}

std::size_t Planner::block_bytes(std::int32_t block) const {
  const auto index = static_cast<std::size_t>(block);
  const std::size_t count = index < together_.size() ? static_cast<std::size_t>(together_[index].count) : 1;
  return count * align(buffer(block).bytes);
}

void Planner::place_block(std::int32_t block, std::size_t offset) {
  buffer(block).offset = offset;
  if (static_cast<std::size_t>(block) >= together_.size()) return;
  for (std::int32_t next = together_[block].next; next >= 0; next = together_[next].next)
    buffer(next).offset = offset += align(buffer(block).bytes);
}

void Planner::lay_out(std::size_t arena_begin) {
  for (MatmulPass& matmul : draft_.matmuls_) {
    const std::size_t bytes = run::matmul_workspace(matmul.form);
    if (bytes == 0) continue;
    PlanBuffer workspace;
    workspace.bytes = bytes;
    matmul.workspace = add_buffer(workspace);
  }
  const std::size_t count = draft_.buffers_.size();
  find_blocks();
  last_use_.assign(count, -1);
  for (std::size_t pass = 0; pass < passes_.size(); ++pass) {
    const auto use = [&](std::int32_t index) {
      last_use_[blocks_[static_cast<std::size_t>(index)]] = static_cast<std::int32_t>(pass);
    };
    for_each_read(passes_[pass], use);
    for_each_write(passes_[pass], use);
  }

  draft_.arena_begin = arena_begin;
  std::size_t end = arena_begin;
  placed_.assign(count, 0);
  for (const std::int32_t index : kept_buffers_) {
    if (std::exchange(placed_[index], 1) != 0) continue;
    buffer(index).offset = end;
    end += align(buffer(index).bytes);
  }
  draft_.arena_kept_end = end;
  FreeList free_list(end);
  first_dying_.assign(passes_.size(), -1);  // linked lists of blocks, by the pass of their last use
  next_dying_.assign(count, -1);
  for (std::size_t pass = 0; pass < passes_.size(); ++pass) {
    for_each_write(passes_[pass], [&](std::int32_t index) {
      if (buffer(index).place != PlanBuffer::Place::arena) return;
      const std::int32_t block = blocks_[index];
      if (std::exchange(placed_[block], 1) != 0) return;
      place_block(block, free_list.take(block_bytes(block)));
      std::int32_t& first = first_dying_[last_use_[static_cast<std::size_t>(block)]];
      next_dying_[block] = std::exchange(first, block);
    });
    for (std::int32_t dead = first_dying_[pass]; dead >= 0; dead = next_dying_[dead])
      free_list.give(buffer(dead).offset, block_bytes(dead));
  }
  draft_.arena_end = std::max(free_list.end(), end);
  place_kept_aliases();
}

/// Gives kept aliases an arena offset of their own, by which later plans find them.
void Planner::place_kept_aliases() {
  for (const KeptValue& kept : draft_.kept) {
    PlanBuffer& alias = buffer(kept.buffer);
    if (alias.place != PlanBuffer::Place::alias) continue;
    std::size_t offset = 0;
    std::int32_t at = kept.buffer;
    for (; buffer(at).place == PlanBuffer::Place::alias; at = buffer(at).base) offset += buffer(at).offset;
    const PlanBuffer& base = buffer(at);
    alias.place = base.place == PlanBuffer::Place::arena ? PlanBuffer::Place::earlier : base.place;
    alias.offset = base.offset + offset;
    alias.node = base.node;
  }
}

}  // namespace thalweg::internal
