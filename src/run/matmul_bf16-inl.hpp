// Matrix products of f32 with both factors rounded to bf16 (Precision::medium), compiled once per SIMD target: rounds
// the copies of the packed way, and multiplies two steps at a time if the processor has an instruction for it.
//
// Definition: every product is exact in f32, and a sum runs over k in pairs (k, k + 1) with k even, the second of a
// pair before the first; each addition rounds once if the target has fused multiply-adds. Only subnormal sums depend on
// the processor: the instruction makes them 0.

#if defined(THALWEG_RUN_MATMUL_BF16_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef THALWEG_RUN_MATMUL_BF16_INL
#undef THALWEG_RUN_MATMUL_BF16_INL
#else
#define THALWEG_RUN_MATMUL_BF16_INL
#endif

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>

#include <hwy/highway.h>

#include "src/run/amx.hpp"
#include "src/run/matmul_amx-inl.hpp"
#include "src/run/matmul_blocking.hpp"
#include "src/run/matmul_blocks-inl.hpp"
#include "src/run/matmul_kernel-inl.hpp"
#include "src/run/matmul_packed-inl.hpp"
#include "src/run/matmul_pairs-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace thalweg::run::HWY_NAMESPACE {

/// The rows of op(B) and the columns of op(A) are stored in pairs of steps; an odd last step is paired with zeros.
inline std::int64_t pairs_of(std::int64_t steps) { return (steps + 1) / 2; }

/// The nearest bf16, ties to even, as an f32. As in the processor's instruction, subnormals are 0, and NaN is made
/// quiet.
template <class D>
HWY_INLINE hn::Vec<D> round_to_bf16(D d, hn::Vec<D> x) {
  const hn::RebindToUnsigned<D> u;
  const auto bits = hn::BitCast(u, x);
  const auto is_odd = hn::And(hn::ShiftRight<16>(bits), hn::Set(u, 1));
  const auto nearest = hn::Add(bits, hn::Add(is_odd, hn::Set(u, 0x7FFF)));
  const auto quiet = hn::Or(bits, hn::Set(u, 0x400000));
  const auto rounded =
      hn::BitCast(d, hn::And(hn::IfThenElse(hn::RebindMask(u, hn::IsNaN(x)), quiet, nearest), hn::Set(u, 0xFFFF0000)));
  const auto is_normal = hn::Ge(hn::Abs(x), hn::Set(d, std::numeric_limits<float>::min()));
  return hn::IfThenElse(hn::Or(is_normal, hn::IsNaN(x)), rounded, hn::CopySign(hn::Zero(d), x));
}

/// Two rounded steps, exchanged.
HWY_INLINE void round_pair(float* HWY_RESTRICT first, float* HWY_RESTRICT second, std::int64_t count) {
  const auto move = [&](auto d, std::int64_t i) HWY_ATTR {
    const auto one = round_to_bf16(d, hn::LoadU(d, first + i)), other = round_to_bf16(d, hn::LoadU(d, second + i));
    hn::StoreU(other, d, first + i);
    hn::StoreU(one, d, second + i);
  };
  constexpr std::int64_t lanes = Panels<float>::lanes;
  std::int64_t i = 0;
  for (; i + lanes <= count; i += lanes) move(Wide<float>(), i);
  for (; i < count; ++i) move(Single<float>(), i);
}

/// For processors without an instruction for bf16: the copies are f32 rounded to bf16. The steps of a pair are
/// exchanged, so that sums run in the order of the instruction.
struct RoundedCopies {
  using Plain = PlainCopies<float>;
  static constexpr std::int64_t most_steps = packed_steps;
  static std::int64_t units(std::int64_t steps) { return 2 * pairs_of(steps); }
  static const TileFunctions<float>& functions(const Panel& panel) { return Plain::functions(panel); }

  static void pack_panel(const Product<float>& product, const Slice<float>& slice, const Panel& panel, float* to) {
    Plain::pack_panel(product, slice, panel, to);
    round_steps(to, Panels<float>::width(panel), slice, Panels<float>::width(panel));
  }

  static void pack_a(const Product<float>& product, const Slice<float>& packed, Range rows, float* to) {
    Plain::pack_a(product, packed, rows, to);
    if (product.a_step != 1) return round_steps(to + rows.begin, rows.end - rows.begin, packed, packed.a_step);
    for (std::int64_t row = rows.begin; row < rows.end; ++row) round_row(to + row * packed.a_row, packed);
  }

 private:
  /// Steps in consecutive rows.
  static void round_steps(float* to, std::int64_t count, const Slice<float>& slice, std::ptrdiff_t stride) {
    if (slice.units > slice.steps) std::fill_n(to + slice.steps * stride, count, 0.0F);
    for (std::int64_t step = 0; step < slice.units; step += 2)
      round_pair(to + step * stride, to + (step + 1) * stride, count);
  }

  /// Steps in consecutive columns, with space for a vector after them.
  static void round_row(float* row, const Slice<float>& slice) {
    if (slice.units > slice.steps) row[slice.steps] = 0;
    for (std::int64_t step = 0; step < slice.units; step += 2) {
      const Single<float> d;
      const auto first = round_to_bf16(d, hn::LoadU(d, row + step));
      hn::StoreU(round_to_bf16(d, hn::LoadU(d, row + step + 1)), d, row + step);
      hn::StoreU(first, d, row + step + 1);
    }
  }
};

#if HWY_TARGET == HWY_AVX3
}  // namespace thalweg::run::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
HWY_PUSH_ATTRIBUTES(HWY_TARGET_STR ",avx512bf16")
namespace thalweg::run::HWY_NAMESPACE {

/// As the instruction takes them.
template <class Halves, class V>
HWY_INLINE Halves halves_of(V pairs) {
#ifdef __clang__
  asm("" : "+v"(pairs.raw));  // clang 16's VectorCombine does not end where it sees a number repeated in lanes of bf16
#endif
  return __builtin_bit_cast(Halves, pairs.raw);
}

// sum + second·second + first·first of the pairs, each product added with one rounding; subnormal sums become 0.
HWY_INLINE hn::Vec<Numbers> add_products(hn::Vec<Numbers> sum, Pairs left, Pairs right) {
  return hn::Vec<Numbers>{_mm512_dpbf16_ps(sum.raw, halves_of<__m512bh>(left), halves_of<__m512bh>(right))};
}
HWY_INLINE hn::Vec<hn::Half<Numbers>> add_products(hn::Vec<hn::Half<Numbers>> sum, hn::Vec<hn::Half<Numbers>> left,
                                                   hn::Vec<hn::Half<Numbers>> right) {
  return hn::Vec<hn::Half<Numbers>>{_mm256_dpbf16_ps(sum.raw, halves_of<__m256bh>(left), halves_of<__m256bh>(right))};
}

/// compute_tile where a step of A and B is a pair. (Not a case of it: only what is compiled for the instruction can have it in line.)
template <int rows, int vectors, Last last_kind>
void compute_pairs(const Tile<float>& tile) {
  using Access = RowAccess<vectors, last_kind, Numbers>;
  const Numbers d;
  const Access access(tile);
  Sums<rows, vectors, last_kind, Numbers> sums;
  sums.begin(tile, access);
  const float* HWY_RESTRICT a = tile.a;
  const float* HWY_RESTRICT b = tile.b;
  const std::ptrdiff_t a_row = tile.a_row, a_step = tile.a_step, b_step = tile.b_step;
  for (std::int64_t step = tile.steps; step > 0; --step) {
    Pairs right[Access::whole > 0 ? Access::whole : 1];
    THALWEG_UNROLL
    for (int vector = 0; vector < Access::whole; ++vector) right[vector] = access.load(b, vector);
    const auto right_last = access.load_last(b);
    THALWEG_UNROLL
    for (int row = 0; row < rows; ++row) {
      const auto left = hn::Set(d, a[row * a_row]);
      THALWEG_UNROLL
      for (int vector = 0; vector < Access::whole; ++vector)
        sums.sum[row][vector] = add_products(sums.sum[row][vector], left, right[vector]);
      sums.last[row] = add_products(sums.last[row], access.narrowed(left), right_last);
    }
    a += a_step;
    b += b_step;
  }
  sums.finish(tile, access);
}

template <int vectors, Last last>
inline constexpr TileFunctions<float> pair_functions_of = {nullptr,
                                                           &compute_pairs<1, vectors, last>,
                                                           &compute_pairs<2, vectors, last>,
                                                           &compute_pairs<3, vectors, last>,
                                                           &compute_pairs<4, vectors, last>,
                                                           &compute_pairs<5, vectors, last>,
                                                           &compute_pairs<6, vectors, last>,
                                                           &compute_pairs<7, vectors, last>,
                                                           &compute_pairs<8, vectors, last>};

template <Last last>
const TileFunctions<float>& pair_functions_by_width(std::int64_t vectors) {
  if (vectors == 1) return pair_functions_of<1, last>;
  if (vectors == 2) return pair_functions_of<2, last>;
  return pair_functions_of<3, last>;
}

/// Copies of the numbers in bf16, two steps to an element.
struct PairCopies {
  static constexpr std::int64_t lanes = Panels<float>::lanes;
  static constexpr std::int64_t most_steps = 2 * packed_steps;
  static std::int64_t units(std::int64_t steps) { return pairs_of(steps); }

  static const TileFunctions<float>& functions(const Panel& panel) {
    if (panel.columns == Columns::whole) return pair_functions_by_width<Last::whole>(panel.vectors);
    if (panel.columns == Columns::half) return pair_functions_by_width<Last::half>(panel.vectors);
    return pair_functions_by_width<Last::masked>(panel.vectors);
  }

  static void pack_panel(const Product<float>& product, const Slice<float>& slice, const Panel& panel, float* to) {
    const std::int64_t width = Panels<float>::width(panel);
    if (product.transpose_b) {
      const float* const from = product.b + panel.column * product.ldb + slice.first;
      for (std::int64_t column = 0; column < panel.count; column += lanes)
        for (std::int64_t step = 0; step < slice.steps; step += 2 * lanes)
          pack_square(from + column * product.ldb + step, product.ldb, panel.count - column, slice.steps - step,
                      to + step / 2 * width + column, width);
      return;
    }
    pack_steps(product.b + slice.first * product.ldb + panel.column, product.ldb, slice.steps, panel.count, to, width);
  }

  static void pack_a(const Product<float>& product, const Slice<float>& packed, Range rows, float* to) {
    const float* const from = product.a + packed.first * product.a_step + rows.begin * product.a_row;
    const std::int64_t count = rows.end - rows.begin;
    if (product.a_step != 1)
      return pack_steps(from, product.a_step, packed.steps, count, to + rows.begin, packed.a_step);
    for (std::int64_t row = 0; row < count; ++row)
      pack_row(from + row * product.a_row, packed.steps, to + (rows.begin + row) * packed.a_row);
  }

 private:
  /// Steps in consecutive rows.
  static void pack_steps(const float* from, std::ptrdiff_t stride, std::int64_t steps, std::int64_t count, float* to,
                         std::ptrdiff_t to_stride) {
    constexpr std::int64_t ahead = 8, line = 64 / sizeof(float);  // rows far apart: the processor does not foresee them
    const Numbers d;
    for (std::int64_t step = 0; step < steps; step += 2, from += 2 * stride, to += to_stride) {
      const bool is_pair = step + 1 < steps;
      for (std::int64_t i = 0; i < count; i += lanes) {
        if (step + ahead + 1 < steps) {
          __builtin_prefetch(from + ahead * stride + i, 0, 2);
          __builtin_prefetch(from + (ahead + 1) * stride + i, 0, 2);
        }
        const auto first = load_first(from + i, count - i);
        const auto second = is_pair ? load_first(from + stride + i, count - i) : hn::Zero(d);
        const Pairs pairs = pairs_across(first, second);
        if (count - i >= lanes) {
          hn::StoreU(pairs, d, to + i);
        } else {
          hn::BlendedStore(pairs, hn::FirstN(d, static_cast<std::size_t>(count - i)), d, to + i);
        }
      }
    }
  }

  /// Steps in consecutive columns, with space for a vector after them.
  static void pack_row(const float* from, std::int64_t steps, float* to) {
    const Numbers d;
    for (std::int64_t step = 0; step < steps; step += 2 * lanes)
      hn::StoreU(
          pairs_along(load_first(from + step, steps - step), load_first(from + step + lanes, steps - step - lanes)), d,
          to + step / 2);
  }

  /// At most 16 columns of op(B) that lie along k, and 32 steps of them.
  static HWY_NOINLINE void pack_square(const float* from, std::ptrdiff_t ldb, std::int64_t columns, std::int64_t steps,
                                       float* to, std::ptrdiff_t width) {
    const Numbers d;
    Pairs square[lanes];
    THALWEG_UNROLL
    for (int column = 0; column < lanes; ++column) {
      const float* const row = from + column * ldb;
      square[column] =
          column < columns ? pairs_along(load_first(row, steps), load_first(row + lanes, steps - lanes)) : hn::Zero(d);
    }
    transpose_vectors(d, square);
    const std::int64_t pairs = pairs_of(steps);
    THALWEG_UNROLL
    for (int pair = 0; pair < lanes; ++pair)
      if (pair < pairs) hn::StoreU(square[pair], d, to + pair * width);
  }
};

}  // namespace thalweg::run::HWY_NAMESPACE
HWY_POP_ATTRIBUTES
HWY_BEFORE_NAMESPACE();
namespace thalweg::run::HWY_NAMESPACE {

inline bool has_bf16_instruction() {
  static const bool has = __builtin_cpu_supports("avx512bf16") != 0;
  return has;
}
/// Intel's processors do it at half the rate of a fused multiply-add.
inline bool is_bf16_instruction_slow() {
  static const bool is_slow = __builtin_cpu_is("intel") != 0;
  return is_slow;
}
#endif  // HWY_TARGET == HWY_AVX3

/// See is_faster_in_bf16.
inline bool bf16_pays([[maybe_unused]] std::int64_t m, [[maybe_unused]] std::int64_t n,
                      [[maybe_unused]] std::int64_t k) {
#if HWY_TARGET == HWY_AVX3
  return uses_amx() ? amx_pays(m, n, k) : has_bf16_instruction() && !is_bf16_instruction_slow();
#else
  return false;
#endif
}

/// A product of f32 of Precision::medium: always by copies. What takes little has its copies on the stack.
HWY_NOINLINE void multiply_in_bf16(const Product<float>& product, void* workspace) {
  HWY_ALIGN float small[medium_stack_bytes / sizeof(float)];
  auto* const memory = workspace ? static_cast<float*>(workspace) : small;
#if HWY_TARGET == HWY_AVX3
  if (uses_amx()) return multiply_by_amx(product, memory);
  if (has_bf16_instruction()) return multiply_packed<PairCopies>(product, memory);
#endif
  multiply_packed<RoundedCopies>(product, memory);
}

}  // namespace thalweg::run::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // include guard
