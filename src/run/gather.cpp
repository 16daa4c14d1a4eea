#include "src/run/gather.hpp"

#include <algorithm>
#include <cstring>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "src/run/gather.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "src/run/thread_pool.hpp"

HWY_BEFORE_NAMESPACE();
namespace thalweg::run::HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

/// byte / divisor: multiplying by the reciprocal and correcting by the remainder gives the correctly rounded quotient.
template <class D, class V>
HWY_INLINE V divide(D d, V byte, V divisor, V reciprocal) {
#if HWY_TARGET == HWY_SSE4 || HWY_TARGET == HWY_SSSE3  // no fused multiply-add
  (void)d, (void)reciprocal;
  return hn::Div(byte, divisor);
#else
  (void)d;
  const V quotient = hn::Mul(byte, reciprocal);
  return hn::MulAdd(hn::NegMulAdd(quotient, divisor, byte), reciprocal, quotient);
#endif
}

}  // namespace

void divide_bytes(const std::uint8_t* HWY_RESTRICT bytes, std::size_t count, float divisor,
                  float* HWY_RESTRICT output) {
  const hn::ScalableTag<float> d;
  const hn::RebindToSigned<decltype(d)> integers;
  const hn::Rebind<std::uint8_t, decltype(d)> narrow;
  const auto by = hn::Set(d, divisor), reciprocal = hn::Set(d, 1 / divisor);
  const std::size_t lanes = hn::Lanes(d);
  std::size_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    const auto byte = hn::ConvertTo(d, hn::PromoteTo(integers, hn::LoadU(narrow, bytes + i)));
    hn::StoreU(divide(d, byte, by, reciprocal), d, output + i);
  }
  for (; i < count; ++i) output[i] = static_cast<float>(bytes[i]) / divisor;
}

}  // namespace thalweg::run::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace thalweg::run {

HWY_EXPORT(divide_bytes);

namespace {

constexpr std::size_t line_bytes = 64;
/// Rows are far apart, so without prefetching each begins with a wait for memory. Prefetches two rows ahead into the L2
/// cache. (Measured for 128 rows of 3136 bytes: 75 µs without, 46 µs into L1, 32 µs into L2.)
constexpr std::size_t rows_ahead = 2;
/// Copies of at least this many bytes use several threads.
constexpr std::size_t parallel_bytes = std::size_t{1} << 18;
constexpr std::int64_t parts = 8;

void prefetch(const char* row, std::size_t bytes) {
  for (std::size_t i = 0; i < bytes; i += line_bytes) __builtin_prefetch(row + i, 0, 2);
  if (bytes > 0) __builtin_prefetch(row + bytes - 1, 0, 2);
}

/// Calls take(i, from) for every row, prefetching the rows to come.
template <class Take>
void for_each_row(const Rows& rows, std::span<const std::int64_t> indices, std::size_t output_bytes, const Take& take) {
  const auto row = [&](std::size_t i) {
    const std::int64_t index = indices[i] < 0 ? indices[i] + rows.count : indices[i];
    return static_cast<const char*>(rows.data) + static_cast<std::size_t>(index) * rows.bytes;
  };
  const auto run = [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < std::min(end, begin + rows_ahead); ++i) prefetch(row(i), rows.bytes);
    for (std::size_t i = begin; i < end; ++i) {
      if (i + rows_ahead < end) prefetch(row(i + rows_ahead), rows.bytes);
      take(i, row(i));
    }
  };
  const std::size_t count = indices.size();
  if (output_bytes < parallel_bytes) return run(0, count);
  parallel_for(parts, [&](std::int64_t part) {
    const auto p = static_cast<std::size_t>(part);
    run(p * count / parts, (p + 1) * count / parts);
  });
}

/// For rows of a few bytes: so many loads are in flight at once that prefetching does not help.
template <std::size_t bytes>
void gather_short_rows(const Rows& rows, std::span<const std::int64_t> indices, void* output) {
  const auto* from = static_cast<const char*>(rows.data);
  auto* to = static_cast<char*>(output);
  for (const std::int64_t index : indices) {
    std::memcpy(to, from + static_cast<std::size_t>(index < 0 ? index + rows.count : index) * bytes, bytes);
    to += bytes;
  }
}

}  // namespace

void gather_rows(const Rows& rows, std::span<const std::int64_t> indices, void* output) {
  if (rows.bytes == 4) return gather_short_rows<4>(rows, indices, output);
  if (rows.bytes == 8) return gather_short_rows<8>(rows, indices, output);
  if (rows.bytes == 16) return gather_short_rows<16>(rows, indices, output);
  if (rows.bytes == 0) return;
  char* const to = static_cast<char*>(output);
  for_each_row(rows, indices, rows.bytes * indices.size(),
               [&](std::size_t i, const char* from) { std::memcpy(to + i * rows.bytes, from, rows.bytes); });
}

void gather_bytes(const Rows& rows, std::span<const std::int64_t> indices, float divisor, float* output) {
  for_each_row(rows, indices, rows.bytes * indices.size() * sizeof(float), [&](std::size_t i, const char* from) {
    HWY_DYNAMIC_DISPATCH(divide_bytes)
    (reinterpret_cast<const std::uint8_t*>(from), rows.bytes, divisor, output + i * rows.bytes);
  });
}

}  // namespace thalweg::run
#endif
