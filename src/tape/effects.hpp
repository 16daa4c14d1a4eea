#pragma once
#include <algorithm>

#include "src/tape/recorder.hpp"

namespace thalweg::internal {

/// Whether a later effect of the same request writes what the pending effect number `place` does. Both engines skip it then,
/// and ask for nothing that only this effect reads.
inline bool is_overwritten(const Recorder& recorder, std::size_t place) {
  const std::vector<PendingEffect>& pending = recorder.pending();
  const PendingEffect& effect = pending[place];
  const std::uint64_t target = recorder.key(effect.node).attribute;
  return std::any_of(pending.begin() + static_cast<std::ptrdiff_t>(place) + 1, pending.end(),
                     [&](const PendingEffect& later) {
                       return later.registry == effect.registry && recorder.key(later.node).attribute == target;
                     });
}

}  // namespace thalweg::internal
