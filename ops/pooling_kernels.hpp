#pragma once
#include <algorithm>
#include <array>
#include <compare>
#include <cstdint>

#include "ops/windows.hpp"

namespace thalweg {

/// An attribute is the address of one.
struct Pooling {
  Windows windows;
  bool counts_padding = true;
  /// Where the elements of each axis end that windows count, padding included: in ceil mode they may reach further.
  std::array<std::int64_t, 2> end = {};
  auto operator<=>(const Pooling&) const = default;

  /// Whether windows of width 2 lie side by side, in rows that do not overlap, and read no padding.
  bool has_pairs() const {
    const auto& [y, x] = windows;
    return x.kernel == 2 && x.stride == 2 && x.dilation == 1 && reads_in_place(windows) &&
           y.stride > (y.kernel - 1) * y.dilation;
  }
  /// Whether each element of the image is in one of them.
  bool fills_the_image() const {
    const auto& [y, x] = windows;
    return has_pairs() && x.image == 2 * x.count && y.dilation == 1 && y.stride == y.kernel &&
           y.image == y.count * y.kernel;
  }
  /// How many elements window `index` along an axis counts.
  std::int64_t counted(std::size_t axis, std::int64_t index) const {
    const WindowAxis& windows_along_it = windows[axis];
    const std::int64_t first = index * windows_along_it.stride - windows_along_it.padding;
    return std::min(windows_along_it.kernel, end[axis] - first);
  }
  std::int64_t image_size() const { return windows[0].image * windows[1].image; }
};

/// Element v of window j of a row lies in the image for begin ≤ j < end.
struct ColumnRange {
  std::int64_t begin, end;
};

/// The planes from `begin` to `end`: of an image and a channel each.
struct PoolingPlanes {
  const Pooling& pooling;
  const ColumnRange* columns;  // for each v
  const std::int64_t* places;  // of a window's elements in the image, relative to its first one
  std::int64_t begin, end;
};

/// The kernels of a SIMD target. `x` and `values` have the image's planes, `gradient` those of the windows.
template <class T>
struct PoolingKernels {
  void (*max_pool)(const PoolingPlanes&, const T* x, T* result);
  void (*spread_to_largest)(const PoolingPlanes&, const T* gradient, const T* x, T* result);
  void (*pick_at_largest)(const PoolingPlanes&, const T* values, const T* x, T* result);
  void (*average_pool)(const PoolingPlanes&, const T* x, T* result);
  void (*spread_means)(const PoolingPlanes&, const T* gradient, T* result);
};

}  // namespace thalweg
