#pragma once
// Rows by index, from anywhere in memory: a batch out of a data set.

#include <cstddef>
#include <cstdint>
#include <span>

namespace thalweg::run {

struct Rows {
  const void* data = nullptr;
  std::int64_t count = 0;
  std::size_t bytes = 0;  // of a row
};

/// Row i of `output` is row indices[i] of `rows`; an index below 0 counts from the end. They are not checked.
void gather_rows(const Rows& rows, std::span<const std::int64_t> indices, void* output);

/// The same for rows of bytes as numbers: output[i, j] = rows[indices[i], j] / divisor, correctly rounded. `divisor` is a
/// whole number from 1 to 255.
void gather_bytes(const Rows& rows, std::span<const std::int64_t> indices, float divisor, float* output);

}  // namespace thalweg::run
