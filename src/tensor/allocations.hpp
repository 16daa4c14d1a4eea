#pragma once
#include <cstdint>

namespace thalweg::internal {

struct Storage;

/// Blocks of memory that tensors of this thread have taken from the system since it started.
std::int64_t blocks_allocated();

/// When it is released its block goes back to the system: for what is kept long, and then not asked for in that size.
void keep_out_of_pool(Storage& storage);

}  // namespace thalweg::internal
