// Which way a matrix product goes, compiled once per SIMD target. Chosen by shape and precision alone:
//   dot       one row by one column: 16 sums side by side, folded in a fixed tree, start added last
//   direct    the kernels read A and B where they lie (matmul_blocks-inl.hpp)
//   mirrored  Cᵀ = B·Aᵀ, direct: A and C are transposed on their way where that is less than to transpose B
//   packed    slices of A and B are copied first: for matrices that do not fit the cache (matmul_packed-inl.hpp)
//   bf16      packed, in bf16: for Precision::medium (matmul_bf16-inl.hpp)
//   amx       the same by the tiles of AMX, with sums of their own order (matmul_amx-inl.hpp)
// Small products that run again and again leave these ways for code written for their form (matmul_generate.hpp).
// An element's sum runs over k in order in direct, mirrored and packed, so the bits do not depend on which it is. Only a C of
// a single row (or of a single column that lies as one) is summed in several sums: see compute_row.

#if defined(THALWEG_RUN_MATMUL_WAYS_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef THALWEG_RUN_MATMUL_WAYS_INL
#undef THALWEG_RUN_MATMUL_WAYS_INL
#else
#define THALWEG_RUN_MATMUL_WAYS_INL
#endif

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include <hwy/highway.h>

#include "src/run/amx.hpp"
#include "src/run/matmul_bf16-inl.hpp"
#include "src/run/matmul_blocking.hpp"
#include "src/run/matmul_blocks-inl.hpp"
#include "src/run/matmul_kernel-inl.hpp"
#include "src/run/matmul_packed-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace thalweg::run::HWY_NAMESPACE {

/// The lanes' sum: the upper half is added to the lower one until one lane is left.
template <class D>
HWY_INLINE hn::TFromD<D> fold(D, hn::Vec<D> sums) {
  if constexpr (hn::MaxLanes(D()) == 1) {
    return hn::GetLane(sums);
  } else {
    const hn::Half<D> half;
    return fold(half, hn::Add(hn::LowerHalf(half, sums), hn::UpperHalf(half, sums)));
  }
}

/// One row by one column. Sum l of 16 takes the products k ≡ l (mod 16), on every SIMD target.
template <class T>
HWY_NOINLINE void multiply_dot(const Product<T>& product) {
  constexpr int sums = 16;
  using D = hn::CappedTag<T, sums>;
  const D d;
  constexpr int lanes = static_cast<int>(hn::MaxLanes(D())), vectors = sums / lanes;
  const std::ptrdiff_t a_step = product.a_step, b_step = product.transpose_b ? 1 : product.ldb;
  hn::Vec<D> sum[vectors];
  for (int vector = 0; vector < vectors; ++vector) sum[vector] = hn::Zero(d);
  HWY_ALIGN T a_copy[sums], b_copy[sums];
  for (std::int64_t k = 0; k < product.k; k += sums) {
    const T* a = product.a + k * a_step;
    const T* b = product.b + k * b_step;
    const std::int64_t count = std::min<std::int64_t>(sums, product.k - k);
    if (count < sums || a_step != 1 || b_step != 1) {
      for (int i = 0; i < sums; ++i) {
        a_copy[i] = i < count ? a[i * a_step] : T{0};
        b_copy[i] = i < count ? b[i * b_step] : T{0};
      }
      a = a_copy;
      b = b_copy;
    }
    for (int vector = 0; vector < vectors; ++vector)
      sum[vector] = hn::MulAdd(hn::LoadU(d, a + vector * lanes), hn::LoadU(d, b + vector * lanes), sum[vector]);
  }
  for (int width = vectors / 2; width > 0; width /= 2)
    for (int vector = 0; vector < width; ++vector) sum[vector] = hn::Add(sum[vector], sum[vector + width]);
  T result = fold(d, sum[0]);
  if (product.start) result = *product.start + result;
  const Single<T> single;
  Tile<T> tile{};
  tile.c = product.c;
  tile.epilogue = product.epilogue;
  tile.last_columns = 1;
  Sums<1, 1, Last::whole, Single<T>> finished;
  finished.last[0] = hn::Set(single, result);
  finished.finish(tile, RowAccess<1, Last::whole, Single<T>>(tile));
}

template <class T>
void multiply(const MatmulForm& form, const MatmulMemory& memory, void* workspace) {
  Product<T> product = product_of<T>(form, memory);
  if constexpr (std::is_same_v<T, float>) {
    if (product.precision == Precision::medium) {
      const bool takes_workspace = medium_workspace(form.m, form.n, form.k, has_amx()) > 0;
      return multiply_in_bf16(product, takes_workspace ? workspace : nullptr);
    }
  }
  if (form.looks_for_zeros &&
      may_skip_zeros(product.m, product.n, product.k, product.a_step != 1, product.transpose_b, sizeof(T))) {
    product.clears_negative_zeros = true;
    product.skips_zeros = skipping_pays(product);
  }
  if (is_packed(product.m, product.n, product.k, product.a_step != 1, sizeof(T)))
    return multiply_packed<PlainCopies<T>>(product, static_cast<T*>(workspace));
  if (is_better_mirrored(product)) return multiply_mirrored(product);
  const Panels<T> panels(product.n, product.skips_zeros ? sparse_vectors : tile_vectors);
  if (is_large(product.m, product.n, product.k)) return multiply_direct(product, panels);
  multiply_block(product, {0, product.m}, panels, {0, panels.count()});
}

// What is chosen once for a product that runs again and again.

template <class T>
void run_nothing(const MatmulPanel*, const MatmulForm&, const MatmulMemory&, void*) {}

template <class T>
void run_dot(const MatmulPanel*, const MatmulForm& form, const MatmulMemory& memory, void*) {
  multiply_dot(product_of<T>(form, memory));
}

template <class T>
void run_general(const MatmulPanel*, const MatmulForm& form, const MatmulMemory& memory, void* workspace) {
  multiply<T>(form, memory, workspace);
}

/// C is one panel, all of k one slice.
template <class T>
struct PreparedPanel {
  Tile<T> tile;  // the first one
  const TileFunctions<T>* functions;
  std::int64_t rows;
  bool is_row;
  std::ptrdiff_t ldb;  // of B where it is transposed first
};

template <class T>
const PreparedPanel<T>& panel_of(const MatmulPanel* memory) {
  return *reinterpret_cast<const PreparedPanel<T>*>(memory->bytes.data());
}

template <class T>
void run_one_tile(const MatmulPanel* panel_memory, const MatmulForm&, const MatmulMemory&, void*) {
  const PreparedPanel<T>& panel = panel_of<T>(panel_memory);
  (*panel.functions)[panel.is_row ? 0 : panel.rows](panel.tile);
}

template <class T>
HWY_INLINE void run_tiles(const PreparedPanel<T>& panel, Tile<T> tile) {
  for_each_row_block({0, panel.rows}, tile_rows, [&](std::int64_t, std::int64_t block_rows) HWY_ATTR {
    (*panel.functions)[panel.is_row ? 0 : block_rows](tile);
    advance(tile, block_rows);
  });
}

template <class T>
void run_one_panel(const MatmulPanel* panel_memory, const MatmulForm&, const MatmulMemory&, void*) {
  run_tiles(panel_of<T>(panel_memory), panel_of<T>(panel_memory).tile);
}

/// B is a transposed square of a vector's width, or less.
template <class T>
void run_one_square(const MatmulPanel* panel_memory, const MatmulForm&, const MatmulMemory&, void*) {
  constexpr std::int64_t lanes = Panels<T>::lanes;
  HWY_ALIGN T square[lanes * lanes];
  const PreparedPanel<T>& panel = panel_of<T>(panel_memory);
  Tile<T> tile = panel.tile;
  transpose_square(tile.b, panel.ldb, tile.last_columns, tile.steps, square, lanes);
  tile.b = square;
  run_tiles(panel, tile);
}

/// False: it goes a more general way.
template <class T>
HWY_INLINE bool prepare_panel(const Product<T>& product, PreparedMatmul& prepared) {
  constexpr std::int64_t lanes = Panels<T>::lanes;
  const Panels<T> panels(product.n);
  const std::int64_t most_steps = product.transpose_b ? lanes : direct_steps(product.m, product.a_step != 1);
  if (panels.count() != 1 || product.k == 0 || product.k > most_steps || is_large(product.m, product.n, product.k) ||
      may_skip_zeros(product.m, product.n, product.k, product.a_step != 1, product.transpose_b, sizeof(T)))
    return false;
  const Panel panel = panels[0];
  if (product.transpose_b && (panel.vectors > 1 || panel.columns == Columns::single)) return false;
  const Slice<T> slice = slice_in_place(product, 0, product.k);
  PreparedPanel<T> one;
  one.tile = panel_tile(product, slice, panel, product.b, product.transpose_b ? lanes : product.ldb);
  place(one.tile, product, slice, panel, 0);
  one.functions = &tile_functions<T>(panel.vectors, panel.columns);
  one.rows = product.m;
  one.is_row = product.m == 1;
  one.ldb = product.ldb;
  static_assert(sizeof one <= sizeof prepared.panel && std::is_trivially_copyable_v<PreparedPanel<T>>);
  std::memcpy(prepared.panel.bytes.data(), &one, sizeof one);
  prepared.takes_panel = true;
  prepared.run = product.transpose_b      ? &run_one_square<T>
                 : product.m <= tile_rows ? &run_one_tile<T>
                                          : &run_one_panel<T>;
  return true;
}

template <class T>
HWY_INLINE void prepare(const Matmul& matmul, PreparedMatmul& prepared) {
  prepared.run = &run_nothing<T>;
  if (matmul.m <= 0 || matmul.n <= 0) return;
  const Product<T> product = product_of<T>(matmul, matmul);
  const bool is_exact = product.precision == Precision::highest;
  if (is_exact && product.m == 1 && product.n == 1) {
    prepared.run = &run_dot<T>;
  } else if (!is_exact || !prepare_panel(product, prepared)) {
    prepared.run = &run_general<T>;
  }
}

/// The vectors' transposition writes whole vectors; what is left over goes one by one.
template <class T>
HWY_INLINE void transpose_all(const T* from, std::int64_t ldf, std::int64_t rows, std::int64_t columns, T* to,
                              std::int64_t ldt) {
  constexpr std::int64_t cache_bytes = 8 * 1024 * 1024, line = 64;
  const std::int64_t whole = rows - rows % Panels<T>::lanes;
  const auto size = static_cast<std::int64_t>(sizeof(T));
  const bool begins_lines = reinterpret_cast<std::uintptr_t>(to) % line == 0 && ldt * size % line == 0;
  const std::int64_t streamed =
      begins_lines && rows * columns * size >= cache_bytes ? stream_transposed(from, ldf, rows, columns, to, ldt) : 0;
  if (whole > streamed) transpose(from + streamed * ldf, ldf, whole - streamed, columns, to + streamed, ldt);
  for (std::int64_t k = 0; k < columns; ++k)
    for (std::int64_t j = whole; j < rows; ++j) to[k * ldt + j] = from[j * ldf + k];
}

void transpose_f32(const float* from, std::int64_t ldf, std::int64_t rows, std::int64_t columns, float* to,
                   std::int64_t ldt) {
  transpose_all(from, ldf, rows, columns, to, ldt);
}
void transpose_f64(const double* from, std::int64_t ldf, std::int64_t rows, std::int64_t columns, double* to,
                   std::int64_t ldt) {
  transpose_all(from, ldf, rows, columns, to, ldt);
}

void prepare_f32(const Matmul& matmul, PreparedMatmul& prepared) { prepare<float>(matmul, prepared); }
void prepare_f64(const Matmul& matmul, PreparedMatmul& prepared) { prepare<double>(matmul, prepared); }

}  // namespace thalweg::run::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // include guard
