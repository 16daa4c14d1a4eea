// Per-target code of sweep_machine.cpp: reductions, and operations on arrays of partial results.

#if defined(THALWEG_SWEEP_REDUCE_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef THALWEG_SWEEP_REDUCE_INL_HPP
#undef THALWEG_SWEEP_REDUCE_INL_HPP
#else
#define THALWEG_SWEEP_REDUCE_INL_HPP
#endif

#include <algorithm>
#include <cstring>
#include <limits>
#include <type_traits>

#include "src/run/element_kernel-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace thalweg::HWY_NAMESPACE {
namespace {

using run::Partial;
using run::Reduction;

template <class T, Reduction reduction>
constexpr T reduce_identity() {
  using Limits = std::numeric_limits<T>;
  if (reduction == Reduction::sum) return T(0);
  if (reduction == Reduction::product) return T(1);
  if (reduction == Reduction::maximum) return Limits::has_infinity ? -Limits::infinity() : Limits::min();
  return Limits::has_infinity ? Limits::infinity() : Limits::max();
}

/// a ∘ b. Maximum and minimum are NaN if either is.
template <Reduction reduction, class D, class V>
HWY_INLINE V reduce_pair(D d, V a, V b) {
  (void)d;
  if constexpr (reduction == Reduction::sum) {
    return hn::Add(a, b);
  } else if constexpr (reduction == Reduction::product) {
    return multiply(d, a, b);
  } else if constexpr (std::is_floating_point_v<hn::TFromD<D>>) {
    const auto keep = reduction == Reduction::maximum ? hn::Ge(a, b) : hn::Le(a, b);
    return hn::IfThenElse(hn::Or(keep, hn::IsNaN(a)), a, b);
  } else {
    return reduction == Reduction::maximum ? hn::Max(a, b) : hn::Min(a, b);
  }
}

/// The mask of the lanes of vector `number` that are among the first `lanes` of the block.
template <class T>
HWY_INLINE hn::Mask<Tag<T>> first_lanes(std::size_t number, std::int64_t lanes) {
  const std::size_t first = number * vector_lanes<T>, count = static_cast<std::size_t>(lanes);
  return hn::FirstN(Tag<T>(), count > first ? std::min(count - first, vector_lanes<T>) : 0);
}

template <class T, Reduction reduction, class V>
HWY_INLINE V reduce_vectors(V a) {
  return a;
}
template <class T, Reduction reduction, class V>
HWY_INLINE V reduce_vectors(V a0, V a1, V a2, V a3, V a4, V a5, V a6, V a7) {
  const Tag<T> d;
  const V b0 = reduce_pair<reduction>(d, a0, a4), b1 = reduce_pair<reduction>(d, a1, a5);
  const V b2 = reduce_pair<reduction>(d, a2, a6), b3 = reduce_pair<reduction>(d, a3, a7);
  return reduce_pair<reduction>(d, reduce_pair<reduction>(d, b0, b2), reduce_pair<reduction>(d, b1, b3));
}

/// Combines halves until one lane is left.
template <Reduction reduction, class D, class V>
HWY_INLINE hn::TFromD<D> reduce_lanes(D /*d*/, V v) {
  if constexpr (hn::MaxLanes(D()) == 1) {
    return hn::GetLane(v);
  } else {
    const hn::Half<D> half;
    return reduce_lanes<reduction>(half, reduce_pair<reduction>(half, hn::LowerHalf(half, v), hn::UpperHalf(half, v)));
  }
}

template <class T>
HWY_INLINE Partial as_partial(T value) {
  Partial partial{};
  if constexpr (std::is_integral_v<T>) {
    partial.integer = value;
  } else {
    partial.floating = value;
  }
  return partial;
}
template <class T>
HWY_INLINE T from_partial(Partial partial) {
  if constexpr (std::is_integral_v<T>)
    return partial.integer;
  else
    return static_cast<T>(partial.floating);
}

/// Calls f with the reduction as a compile-time constant.
template <class F>
HWY_INLINE auto with_reduction(Reduction reduction, F f) {
  switch (reduction) {
    case Reduction::product: return f(std::integral_constant<Reduction, Reduction::product>());
    case Reduction::maximum: return f(std::integral_constant<Reduction, Reduction::maximum>());
    case Reduction::minimum: return f(std::integral_constant<Reduction, Reduction::minimum>());
    default: return f(std::integral_constant<Reduction, Reduction::sum>());
  }
}

template <class T>
void fill(void* memory, std::int64_t count, Partial value) {
  const Tag<T> d;
  constexpr auto n = static_cast<std::int64_t>(vector_lanes<T>);
  T* out = static_cast<T*>(memory);
  const auto all = hn::Set(d, from_partial<T>(value));
  std::int64_t i = 0;
  for (; i + n <= count; i += n) hn::StoreU(all, d, out + i);
  for (; i < count; ++i) out[i] = from_partial<T>(value);
}

template <class T, Reduction reduction>
Partial fold_slot_as(T* slot) {
  const Tag<T> d;
  constexpr std::size_t n = vector_lanes<T>;
  const auto folded = reduce_vectors<T, reduction>(
      hn::Load(d, slot), hn::Load(d, slot + n), hn::Load(d, slot + 2 * n), hn::Load(d, slot + 3 * n),
      hn::Load(d, slot + 4 * n), hn::Load(d, slot + 5 * n), hn::Load(d, slot + 6 * n), hn::Load(d, slot + 7 * n));
  const auto initial = hn::Set(d, reduce_identity<T, reduction>());
  for (std::size_t i = 0; i < run::wide_vectors; ++i) hn::Store(initial, d, slot + i * n);
  return as_partial(reduce_lanes<reduction>(d, folded));
}

template <class T>
Partial fold_slot(void* slot, Reduction reduction) {
  return with_reduction(reduction, [&](auto r) HWY_ATTR { return fold_slot_as<T, r()>(static_cast<T*>(slot)); });
}

/// The tile is padded by a wide block, so whole vectors may be processed past the end of a half, which is not used.
template <class T, Reduction reduction>
void fold_tile_as(T* tile, std::int64_t period, std::int64_t columns) {
  const Tag<T> d;
  for (std::int64_t half = period / 2; half >= columns && half > 0; half /= 2)
    for (std::int64_t i = 0; i < half; i += static_cast<std::int64_t>(vector_lanes<T>))
      hn::StoreU(reduce_pair<reduction>(d, hn::LoadU(d, tile + i), hn::LoadU(d, tile + i + half)), d, tile + i);
}

template <class T>
void fold_tile(void* tile, std::int64_t period, std::int64_t columns, Reduction reduction) {
  with_reduction(reduction, [&](auto r) HWY_ATTR { fold_tile_as<T, r()>(static_cast<T*>(tile), period, columns); });
}

template <Reduction reduction, class A>
HWY_INLINE A reduce_scalars(A a, A b) {
  if constexpr (reduction == Reduction::sum) {
    if constexpr (std::is_integral_v<A>)
      return static_cast<A>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
    else
      return a + b;
  } else if constexpr (reduction == Reduction::product) {
    if constexpr (std::is_integral_v<A>)
      return static_cast<A>(static_cast<std::uint64_t>(a) * static_cast<std::uint64_t>(b));
    else
      return a * b;
  } else if constexpr (reduction == Reduction::maximum) {
    return a != a || a >= b ? a : b;
  } else {
    return a != a || a <= b ? a : b;
  }
}

template <class T>
using PartialOf = std::conditional_t<std::is_integral_v<T>, std::int64_t, double>;

template <class T>
void add_partials(Partial* partial, const void* tile, std::int64_t columns, Reduction reduction, bool first) {
  using A = PartialOf<T>;
  A* sum = reinterpret_cast<A*>(partial);
  const T* value = static_cast<const T*>(tile);
  if (first) {
    for (std::int64_t c = 0; c < columns; ++c) sum[c] = value[c];
    return;
  }
  with_reduction(reduction, [&](auto r) HWY_ATTR {
    for (std::int64_t c = 0; c < columns; ++c) sum[c] = reduce_scalars<r(), A>(sum[c], value[c]);
  });
}

template <class T>
void join_partials(Partial* partial, const Partial* other, std::int64_t columns, Reduction reduction) {
  using A = PartialOf<T>;
  A* sum = reinterpret_cast<A*>(partial);
  const A* value = reinterpret_cast<const A*>(other);
  with_reduction(reduction, [&](auto r) HWY_ATTR {
    for (std::int64_t c = 0; c < columns; ++c) sum[c] = reduce_scalars<r(), A>(sum[c], value[c]);
  });
}

template <class T>
void round_partials(void* vector, const Partial* partial, std::int64_t columns) {
  using A = PartialOf<T>;
  T* out = static_cast<T*>(vector);
  const A* in = reinterpret_cast<const A*>(partial);
  for (std::int64_t c = 0; c < columns; ++c) out[c] = static_cast<T>(in[c]);
}

template <class T, Reduction reduction>
Partial reduce_array_as(const T* values, std::int64_t count) {
  const Tag<T> d;
  constexpr std::int64_t n = static_cast<std::int64_t>(vector_lanes<T>), wide = n * run::wide_vectors;
  constexpr std::int64_t chunk = wide * run::blocks_per_fold;
  alignas(run::max_vector_bytes) T slot[wide];
  std::fill_n(slot, wide, reduce_identity<T, reduction>());
  Partial total{};
  for (std::int64_t start = 0; start < count || start == 0; start += chunk) {
    const std::int64_t end = std::min(count, start + chunk);
    std::int64_t i = start;
    for (; i + n <= end; i += n) {
      T* place = slot + (i - start) % wide;
      hn::Store(reduce_pair<reduction>(d, hn::Load(d, place), hn::LoadU(d, values + i)), d, place);
    }
    for (; i < end; ++i) {
      T* place = slot + (i - start) % wide;
      const hn::CappedTag<T, 1> one;
      *place = hn::GetLane(reduce_pair<reduction>(one, hn::Set(one, *place), hn::Set(one, values[i])));
    }
    const Partial folded = fold_slot_as<T, reduction>(slot);
    total = start == 0 ? folded
                       : as_partial(reduce_scalars<reduction>(from_partial<PartialOf<T>>(total),
                                                              from_partial<PartialOf<T>>(folded)));
  }
  return total;
}

template <class T>
Partial reduce_array(const void* values, std::int64_t count, Reduction reduction) {
  return with_reduction(reduction,
                        [&](auto r) HWY_ATTR { return reduce_array_as<T, r()>(static_cast<const T*>(values), count); });
}

template <class T>
void repeat(void* tile, std::int64_t length, const void* vector, std::int64_t columns) {
  T* out = static_cast<T*>(tile);
  if (columns <= 0) return;
  std::int64_t done = std::min(columns, length);
  std::memcpy(out, vector, static_cast<std::size_t>(done) * sizeof(T));
  for (std::int64_t more; done < length; done += more) {  // copies what is already there, doubling each time
    more = std::min(done, length - done);
    std::memcpy(out + done, out, static_cast<std::size_t>(more) * sizeof(T));
  }
}

}  // namespace
}  // namespace thalweg::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per-target guard
