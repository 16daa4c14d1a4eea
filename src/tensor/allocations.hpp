#pragma once
#include <cstdint>

#include <thalweg/dtype.hpp>
#include <thalweg/internal/storage.hpp>
#include <thalweg/shape.hpp>

namespace thalweg::internal {

/// Blocks of memory that tensors of this thread have taken from the system since it started.
std::int64_t blocks_allocated();

/// When it is released its block goes back to the system: for what is kept long, and then not asked for in that size.
void keep_out_of_pool(Storage& storage);

/// Memory for a tensor of this shape. ShapeError if there is not that much; `made_for` says for which op.
StorageHandle allocate_elements(const Shape& shape, DType dtype);

}  // namespace thalweg::internal
