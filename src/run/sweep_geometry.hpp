#pragma once
// How a sweep's domain is walked. The order in which a reduction adds is a function of (rows, columns, dtype) and of
// the SIMD target. Everything that determines it is here.
//
//   flat walk   the domain as one array. A reduction to `single` keeps a sum per lane of a wide block; a reduction to
//               `per_column` adds into a tile whose period is a multiple of the columns and of the wide block.
//   row walk    row by row, for values per row. A column reduction adds into the same tile at the same positions; a
//               reduction to `single` combines the sums of the rows.
//   by strips   a row walk over a strip of columns, then the next strip, where nothing but sums per column needs whole
//               rows: tiles of very long rows would not stay in the cache. Each column is added as in the row walk.

#include <algorithm>
#include <cstdint>
#include <numeric>

#include "src/run/sweep_machine.hpp"

namespace thalweg::run {

/// From this many columns on, a sum over the whole domain is a sum of row sums.
inline constexpr std::int64_t row_sum_columns = 256;
inline constexpr std::int64_t tile_bytes_limit = 32 * 1024;
/// Elements that justify a task.
inline constexpr std::int64_t task_elements = 16 * 1024;
inline constexpr std::int64_t task_limit = 64;
/// Sums per column whose tiles are larger than this are added strip by strip of columns; the tiles of a strip are smaller.
inline constexpr std::int64_t strip_bytes_from = 256 * 1024, strip_bytes = 16 * 1024;

struct Geometry {
  std::int64_t rows = 1, columns = 1;  // of the canonical domain: (1, n) if either was 1
  std::int64_t lanes = 1, wide = 8;    // elements of a vector, of a wide block
  std::int64_t size = 4;               // bytes of the machine's dtype
  std::int64_t period = 1;             // of the tiles of column reductions
  std::int64_t fold_rows = 1;          // rows added into a tile before its sums continue in f64
  bool tiled = false;                  // column reductions can run in the flat walk
  bool swapped = false;                // columns was 1: rows became the columns

  Geometry() = default;
  Geometry(std::int64_t sweep_rows, std::int64_t sweep_columns, DType dtype, int vector_lanes) {
    rows = sweep_rows, columns = sweep_columns;
    swapped = columns == 1 && rows != 1;
    if (swapped) std::swap(rows, columns);
    lanes = vector_lanes, wide = lanes * wide_vectors;
    size = static_cast<std::int64_t>(size_of(dtype));
    period = columns;
    if (rows > 1 && columns > 0 && columns < row_sum_columns) {
      const std::int64_t common = std::lcm(columns, wide);
      tiled = common * size <= tile_bytes_limit;
      if (tiled) period = common;
    }
    if (columns > 0) fold_rows = std::clamp<std::int64_t>(32 * 1024 / period, 8, 32) * (period / columns);
  }

  std::int64_t elements() const { return rows * columns; }
  bool one_dimensional() const { return rows == 1; }
  bool single_is_flat() const { return one_dimensional() || columns < row_sum_columns; }
  Extent canonical(Extent extent) const {
    if (extent == Extent::per_row && one_dimensional()) return swapped ? Extent::element : Extent::single;
    if (extent == Extent::per_column && one_dimensional()) return swapped ? Extent::single : Extent::element;
    return extent;
  }

  /// Elements (flat walk) or rows (row walk) per task. With `reduces`, the division into tasks determines bits.
  std::int64_t task_length(bool row_walk, bool reduces) const {
    const std::int64_t length = row_walk ? rows : elements();
    const std::int64_t unit = row_walk ? (reduces ? fold_rows : 1)
                              : tiled  ? fold_rows * columns
                                       : wide * blocks_per_fold;
    const std::int64_t tasks = std::clamp<std::int64_t>(elements() / task_elements, 1, task_limit);
    const std::int64_t share = (length + tasks - 1) / tasks;
    return std::max<std::int64_t>(unit, (share + unit - 1) / unit * unit);
  }
};

}  // namespace thalweg::run
