#pragma once
// The registries that a tape has read: each is marked as read, and watched for writes, until the tape ends.

#include <cstdint>
#include <memory>
#include <vector>

#include "src/registry/core.hpp"

namespace thalweg::internal {

class RegistryReads {
 public:
  /// Whether this registry is the one read last.
  bool is_last(const RegistryCore& registry) const { return registry.uid == last_; }
  /// Notes a read; returns whether it is the first one of this registry.
  bool note(RegistryCore& registry);
  /// The registry that had this uid when it was read; null if there is none.
  RegistryCore* find(std::uint32_t uid) const {
    for (const Read& read : reads_)
      if (read.uid == uid) return read.registry.get();
    return nullptr;
  }
  /// Whether no registry has been written since it was first read, so that no leaf has changed.
  bool are_fresh() const {
    for (const Read& read : reads_)
      if (read.registry->write_count != read.write_count) return false;
    return true;
  }
  void end();

 private:
  struct Read {
    std::uint32_t uid;
    std::shared_ptr<RegistryCore> registry;
    std::uint32_t write_count;  // when it was first read
  };
  std::vector<Read> reads_;
  std::uint32_t last_ = 0;  // uid of the registry read last; 0: none
};

}  // namespace thalweg::internal
