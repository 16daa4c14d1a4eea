#pragma once
// The blocking sizes of matrix multiplication, measured on a core with 48 KB of L1 and 1 MB of L2 cache. Results do not
// depend on them unless noted.

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace thalweg::run {

/// A matmul of fewer multiply-adds (9 µs at 117 GF/s) stays on one thread.
inline constexpr std::int64_t parallel_work = 1 << 19;
/// A single row of C is summed in slices of k of this length. Unlike all others, this number affects results.
inline constexpr std::int64_t row_stretch = 64;
/// Direct: the rows of a block, small enough that A stays in the cache; more if each block copies B. And the number of
/// blocks from which a few threads are evenly loaded.
inline constexpr std::int64_t direct_rows = 64, transposed_rows = 256, parallel_parts = 6;
/// Direct, B transposed: the stack space of a copied panel.
inline constexpr std::int64_t stack_bytes = 24 * 1024;
/// Packed: the size of copies and the rows of A that one task copies. (The slices of k are long, since storing sums to C
/// costs more than reading a panel of B from the L3 cache.)
inline constexpr std::int64_t packed_steps = 1024, packed_rows = 1024, task_rows = 64;

/// The steps of a slice of k: about equal, in multiples of row_stretch, at most `most` (such a multiple).
constexpr std::int64_t slice_steps(std::int64_t k, std::int64_t most) {
  if (k <= most) return k > 0 ? k : 1;
  const std::int64_t slices = (k + most - 1) / most;
  return ((k + slices - 1) / slices + row_stretch - 1) / row_stretch * row_stretch;
}

/// Direct: the steps of k after which sums are stored to C.
inline constexpr std::int64_t most_direct_steps = 1024, most_transposed_steps = 256;
constexpr std::int64_t direct_steps(std::int64_t m, bool transpose_a) {
  if (m == 1) return row_stretch;
  return transpose_a ? most_transposed_steps : most_direct_steps;
}

/// Whether a block of C is worth another thread. (m·n·k is the root of the product of the three matrices' sizes, so it
/// does not overflow.)
constexpr bool is_large(std::int64_t m, std::int64_t n, std::int64_t k) { return m * n * k > parallel_work; }

/// Whether a matrix does not stay in the L2 cache from one use to the next.
constexpr bool is_far(std::int64_t elements, std::size_t element_bytes) {
  return elements > static_cast<std::int64_t>((std::size_t{1} << 20) / element_bytes);
}

/// Whether each row of a matrix begins on a page of its own. Then reading it by columns takes a new address translation at
/// each step, and where rows are a multiple of 4 KiB apart, all of them share few sets of the caches.
constexpr bool has_far_rows(std::int64_t columns, std::size_t element_bytes) {
  return columns >= static_cast<std::int64_t>(4096 / element_bytes);
}

/// Whether to copy B first, and a transposed A: if both are read often enough and B does not stay in the L2 cache, or they
/// are read across far rows.
constexpr bool is_packed(std::int64_t m, std::int64_t n, std::int64_t k, bool transpose_a, std::size_t element_bytes) {
  if (m < 128 || n < 128 || k < 64) return false;
  return n * k > static_cast<std::int64_t>((std::size_t{2} << 20) / element_bytes) ||
         (has_far_rows(n, element_bytes) && is_far(n * k, element_bytes)) ||
         (transpose_a && has_far_rows(m, element_bytes) &&
          m * k >= static_cast<std::int64_t>((std::size_t{1} << 20) / element_bytes));
}

/// Whether to skip steps in which all of a tile's rows of A are zero: images are mostly black. Then a sum of −0 always
/// becomes 0, whether or not a step is skipped, so that no result depends on which rows share a tile.
constexpr bool may_skip_zeros(std::int64_t m, std::int64_t n, std::int64_t k, bool transpose_a, bool transpose_b,
                              std::size_t element_bytes) {
  return !transpose_b && m >= 32 && n >= 32 && k >= 64 && !is_packed(m, n, k, transpose_a, element_bytes);
}

/// Padding rows by 64 bytes keeps rows of power-of-two length out of the same cache sets.
constexpr std::int64_t packed_a_stride(std::int64_t length) { return (length + 15) / 16 * 16 + 16; }

/// The copy of A, row by row, or step by step, or in strips of a tile's rows. (Each thread copies panels of B into its own
/// scratch memory.)
constexpr std::int64_t packed_elements(std::int64_t m, std::int64_t k) {
  const std::int64_t rows = std::min(m, packed_rows), steps = std::min(k, packed_steps);
  return std::max(rows * packed_a_stride(steps), steps * packed_a_stride(rows));
}

/// By AMX: the columns and steps of the copy of B, which stays in an L2 cache of 2 MB; of the steps, 32 rows of A stay in the
/// L1 cache. And its elements, as f32.
inline constexpr std::int64_t amx_columns = 1024, amx_steps = 512;
constexpr std::int64_t amx_elements(std::int64_t n, std::int64_t k) {
  const auto up = [](std::int64_t x) { return (x + 31) / 32 * 32; };
  return std::min(up(n), amx_columns) * std::min(up(k), amx_steps) / 2;
}

/// Whether AMX is faster than f32, by measurement.
constexpr bool amx_pays(std::int64_t m, std::int64_t n, std::int64_t k) {
  return m >= 16 && n >= 10 && k >= 32 && m * n * k >= 1 << 15;
}

/// Precision::medium always copies. The stack space for the copy of a small A (by AMX, of a small B), so that many such
/// products can run at once, and the workspace of larger ones.
inline constexpr std::size_t medium_stack_bytes = 64 * 1024;
constexpr std::size_t medium_workspace(std::int64_t m, std::int64_t n, std::int64_t k, bool has_amx) {
  const std::int64_t even = (k + 1) / 2 * 2;
  const bool is_small = !is_large(m, n, k) && even <= packed_steps;
  std::size_t bytes = static_cast<std::size_t>(packed_elements(m, even)) * sizeof(float);
  if (has_amx) bytes = std::max(bytes, static_cast<std::size_t>(amx_elements(n, k)) * sizeof(float));
  return is_small && bytes <= medium_stack_bytes ? 0 : bytes;
}

}  // namespace thalweg::run
