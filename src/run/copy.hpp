#pragma once
#include <cstddef>
#include <cstdint>

#include <thalweg/op.hpp>

namespace thalweg::run {

/// output[i0, i1, …] = input[offset + Σ ik·strides[k]] for elements of `element_bytes` (1, 4 or 8); output is contiguous.
void copy_strided(const void* input, void* output, const Shape& shape, const StridedView& view,
                  std::size_t element_bytes);

/// Copies `rows` rows of `bytes` bytes, which are `input_stride` and `output_stride` bytes apart. Short rows are copied
/// inline: a call of memcpy takes several times as long as such a row.
void copy_rows(const void* input, std::int64_t input_stride, void* output, std::int64_t output_stride,
               std::int64_t rows, std::int64_t bytes);

}  // namespace thalweg::run
