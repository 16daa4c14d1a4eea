#pragma once
#include <cstdint>

namespace thalweg::internal {

/// Blocks of memory that tensors of this thread have taken from the system since it started.
std::int64_t blocks_allocated();

}  // namespace thalweg::internal
