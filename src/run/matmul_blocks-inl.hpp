// A matrix product cut into blocks of tiles, compiled once per SIMD target; and the direct way of walking them, in which the
// kernels read A and B where they lie: a transposed B goes through the stack, a few columns at a time. Where A has many
// zeros, what is zero for all rows of a tile is left out (matmul_zeros-inl.hpp).

#if defined(THALWEG_RUN_MATMUL_BLOCKS_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef THALWEG_RUN_MATMUL_BLOCKS_INL
#undef THALWEG_RUN_MATMUL_BLOCKS_INL
#else
#define THALWEG_RUN_MATMUL_BLOCKS_INL
#endif

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <tuple>

#include <hwy/highway.h>

#include "src/run/finite.hpp"
#include "src/run/matmul_blocking.hpp"
#include "src/run/matmul_functions-inl.hpp"
#include "src/run/matmul_kernel-inl.hpp"
#include "src/run/matmul_layout.hpp"
#include "src/run/matmul_transpose-inl.hpp"
#include "src/run/matmul_zeros-inl.hpp"
#include "src/run/thread_pool.hpp"

HWY_BEFORE_NAMESPACE();
namespace thalweg::run::HWY_NAMESPACE {

/// A `Matmul` with its types known.
template <class T>
struct Product : MatmulLayout {
  const T* a;
  const T* b;
  Precision precision;
  T* c;
  const T* start;
  Epilogue<T> epilogue;
  bool clears_negative_zeros = false, skips_zeros = false;
};

template <class T>
HWY_INLINE Product<T> product_of(const MatmulForm& form, const MatmulMemory& memory) {
  Product<T> product;
  static_cast<MatmulLayout&>(product) = layout_of(form);
  product.a = static_cast<const T*>(product.is_column ? memory.b : memory.a);
  product.b = static_cast<const T*>(product.is_column ? memory.a : memory.b);
  product.precision = form.precision;
  product.c = static_cast<T*>(memory.c);
  product.start = static_cast<const T*>(memory.start);
  product.epilogue = {static_cast<const T*>(memory.bias), form.bias_stride, static_cast<const T*>(memory.activated),
                      form.activation, product.single_bias};
  return product;
}

/// A few neighboring columns that are done together.
struct Panel {
  std::int64_t column, count;
  std::int64_t vectors;
  Columns columns;
};

/// `n` columns in panels of at most `most` vectors, as even as they can be.
template <class T>
class Panels {
 public:
  static constexpr std::int64_t lanes = static_cast<std::int64_t>(hn::MaxLanes(Wide<T>()));

  explicit Panels(std::int64_t n, std::int64_t most = tile_vectors)
      : n_(n),
        vectors_(has_masked_memory ? hwy::DivCeil(n, lanes) : n / lanes),
        wide_panels_(hwy::DivCeil(vectors_, most)) {}

  std::int64_t count() const {
    return has_masked_memory ? wide_panels_ : wide_panels_ + (n_ % lanes + tile_vectors - 1) / tile_vectors;
  }

  HWY_INLINE Panel operator[](std::int64_t index) const {
    if (!has_masked_memory && index >= wide_panels_) {
      const std::int64_t column = vectors_ * lanes + (index - wide_panels_) * tile_vectors;
      const std::int64_t columns = std::min<std::int64_t>(tile_vectors, n_ - column);
      return {column, columns, columns, Columns::single};
    }
    const std::int64_t first = first_vector(index), vectors = first_vector(index + 1) - first, column = first * lanes;
    const std::int64_t count = std::min(vectors * lanes, n_ - column);
    return {column, count, vectors, columns_as_vectors<T>(count - (vectors - 1) * lanes)};
  }

  /// The columns of a copied panel's rows.
  static std::int64_t width(const Panel& panel) {
    return panel.columns == Columns::single ? panel.vectors : panel.vectors * lanes;
  }

 private:
  /// Wide and narrow panels alternate, so that threads with as many panels have as many columns.
  std::int64_t first_vector(std::int64_t index) const { return index * vectors_ / wide_panels_; }

  std::int64_t n_, vectors_, wide_panels_;
};

/// A stretch of k, with op(A) as the kernels read it from row 0 on, in `units`: steps, or what copies hold in place of them.
template <class T>
struct Slice {
  std::int64_t first, steps, units;
  const T* a;
  std::ptrdiff_t a_row, a_step;
  /// Times the number of a tile's first row, from row 0 to there: a_row, except where A lies in strips of tile_rows rows.
  std::ptrdiff_t a_tile;

  bool is_in_strips() const { return a_tile != a_row; }
};

struct Range {
  std::int64_t begin, end;
};

/// Runs body(row, rows) over blocks of at most `most` rows: as even as can be, not to end with a block of one row, which
/// waits for each multiply-add. Uneven ones have `most` rows but the last.
template <class Body>
HWY_INLINE void for_each_row_block(Range rows, std::int64_t most, const Body& body, bool is_even = true) {
  const std::int64_t count = rows.end - rows.begin;
  const std::int64_t blocks = (count + most - 1) / most;
  const std::int64_t per_block = !is_even ? most : blocks > 1 ? count / blocks : count;
  const std::int64_t larger_blocks = is_even && blocks > 1 ? count % blocks : 0;
  std::int64_t row = rows.begin;
  for (std::int64_t block = 0; block < blocks; ++block) {
    const std::int64_t block_rows = std::min(per_block + (block < larger_blocks ? 1 : 0), rows.end - row);
    body(row, block_rows);
    row += block_rows;
  }
}

/// What the tiles of a panel have in common over one slice; `b` points at the slice's first row of the panel.
template <class T>
HWY_INLINE Tile<T> panel_tile(const Product<T>& product, const Slice<T>& slice, const Panel& panel, const T* b,
                              std::ptrdiff_t b_step) {
  Tile<T> tile;
  tile.a_row = slice.a_row;
  tile.a_step = slice.a_step;
  tile.b = b;
  tile.b_step = b_step;
  tile.steps = slice.units;
  tile.ldc = product.ldc;
  tile.last_columns = panel.count - (panel.vectors - 1) * Panels<T>::lanes;
  tile.clears_negative_zeros = product.clears_negative_zeros;
  tile.epilogue = {};
  if (slice.first + slice.steps == product.k) tile.epilogue = product.epilogue;
  return tile;
}

/// Moves the tile to the rows from `row` on.
template <class T>
HWY_INLINE void place(Tile<T>& tile, const Product<T>& product, const Slice<T>& slice, const Panel& panel,
                      std::int64_t row) {
  const T* const start = slice.first == 0 ? product.start : product.c;
  const std::ptrdiff_t offset = row * product.ldc + panel.column;
  tile.a = slice.a + row * slice.a_tile;
  tile.c = product.c + offset;
  tile.start = start ? start + offset : nullptr;
  const Epilogue<T>& whole = product.epilogue;
  if (tile.epilogue.bias && !whole.single_bias)
    tile.epilogue.bias = whole.bias + row * whole.bias_stride + panel.column;
  if (tile.epilogue.activated) tile.epilogue.activated = whole.activated + offset;
}

/// Moves the tile on by so many rows.
template <class T>
HWY_INLINE void advance(Tile<T>& tile, std::int64_t rows) {
  tile.a += rows * tile.a_row;
  tile.c += rows * tile.ldc;
  if (tile.start) tile.start += rows * tile.ldc;
  tile.epilogue.bias += rows * tile.epilogue.bias_stride;
  if (tile.epilogue.activated) tile.epilogue.activated += rows * tile.ldc;
}

/// Cache lines that later tiles read or write, outside the L2 cache and too far apart for the hardware prefetchers. A tile
/// prefetches them while it multiplies.
template <class T>
class LinesAhead {
 public:
  /// `count` elements in each of these rows.
  void add(const T* first, std::ptrdiff_t stride, Range rows, std::int64_t count) {
    constexpr std::int64_t line = 64 / sizeof(T);
    for (std::int64_t row = rows.begin; row < rows.end; ++row)
      for (std::int64_t i = 0; i < count && count_ < most; i += line) lines_[count_++] = first + row * stride + i;
  }

  bool empty() const { return count_ == 0; }
  /// Computes a tile of `rows` rows and tile_vectors whole vectors.
  void compute(const Tile<T>& tile, std::int64_t rows) const {
    fetching_functions<T>[static_cast<std::size_t>(rows - 1)]({tile, lines_, lines_ + count_ - 1});
  }

 private:
  static constexpr std::int64_t most = most_direct_steps;
  const T* lines_[most];
  std::int64_t count_ = 0;
};

struct NothingAhead {
  template <class T>
  void operator()(LinesAhead<T>&, std::int64_t) const {}
};

/// One panel of C, rows.begin ≤ row < rows.end, over one slice. `find_ahead(lines, block)` finds what the tile of the
/// `block`th rows prefetches.
template <class T, class FindAhead = NothingAhead>
HWY_INLINE void multiply_panel(const Product<T>& product, const Slice<T>& slice, Range rows, const Panel& panel,
                               const TileFunctions<T>& functions, const T* b, std::ptrdiff_t b_step,
                               const FindAhead& find_ahead = {}) {
  Tile<T> tile = panel_tile(product, slice, panel, b, b_step);
  const bool is_row = product.m == 1 && product.precision == Precision::highest;
  std::int64_t block = 0;
  const auto multiply_tile = [&](std::int64_t row, std::int64_t block_rows) HWY_ATTR {
    place(tile, product, slice, panel, row);
    LinesAhead<T> ahead;
    find_ahead(ahead, block++);
    if (ahead.empty()) return functions[is_row ? 0 : block_rows](tile);
    ahead.compute(tile, block_rows);
  };
  for_each_row_block(rows, tile_rows, multiply_tile, !slice.is_in_strips());
}

/// Whether there are fetching tiles for this panel.
template <class T>
bool may_fetch(const Product<T>& product, const Panel& panel) {
  return product.m > 1 && panel.vectors == tile_vectors && panel.columns == Columns::whole;
}

/// The `index`th of `count` even parts of [0, size).
inline Range part(std::int64_t index, std::int64_t count, std::int64_t size) {
  return {index * size / count, (index + 1) * size / count};
}

template <class T>
HWY_INLINE Slice<T> slice_in_place(const Product<T>& product, std::int64_t first, std::int64_t steps) {
  return {first, steps, steps, product.a + first * product.a_step, product.a_row, product.a_step, product.a_row};
}

/// Runs body(first, steps) over stretches of k, at least once, of at most `most` steps and about as even as can be.
template <class Body>
HWY_INLINE void for_each_slice(std::int64_t k, std::int64_t most, const Body& body) {
  const std::int64_t steps = slice_steps(k, most);
  std::int64_t first = 0;
  for (; first + steps < k; first += steps) body(first, steps);
  body(first, k - first);
}

/// A block of C over one slice, without the steps in which a tile's rows have only zeros.
template <class T>
HWY_NOINLINE void multiply_skipping(const Product<T>& product, const Slice<T>& slice, Range rows,
                                    const Panels<T>& panels, Range panel_range) {
  StepIndex<T> chosen[most_direct_steps + Panels<T>::lanes];
  StepChooser<T> chooser(slice.a, slice.a_row, slice.a_step, product.m, slice.steps);
  const T* const b = product.b + slice.first * product.ldb;
  for_each_row_block(rows, sparse_rows, [&](std::int64_t row, std::int64_t block_rows) HWY_ATTR {
    const std::int64_t count = chooser.choose(row, block_rows, chosen);
    for (std::int64_t index = panel_range.begin; index < panel_range.end; ++index) {
      const Panel panel = panels[index];
      Tile<T> tile = panel_tile(product, slice, panel, b + panel.column, product.ldb);
      place(tile, product, slice, panel, row);
      tile.steps = count;
      tile.chosen = chosen;
      sparse_functions<T>(panel.vectors, panel.columns)[block_rows == sparse_rows ? 1 : 0](tile);
    }
  });
}

/// Whether it pays to look for zeros in all of A, by two blocks of its rows, and may be done: 0 · inf is NaN, so all of B
/// must be finite.
template <class T>
bool skipping_pays(const Product<T>& product) {
  constexpr std::int64_t most = most_transposed_steps;
  StepIndex<T> chosen[most + Panels<T>::lanes];
  const std::int64_t steps = std::min(product.k, most), first = (product.k - steps) / 2;
  StepChooser<T> chooser(product.a + first * product.a_step, product.a_row, product.a_step, product.m, steps);
  const std::int64_t fewest =
      std::min(chooser.choose(0, sparse_rows, chosen), chooser.choose(product.m / 2, sparse_rows, chosen));
  if (fewest > steps - steps / 8) return false;
  const auto are_finite = [](const T* row, std::int64_t count) { return all_finite(row, count, dtype_of<T>::value); };
  if (product.ldb == product.n) return are_finite(product.b, product.k * product.n);
  for (std::int64_t step = 0; step < product.k; ++step)
    if (!are_finite(product.b + step * product.ldb, product.n)) return false;
  return true;
}

/// A block of C straight from A and B; B not transposed. If B is large, each tile prefetches its part of B's next panel; if C
/// is large and its sums are short, the tile below.
template <class T>
void multiply_in_place(const Product<T>& product, Range rows, const Panels<T>& panels, Range panel_range) {
  const std::int64_t blocks = hwy::DivCeil(rows.end - rows.begin, tile_rows);
  const bool is_b_far = is_far(product.k * product.n, sizeof(T)),
             is_c_far = product.k <= most_transposed_steps && is_far(product.m * product.n, sizeof(T));
  const auto find_in_b = [&](LinesAhead<T>& lines, const Slice<T>& slice, const Panel& next, std::int64_t block) {
    lines.add(product.b + slice.first * product.ldb + next.column, product.ldb, part(block, blocks, slice.steps),
              next.count);
  };
  const auto find_in_c = [&](LinesAhead<T>& lines, const Panel& panel, std::int64_t block) {
    const std::int64_t row = rows.begin + (block + 1) * tile_rows;
    lines.add(product.c + row * product.ldc + panel.column, product.ldc,
              {0, std::min<std::int64_t>(tile_rows, rows.end - row)}, panel.count);
  };
  for_each_slice(product.k, direct_steps(product.m, product.a_step != 1),
                 [&](std::int64_t first, std::int64_t steps) HWY_ATTR {
                   const Slice<T> slice = slice_in_place(product, first, steps);
                   if (product.skips_zeros) return multiply_skipping(product, slice, rows, panels, panel_range);
                   for (std::int64_t index = panel_range.begin; index < panel_range.end; ++index) {
                     const Panel panel = panels[index];
                     const bool fetches = may_fetch(product, panel), has_next = index + 1 < panel_range.end;
                     multiply_panel(product, slice, rows, panel, tile_functions<T>(panel.vectors, panel.columns),
                                    product.b + first * product.ldb + panel.column, product.ldb,
                                    [&](LinesAhead<T>& lines, std::int64_t block) HWY_ATTR {
                                      if (fetches && is_b_far && has_next)
                                        find_in_b(lines, slice, panels[index + 1], block);
                                      if (fetches && is_c_far && !is_b_far) find_in_c(lines, panel, block);
                                    });
                   }
                 });
}

/// The same with B transposed: its panels go through the stack, a slice at a time, and each tile prefetches its part of the
/// next slice.
template <class T>
HWY_NOINLINE void multiply_transposed(const Product<T>& product, Range rows, const Panels<T>& panels,
                                      Range panel_range) {
  constexpr std::int64_t elements = stack_bytes / static_cast<std::int64_t>(sizeof(T));
  constexpr std::int64_t most_steps = elements / (tile_vectors * Panels<T>::lanes);
  static_assert(most_steps % row_stretch == 0);
  HWY_ALIGN T copy[elements];
  const std::int64_t blocks = hwy::DivCeil(rows.end - rows.begin, tile_rows);
  const bool is_b_far = is_far(product.k * product.n, sizeof(T));
  for (std::int64_t index = panel_range.begin; index < panel_range.end; ++index) {
    const Panel panel = panels[index];
    const std::int64_t width = Panels<T>::width(panel);
    const T* const b = product.b + panel.column * product.ldb;
    const bool fetches = is_b_far && may_fetch(product, panel);
    for_each_slice(product.k, most_steps, [&](std::int64_t first, std::int64_t steps) HWY_ATTR {
      transpose(b + first, product.ldb, panel.count, steps, copy, width);
      const std::int64_t next = first + steps, next_steps = std::min(steps, product.k - next);
      multiply_panel(product, slice_in_place(product, first, steps), rows, panel,
                     tile_functions<T>(panel.vectors, panel.columns), copy, width,
                     [&](LinesAhead<T>& lines, std::int64_t block) HWY_ATTR {
                       if (fetches) lines.add(b + next, product.ldb, part(block, blocks, panel.count), next_steps);
                     });
    });
  }
}

inline bool is_shared(std::int64_t m, std::int64_t n, std::int64_t k) {
  return is_large(m, n, k) && thread_limit() > 1;
}

/// Whether Cᵀ = B·Aᵀ has less to transpose than C = A·Bᵀ: small squares of A and C in place of those of B. (Whole ones.)
template <class T>
bool is_better_mirrored(const Product<T>& product) {
  const auto& [m, n, k] = std::tuple(product.m, product.n, product.k);
  constexpr std::int64_t lanes = Panels<T>::lanes;
  return product.transpose_b && product.a_step == 1 && !product.start && !product.epilogue.bias &&
         product.epilogue.activation == Activation::none && m % lanes == 0 && n % lanes == 0 && m * (k + n) < n * k &&
         !is_shared(m, n, k) &&
         k * Panels<T>::width(Panels<T>(m)[0]) <= static_cast<std::int64_t>(stack_bytes / sizeof(T));
}

/// Cᵀ = B·Aᵀ: panels of Aᵀ go through the stack to begin with, and tiles of Cᵀ at the end.
template <class T>
HWY_NOINLINE void multiply_mirrored(const Product<T>& product) {
  constexpr std::int64_t lanes = Panels<T>::lanes;
  HWY_ALIGN T copy[stack_bytes / sizeof(T)];
  HWY_ALIGN T block[lanes * tile_vectors * lanes];
  const Slice<T> slice{0, product.k, product.k, product.b, product.ldb, 1, product.ldb};
  const Panels<T> panels(product.m);
  for (std::int64_t index = 0; index < panels.count(); ++index) {
    const Panel panel = panels[index];
    const std::int64_t width = Panels<T>::width(panel);
    transpose(product.a + panel.column * product.a_row, product.a_row, panel.count, product.k, copy, width);
    Tile<T> tile = panel_tile(product, slice, panel, copy, width);
    tile.start = nullptr;
    tile.ldc = width;
    const TileFunctions<T>& functions = tile_functions<T>(panel.vectors, panel.columns);
    for (std::int64_t column = 0; column < product.n; column += lanes) {
      for_each_row_block({0, lanes}, tile_rows, [&](std::int64_t row, std::int64_t block_rows) HWY_ATTR {
        tile.a = product.b + (column + row) * product.ldb;
        tile.c = block + row * width;
        functions[block_rows](tile);
      });
      transpose(block, width, lanes, panel.count, product.c + panel.column * product.ldc + column, product.ldc);
    }
  }
}

template <class T>
HWY_INLINE void multiply_block(const Product<T>& product, Range rows, const Panels<T>& panels, Range panel_range) {
  if (product.transpose_b) {
    multiply_transposed(product, rows, panels, panel_range);
  } else {
    multiply_in_place(product, rows, panels, panel_range);
  }
}

/// Runs body(rows, panels) over blocks of C, each on one thread: `row_parts` × `panel_parts` of them, or as many as there
/// are tiles. None has less than eight rows, but where C has. Blocks of the same rows follow each other: a thread's share
/// of them is a range of rows, which the next product of a net finds in its cache.
template <class Body>
void for_each_block(std::int64_t m, std::int64_t row_parts, std::int64_t panels, std::int64_t panel_parts,
                    const Body& body) {
  constexpr std::int64_t least_rows = 8;
  static_assert(least_rows % tile_rows == 0 && least_rows >= 2 * (sparse_rows - 1));
  const std::int64_t tiles = std::max<std::int64_t>(1, m / least_rows);
  row_parts = std::min(row_parts, tiles);
  panel_parts = std::min(panel_parts, panels);
  parallel_for(row_parts * panel_parts, [&](std::int64_t index) HWY_ATTR {
    const Range tile_range = part(index / panel_parts, row_parts, tiles);
    const Range rows{tile_range.begin * least_rows, tile_range.end == tiles ? m : tile_range.end * least_rows};
    body(rows, part(index % panel_parts, panel_parts, panels));
  });
}

template <class T>
HWY_NOINLINE void multiply_direct(const Product<T>& product, const Panels<T>& panels) {
  std::int64_t row_parts = hwy::DivCeil(product.m, product.transpose_b ? transposed_rows : direct_rows);
  std::int64_t panel_parts = 1;
  const std::int64_t threads = thread_limit();
  if (threads > 1 && row_parts >= parallel_parts) row_parts = hwy::RoundUpTo(row_parts, threads);
  if (threads > 1 && row_parts < parallel_parts) {
    // Few rows: share out the columns too; where B is transposed first, for each block copies its panels once more.
    if (product.transpose_b) panel_parts = std::min(panels.count(), parallel_parts);
    row_parts = hwy::DivCeil(parallel_parts, panel_parts);
    panel_parts = std::max(panel_parts, hwy::DivCeil(parallel_parts, hwy::DivCeil(product.m, tile_rows)));
  }
  for_each_block(product.m, row_parts, panels.count(), panel_parts,
                 [&](Range rows, Range panel_range) HWY_ATTR { multiply_block(product, rows, panels, panel_range); });
}

}  // namespace thalweg::run::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // include guard
