// The innermost parts of matrix multiplication, compiled once per SIMD target: a tile of C held in registers, its
// epilogue. See matmul_functions-inl.hpp for which there are, matmul_blocks-inl.hpp for what walks the matrices.

#if defined(THALWEG_RUN_MATMUL_KERNEL_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef THALWEG_RUN_MATMUL_KERNEL_INL
#undef THALWEG_RUN_MATMUL_KERNEL_INL
#else
#define THALWEG_RUN_MATMUL_KERNEL_INL
#endif

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include <hwy/highway.h>

#include "src/run/elementary/exponential-inl.hpp"
#include "src/run/matmul.hpp"
#include "src/run/matmul_blocking.hpp"

// Registers held in an array must be addressed by constants from the start: without this, gcc keeps them in memory.
#undef THALWEG_UNROLL
#if HWY_COMPILER_GCC_ACTUAL
#define THALWEG_UNROLL _Pragma("GCC unroll 16")
#else
#define THALWEG_UNROLL _Pragma("clang loop unroll(full)")
#endif

HWY_BEFORE_NAMESPACE();
namespace thalweg::run::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// A tile is tile_rows × tile_vectors registers of sums; with the vectors of B and one element of A they fill the
// register file (32 registers, or 16).
#if HWY_TARGET == HWY_AVX2
inline constexpr int tile_rows = 4, tile_vectors = 3;
#elif HWY_TARGET == HWY_SSE4 || HWY_TARGET == HWY_SSSE3
inline constexpr int tile_rows = 4, tile_vectors = 2;
#else
inline constexpr int tile_rows = 8, tile_vectors = 3;
#endif

// Where zeros are left out, fewer rows and more vectors: the fewer rows, the more often all of them are 0.
inline constexpr int sparse_rows = 4, sparse_vectors = tile_rows == 8 ? 6 : tile_vectors;

// Where masked loads and stores may touch memory outside the mask, the columns past the last whole vector are done one
// by one, as vectors of one lane. (Of AVX2 Highway says so for the sake of 8- and 16-bit lanes.)
inline constexpr bool has_masked_memory = !HWY_MEM_OPS_MIGHT_FAULT || HWY_TARGET == HWY_AVX2;

template <class T>
using Wide = hn::ScalableTag<T>;
template <class T>
using Single = hn::CappedTag<T, 1>;

/// What happens to a finished sum. `bias` and `activated` begin at the tile.
template <class T>
struct Epilogue {
  const T* bias = nullptr;
  std::ptrdiff_t bias_stride = 0;  // of its rows; 0: all are the same
  const T* activated = nullptr;
  Activation activation = Activation::none;
  bool single_bias = false;  // one value for all
};

/// The number of a step in a list: as wide as an element, so that a vector of elements makes a vector of these.
template <class T>
using StepIndex = hwy::MakeSigned<T>;

/// C[i, j] = epilogue(start[i, j] + Σ_step A[i, step]·B[step, j]) for a few rows and vectors of columns.
template <class T>
struct Tile {
  const T* a;
  std::ptrdiff_t a_row, a_step;
  const T* b;
  std::ptrdiff_t b_step;
  std::int64_t steps;
  T* c;
  const T* start;  // null: 0
  std::ptrdiff_t ldc;
  Epilogue<T> epilogue;
  std::int64_t last_columns;             // of the last vector, where it is masked
  const StepIndex<T>* chosen = nullptr;  // `steps` of them that are done; null: the first ones, all
  bool clears_negative_zeros = false;    // a sum of −0 becomes 0
};

/// A tile that prefetches a cache line with each step: from `ahead` on, up to the last one.
template <class T>
struct FetchingTile : Tile<T> {
  const T* const* ahead;
  const T* const* last_ahead;
};

/// As the ops of these names: relu keeps NaN and makes −0 0.
template <Activation activation, class D, class V>
HWY_INLINE V activate(D d, V sum) {
  static_assert(!is_gradient(activation));
  if constexpr (activation == Activation::relu) return hn::IfThenZeroElse(hn::Le(sum, hn::Zero(d)), sum);
  if constexpr (activation == Activation::tanh) return thalweg::HWY_NAMESPACE::Tanh(d, sum);
  if constexpr (activation == Activation::sigmoid) return thalweg::HWY_NAMESPACE::Sigmoid(d, sum);
}

/// The gradient of the activation that has made `activated`, likewise.
template <Activation activation, class D, class V>
HWY_INLINE V activate(D d, V sum, V activated) {
  static_assert(is_gradient(activation));
  if constexpr (activation == Activation::relu_gradient) return hn::IfThenElseZero(hn::Gt(activated, hn::Zero(d)), sum);
  if constexpr (activation == Activation::tanh_gradient) {
    const V derivative = hn::Sub(hn::Set(d, hn::TFromD<D>{1}), hn::Mul(activated, activated));
    return hn::IfThenElse(hn::Eq(sum, hn::Zero(d)), sum, hn::Mul(sum, derivative));
  }
}

/// What a tile's last vector is: all of one, the first lanes of one, or the first lanes of half a vector.
enum class Last : std::uint8_t { whole, masked, half };

// Where a vector is worked off in two halves (Zen 4), half a vector costs half; elsewhere it costs no more than a whole one.
inline constexpr bool has_half_vectors = HWY_TARGET == HWY_AVX3;

/// The vectors of a tile's row. What is done with the last one goes through `last`, the others are `whole`.
template <int vectors, Last last_kind, class D>
struct RowAccess {
  using T = hn::TFromD<D>;
  using LastD = std::conditional_t<last_kind == Last::half, hn::Half<D>, D>;
  static constexpr int whole = vectors - 1;
  static constexpr std::size_t lanes = hn::MaxLanes(D());
  hn::Mask<LastD> mask;

  explicit HWY_INLINE RowAccess(const Tile<T>& tile)
      : mask(hn::FirstN(LastD(), static_cast<std::size_t>(tile.last_columns))) {}

  static HWY_INLINE hn::Vec<D> load(const T* from, int vector) { return hn::LoadU(D(), from + vector * lanes); }
  static HWY_INLINE void store(hn::Vec<D> values, T* to, int vector) { hn::StoreU(values, D(), to + vector * lanes); }
  HWY_INLINE hn::Vec<LastD> load_last(const T* from) const {
    if (last_kind == Last::whole) return hn::LoadU(LastD(), from + whole * lanes);
    return hn::MaskedLoad(mask, LastD(), from + whole * lanes);
  }
  HWY_INLINE void store_last(hn::Vec<LastD> values, T* to) const {
    if (last_kind == Last::whole) {
      hn::StoreU(values, LastD(), to + whole * lanes);
    } else {
      hn::BlendedStore(values, mask, LastD(), to + whole * lanes);
    }
  }
  /// A vector of equal lanes, as wide as the last one.
  static HWY_INLINE hn::Vec<LastD> narrowed(hn::Vec<D> splat) {
    if constexpr (last_kind == Last::half) {
      return hn::LowerHalf(LastD(), splat);
    } else {
      return splat;
    }
  }
};

/// The activation of a tile of C just stored: on the registers it would take all of them, in every tile function.
template <Activation activation, int vectors, Last last_kind, class D>
HWY_NOINLINE void activate_stored(const Tile<hn::TFromD<D>>& tile, int rows) {
  using Access = RowAccess<vectors, last_kind, D>;
  const Access access(tile);
  for (int row = 0; row < rows; ++row) {
    auto* const values = tile.c + row * tile.ldc;
    if constexpr (is_gradient(activation)) {
      const auto* const activated = tile.epilogue.activated + row * tile.ldc;
      for (int vector = 0; vector < Access::whole; ++vector)
        access.store(activate<activation>(D(), access.load(values, vector), access.load(activated, vector)), values,
                     vector);
      access.store_last(
          activate<activation>(typename Access::LastD(), access.load_last(values), access.load_last(activated)),
          values);
    } else {
      for (int vector = 0; vector < Access::whole; ++vector)
        access.store(activate<activation>(D(), access.load(values, vector)), values, vector);
      access.store_last(activate<activation>(typename Access::LastD(), access.load_last(values)), values);
    }
  }
}

/// All but relu, which is done on the registers.
template <int vectors, Last last_kind, class D>
HWY_INLINE void activate_stored(const Tile<hn::TFromD<D>>& tile, int rows) {
  switch (tile.epilogue.activation) {
    case Activation::none:
    case Activation::relu: return;
    case Activation::tanh: return activate_stored<Activation::tanh, vectors, last_kind, D>(tile, rows);
    case Activation::sigmoid: return activate_stored<Activation::sigmoid, vectors, last_kind, D>(tile, rows);
    case Activation::relu_gradient:
      return activate_stored<Activation::relu_gradient, vectors, last_kind, D>(tile, rows);
    case Activation::tanh_gradient:
      return activate_stored<Activation::tanh_gradient, vectors, last_kind, D>(tile, rows);
  }
}

/// The sums of a tile, in registers.
template <int rows, int vectors, Last last_kind, class D>
struct Sums {
  using T = hn::TFromD<D>;
  using Access = RowAccess<vectors, last_kind, D>;
  using LastD = typename Access::LastD;
  static constexpr int whole = Access::whole;
  hn::Vec<D> sum[rows][whole > 0 ? whole : 1];
  hn::Vec<LastD> last[rows];

  HWY_INLINE void begin(const Tile<T>& tile, const Access& access) {
    THALWEG_UNROLL
    for (int row = 0; row < rows; ++row) {
      const T* const start = tile.start ? tile.start + row * tile.ldc : nullptr;
      THALWEG_UNROLL
      for (int vector = 0; vector < whole; ++vector)
        sum[row][vector] = start ? access.load(start, vector) : hn::Zero(D());
      last[row] = start ? access.load_last(start) : hn::Zero(LastD());
    }
  }

  /// The epilogue, and the way to C.
  HWY_INLINE void finish(const Tile<T>& tile, const Access& access) {
    if (tile.epilogue.bias) add_bias(tile.epilogue, access);
    if (tile.epilogue.activation == Activation::relu) {
      THALWEG_UNROLL
      for (int row = 0; row < rows; ++row) {
        THALWEG_UNROLL
        for (int vector = 0; vector < whole; ++vector)
          sum[row][vector] = activate<Activation::relu>(D(), sum[row][vector]);
        last[row] = activate<Activation::relu>(LastD(), last[row]);
      }
    }
    THALWEG_UNROLL
    for (int row = 0; row < rows; ++row) {
      T* const to = tile.c + row * tile.ldc;
      THALWEG_UNROLL
      for (int vector = 0; vector < whole; ++vector) access.store(sum[row][vector], to, vector);
      access.store_last(last[row], to);
    }
    activate_stored<vectors, last_kind, D>(tile, rows);
  }

 private:
  HWY_INLINE void add_bias(const Epilogue<T>& epilogue, const Access& access) {
    const T* bias = epilogue.bias;
    if (epilogue.bias_stride == 0) {
      THALWEG_UNROLL
      for (int vector = 0; vector < whole; ++vector) {
        const auto value = epilogue.single_bias ? hn::Set(D(), *bias) : access.load(bias, vector);
        THALWEG_UNROLL
        for (int row = 0; row < rows; ++row) sum[row][vector] = hn::Add(sum[row][vector], value);
      }
      const auto value = epilogue.single_bias ? hn::Set(LastD(), *bias) : access.load_last(bias);
      THALWEG_UNROLL
      for (int row = 0; row < rows; ++row) last[row] = hn::Add(last[row], value);
      return;
    }
    THALWEG_UNROLL
    for (int row = 0; row < rows; ++row, bias += epilogue.bias_stride) {
      THALWEG_UNROLL
      for (int vector = 0; vector < whole; ++vector)
        sum[row][vector] = hn::Add(sum[row][vector], access.load(bias, vector));
      last[row] = hn::Add(last[row], access.load_last(bias));
    }
  }
};

/// Which steps of a tile are done; `fetching`: all of them, those of a FetchingTile.
enum class Steps : std::uint8_t { all, chosen, fetching };

template <class T, Steps which>
using TileOf = std::conditional_t<which == Steps::fetching, FetchingTile<T>, Tile<T>>;

/// Each sum in order of k, from start on.
template <int rows, int vectors, Last last_kind, class D, Steps which = Steps::all>
void compute_tile(const TileOf<hn::TFromD<D>, which>& tile) {
  using T = hn::TFromD<D>;
  using Access = RowAccess<vectors, last_kind, D>;
  const D d;
  const typename Access::LastD last_d;
  const Access access(tile);
  Sums<rows, vectors, last_kind, D> sums;
  sums.begin(tile, access);
  const T* HWY_RESTRICT a = tile.a;
  const T* HWY_RESTRICT b = tile.b;
  const std::ptrdiff_t a_row = tile.a_row, a_step = tile.a_step, b_step = tile.b_step;
  const StepIndex<T>* HWY_RESTRICT chosen = tile.chosen;
  const T* const* ahead = nullptr;
  if constexpr (which == Steps::fetching) ahead = tile.ahead;
  for (std::int64_t step = tile.steps; step > 0; --step) {
    if constexpr (which == Steps::chosen) {
      a = tile.a + *chosen * a_step;
      b = tile.b + *chosen * b_step;
      ++chosen;
    }
    if constexpr (which == Steps::fetching) {
      __builtin_prefetch(*ahead, 0, 2);
      ahead += ahead != tile.last_ahead;
    }
    hn::Vec<D> right[Access::whole > 0 ? Access::whole : 1];
    THALWEG_UNROLL
    for (int vector = 0; vector < Access::whole; ++vector) right[vector] = access.load(b, vector);
    const auto right_last = access.load_last(b);
    THALWEG_UNROLL
    for (int row = 0; row < rows; ++row) {
      const auto left = hn::Set(d, a[row * a_row]);
      THALWEG_UNROLL
      for (int vector = 0; vector < Access::whole; ++vector)
        sums.sum[row][vector] = hn::MulAdd(left, right[vector], sums.sum[row][vector]);
      sums.last[row] = hn::MulAdd(access.narrowed(left), right_last, sums.last[row]);
    }
    if constexpr (which != Steps::chosen) {
      a += a_step;
      b += b_step;
    }
  }
  if (tile.clears_negative_zeros) {
    THALWEG_UNROLL
    for (int row = 0; row < rows; ++row) {
      THALWEG_UNROLL
      for (int vector = 0; vector < Access::whole; ++vector)
        sums.sum[row][vector] = hn::Add(sums.sum[row][vector], hn::Zero(d));
      sums.last[row] = hn::Add(sums.last[row], hn::Zero(last_d));
    }
  }
  sums.finish(tile, access);
}

/// A single row, which would mostly wait for one multiply-add after the other: every stretch of row_stretch steps, from
/// a multiple of it on, is summed in four sums (k ≡ 0, 1, 2, 3 modulo 4, each from 0 on), and (sum 0 +
/// sum 1) + (sum 2 + sum 3) is added to what came before, beginning with start.
template <int vectors, Last last_kind, class D>
void compute_row(const Tile<hn::TFromD<D>>& tile) {
  using T = hn::TFromD<D>;
  using Access = RowAccess<vectors, last_kind, D>;
  static_assert(last_kind != Last::half);
  constexpr int whole = Access::whole;
  const D d;
  const Access access(tile);
  const auto load = [&](const T* from, int vector)
                        HWY_ATTR { return vector == whole ? access.load_last(from) : access.load(from, vector); };
  hn::Vec<D> total[vectors];
  THALWEG_UNROLL
  for (int vector = 0; vector < vectors; ++vector) total[vector] = tile.start ? load(tile.start, vector) : hn::Zero(d);

  const T* HWY_RESTRICT a = tile.a;
  const T* HWY_RESTRICT b = tile.b;
  const std::ptrdiff_t a_step = tile.a_step, b_step = tile.b_step;
  for (std::int64_t left = tile.steps; left > 0; left -= row_stretch) {
    std::int64_t steps = left < row_stretch ? left : row_stretch;
    hn::Vec<D> sum[4][vectors];
    THALWEG_UNROLL
    for (int chain = 0; chain < 4; ++chain) {
      THALWEG_UNROLL
      for (int vector = 0; vector < vectors; ++vector) sum[chain][vector] = hn::Zero(d);
    }
    for (; steps >= 4; steps -= 4) {
      THALWEG_UNROLL
      for (int chain = 0; chain < 4; ++chain) {
        const auto value = hn::Set(d, *a);
        THALWEG_UNROLL
        for (int vector = 0; vector < vectors; ++vector)
          sum[chain][vector] = hn::MulAdd(value, load(b, vector), sum[chain][vector]);
        a += a_step;
        b += b_step;
      }
    }
    THALWEG_UNROLL
    for (int chain = 0; chain < 3; ++chain) {
      if (chain >= steps) break;
      const auto value = hn::Set(d, *a);
      THALWEG_UNROLL
      for (int vector = 0; vector < vectors; ++vector)
        sum[chain][vector] = hn::MulAdd(value, load(b, vector), sum[chain][vector]);
      a += a_step;
      b += b_step;
    }
    THALWEG_UNROLL
    for (int vector = 0; vector < vectors; ++vector)
      total[vector] = hn::Add(
          total[vector], hn::Add(hn::Add(sum[0][vector], sum[1][vector]), hn::Add(sum[2][vector], sum[3][vector])));
  }
  Sums<1, vectors, last_kind, D> sums;
  THALWEG_UNROLL
  for (int vector = 0; vector < whole; ++vector) sums.sum[0][vector] = total[vector];
  sums.last[0] = total[whole];
  sums.finish(tile, access);
}

}  // namespace thalweg::run::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // include guard
