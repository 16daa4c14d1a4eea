// Zeros in A, compiled once per SIMD target: which steps of a tile have anything to add.

#if defined(THALWEG_RUN_MATMUL_ZEROS_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef THALWEG_RUN_MATMUL_ZEROS_INL
#undef THALWEG_RUN_MATMUL_ZEROS_INL
#else
#define THALWEG_RUN_MATMUL_ZEROS_INL
#endif

#include <cstddef>
#include <cstdint>

#include <hwy/highway.h>

#include "src/run/matmul_kernel-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace thalweg::run::HWY_NAMESPACE {

/// The steps in which any of the rows a, a + a_row, … has a number other than +0; returns how many. The list has room
/// for a vector more than `steps`. The rows lie along k (a_step = 1).
template <class T>
std::int64_t choose_steps_along(const T* a, std::ptrdiff_t a_row, std::int64_t rows, std::int64_t steps,
                                StepIndex<T>* list) {
  const Wide<T> d;
  const hn::RebindToSigned<Wide<T>> index;
  constexpr auto lanes = static_cast<std::int64_t>(hn::MaxLanes(Wide<T>()));
  std::int64_t count = 0, step = 0;
  for (; step + lanes <= steps; step += lanes) {
    auto any = hn::Zero(index);
    for (std::int64_t row = 0; row < rows; ++row) {
      any = hn::Or(any, hn::BitCast(index, hn::LoadU(d, a + row * a_row + step)));
      __builtin_prefetch(a + (row + rows) * a_row + step, 0, 2);  // the next rows, while these are multiplied
    }
    const auto has_any = hn::Ne(any, hn::Zero(index));
    hn::StoreU(hn::Compress(hn::Iota(index, static_cast<StepIndex<T>>(step)), has_any), index, list + count);
    count += static_cast<std::int64_t>(hn::CountTrue(index, has_any));
  }
  for (; step < steps; ++step) {
    bool has_any = false;
    for (std::int64_t row = 0; row < rows; ++row) has_any |= a[row * a_row + step] != 0;
    list[count] = static_cast<StepIndex<T>>(step);
    count += has_any ? 1 : 0;
  }
  return count;
}

/// The same where a step's rows lie side by side (a_row = 1): tile_rows − 1 or tile_rows of them.
template <class T>
std::int64_t choose_steps_across(const T* a, std::ptrdiff_t a_step, std::int64_t rows, std::int64_t steps,
                                 StepIndex<T>* list) {
  constexpr std::size_t half = tile_rows / 2;
  using D = hn::CappedTag<T, half>;
  static_assert(hn::MaxLanes(D()) == half);
  const hn::RebindToSigned<D> index;
  const std::ptrdiff_t second = rows - static_cast<std::ptrdiff_t>(half);
  std::int64_t count = 0;
  for (std::int64_t step = 0; step < steps; ++step, a += a_step) {
    const auto any = hn::Or(hn::BitCast(index, hn::LoadU(D(), a)), hn::BitCast(index, hn::LoadU(D(), a + second)));
    list[count] = static_cast<StepIndex<T>>(step);
    count += hn::AllTrue(index, hn::Eq(any, hn::Zero(index))) ? 0 : 1;
  }
  return count;
}

template <class T>
std::int64_t choose_steps(const T* a, std::ptrdiff_t a_row, std::ptrdiff_t a_step, std::int64_t rows,
                          std::int64_t steps, StepIndex<T>* list) {
  return a_step == 1 ? choose_steps_along(a, a_row, rows, steps, list)
                     : choose_steps_across(a, a_step, rows, steps, list);
}

}  // namespace thalweg::run::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // include guard
