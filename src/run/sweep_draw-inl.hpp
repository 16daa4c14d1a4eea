// Per-target code of sweep_machine.cpp: the numbers of philox.hpp, sixteen counters at a time.

#if defined(THALWEG_SWEEP_DRAW_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef THALWEG_SWEEP_DRAW_INL_HPP
#undef THALWEG_SWEEP_DRAW_INL_HPP
#else
#define THALWEG_SWEEP_DRAW_INL_HPP
#endif

#include <algorithm>
#include <cstring>
#include <numbers>
#include <type_traits>

#include "src/run/element_kernel-inl.hpp"
#include "src/run/elementary/elementary-inl.hpp"
#include "src/run/philox.hpp"

HWY_BEFORE_NAMESPACE();
namespace thalweg::HWY_NAMESPACE {
namespace {

/// Both halves of the products of 32-bit lanes with a constant.
template <class D, class V>
HWY_INLINE void multiply_halves(D d, V a, V multiplier, V& high, V& low) {
  const hn::RepartitionToWide<D> wide;
  const auto even = hn::MulEven(a, multiplier);
  const auto odd = hn::MulEven(hn::BitCast(d, hn::ShiftRight<32>(hn::BitCast(wide, a))), multiplier);
  high = hn::OddEven(hn::BitCast(d, odd), hn::BitCast(d, hn::ShiftRight<32>(even)));
  low = hn::OddEven(hn::BitCast(d, hn::ShiftLeft<32>(odd)), hn::BitCast(d, even));
}

/// The four words of the blocks with the given first two counter words. Two vectors at once, to overlap the latencies
/// of the products.
template <class D, class V>
HWY_INLINE void philox_pair(D d, const run::DrawSource& source, V (&a)[4], V (&b)[4]) {
  auto key = run::philox_key(source);
  const V m0 = hn::Set(d, run::philox_multiplier_0), m1 = hn::Set(d, run::philox_multiplier_1);
  for (int round = 0; round < run::philox_rounds; ++round) {
    const V k0 = hn::Set(d, key[0]), k1 = hn::Set(d, key[1]);
    V high[4], low[4];
    multiply_halves(d, a[0], m0, high[0], low[0]);
    multiply_halves(d, b[0], m0, high[1], low[1]);
    multiply_halves(d, a[2], m1, high[2], low[2]);
    multiply_halves(d, b[2], m1, high[3], low[3]);
    a[0] = hn::Xor(hn::Xor(high[2], a[1]), k0);
    b[0] = hn::Xor(hn::Xor(high[3], b[1]), k0);
    a[2] = hn::Xor(hn::Xor(high[0], a[3]), k1);
    b[2] = hn::Xor(hn::Xor(high[1], b[3]), k1);
    a[1] = low[2], b[1] = low[3], a[3] = low[0], b[3] = low[1];
    key[0] += run::philox_key_step_0;
    key[1] += run::philox_key_step_1;
  }
}

/// The number of groups of sixteen blocks in two vectors.
inline constexpr std::size_t groups_at_once = hn::MaxLanes(hn::CappedTag<std::uint32_t, 16>()) == 16 ? 2 : 1;

/// Calls sink(group, w, i, words w of blocks i, i + 1, … of the group), for the groups from block `index` on, a multiple of
/// 16.
template <class Sink>
HWY_INLINE void philox_groups(const run::DrawSource& source, std::uint64_t index, Sink sink) {
  const hn::CappedTag<std::uint32_t, 16> d;
  using V = hn::Vec<decltype(d)>;
  constexpr std::size_t lanes = hn::MaxLanes(hn::CappedTag<std::uint32_t, 16>());
  for (std::size_t i = 0; i < 16 * groups_at_once; i += 2 * lanes) {
    const std::size_t j = i + lanes;
    // The indices of a group share their high half.
    const auto start = [&](std::size_t block) HWY_ATTR { return run::philox_counter(source, index + block / 16 * 16); };
    const auto first = start(i), second = start(j);
    const auto iota = [&](std::size_t block) HWY_ATTR { return hn::Iota(d, static_cast<std::uint32_t>(block % 16)); };
    V a[4] = {hn::Add(hn::Set(d, first[0]), iota(i)), hn::Set(d, first[1]), hn::Set(d, first[2]), hn::Set(d, first[3])};
    V b[4] = {hn::Add(hn::Set(d, second[0]), iota(j)), hn::Set(d, second[1]), hn::Set(d, second[2]),
              hn::Set(d, second[3])};
    philox_pair(d, source, a, b);
    for (std::size_t w = 0; w < 4; ++w) {
      sink(i / 16, w, i % 16, a[w]);
      sink(j / 16, w, j % 16, b[w]);
    }
  }
}

/// The number of elements from sixteen blocks of four words.
template <class T, run::Distribution distribution>
inline constexpr std::size_t elements_per_group = 64 / ((sizeof(T) / 4) *
                                                        (distribution == run::Distribution::normal ? 2 : 1));

/// out[i] = √(-2 ln u1[i])·cos(2π u2[i])
template <std::size_t count, class T>
HWY_INLINE void box_muller(const double (&u1)[count], const double (&u2)[count], T* out) {
  const Tag<double> d;
  static_assert(count % vector_lanes<double> == 0);
  alignas(run::max_vector_bytes) double normal[count];
  for (std::size_t i = 0; i < count; i += vector_lanes<double>) {
    const auto radius = hn::Sqrt(hn::Mul(hn::Set(d, -2.0), Log(d, hn::Load(d, u1 + i))));
    const auto angle = hn::Mul(hn::Set(d, 2 * std::numbers::pi), hn::Load(d, u2 + i));
    hn::Store(hn::Mul(radius, Cos(d, angle)), d, normal + i);
  }
  for (std::size_t i = 0; i < count; ++i) out[i] = static_cast<T>(normal[i]);
}

template <class T, run::Distribution distribution>
void convert_group(const std::uint32_t (*words)[16], T* out) {
  constexpr std::size_t count = elements_per_group<T, distribution>;
  if constexpr (distribution == run::Distribution::uniform) {
    for (std::size_t e = 0; e < count; ++e) {
      const std::size_t i = e % 16, q = e / 16;
      out[e] = static_cast<T>(run::uniform_from_bits(run::join_words(words[2 * q][i], words[2 * q + 1][i])));
    }
  } else {
    alignas(run::max_vector_bytes) double u1[count], u2[count];
    for (std::size_t e = 0; e < count; ++e) {
      const std::size_t i = e % 16, q = e / 16;
      if constexpr (std::is_same_v<T, float>) {
        u1[e] = run::uniform_from_bits(words[2 * q][i]) + 0x1p-24;
        u2[e] = run::uniform_from_bits(words[2 * q + 1][i]);
      } else {
        u1[e] = run::uniform_from_bits(run::join_words(words[0][i], words[1][i])) + 0x1p-53;
        u2[e] = run::uniform_from_bits(run::join_words(words[2][i], words[3][i]));
      }
    }
    box_muller(u1, u2, out);
  }
}

/// Computes the elements of these groups; `index` is their first block.
template <class T, run::Distribution distribution>
void draw_groups(const run::DrawSource& source, std::uint64_t index, T* out) {
  if constexpr (std::is_same_v<T, float> && distribution == run::Distribution::uniform) {
    philox_groups(source, index, [&](std::size_t group, std::size_t w, std::size_t i, auto words) HWY_ATTR {
      const hn::CappedTag<float, 16> d;
      const hn::RebindToSigned<decltype(d)> integers;
      const auto bits = hn::ConvertTo(d, hn::BitCast(integers, hn::ShiftRight<8>(words)));
      hn::StoreU(hn::Mul(bits, hn::Set(d, 0x1p-24F)), d, out + group * 64 + w * 16 + i);
    });
  } else {
    alignas(run::max_vector_bytes) std::uint32_t words[groups_at_once][4][16];
    philox_groups(source, index, [&](std::size_t group, std::size_t w, std::size_t i, auto v) HWY_ATTR {
      hn::Store(v, hn::CappedTag<std::uint32_t, 16>(), &words[group][w][i]);
    });
    for (std::size_t group = 0; group < groups_at_once; ++group)
      convert_group<T, distribution>(words[group], out + group * elements_per_group<T, distribution>);
  }
}

/// out[0 .. count) = elements first, first + 1, … of a draw.
template <class T, run::Distribution distribution>
void draw_elements(const run::DrawSource& source, std::uint64_t first, std::size_t count, T* out) {
  constexpr std::uint64_t size = groups_at_once * elements_per_group<T, distribution>;
  alignas(run::max_vector_bytes) T groups[size];
  const std::uint64_t end = first + count;
  for (std::uint64_t element = first; element < end;) {
    const std::uint64_t start = element / size * size, stop = std::min(end, start + size);
    T* place = out + (element - first);
    const bool whole = stop - element == size;
    draw_groups<T, distribution>(source, start / size * (16 * groups_at_once), whole ? place : groups);
    if (!whole) std::memcpy(place, groups + (element - start), (stop - element) * sizeof(T));
    element = stop;
  }
}

}  // namespace
}  // namespace thalweg::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per-target guard
