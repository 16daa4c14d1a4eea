// The packed way of walking a matrix product, compiled once per SIMD target: slices of B are copied into scratch memory
// first, and those of A into the workspace, unless its numbers are read as they are and lie along k: rows of a tile that are
// read from end to end gain nothing by a copy. `Copies` says what a copy holds: the numbers as they are here, bf16 in
// matmul_bf16-inl.hpp.

#if defined(THALWEG_RUN_MATMUL_PACKED_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef THALWEG_RUN_MATMUL_PACKED_INL
#undef THALWEG_RUN_MATMUL_PACKED_INL
#else
#define THALWEG_RUN_MATMUL_PACKED_INL
#endif

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include <hwy/highway.h>

#include "src/run/matmul_blocking.hpp"
#include "src/run/matmul_blocks-inl.hpp"
#include "src/run/matmul_kernel-inl.hpp"
#include "src/run/scratch_memory.hpp"
#include "src/run/thread_pool.hpp"

HWY_BEFORE_NAMESPACE();
namespace thalweg::run::HWY_NAMESPACE {

/// Copies that are plain: the numbers as they are, step by step.
template <class T>
struct PlainCopies {
  static constexpr std::int64_t most_steps = packed_steps;
  static std::int64_t units(std::int64_t steps) { return steps; }
  static const TileFunctions<T>& functions(const Panel& panel) {
    return tile_functions<T>(panel.vectors, panel.columns);
  }
  static void pack_panel(const Product<T>& product, const Slice<T>& slice, const Panel& panel, T* to);
  static void pack_a(const Product<T>& product, const Slice<T>& packed, Range rows, T* to);
};

template <class T>
void copy_row(const T* HWY_RESTRICT from, std::int64_t count, T* HWY_RESTRICT to) {
  const Wide<T> d;
  constexpr std::int64_t lanes = Panels<T>::lanes;
  std::int64_t i = 0;
  for (; i + lanes <= count; i += lanes) hn::StoreU(hn::LoadU(d, from + i), d, to + i);
  for (; i < count; ++i) to[i] = from[i];
}

/// Copies the rows of op(B) that a slice reads of a panel, one after the other.
template <class T>
void PlainCopies<T>::pack_panel(const Product<T>& product, const Slice<T>& slice, const Panel& panel, T* to) {
  const std::int64_t width = Panels<T>::width(panel);
  if (product.transpose_b) {
    const T* const from = product.b + panel.column * product.ldb + slice.first;
    return transpose(from, product.ldb, panel.count, slice.steps, to, width);
  }
  // Rows far apart: the processor does not foresee them.
  constexpr std::int64_t rows_ahead = 8, line = 64 / sizeof(T);
  const T* from = product.b + slice.first * product.ldb + panel.column;
  for (std::int64_t step = 0; step < slice.steps; ++step, from += product.ldb) {
    if (step + rows_ahead < slice.steps)
      for (std::int64_t i = 0; i < panel.count; i += line)
        __builtin_prefetch(from + rows_ahead * product.ldb + i, 0, 2);
    copy_row(from, panel.count, to + step * width);
  }
}

/// Copies op(A)'s columns of a slice, the rows of A as they lie, close together: so that they neither share cache sets
/// nor touch many pages.
template <class T>
void PlainCopies<T>::pack_a(const Product<T>& product, const Slice<T>& packed, Range rows, T* to) {
  const T* from = product.a + packed.first * product.a_step + rows.begin * product.a_row;
  T* target = to + rows.begin * packed.a_row;
  if (product.a_step == 1) {
    for (std::int64_t row = 0; row < rows.end - rows.begin; ++row)
      copy_row(from + row * product.a_row, packed.steps, target + row * packed.a_row);
  } else {
    for (std::int64_t step = 0; step < packed.steps; ++step)
      copy_row(from + step * product.a_step, rows.end - rows.begin, target + step * packed.a_step);
  }
}

/// Copies a transposed A in strips of tile_rows rows, each step by step: a tile then reads one stretch of memory instead of a
/// piece of a cache line at each step, a page away from the last one.
template <class T>
void pack_strips(const Product<T>& product, const Slice<T>& packed, Range rows, T* to) {
  using D = hn::CappedTag<T, static_cast<std::size_t>(tile_rows)>;
  const D d;
  constexpr std::int64_t lanes = static_cast<std::int64_t>(hn::MaxLanes(D()));
  constexpr std::int64_t steps_ahead = 8, line = 64 / sizeof(T), rows_together = 4 * line;
  static_assert(rows_together % tile_rows == 0);
  for (std::int64_t begin = rows.begin; begin < rows.end; begin += rows_together) {
    const std::int64_t end = std::min(begin + rows_together, rows.end);
    const T* from = product.a + packed.first * product.a_step;
    for (std::int64_t step = 0; step < packed.steps; ++step, from += product.a_step) {
      if (step + steps_ahead < packed.steps)
        for (std::int64_t row = begin; row < end; row += line)
          __builtin_prefetch(from + steps_ahead * product.a_step + row, 0, 2);
      for (std::int64_t row = begin; row < end; row += tile_rows) {
        T* const target = to + row * packed.a_tile + step * packed.a_step;
        if (row + tile_rows <= end) {
          for (std::int64_t i = 0; i < tile_rows; i += lanes) hn::StoreU(hn::LoadU(d, from + row + i), d, target + i);
        } else {
          for (std::int64_t i = 0; i < end - row; ++i) target[i] = from[row + i];
        }
      }
    }
  }
}

/// Whether A is copied. See matmul_workspace.
template <class Copies, class T>
bool copies_a(const Product<T>& product) {
  return !std::is_same_v<Copies, PlainCopies<T>> || product.a_step != 1;
}

/// Some rows of C over one slice. Each panel of B is copied just before it is used, into the thread's scratch memory, and stays
/// in the L2 cache for all these rows. An A that does not stay there is read once for two panels: 32 of its rows are
/// multiplied by one, then by the other.
template <class Copies, class T>
void multiply_panels(const Product<T>& product, const Slice<T>& slice, Range rows, const Panels<T>& panels,
                     Range panel_range) {
  const bool is_a_far = is_far(product.m * slice.steps, sizeof(T));
  const std::int64_t panels_together = is_a_far ? 2 : 1, rows_together = is_a_far ? 4 * tile_rows : product.m;
  const std::int64_t most_elements = slice.units * tile_vectors * Panels<T>::lanes;  // of a copied panel
  for (std::int64_t begin = panel_range.begin; begin < panel_range.end; begin += panels_together) {
    const std::int64_t end = std::min(begin + panels_together, panel_range.end);
    auto* const packed_b =
        reinterpret_cast<T*>(scratch_of_thread(static_cast<std::size_t>((end - begin) * most_elements) * sizeof(T)));
    for (std::int64_t p = begin; p < end; ++p)
      Copies::pack_panel(product, slice, panels[p], packed_b + (p - begin) * most_elements);
    for (Range some{rows.begin, rows.begin}; some.begin < rows.end; some.begin = some.end) {
      some.end = rows.end - some.begin < 2 * rows_together ? rows.end : some.begin + rows_together;
      for (std::int64_t p = begin; p < end; ++p)
        multiply_panel(product, slice, some, panels[p], Copies::functions(panels[p]),
                       packed_b + (p - begin) * most_elements, Panels<T>::width(panels[p]));
    }
  }
}

/// One block of rows, at most packed_rows of them if A is copied, a slice at a time.
template <class Copies, class T>
void multiply_packed_block(const Product<T>& product, T* packed_a) {
  const Panels<T> panels(product.n);
  const bool shared = is_shared(product.m, product.n, product.k);
  const std::int64_t row_parts = shared ? hwy::DivCeil(product.m, task_rows) : 1;
  // If there are few columns, share out the rows too, although each part copies its panel again.
  const std::int64_t parts_of_panel = shared ? hwy::DivCeil(parallel_parts, panels.count()) : 1;
  for_each_slice(product.k, Copies::most_steps, [&](std::int64_t first, std::int64_t steps) HWY_ATTR {
    const std::int64_t units = Copies::units(steps);
    Slice<T> slice = slice_in_place(product, first, steps);
    if (copies_a<Copies>(product)) {
      slice = {first, steps, units, packed_a, packed_a_stride(units), 1, packed_a_stride(units)};
      if (product.a_step != 1) {
        constexpr bool has_strips = std::is_same_v<Copies, PlainCopies<T>>;
        slice.a_row = 1;
        slice.a_step = has_strips ? tile_rows : packed_a_stride(product.m);
        slice.a_tile = has_strips ? units : slice.a_row;
      }
      for_each_block(product.m, row_parts, 1, 1, [&](Range rows, Range) HWY_ATTR {
        if (slice.is_in_strips()) {
          pack_strips(product, slice, rows, packed_a);
        } else {
          Copies::pack_a(product, slice, rows, packed_a);
        }
      });
    }
    const auto multiply = [&](Range rows, Range panel_range)
                              HWY_ATTR { multiply_panels<Copies>(product, slice, rows, panels, panel_range); };
    if (!shared) return multiply({0, product.m}, {0, panels.count()});
    for_each_block(product.m, parts_of_panel, panels.count(), panels.count(), multiply);
  });
}

template <class Copies, class T>
HWY_NOINLINE void multiply_packed(const Product<T>& product, T* workspace) {
  const std::int64_t row_blocks = copies_a<Copies>(product) ? hwy::DivCeil(product.m, packed_rows) : 1;
  for (std::int64_t row_block = 0; row_block < row_blocks; ++row_block) {
    const Range rows = part(row_block, row_blocks, product.m);
    Product<T> block = product;
    block.m = rows.end - rows.begin;
    block.a += rows.begin * product.a_row;
    block.c += rows.begin * product.ldc;
    if (block.start) block.start += rows.begin * product.ldc;
    multiply_packed_block<Copies>(block, workspace);
  }
}

}  // namespace thalweg::run::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // include guard
