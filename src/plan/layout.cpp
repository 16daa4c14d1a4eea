// Where the buffers of a plan lie in its tape's arena.

#include <algorithm>
#include <utility>

#include "src/plan/planner.hpp"

namespace thalweg::internal {

namespace {

std::size_t align(std::size_t bytes) {
  constexpr std::size_t alignment = buffer_alignment;
  return std::max(alignment, (bytes + alignment - 1) / alignment * alignment);
}

/// First-fit allocation with coalescing, in offsets.
class FreeList {
 public:
  explicit FreeList(std::size_t begin) : end_(begin) {}
  std::size_t take(std::size_t bytes) {
    for (std::size_t i = 0; i < holes_.size(); ++i) {
      if (holes_[i].bytes < bytes) continue;
      const std::size_t offset = holes_[i].offset;
      holes_[i].offset += bytes;
      holes_[i].bytes -= bytes;
      if (holes_[i].bytes == 0) holes_.erase(holes_.begin() + static_cast<std::ptrdiff_t>(i));
      return offset;
    }
    if (!holes_.empty() && holes_.back().offset + holes_.back().bytes == end_) {  // grow the last hole
      const std::size_t offset = holes_.back().offset;
      holes_.pop_back();
      end_ = offset + bytes;
      return offset;
    }
    end_ += bytes;
    return end_ - bytes;
  }
  void give(std::size_t offset, std::size_t bytes) {
    auto at = std::lower_bound(holes_.begin(), holes_.end(), offset,
                               [](const Hole& hole, std::size_t wanted) { return hole.offset < wanted; });
    at = holes_.insert(at, {offset, bytes});
    if (const auto next = at + 1; next != holes_.end() && at->offset + at->bytes == next->offset) {
      at->bytes += next->bytes;
      holes_.erase(next);
    }
    if (at != holes_.begin() && (at - 1)->offset + (at - 1)->bytes == at->offset) {
      (at - 1)->bytes += at->bytes;
      holes_.erase(at);
    }
  }
  std::size_t end() const { return end_; }

 private:
  struct Hole {
    std::size_t offset, bytes;
  };
  std::vector<Hole> holes_;
  std::size_t end_;
};

}  // namespace

std::int32_t Planner::root(std::int32_t index) const {
  while (buffer(index).place == PlanBuffer::Place::alias) index = buffer(index).base;
  return index;
}

/// The first of the buffers that this one lies together with.
std::int32_t Planner::block_of(std::int32_t buffer) const {
  const auto index = static_cast<std::size_t>(buffer);
  return index < together_.size() && together_[index].first >= 0 ? together_[index].first : buffer;
}

std::size_t Planner::block_bytes(std::int32_t block) const {
  const auto index = static_cast<std::size_t>(block);
  const std::size_t count = index < together_.size() ? static_cast<std::size_t>(together_[index].count) : 1;
  return count * align(buffer(block).bytes);
}

void Planner::place_block(std::int32_t block, std::size_t offset) {
  buffer(block).offset = offset;
  if (static_cast<std::size_t>(block) >= together_.size()) return;
  for (std::int32_t next = together_[static_cast<std::size_t>(block)].next; next >= 0;
       next = together_[static_cast<std::size_t>(next)].next)
    buffer(next).offset = offset += align(buffer(block).bytes);
}

void Planner::lay_out(std::size_t arena_begin) {
  for (MatmulPass& matmul : plan_->matmuls_) {
    const std::size_t bytes = run::matmul_workspace(matmul.form);
    if (bytes == 0) continue;
    PlanBuffer workspace;
    workspace.bytes = bytes;
    matmul.workspace = add_buffer(workspace);
  }
  const std::size_t count = plan_->buffers_.size();
  last_use_.assign(count, -1);
  for (std::size_t pass = 0; pass < passes_.size(); ++pass) {
    const auto use = [&](std::int32_t index) {
      last_use_[static_cast<std::size_t>(block_of(root(index)))] = static_cast<std::int32_t>(pass);
    };
    for_each_read(passes_[pass], use);
    for_each_write(passes_[pass], use);
  }

  plan_->arena_begin = arena_begin;
  std::size_t end = arena_begin;
  placed_.assign(count, 0);
  for (const std::int32_t index : kept_buffers_) {
    if (std::exchange(placed_[static_cast<std::size_t>(index)], 1) != 0) continue;
    buffer(index).offset = end;
    end += align(buffer(index).bytes);
  }
  plan_->arena_kept_end = end;
  FreeList free_list(end);
  first_dying_.assign(passes_.size(), -1);  // lists, by the pass of the last use
  next_dying_.assign(count, -1);
  for (std::size_t pass = 0; pass < passes_.size(); ++pass) {
    for_each_write(passes_[pass], [&](std::int32_t index) {
      if (buffer(index).place != PlanBuffer::Place::arena) return;
      const std::int32_t block = block_of(index);
      if (std::exchange(placed_[static_cast<std::size_t>(block)], 1) != 0) return;
      place_block(block, free_list.take(block_bytes(block)));
      std::int32_t& first = first_dying_[static_cast<std::size_t>(last_use_[static_cast<std::size_t>(block)])];
      next_dying_[static_cast<std::size_t>(block)] = std::exchange(first, block);
    });
    for (std::int32_t dead = first_dying_[pass]; dead >= 0; dead = next_dying_[static_cast<std::size_t>(dead)])
      free_list.give(buffer(dead).offset, block_bytes(dead));
  }
  plan_->arena_end = std::max(free_list.end(), end);
  place_kept_aliases();
}

/// A kept alias is found by later plans at its own place.
void Planner::place_kept_aliases() {
  for (const Plan::Kept& kept : plan_->kept) {
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
