#pragma once
// The effects that a tape has recorded: assignments, which are pending until a request executes and commits them.

#include <cstdint>
#include <vector>

#include "src/registry/core.hpp"

namespace thalweg::internal {

struct PendingEffect {
  RegistryCore* registry;
  std::uint64_t address;  // what it writes, a RegistryAddress
  std::int32_t node;      // the assign node
  std::int32_t check;     // on planned tapes that detect anomalies: the sum of the assigned values; else −1
};

class Effects {
 public:
  const std::vector<PendingEffect>& pending() const { return pending_; }
  bool empty() const { return pending_.empty(); }
  void add(const PendingEffect& effect) { pending_.push_back(effect); }
  /// The latest one that writes this parameter; null if there is none.
  const PendingEffect* latest(const RegistryCore& registry, std::int32_t parameter);
  /// For each pending effect, whether a later one of the same request writes what it does. Both engines skip it then, and
  /// ask for nothing that only this effect reads.
  std::vector<bool> overwritten() const;
  /// Drops those of nodes from `first` on.
  void forget(std::int32_t first);
  void clear() {
    if (indexed_ > 0) forget(0);
    pending_.clear();
  }

  /// Locks the registries of pending effects until these are committed.
  void claim(const char* writer, SourceLine line);
  void unclaim() { claims_.clear(); }
  /// Tells the registries that the pending effects have been executed.
  void commit(const char* writer, SourceLine line);

 private:
  /// What an address says beside the registry's uid, which may change after an effect is recorded.
  static std::uint32_t place_in_registry(std::uint64_t address) { return static_cast<std::uint32_t>(address); }
  std::size_t bucket(const RegistryCore& registry, std::uint32_t place) const {
    const std::uint64_t hash = (reinterpret_cast<std::uintptr_t>(&registry) >> 4) + std::uint64_t{place} * 0x9E3779B1u;
    return (hash * 0x9E3779B97F4A7C15u >> 32) & (buckets_.size() - 1);
  }
  std::int32_t& bucket_of(const PendingEffect& effect) {
    return buckets_[bucket(*effect.registry, place_in_registry(effect.address))];
  }
  void sort_into_buckets();

  std::vector<PendingEffect> pending_;
  // For `latest`: the first indexed_ effects are in buckets, by hash of what they write. A bucket is a list that begins with
  // its latest effect.
  std::size_t indexed_ = 0;
  std::vector<std::int32_t> buckets_;  // place of the first in pending_, −1: none; the size is a power of two
  std::vector<std::int32_t> next_;     // for each effect: place of the next in its bucket, −1: none
  std::vector<WriteClaim> claims_;
};

}  // namespace thalweg::internal
