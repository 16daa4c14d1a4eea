#include "src/tape/open_segment.hpp"

namespace thalweg::internal {

void OpenSegment::clear() {
  keys.clear();
  infos.clear();
  expansions.clear();
  composed.clear();
  turned_from = nullptr;
}

void OpenSegment::begin_like(const Segment& segment, std::int32_t end) {
  const std::ptrdiff_t count = end - segment.base;
  keys.assign(segment.keys.begin(), segment.keys.begin() + count);
  infos.assign(segment.infos.begin(), segment.infos.begin() + count);
  expansions.clear();
  for (const Expansion& expansion : segment.expansions)
    if (expansion.begin < end) expansions.push_back(expansion);
  composed.clear();
  for (const Composed& made : segment.composed())
    if (made.end <= end) composed.push_back(made);
}

void OpenSegment::shorten(std::size_t count, std::int32_t end) {
  keys.resize(count);
  infos.resize(count);
  std::erase_if(expansions, [&](const Expansion& expansion) { return expansion.begin >= end; });
  std::erase_if(composed, [&](const Composed& made) { return made.end > end; });
}

}  // namespace thalweg::internal
