#include "src/tape/effects.hpp"

#include <algorithm>
#include <bit>
#include <compare>
#include <utility>

#include "src/core_ops/core_ops.hpp"

namespace thalweg::internal {

void Effects::sort_into_buckets() {
  if (pending_.size() > next_.size()) {
    const std::size_t size = std::bit_ceil(std::max<std::size_t>(8, pending_.size()));
    buckets_.reserve(size);
    next_.resize(size);
    buckets_.assign(size, -1);
    indexed_ = 0;
  }
  for (; indexed_ < pending_.size(); ++indexed_)
    next_[indexed_] = std::exchange(bucket_of(pending_[indexed_]), static_cast<std::int32_t>(indexed_));
}

const PendingEffect* Effects::latest(const RegistryCore& registry, std::int32_t parameter) {
  if (empty()) return nullptr;
  sort_into_buckets();
  const std::uint32_t wanted = place_in_registry(pack({registry.uid, RegistrySpace::parameter, parameter}));
  for (std::int32_t at = buckets_[bucket(registry, wanted)]; at >= 0; at = next_[static_cast<std::size_t>(at)]) {
    const PendingEffect& effect = pending_[static_cast<std::size_t>(at)];
    if (effect.registry == &registry && place_in_registry(effect.address) == wanted) return &effect;
  }
  return nullptr;
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
  for (; !empty() && pending_.back().node >= first; pending_.pop_back())
    if (pending_.size() == indexed_) bucket_of(pending_.back()) = next_[--indexed_];
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
