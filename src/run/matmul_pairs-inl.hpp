// Vectors of f32 rounded to bf16, two steps of k to an element, by the processor's instruction: for AVX-512 alone.

#if defined(THALWEG_RUN_MATMUL_PAIRS_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef THALWEG_RUN_MATMUL_PAIRS_INL
#undef THALWEG_RUN_MATMUL_PAIRS_INL
#else
#define THALWEG_RUN_MATMUL_PAIRS_INL
#endif

#include <cstddef>
#include <cstdint>

#include <hwy/highway.h>

#include "src/run/matmul_blocks-inl.hpp"
#include "src/run/matmul_kernel-inl.hpp"

#if HWY_TARGET == HWY_AVX3
HWY_PUSH_ATTRIBUTES(HWY_TARGET_STR ",avx512bf16")
namespace thalweg::run::HWY_NAMESPACE {

using Numbers = Wide<float>;
/// Of f32's width: the bf16 of two steps, the first one in the lower half.
using Pairs = hn::Vec<Numbers>;

HWY_INLINE Pairs rounded_pairs(__m512bh halves) { return Pairs{__builtin_bit_cast(__m512, halves)}; }

/// 32 numbers side by side, as they lie.
HWY_INLINE Pairs pairs_along(hn::Vec<Numbers> low, hn::Vec<Numbers> high) {
  return rounded_pairs(_mm512_cvtne2ps_pbh(high.raw, low.raw));
}

/// Number i of the first step beside that of the second.
HWY_INLINE Pairs pairs_across(hn::Vec<Numbers> first, hn::Vec<Numbers> second) {
  alignas(64) static constexpr std::uint16_t order[32] = {0, 16, 1, 17, 2,  18, 3,  19, 4,  20, 5,  21, 6,  22, 7,  23,
                                                          8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31};
  const __m512i halves = __builtin_bit_cast(__m512i, _mm512_cvtne2ps_pbh(second.raw, first.raw));
  return Pairs{_mm512_castsi512_ps(_mm512_permutexvar_epi16(_mm512_load_si512(order), halves))};
}

/// The first `count` numbers of a vector, then zeros.
HWY_INLINE hn::Vec<Numbers> load_first(const float* from, std::int64_t count) {
  constexpr std::int64_t lanes = Panels<float>::lanes;
  const Numbers d;
  if (count >= lanes) return hn::LoadU(d, from);
  if (count <= 0) return hn::Zero(d);
  return hn::MaskedLoad(hn::FirstN(d, static_cast<std::size_t>(count)), d, from);
}

}  // namespace thalweg::run::HWY_NAMESPACE
HWY_POP_ATTRIBUTES
#endif  // HWY_TARGET == HWY_AVX3

#endif  // include guard
