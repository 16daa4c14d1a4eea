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
  const PendingEffect* latest(const RegistryCore& registry, std::int32_t parameter) const;
  /// For each pending effect, whether a later one of the same request writes what it does. Both engines skip it then, and
  /// ask for nothing that only this effect reads.
  std::vector<bool> overwritten() const;
  /// Drops those of nodes from `first` on.
  void forget(std::int32_t first);
  void clear() { pending_.clear(); }

  /// Locks the registries of pending effects until these are committed.
  void claim(const char* writer, SourceLine line);
  void unclaim() { claims_.clear(); }
  /// Tells the registries that the pending effects have been executed.
  void commit(const char* writer, SourceLine line);

 private:
  std::vector<PendingEffect> pending_;
  std::vector<WriteClaim> claims_;
};

}  // namespace thalweg::internal
