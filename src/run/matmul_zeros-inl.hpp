// Skipping zeros in A, compiled once per SIMD target: finds the steps of a tile that have anything to add.

#if defined(THALWEG_RUN_MATMUL_ZEROS_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef THALWEG_RUN_MATMUL_ZEROS_INL
#undef THALWEG_RUN_MATMUL_ZEROS_INL
#else
#define THALWEG_RUN_MATMUL_ZEROS_INL
#endif

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include <hwy/highway.h>

#include "src/run/matmul_blocking.hpp"
#include "src/run/matmul_kernel-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace thalweg::run::HWY_NAMESPACE {

/// Finds the steps of a slice of A in which any of a few rows has an element other than +0.
template <class T>
class StepChooser {
 public:
  using Index = StepIndex<T>;
  static constexpr auto lanes = static_cast<std::int64_t>(hn::MaxLanes(Wide<T>()));
  /// The number of rows that are examined together if those of a step are contiguous; A has at least as many.
  static constexpr std::int64_t strip_rows = 16;

  StepChooser(const T* a, std::ptrdiff_t a_row, std::ptrdiff_t a_step, std::int64_t m, std::int64_t steps)
      : a_(a), a_row_(a_row), a_step_(a_step), last_strip_(m - strip_rows), steps_(steps) {}

  /// Returns the number of such steps in the rows from `row` on. The list has space for the steps and one more vector.
  HWY_INLINE std::int64_t choose(std::int64_t row, std::int64_t rows, Index* list) {
    if (a_step_ == 1) return choose_along(a_ + row * a_row_, rows, list);
    if (row < strip_ || row + rows > strip_ + strip_rows) read_strip(row < last_strip_ ? row : last_strip_);
    return choose_across(((Index{1} << rows) - 1) << (row - strip_), list);
  }

 private:
  using IndexD = hn::RebindToSigned<Wide<T>>;
  using MaskBits = std::conditional_t<lanes == 16, std::uint16_t, std::uint8_t>;

  static HWY_INLINE MaskBits bits_of(hn::Mask<IndexD> mask) {
    MaskBits bits;
    hn::StoreMaskBits(IndexD(), mask, reinterpret_cast<std::uint8_t*>(&bits));
    return bits;
  }
  static HWY_INLINE std::int64_t append(std::int64_t step, hn::Mask<IndexD> which, Index* list);
  std::int64_t choose_along(const T* a, std::int64_t rows, Index* list) const;
  void read_strip(std::int64_t row);
  std::int64_t choose_across(Index rows, Index* list) const;

  const T* a_;
  std::ptrdiff_t a_row_, a_step_;
  std::int64_t last_strip_, steps_;
  std::int64_t strip_ = -strip_rows;                   // the first row of the strip
  HWY_ALIGN Index strip_bits_[most_transposed_steps];  // by step: bit mask of the strip's rows with a nonzero element
};

/// Lists the steps from `step` on that are in the mask; returns their number.
template <class T>
HWY_INLINE std::int64_t StepChooser<T>::append(std::int64_t step, hn::Mask<IndexD> which, Index* list) {
  if constexpr (lanes == 16) {
    const IndexD index;
    hn::StoreU(hn::Compress(hn::Add(hn::Iota(index, 0), hn::Set(index, static_cast<Index>(step))), which), index, list);
    return static_cast<std::int64_t>(hn::CountTrue(index, which));
  } else {  // Compress uses a table here, which gcc 12 copies at each call
    // Not a wider type: where registers are short, gcc 12 stores the mask's byte and loads it back with what lies beside it.
    const MaskBits bits = bits_of(which);
    std::int64_t count = 0;
    THALWEG_UNROLL
    for (int lane = 0; lane < lanes; ++lane) {
      list[count] = static_cast<Index>(step + lane);
      count += bits >> lane & 1;
    }
    return count;
  }
}

/// For rows whose steps are contiguous.
template <class T>
std::int64_t StepChooser<T>::choose_along(const T* a, std::int64_t rows, Index* list) const {
  const Wide<T> d;
  const IndexD index;
  std::int64_t count = 0, step = 0;
  for (; step + lanes <= steps_; step += lanes) {
    auto any = hn::Zero(index);
    for (std::int64_t row = 0; row < rows; ++row) {
      any = hn::Or(any, hn::BitCast(index, hn::LoadU(d, a + row * a_row_ + step)));
      __builtin_prefetch(a + (row + rows) * a_row_ + step, 0, 2);  // the next rows, while these are multiplied
    }
    const auto has_any = hn::Ne(any, hn::Zero(index));
    count += append(step, has_any, list + count);
  }
  for (; step < steps_; ++step) {
    bool has_any = false;
    for (std::int64_t row = 0; row < rows; ++row) has_any |= a[row * a_row_ + step] != 0;
    list[count] = static_cast<Index>(step);
    count += has_any ? 1 : 0;
  }
  return count;
}

template <class T>
void StepChooser<T>::read_strip(std::int64_t row) {
  const Wide<T> d;
  const IndexD index;
  strip_ = row;
  const T* a = a_ + row;
  std::int64_t step = 0;
  for (; step < steps_; ++step, a += a_step_) {
    Index bits = 0;
    THALWEG_UNROLL
    for (std::int64_t i = 0; i < strip_rows; i += lanes) {
      const auto has_any = hn::Ne(hn::BitCast(index, hn::LoadU(d, a + i)), hn::Zero(index));
      bits |= static_cast<Index>(bits_of(has_any)) << i;
    }
    strip_bits_[step] = bits;
  }
  for (; step % lanes != 0; ++step) strip_bits_[step] = 0;
}

template <class T>
std::int64_t StepChooser<T>::choose_across(Index rows, Index* list) const {
  const IndexD index;
  std::int64_t count = 0;
  for (std::int64_t step = 0; step < steps_; step += lanes) {
    const auto has_any = hn::Ne(hn::And(hn::Load(index, strip_bits_ + step), hn::Set(index, rows)), hn::Zero(index));
    count += append(step, has_any, list + count);
  }
  return count;
}

}  // namespace thalweg::run::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // include guard
