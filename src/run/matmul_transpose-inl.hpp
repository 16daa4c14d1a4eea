// Transposition by squares of a vector's width, compiled once per SIMD target.

#if defined(THALWEG_RUN_MATMUL_TRANSPOSE_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef THALWEG_RUN_MATMUL_TRANSPOSE_INL
#undef THALWEG_RUN_MATMUL_TRANSPOSE_INL
#else
#define THALWEG_RUN_MATMUL_TRANSPOSE_INL
#endif

#include <cstddef>
#include <cstdint>

#include <hwy/cache_control.h>
#include <hwy/highway.h>

#include "src/run/matmul_kernel-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace thalweg::run::HWY_NAMESPACE {

/// Transposes within 128-bit blocks: `v` is as many vectors as a block has elements, and block b of them, taken as rows,
/// is a square.
template <class D, class V>
HWY_INLINE void transpose_in_blocks(D d, V* v) {
  if constexpr (sizeof(hn::TFromD<D>) == 4) {
    const hn::Repartition<double, D> pairs;
    const auto low01 = hn::BitCast(pairs, hn::InterleaveLower(d, v[0], v[1]));
    const auto high01 = hn::BitCast(pairs, hn::InterleaveUpper(d, v[0], v[1]));
    const auto low23 = hn::BitCast(pairs, hn::InterleaveLower(d, v[2], v[3]));
    const auto high23 = hn::BitCast(pairs, hn::InterleaveUpper(d, v[2], v[3]));
    v[0] = hn::BitCast(d, hn::InterleaveLower(pairs, low01, low23));
    v[1] = hn::BitCast(d, hn::InterleaveUpper(pairs, low01, low23));
    v[2] = hn::BitCast(d, hn::InterleaveLower(pairs, high01, high23));
    v[3] = hn::BitCast(d, hn::InterleaveUpper(pairs, high01, high23));
  } else {
    const auto low = hn::InterleaveLower(d, v[0], v[1]);
    v[1] = hn::InterleaveUpper(d, v[0], v[1]);
    v[0] = low;
  }
}

/// Transposes the square that `v`, as many vectors as a vector has lanes, is the rows of.
template <class D, class V>
HWY_INLINE void transpose_vectors(D d, V* v) {
  constexpr int lanes = static_cast<int>(hn::MaxLanes(D()));
  constexpr int block = 16 / static_cast<int>(sizeof(hn::TFromD<D>));
  THALWEG_UNROLL
  for (int row = 0; row < lanes; row += block) transpose_in_blocks(d, v + row);
  // Then exchanges blocks: first between halves of the vectors, then between adjacent vectors.
  if constexpr (lanes > block) {
    constexpr int half = lanes / 2;
    THALWEG_UNROLL
    for (int row = 0; row < half; ++row) {
      const auto lower = hn::ConcatLowerLower(d, v[row + half], v[row]);
      v[row + half] = hn::ConcatUpperUpper(d, v[row + half], v[row]);
      v[row] = lower;
    }
    if constexpr (half > block) {
      THALWEG_UNROLL
      for (int row = 0; row < lanes; ++row) {
        if (row & block) continue;
        const auto even = hn::OddEvenBlocks(hn::SwapAdjacentBlocks(v[row + block]), v[row]);
        v[row + block] = hn::OddEvenBlocks(v[row + block], hn::SwapAdjacentBlocks(v[row]));
        v[row] = even;
      }
    }
  }
}

/// to[k·ldt + j] = from[j·ldf + k] for j < rows, k < columns, both at most `lanes`. Writes whole vectors to the rows of
/// `to`. (Not inlined: in loops, its many addresses would be hoisted, and spilled to memory.)
template <class T>
HWY_NOINLINE void transpose_square(const T* HWY_RESTRICT from, std::ptrdiff_t ldf, std::int64_t rows,
                                   std::int64_t columns, T* HWY_RESTRICT to, std::ptrdiff_t ldt) {
  const Wide<T> d;
  constexpr int lanes = static_cast<int>(hn::MaxLanes(Wide<T>()));
  hn::Vec<Wide<T>> v[lanes];
  if (rows >= lanes && columns >= lanes) {
    THALWEG_UNROLL
    for (int row = 0; row < lanes; ++row) v[row] = hn::LoadU(d, from + row * ldf);
    transpose_vectors(d, v);
    THALWEG_UNROLL
    for (int row = 0; row < lanes; ++row) hn::StoreU(v[row], d, to + row * ldt);
  } else if constexpr (has_masked_memory) {
    const auto mask = hn::FirstN(d, static_cast<std::size_t>(columns));
    THALWEG_UNROLL
    for (int row = 0; row < lanes; ++row) v[row] = row < rows ? hn::MaskedLoad(mask, d, from + row * ldf) : hn::Zero(d);
    transpose_vectors(d, v);
    THALWEG_UNROLL
    for (int row = 0; row < lanes; ++row)
      if (row < columns) hn::StoreU(v[row], d, to + row * ldt);
  } else {
    for (int row = 0; row < lanes && row < rows; ++row)
      for (int column = 0; column < lanes && column < columns; ++column)
        to[column * ldt + row] = from[row * ldf + column];
  }
}

/// The same of a whole square, written past the caches: the rows of `to` lie at whole vectors.
template <class T>
HWY_NOINLINE void stream_square(const T* HWY_RESTRICT from, std::ptrdiff_t ldf, T* HWY_RESTRICT to,
                                std::ptrdiff_t ldt) {
  const Wide<T> d;
  constexpr int lanes = static_cast<int>(hn::MaxLanes(Wide<T>()));
  hn::Vec<Wide<T>> v[lanes];
  THALWEG_UNROLL
  for (int row = 0; row < lanes; ++row) v[row] = hn::LoadU(d, from + row * ldf);
  transpose_vectors(d, v);
  THALWEG_UNROLL
  for (int row = 0; row < lanes; ++row) hn::Stream(v[row], d, to + row * ldt);
}

/// The same for any number of rows and columns; writes the rows of `to` up to a multiple of the lanes.
template <class T>
void transpose(const T* HWY_RESTRICT from, std::ptrdiff_t ldf, std::int64_t rows, std::int64_t columns,
               T* HWY_RESTRICT to, std::ptrdiff_t ldt) {
  constexpr std::int64_t lanes = static_cast<std::int64_t>(hn::MaxLanes(Wide<T>()));
  for (std::int64_t j = 0; j < rows; j += lanes)
    for (std::int64_t k = 0; k < columns; k += lanes)
      transpose_square(from + j * ldf + k, ldf, rows - j, columns - k, to + k * ldt + j, ldt);
}

/// The same for a `to` that does not stay in the cache; of rows and columns what whole squares cover, which it returns.
/// Lines of `to` are a vector each, or two of one are written at once: each would be fetched and written back, and where
/// rows are a power of 2 apart, they have too few places in the cache to be there for the squares beside them.
template <class T>
HWY_INLINE std::int64_t stream_transposed(const T* HWY_RESTRICT from, std::ptrdiff_t ldf, std::int64_t rows,
                                          std::int64_t columns, T* HWY_RESTRICT to, std::ptrdiff_t ldt) {
  constexpr std::int64_t lanes = static_cast<std::int64_t>(hn::MaxLanes(Wide<T>()));
  constexpr std::int64_t group = 128 / sizeof(T);  // rows whose elements are two lines of `to`
  const std::int64_t whole_rows = rows - rows % group, whole_columns = columns - columns % lanes;
  for (std::int64_t first = 0; first < whole_rows; first += group)
    for (std::int64_t k = 0; k < whole_columns; k += lanes)
      for (std::int64_t j = first; j < first + group; j += lanes)
        stream_square(from + j * ldf + k, ldf, to + k * ldt + j, ldt);
  hwy::FlushStream();
  if (whole_columns < columns)
    transpose(from + whole_columns, ldf, whole_rows, columns - whole_columns, to + whole_columns * ldt, ldt);
  return whole_rows;
}

}  // namespace thalweg::run::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // include guard
