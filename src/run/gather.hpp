#pragma once
// Gathering rows by index: taking a batch from a data set.

#include <cstddef>
#include <cstdint>
#include <span>

namespace thalweg::run {

struct Rows {
  const void* data = nullptr;
  std::int64_t count = 0;
  std::size_t bytes = 0;  // of a row
};

/// Row i of `output` = row indices[i] of `rows`; a negative index counts from the end. Indices are not checked.
void gather_rows(const Rows& rows, std::span<const std::int64_t> indices, void* output);

/// The same for rows of bytes, converted: output[i, j] = rows[indices[i], j] / divisor, correctly rounded. `divisor` is
/// an integer from 1 to 255.
void gather_bytes(const Rows& rows, std::span<const std::int64_t> indices, float divisor, float* output);

}  // namespace thalweg::run
