#include "src/run/finite.hpp"

#include <bit>
#include <cmath>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "src/run/finite.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace thalweg::run::HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

/// A number is inf or NaN if its bits without the sign are at least those of infinity, compared as integers.
template <class T>
bool all_below(const T* bits, std::size_t count, T infinity) {
  const hn::ScalableTag<T> d;
  const std::size_t lanes = hn::Lanes(d);
  const auto magnitude = hn::Set(d, hwy::LimitsMax<T>()), bound = hn::Set(d, infinity);
  auto first = hn::Zero(d), second = hn::Zero(d);
  std::size_t i = 0;
  for (; i + 2 * lanes <= count; i += 2 * lanes) {
    first = hn::Max(first, hn::And(hn::LoadU(d, bits + i), magnitude));
    second = hn::Max(second, hn::And(hn::LoadU(d, bits + i + lanes), magnitude));
  }
  const bool below = hn::AllTrue(d, hn::Lt(hn::Max(first, second), bound));
  bool rest = true;
  for (; i < count; ++i) rest = rest && (bits[i] & hwy::LimitsMax<T>()) < infinity;
  return below && rest;
}

bool all_finite_f32(const void* data, std::size_t count) {
  return all_below(static_cast<const std::int32_t*>(data), count, std::int32_t{0x7F800000});
}
bool all_finite_f64(const void* data, std::size_t count) {
  return all_below(static_cast<const std::int64_t*>(data), count, std::int64_t{0x7FF0000000000000});
}

}  // namespace
}  // namespace thalweg::run::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace thalweg::run {

HWY_EXPORT(all_finite_f32);
HWY_EXPORT(all_finite_f64);

bool all_finite(const void* data, std::int64_t count, DType dtype) {
  if (!is_floating(dtype)) return true;
  const auto size = static_cast<std::size_t>(count);
  return dtype == DType::f32 ? HWY_DYNAMIC_DISPATCH(all_finite_f32)(data, size)
                             : HWY_DYNAMIC_DISPATCH(all_finite_f64)(data, size);
}

std::int64_t first_not_finite(const void* data, std::int64_t count, DType dtype) {
  if (all_finite(data, count, dtype)) return -1;
  for (std::int64_t i = 0; i < count; ++i) {
    const bool finite = dtype == DType::f32 ? std::isfinite(static_cast<const float*>(data)[i])
                                            : std::isfinite(static_cast<const double*>(data)[i]);
    if (!finite) return i;
  }
  return -1;
}

}  // namespace thalweg::run
#endif
