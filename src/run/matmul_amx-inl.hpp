// Matrix products in bf16 by AMX, compiled for AVX-512 alone (and included by matmul_bf16-inl.hpp there): blocks of C of
// 32 × 32 sums lie in four of the eight tiles, and a step multiplies two tiles of A by two of B, 32 of k at a time.
//
// Definition: of each 32 of k, from a multiple of 32 on, the products of even k are summed in order, each added with one
// rounding, and likewise those of odd k; both sums are added up, and that to what came before, beginning with start.
// Subnormal sums are 0. (Intel's manual says so of the instruction.)
//
// A slice of B is copied first, so that it lies in the L2 cache, then 32 rows of A at a time, which stay in the L1 cache. C
// is written along its rows: the other way, 32 rows far apart at a time, takes up to three times as long.
//
// The AMX unit works beside the others: between the steps of a block the next rows of A are copied, and the sums of the
// block before are moved from a small buffer to C. (Stored there at once, a tile's 16 rows share few sets of the L1 cache.)

#if defined(THALWEG_RUN_MATMUL_AMX_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef THALWEG_RUN_MATMUL_AMX_INL
#undef THALWEG_RUN_MATMUL_AMX_INL
#else
#define THALWEG_RUN_MATMUL_AMX_INL
#endif

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>

#include <hwy/highway.h>

#include "src/run/matmul_blocking.hpp"
#include "src/run/matmul_blocks-inl.hpp"
#include "src/run/matmul_pairs-inl.hpp"
#include "src/run/matmul_transpose-inl.hpp"
#include "src/run/scratch_memory.hpp"
#include "src/run/thread_pool.hpp"

#if HWY_TARGET == HWY_AVX3
HWY_PUSH_ATTRIBUTES(HWY_TARGET_STR ",avx512bf16,amx-tile,amx-bf16")
namespace thalweg::run::HWY_NAMESPACE {

/// A tile of factors: 16 rows of A, or columns of B, and 32 of k, as 16 × 16 pairs.
inline constexpr std::int64_t amx_lines = 16, amx_steps_of_tile = 32, amx_tile_elements = 256;
/// The rows and columns of a block of C.
inline constexpr std::int64_t amx_block = 2 * amx_lines;

/// From how many of k on, and of how many panels, a block takes long enough for other work to run beside it.
inline constexpr std::int64_t amx_least_buffered_steps = 384, amx_least_panels_ahead = 4;

/// What the instruction ldtilecfg reads.
struct TileShapes {
  std::uint8_t palette = 1, start_row = 0, reserved[14] = {};
  std::uint16_t row_bytes[16] = {};
  std::uint8_t rows[16] = {};
};

/// The tile registers of a thread while it multiplies: 0–3 hold C, 4 and 5 A, 6 and 7 B. They are as large as a block is, so
/// that nothing outside C is read or written.
class TileRegisters {
 public:
  TileRegisters() = default;
  TileRegisters(const TileRegisters&) = delete;
  TileRegisters& operator=(const TileRegisters&) = delete;
  ~TileRegisters() {
    if (rows_ > 0) _tile_release();
  }

  void shape(std::int64_t rows, std::int64_t columns) {
    if (rows == rows_ && columns == columns_) return;
    rows_ = rows;
    columns_ = columns;
    alignas(64) TileShapes shapes;
    const auto set = [&shapes](int tile, std::int64_t tile_rows, std::int64_t row_bytes) {
      shapes.rows[tile] = static_cast<std::uint8_t>(tile_rows);
      shapes.row_bytes[tile] = static_cast<std::uint16_t>(row_bytes);
    };
    for (int i = 0; i < 2; ++i) {
      const std::int64_t tile_rows = part_of(rows, i);
      for (int j = 0; j < 2; ++j) set(2 * i + j, tile_rows, 4 * part_of(columns, j));
      set(4 + i, tile_rows, 64);
      set(6 + i, amx_lines, 4 * part_of(columns, i));
    }
    _tile_loadconfig(&shapes);
  }

 private:
  /// Of so many rows or columns, those of the first or second tile; of one that is not used, any.
  static std::int64_t part_of(std::int64_t count, int tile) {
    const std::int64_t part = std::min(amx_lines, count - tile * amx_lines);
    return part > 0 ? part : amx_lines;
  }

  std::int64_t rows_ = 0, columns_ = 0;
};

/// Rows of A that are copied or, if `to` is null, prefetched while a block is multiplied: with each step, 32 of k of each.
struct RowsAhead {
  const float* from = nullptr;
  std::ptrdiff_t row = 0, step = 0;  // from one to the next
  std::int64_t rows = 0;
  float* to = nullptr;
  std::ptrdiff_t to_step = 0;
};

/// A block's 32 × 32 sums on their way to C: some rows with each step.
struct FinishedSums {
  const float* sums = nullptr;
  float* c = nullptr;
  std::ptrdiff_t ldc = 0;
  std::int64_t rows = 0;

  HWY_INLINE void move(std::int64_t most_rows) {
    const Numbers d;
    for (std::int64_t i = std::min(rows, most_rows); i > 0; --i, --rows, sums += amx_block, c += ldc) {
      hn::StoreU(hn::Load(d, sums), d, c);
      hn::StoreU(hn::Load(d, sums + amx_lines), d, c + amx_lines);
    }
  }
};

/// One block of C, or of a buffer for it: `steps` times 32 of k. The tiles of A and B lie one after the other, those of a
/// step side by side. B is read past the L1 cache, which then keeps A.
template <int row_tiles, int column_tiles>
HWY_NOINLINE void multiply_tiles(const float* a, const float* b, std::int64_t steps, const float* start,
                                 std::ptrdiff_t ld_start, float* c, std::ptrdiff_t ldc, RowsAhead ahead,
                                 FinishedSums finished) {
  asm volatile("" ::: "memory");  // gcc's intrinsics do not say that they read memory
  constexpr std::ptrdiff_t line = 64;
  constexpr bool lower = row_tiles == 2, right = column_tiles == 2;
  if (start) {
    const std::ptrdiff_t row = ld_start * static_cast<std::ptrdiff_t>(sizeof(float));
    _tile_loadd(0, start, row);
    if constexpr (right) _tile_loadd(1, start + amx_lines, row);
    if constexpr (lower) _tile_loadd(2, start + amx_lines * ld_start, row);
    if constexpr (lower && right) _tile_loadd(3, start + amx_lines * ld_start + amx_lines, row);
  } else {
    _tile_zero(0);
    if constexpr (right) _tile_zero(1);
    if constexpr (lower) _tile_zero(2);
    if constexpr (lower && right) _tile_zero(3);
  }
  const std::int64_t rows_per_step = hwy::DivCeil(finished.rows, std::max<std::int64_t>(steps, 1));
  for (; steps > 0; --steps) {
    _tile_loadd(4, a, line);
    _tile_stream_loadd(6, b, line);
    _tile_dpbf16ps(0, 4, 6);
    if constexpr (right) {
      _tile_stream_loadd(7, b + amx_tile_elements, line);
      _tile_dpbf16ps(1, 4, 7);
    }
    if constexpr (lower) {
      _tile_loadd(5, a + amx_tile_elements, line);
      _tile_dpbf16ps(2, 5, 6);
    }
    if constexpr (lower && right) _tile_dpbf16ps(3, 5, 7);
    a += row_tiles * amx_tile_elements;
    b += column_tiles * amx_tile_elements;
    if (ahead.to) {
      const Numbers d;
      for (std::int64_t i = 0; i < ahead.rows; ++i) {
        const float* const row = ahead.from + i * ahead.row;
        hn::Store(pairs_along(hn::LoadU(d, row), hn::LoadU(d, row + amx_lines)), d, ahead.to + i * amx_lines);
      }
      ahead.to += ahead.to_step;
    } else {
      for (std::int64_t i = 0; i < ahead.rows; ++i) {
        __builtin_prefetch(ahead.from + i * ahead.row, 0, 2);
        __builtin_prefetch(ahead.from + i * ahead.row + 16, 0, 2);
      }
    }
    ahead.from += ahead.step;
    finished.move(rows_per_step);
  }
  const std::ptrdiff_t row = ldc * static_cast<std::ptrdiff_t>(sizeof(float));
  _tile_stored(0, c, row);
  if constexpr (right) _tile_stored(1, c + amx_lines, row);
  if constexpr (lower) _tile_stored(2, c + amx_lines * ldc, row);
  if constexpr (lower && right) _tile_stored(3, c + amx_lines * ldc + amx_lines, row);
  asm volatile("" ::: "memory");  // nor that they write it
}

/// How the 32 of k of a line lie in memory, and whether lines are a tile's rows, as of A, or its columns, as of B.
enum class Steps32 : std::uint8_t { side_by_side, apart };
enum class Lines : std::uint8_t { rows, columns };

/// Copies a tile of at most 16 lines and 32 steps, zeros after them. `stride`: from line to line, or from step to step.
template <Steps32 steps_lie, Lines lines_are>
HWY_NOINLINE void pack_tile(const float* from, std::ptrdiff_t stride, std::int64_t lines, std::int64_t steps,
                            float* to) {
  constexpr int lanes = 16;
  const Numbers d;
  Pairs tile[lanes];
  if constexpr (steps_lie == Steps32::side_by_side) {
    THALWEG_UNROLL
    for (int line = 0; line < lanes; ++line) {
      const float* const row = from + line * stride;
      tile[line] =
          line < lines ? pairs_along(load_first(row, steps), load_first(row + lanes, steps - lanes)) : hn::Zero(d);
    }
  } else {
    THALWEG_UNROLL
    for (int pair = 0; pair < lanes; ++pair) {
      const float* const row = from + 2 * pair * stride;
      const std::int64_t left = steps - 2 * pair;
      tile[pair] = pairs_across(left > 0 ? load_first(row, lines) : hn::Zero(d),
                                left > 1 ? load_first(row + stride, lines) : hn::Zero(d));
    }
  }
  if constexpr ((steps_lie == Steps32::side_by_side) == (lines_are == Lines::columns)) transpose_vectors(d, tile);
  THALWEG_UNROLL
  for (int row = 0; row < lanes; ++row) hn::Store(tile[row], d, to + row * lanes);
}

/// Copies a block's lines over one slice: `count` ≤ 32 of them.
template <Lines lines_are>
void pack_lines(const float* from, std::ptrdiff_t line_stride, std::ptrdiff_t step_stride, std::int64_t count,
                std::int64_t steps, float* to) {
  const bool is_along = step_stride == 1;
  for (std::int64_t step = 0; step < steps; step += amx_steps_of_tile)
    for (std::int64_t line = 0; line < count; line += amx_lines, to += amx_tile_elements) {
      const float* const first = from + step * step_stride + line * line_stride;
      if (is_along) {
        pack_tile<Steps32::side_by_side, lines_are>(first, line_stride, count - line, steps - step, to);
      } else {
        pack_tile<Steps32::apart, lines_are>(first, step_stride, count - line, steps - step, to);
      }
    }
}

/// A stretch of k and of columns of which B is copied at a time.
struct AmxSlice {
  std::int64_t first, steps, column, columns;
  float* b;

  std::int64_t units() const { return hwy::DivCeil(steps, amx_steps_of_tile); }
  std::int64_t panels() const { return hwy::DivCeil(columns, amx_block); }
  /// Where the copy of a panel is: only the last one may have a single tile for each step.
  float* panel(std::int64_t index) const { return b + index * units() * 2 * amx_tile_elements; }
  std::int64_t panel_columns(std::int64_t index) const { return std::min(amx_block, columns - index * amx_block); }
};

/// Copies a part of B along its rows in memory, which the processor foresees: 32 of k, or a panel where B is transposed.
inline void pack_amx_part(const Product<float>& product, const AmxSlice& slice, std::int64_t index) {
  const float* const b = product.b + slice.first * (product.transpose_b ? 1 : product.ldb) +
                         slice.column * (product.transpose_b ? product.ldb : 1);
  if (product.transpose_b)
    return pack_lines<Lines::columns>(b + index * amx_block * product.ldb, product.ldb, 1, slice.panel_columns(index),
                                      slice.steps, slice.panel(index));
  const std::int64_t first = index * amx_steps_of_tile, steps = std::min(amx_steps_of_tile, slice.steps - first);
  for (std::int64_t panel = 0; panel < slice.panels(); ++panel) {
    const std::int64_t columns = slice.panel_columns(panel), tiles = hwy::DivCeil(columns, amx_lines);
    pack_lines<Lines::columns>(b + first * product.ldb + panel * amx_block, 1, product.ldb, columns, steps,
                               slice.panel(panel) + index * tiles * amx_tile_elements);
  }
}

/// Bias and activation of a block whose sums are in C.
inline void finish_amx_block(const Product<float>& product, const AmxSlice& slice, std::int64_t column,
                             std::int64_t columns, Range rows) {
  const std::int64_t vectors = hwy::DivCeil(columns, amx_lines);
  const Panel panel{column, columns, vectors, columns_as_vectors<float>(columns - (vectors - 1) * amx_lines)};
  const Slice<float> nothing{slice.first, slice.steps, 0, product.a, product.a_row, product.a_step, product.a_row};
  Tile<float> tile = panel_tile(product, nothing, panel, product.b, product.ldb);
  const TileFunctions<float>& functions = tile_functions<float>(vectors, panel.columns);
  for (std::int64_t row = rows.begin; row < rows.end; row += tile_rows) {
    place(tile, product, nothing, panel, row);
    tile.start = tile.c;
    functions[static_cast<std::size_t>(std::min<std::int64_t>(tile_rows, rows.end - row))](tile);
  }
}

/// A thread's part of C over one slice: all rows of some panels, 32 rows at a time.
class AmxPart {
 public:
  AmxPart(const Product<float>& product, const AmxSlice& slice, Range rows, Range panels)
      : product_(product),
        slice_(slice),
        rows_(rows),
        panels_(panels),
        copy_elements_(slice.units() * 2 * amx_tile_elements),
        a_(reinterpret_cast<float*>(scratch_of_thread(
            static_cast<std::size_t>(2 * copy_elements_ + 2 * amx_block * amx_block) * sizeof(float)))),
        next_a_(a_ + copy_elements_),
        sums_(next_a_ + copy_elements_),
        next_sums_(sums_ + amx_block * amx_block) {}

  void multiply() {
    for (std::int64_t row = rows_.begin; row < rows_.end; row += amx_block)
      multiply_rows({row, std::min(rows_.end, row + amx_block)});
    finished_.move(amx_block);
  }

 private:
  /// Whether rows of A are copied while those before are multiplied.
  bool copies_ahead() const {
    return product_.a_step == 1 && slice_.steps % amx_steps_of_tile == 0 &&
           panels_.end - panels_.begin >= amx_least_panels_ahead;
  }

  const float* a_from(std::int64_t row) const {
    return product_.a + slice_.first * product_.a_step + row * product_.a_row;
  }

  /// Of op(A)'s rows from `row` on, at most 32, what goes with the panel `index` of this part.
  RowsAhead rows_ahead(std::int64_t row, std::int64_t index) const {
    const std::int64_t left = std::min(amx_block, rows_.end - row);
    const std::int64_t per_panel = hwy::DivCeil(amx_block, panels_.end - panels_.begin), first = index * per_panel;
    if (left <= 0) return {};
    if (product_.a_step == 1) {
      RowsAhead ahead{a_from(row + first), product_.a_row, amx_steps_of_tile, std::min(per_panel, left - first)};
      if (copies_ahead()) ahead.to = next_a_ + first * amx_lines;
      ahead.to_step = hwy::DivCeil(left, amx_lines) * amx_tile_elements;
      return ahead;
    }
    // The rows in memory are steps of k: each panel's share has some of all slices' steps.
    const std::int64_t steps = std::min(per_panel, amx_steps_of_tile - first);
    return {a_from(row) + first * slice_.units() * product_.a_step, product_.a_step, per_panel * product_.a_step,
            steps};
  }

  void multiply_rows(Range rows) {
    const std::int64_t count = rows.end - rows.begin;
    if (rows.begin == rows_.begin || !copies_ahead())
      pack_lines<Lines::rows>(a_from(rows.begin), product_.a_row, product_.a_step, count, slice_.steps, a_);
    for (std::int64_t index = panels_.begin; index < panels_.end; ++index)
      multiply_block(rows, index, rows_ahead(rows.end, index - panels_.begin));
    if (copies_ahead()) std::swap(a_, next_a_);
  }

  void multiply_block(Range rows, std::int64_t index, const RowsAhead& ahead) {
    const std::int64_t count = rows.end - rows.begin, columns = slice_.panel_columns(index);
    const std::int64_t column = slice_.column + index * amx_block;
    const bool has_two_rows = count > amx_lines, has_two_columns = columns > amx_lines;
    const bool has_epilogue = product_.epilogue.bias != nullptr || product_.epilogue.activation != Activation::none;
    const bool finishes = slice_.first + slice_.steps == product_.k && has_epilogue;
    const bool is_buffered =
        slice_.steps >= amx_least_buffered_steps && count == amx_block && columns == amx_block && !finishes;
    const std::ptrdiff_t offset = rows.begin * product_.ldc + column;
    const float* const start = slice_.first == 0 ? product_.start : product_.c;
    float* const c = product_.c + offset;
    registers_.shape(count, columns);
    const auto multiply = has_two_rows      ? has_two_columns ? &multiply_tiles<2, 2> : &multiply_tiles<2, 1>
                               : has_two_columns ? &multiply_tiles<1, 2>
                                            : &multiply_tiles<1, 1>;
    multiply(a_, slice_.panel(index), slice_.units(), start ? start + offset : nullptr, product_.ldc,
             is_buffered ? sums_ : c, is_buffered ? amx_block : product_.ldc, ahead, finished_);
    finished_ = {};
    if (is_buffered) {
      finished_ = {sums_, c, product_.ldc, amx_block};
      std::swap(sums_, next_sums_);
    }
    if (finishes) finish_amx_block(product_, slice_, column, columns, rows);
  }

  const Product<float>& product_;
  const AmxSlice& slice_;
  Range rows_, panels_;
  std::int64_t copy_elements_;
  float *a_, *next_a_, *sums_, *next_sums_;
  TileRegisters registers_;
  FinishedSums finished_;
};

inline void multiply_amx_slice(const Product<float>& product, const AmxSlice& slice) {
  const std::int64_t panels = slice.panels(), row_blocks = hwy::DivCeil(product.m, amx_block);
  const std::int64_t packs = product.transpose_b ? panels : slice.units();
  if (!is_shared(product.m, product.n, product.k)) {
    for (std::int64_t index = 0; index < packs; ++index) pack_amx_part(product, slice, index);
    return AmxPart(product, slice, {0, product.m}, {0, panels}).multiply();
  }
  parallel_for(packs, [&](std::int64_t index) { pack_amx_part(product, slice, index); });
  // If there are few rows, share out the columns too, although each part copies its rows again.
  const std::int64_t row_parts = std::min(row_blocks, std::max(parallel_parts, 4 * std::int64_t{thread_limit()}));
  const std::int64_t panel_parts = std::min(panels, hwy::DivCeil(parallel_parts, row_parts));
  parallel_for(row_parts * panel_parts, [&](std::int64_t index) {
    const Range blocks = part(index / panel_parts, row_parts, row_blocks);
    const Range rows{blocks.begin * amx_block, std::min(product.m, blocks.end * amx_block)};
    AmxPart(product, slice, rows, part(index % panel_parts, panel_parts, panels)).multiply();
  });
}

HWY_NOINLINE void multiply_by_amx(const Product<float>& product, float* workspace) {
  const std::int64_t steps = slice_steps(product.k, amx_steps);
  for (std::int64_t column = 0; column < product.n; column += amx_columns)
    for (std::int64_t first = 0; first == 0 || first < product.k; first += steps)
      multiply_amx_slice(product, {first, std::min(steps, product.k - first), column,
                                   std::min(amx_columns, product.n - column), workspace});
}

}  // namespace thalweg::run::HWY_NAMESPACE
HWY_POP_ATTRIBUTES
#endif  // HWY_TARGET == HWY_AVX3

#endif  // include guard
