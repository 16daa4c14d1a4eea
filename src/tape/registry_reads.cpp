#include "src/tape/registry_reads.hpp"

#include <algorithm>

namespace thalweg::internal {

bool RegistryReads::note(RegistryCore& registry) {
  const bool is_known =
      std::any_of(reads_.begin(), reads_.end(), [&](const Read& read) { return read.uid == registry.uid; });
  if (!is_known) {
    reads_.reserve(reads_.size() + 1);  // so that a read that counts is one that ends
    registry.begin_read();
    reads_.push_back({registry.uid, registry.shared_from_this(), registry.write_count});
  }
  last_ = registry.uid;
  return !is_known;
}

void RegistryReads::end() {
  for (const Read& read : reads_) read.registry->end_read();
  reads_.clear();
  last_ = 0;
}

}  // namespace thalweg::internal
