#pragma once
// Places the buffers of a schedule in its tape's arena, according to their lifetimes.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "src/plan/schedule.hpp"

namespace thalweg::internal {

/// A buffer's place in a group of buffers of one size that must be contiguous.
struct GroupMember {
  std::int32_t first = -1, next = -1;  // −1: in no group; the last one
  std::int32_t count = 1;              // of the first one: how many there are
};

class ArenaLayout {
 public:
  /// Places the buffers from `arena_begin` on, behind what earlier requests keep. `groups`, by buffer, is empty if there
  /// are none.
  void lay_out(Schedule& schedule, std::span<const GroupMember> groups, std::size_t arena_begin);

 private:
  void add_workspaces(Schedule& schedule);
  void find_blocks(const Schedule& schedule);
  void find_last_uses(const Schedule& schedule);
  void place_kept(Schedule& schedule);
  void place_others(Schedule& schedule);
  std::size_t block_bytes(const Schedule& schedule, std::int32_t block) const;
  void place_block(Schedule& schedule, std::int32_t block, std::size_t offset) const;

  std::span<const GroupMember> groups_;
  // By buffer: the one that determines its place (its block), the last pass that uses a block, and whether it is placed.
  std::vector<std::int32_t> blocks_, last_use_;
  std::vector<std::uint8_t> placed_;
  // Lists of the blocks whose last use is in a pass: the first one by pass, the next one by buffer.
  std::vector<std::int32_t> first_dying_, next_dying_;
};

}  // namespace thalweg::internal
