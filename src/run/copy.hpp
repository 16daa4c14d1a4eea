#pragma once
#include <cstddef>

#include <thalweg/op.hpp>

namespace thalweg::run {

/// output[i0, i1, …] = input[offset + Σ ik·strides[k]] for elements of `element_bytes` (1, 4 or 8); output is contiguous.
void copy_strided(const void* input, void* output, const Shape& shape, const StridedView& view,
                  std::size_t element_bytes);

}  // namespace thalweg::run
