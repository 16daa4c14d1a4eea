// Vectors of elements that are a stride apart, compiled once per SIMD target.

#if defined(THALWEG_OPS_WINDOWS_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef THALWEG_OPS_WINDOWS_INL
#undef THALWEG_OPS_WINDOWS_INL
#else
#define THALWEG_OPS_WINDOWS_INL
#endif

#include <hwy/highway.h>

#include <algorithm>
#include <cstdint>

HWY_BEFORE_NAMESPACE();
namespace thalweg::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// Where masked loads and stores may touch memory outside the mask, elements go one by one. (Of AVX2 Highway says so for the
// sake of 8- and 16-bit lanes.)
inline constexpr bool has_masked_memory = !HWY_MEM_OPS_MIGHT_FAULT || HWY_TARGET == HWY_AVX2;

/// Lanes first ≤ i < last, which may lie outside the vector.
template <class D>
HWY_INLINE hn::Mask<D> lanes_between(D d, std::int64_t first, std::int64_t last) {
  const auto below = hn::FirstN(d, static_cast<std::size_t>(std::max<std::int64_t>(last, 0)));
  return first <= 0 ? below : hn::AndNot(hn::FirstN(d, static_cast<std::size_t>(first)), below);
}

/// Lane i is from[i·stride] where first ≤ i < last, else 0.
template <class D, class T = hn::TFromD<D>>
HWY_INLINE hn::Vec<D> load_strided(D d, const T* from, std::int64_t stride, std::int64_t first, std::int64_t last) {
  constexpr auto lanes = static_cast<std::int64_t>(hn::MaxLanes(d));
  if constexpr (has_masked_memory) {
    if (stride == 1) return hn::MaskedLoad(lanes_between(d, first, last), d, from);
    if (stride == 2) {
      const auto low = hn::MaskedLoad(lanes_between(d, 2 * first, 2 * last - 1), d, from);
      const auto high = hn::MaskedLoad(lanes_between(d, 2 * first - lanes, 2 * last - 1 - lanes), d, from + lanes);
      return hn::ConcatEven(d, high, low);
    }
  }
  HWY_ALIGN T elements[lanes] = {};
  for (std::int64_t i = first; i < last; ++i) elements[i] = from[i * stride];
  return hn::Load(d, elements);
}

/// to[i·stride] += lane i, for first ≤ i < last.
template <class D, class T = hn::TFromD<D>>
HWY_INLINE void add_strided(D d, hn::Vec<D> vector, T* to, std::int64_t stride, std::int64_t first, std::int64_t last) {
  constexpr auto lanes = static_cast<std::int64_t>(hn::MaxLanes(d));
  if constexpr (has_masked_memory) {
    const auto add = [&](hn::Vec<D> more, hn::Mask<D> mask, T* place)
                         HWY_ATTR { hn::BlendedStore(hn::Add(hn::MaskedLoad(mask, d, place), more), mask, d, place); };
    if (stride == 1) return add(vector, lanes_between(d, first, last), to);
    if (stride == 2) {
      const hn::RebindToSigned<D> di;
      const auto lane = hn::Iota(di, 0), half = hn::ShiftRight<1>(lane);
      const auto is_even = hn::RebindMask(d, hn::Eq(hn::And(lane, hn::Set(di, 1)), hn::Zero(di)));
      const auto low = hn::TableLookupLanes(vector, hn::IndicesFromVec(d, half));
      const auto high = hn::TableLookupLanes(vector, hn::IndicesFromVec(d, hn::Add(half, hn::Set(di, lanes / 2))));
      add(low, hn::And(is_even, lanes_between(d, 2 * first, 2 * last)), to);
      if (2 * last > lanes)
        add(high, hn::And(is_even, lanes_between(d, 2 * first - lanes, 2 * last - lanes)), to + lanes);
      return;
    }
  }
  HWY_ALIGN T elements[lanes];
  hn::Store(vector, d, elements);
  for (std::int64_t i = first; i < last; ++i) to[i * stride] += elements[i];
}

/// The `count` first lanes of two vectors, which alternate in memory.
template <class D>
struct Pair {
  hn::Vec<D> even, odd;
};

template <class D, class T = hn::TFromD<D>>
HWY_INLINE Pair<D> load_pairs(D d, const T* from, std::int64_t count) {
  constexpr auto lanes = static_cast<std::int64_t>(hn::MaxLanes(d));
  if constexpr (has_masked_memory) {
    const auto low = hn::MaskedLoad(lanes_between(d, 0, 2 * count), d, from);
    const auto high =
        2 * count > lanes ? hn::MaskedLoad(lanes_between(d, 0, 2 * count - lanes), d, from + lanes) : hn::Zero(d);
    return {hn::ConcatEven(d, high, low), hn::ConcatOdd(d, high, low)};
  } else {
    return {load_strided(d, from, 2, 0, count), load_strided(d, from + 1, 2, 0, count)};
  }
}

template <class D, class T = hn::TFromD<D>>
HWY_INLINE void store_pairs(D d, const Pair<D>& pair, T* to, std::int64_t count) {
  constexpr auto lanes = static_cast<std::int64_t>(hn::MaxLanes(d));
  if constexpr (has_masked_memory) {
    const hn::RebindToSigned<D> di;
    const auto lane = hn::Iota(di, 0), half = hn::ShiftRight<1>(lane);
    const auto is_even = hn::RebindMask(d, hn::Eq(hn::And(lane, hn::Set(di, 1)), hn::Zero(di)));
    const auto alternate = [&](auto indices) HWY_ATTR {
      const auto places = hn::IndicesFromVec(d, indices);
      return hn::IfThenElse(is_even, hn::TableLookupLanes(pair.even, places), hn::TableLookupLanes(pair.odd, places));
    };
    hn::BlendedStore(alternate(half), lanes_between(d, 0, 2 * count), d, to);
    if (2 * count > lanes)
      hn::BlendedStore(alternate(hn::Add(half, hn::Set(di, lanes / 2))), lanes_between(d, 0, 2 * count - lanes), d,
                       to + lanes);
  } else {
    HWY_ALIGN T even[lanes], odd[lanes];
    hn::Store(pair.even, d, even);
    hn::Store(pair.odd, d, odd);
    for (std::int64_t i = 0; i < count; ++i) to[2 * i] = even[i], to[2 * i + 1] = odd[i];
  }
}

}  // namespace thalweg::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // include guard
