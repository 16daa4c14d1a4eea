// Which tile functions there are, by rows, vectors and what the last vector is, compiled once per SIMD target.

#if defined(THALWEG_RUN_MATMUL_FUNCTIONS_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef THALWEG_RUN_MATMUL_FUNCTIONS_INL
#undef THALWEG_RUN_MATMUL_FUNCTIONS_INL
#else
#define THALWEG_RUN_MATMUL_FUNCTIONS_INL
#endif

#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>

#include <hwy/highway.h>

#include "src/run/matmul_kernel-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace thalweg::run::HWY_NAMESPACE {

/// Of columns side by side: as vectors, of which the last one may be a part, or one by one.
enum class Columns : std::uint8_t { whole, masked, half, single };

/// `last` columns in the last vector.
template <class T>
constexpr Columns columns_as_vectors(std::int64_t last) {
  constexpr auto lanes = static_cast<std::int64_t>(hn::MaxLanes(Wide<T>()));
  if (last == lanes) return Columns::whole;
  return has_half_vectors && last <= lanes / 2 ? Columns::half : Columns::masked;
}

template <class T>
using TileFunction = void (*)(const Tile<T>&);

/// The tile functions of one number of vectors: [0] for a C of a single row, else by number of rows.
template <class T>
using TileFunctions = std::array<TileFunction<T>, tile_rows + 1>;

/// Those of chosen steps: for sparse_rows − 1 rows and for sparse_rows.
template <class T>
using SparseFunctions = std::array<TileFunction<T>, 2>;

/// Those of fetching tiles, with tile_vectors whole vectors: by number of rows less one.
template <class D, int... row>
constexpr auto make_fetching_functions(std::integer_sequence<int, row...>) {
  return std::array{&compute_tile<row + 1, tile_vectors, Last::whole, D, Steps::fetching>...};
}
template <class T>
inline constexpr auto fetching_functions =
    make_fetching_functions<Wide<T>>(std::make_integer_sequence<int, tile_rows>());

template <int vectors, Last last, class D, int... row>
constexpr TileFunctions<hn::TFromD<D>> make_tile_functions(std::integer_sequence<int, row...>) {
  return {&compute_row < vectors, last == Last::half ? Last::masked : last, D >,
          &compute_tile<row + 1, vectors, last, D>...};
}

template <Last last, class D, int... vector>
constexpr auto make_tile_functions_by_vectors(std::integer_sequence<int, vector...>) {
  return std::array{make_tile_functions<vector + 1, last, D>(std::make_integer_sequence<int, tile_rows>())...};
}

template <Last last, class D, int... vector>
constexpr auto make_sparse_functions_by_vectors(std::integer_sequence<int, vector...>) {
  return std::array{SparseFunctions<hn::TFromD<D>>{&compute_tile<sparse_rows - 1, vector + 1, last, D, Steps::chosen>,
                                                   &compute_tile<sparse_rows, vector + 1, last, D, Steps::chosen>}...};
}

/// The tables of tile functions, by number of vectors less one.
template <Last last, class D>
struct FunctionTables {
  static constexpr auto all_steps =
      make_tile_functions_by_vectors<last, D>(std::make_integer_sequence<int, tile_vectors>());
  static constexpr auto chosen_steps =
      make_sparse_functions_by_vectors<last, D>(std::make_integer_sequence<int, sparse_vectors>());
};

/// body(tables), of those that have these columns.
template <class T, class Body>
HWY_INLINE decltype(auto) with_tables(Columns columns, const Body& body) {
  if constexpr (has_half_vectors) {
    if (columns == Columns::half) return body(FunctionTables<Last::half, Wide<T>>());
  }
  if constexpr (has_masked_memory) {
    if (columns == Columns::masked) return body(FunctionTables<Last::masked, Wide<T>>());
  } else {
    if (columns == Columns::single) return body(FunctionTables<Last::whole, Single<T>>());
  }
  return body(FunctionTables<Last::whole, Wide<T>>());
}

/// The tile functions for `vectors` vectors or single columns.
template <class T>
HWY_INLINE const TileFunctions<T>& tile_functions(std::int64_t vectors, Columns columns) {
  return with_tables<T>(columns, [vectors](auto tables) -> const TileFunctions<T>& {
    return tables.all_steps[static_cast<std::size_t>(vectors - 1)];
  });
}

/// The tile functions of chosen steps, likewise.
template <class T>
HWY_INLINE const SparseFunctions<T>& sparse_functions(std::int64_t vectors, Columns columns) {
  return with_tables<T>(columns, [vectors](auto tables) -> const SparseFunctions<T>& {
    return tables.chosen_steps[static_cast<std::size_t>(vectors - 1)];
  });
}

}  // namespace thalweg::run::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // include guard
