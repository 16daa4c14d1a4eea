#pragma once
#include <algorithm>
#include <compare>
#include <vector>

#include "src/tape/recorder.hpp"

namespace thalweg::internal {

/// For each pending effect, whether a later one of the same request writes what it does. Both engines skip it then, and ask
/// for nothing that only this effect reads.
inline std::vector<bool> overwritten_effects(const Recorder& recorder) {
  const std::vector<PendingEffect>& pending = recorder.pending();
  struct Written {
    std::uint64_t attribute;  // says of which registry
    std::size_t place;
    auto operator<=>(const Written&) const = default;
  };
  std::vector<Written> written;
  written.reserve(pending.size());
  for (const PendingEffect& effect : pending) written.push_back({recorder.key(effect.node).attribute, written.size()});
  std::sort(written.begin(), written.end());
  std::vector<bool> overwritten(pending.size(), false);
  for (std::size_t i = 0; i + 1 < written.size(); ++i)
    if (written[i].attribute == written[i + 1].attribute) overwritten[written[i].place] = true;
  return overwritten;
}

}  // namespace thalweg::internal
