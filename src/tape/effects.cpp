#include "src/tape/effects.hpp"

#include <algorithm>
#include <compare>

#include "src/core_ops/core_ops.hpp"

namespace thalweg::internal {

const PendingEffect* Effects::latest(const RegistryCore& registry, std::int32_t parameter) const {
  const auto at = std::find_if(pending_.rbegin(), pending_.rend(), [&](const PendingEffect& effect) {
    const RegistryAddress address = unpack(effect.address);  // whose uid may have changed since
    return effect.registry == &registry && address.space == RegistrySpace::parameter && address.index == parameter;
  });
  return at == pending_.rend() ? nullptr : &*at;
}

std::vector<bool> Effects::overwritten() const {
  struct Written {
    std::uint64_t address;
    std::size_t place;
    auto operator<=>(const Written&) const = default;
  };
  std::vector<Written> written;
  written.reserve(pending_.size());
  for (const PendingEffect& effect : pending_) written.push_back({effect.address, written.size()});
  std::sort(written.begin(), written.end());
  std::vector<bool> overwritten(pending_.size(), false);
  for (std::size_t i = 0; i + 1 < written.size(); ++i)
    if (written[i].address == written[i + 1].address) overwritten[written[i].place] = true;
  return overwritten;
}

void Effects::forget(std::int32_t first) {
  while (!pending_.empty() && pending_.back().node >= first) pending_.pop_back();
}

void Effects::claim(const char* writer, SourceLine line) {
  for (const PendingEffect& effect : pending_) {
    const bool is_claimed = std::any_of(claims_.rbegin(), claims_.rend(),
                                        [&](const WriteClaim& claim) { return claim.is_of(*effect.registry); });
    if (!is_claimed) claims_.push_back(effect.registry->claim_write(writer, line));
  }
}

void Effects::commit(const char* writer, SourceLine line) {
  claims_.clear();
  for (const PendingEffect& effect : pending_) {
    const RegistryAddress address = unpack(effect.address);
    if (address.space == RegistrySpace::parameter)
      effect.registry->note_write(address.index, writer, line);
    else if (address.space == RegistrySpace::values)
      effect.registry->note_region_write(region_of(address), writer, line);
    else
      ++effect.registry->write_count;
  }
  clear();
}

}  // namespace thalweg::internal
