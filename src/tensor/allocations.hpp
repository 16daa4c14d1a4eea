#pragma once
#include <cstdint>

#include <thalweg/dtype.hpp>
#include <thalweg/internal/storage.hpp>
#include <thalweg/shape.hpp>

namespace thalweg::internal {

/// The number of blocks that this thread's tensors have allocated from the system so far.
std::int64_t blocks_allocated();

/// Makes the block return to the system when it is released: for long-lived blocks whose size will not be needed again.
void keep_out_of_pool(Storage& storage);

/// Memory for a tensor of this shape. ShapeError if there is not enough; `made_for` makes it name an op.
StorageHandle allocate_elements(const Shape& shape, DType dtype);

}  // namespace thalweg::internal
