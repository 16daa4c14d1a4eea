#pragma once
// Windows that move over an image, for convolutions and pooling.

#include <array>
#include <compare>
#include <cstdint>

#include <thalweg/ops/convolution.hpp>

namespace thalweg {

/// Windows along one axis of an image: element `u` of window `i` is element i·stride + u·dilation − padding of the image, or
/// padding if there is none.
struct WindowAxis {
  std::int64_t image, kernel, count, stride = 1, padding = 0, dilation = 1;
  auto operator<=>(const WindowAxis&) const = default;

  /// The padded elements from the first to the last one that a window reads.
  std::int64_t extent() const { return (count - 1) * stride + (kernel - 1) * dilation + 1; }
};

/// Height and width.
using Windows = std::array<WindowAxis, 2>;

/// The windows of a kernel; count 0 if it is empty, or larger than the padded image. `padding` may be same_padding.
WindowAxis windows_along(std::int64_t image, std::int64_t kernel, std::int64_t stride, std::int64_t padding,
                         std::int64_t dilation, bool ceil_mode = false);

/// ValueError unless both numbers of an option are at least `least`, and not absurdly large.
void check_window_option(const char* op, const char* option, const HeightWidth& given, std::int64_t least,
                         SourceLine line);
/// The same for a padding, of which each number may be same_padding.
void check_padding(const char* op, const HeightWidth& padding, SourceLine line);

/// Whether no window reads padding.
inline bool reads_in_place(const Windows& windows) {
  const auto& [y, x] = windows;
  return y.padding == 0 && x.padding == 0 && y.extent() <= y.image && x.extent() <= x.image;
}

/// The elements of `planes` planes with their padding; 0 if the windows read no padding.
inline std::int64_t padded_elements(const Windows& windows, std::int64_t planes) {
  return reads_in_place(windows) ? 0 : planes * windows[0].extent() * windows[1].extent();
}

/// The matrix of windows of `planes` planes (contiguous, one after another), whose rows are the elements of a window, and
/// whose columns are the windows of `rows` rows from row `first` on. `room` has padded_elements, and is filled by
/// `surround` unless the windows read no padding.
template <class T>
void surround(const T* image, const Windows& windows, std::int64_t planes, T* room);
template <class T>
void unfold(const T* image, const Windows& windows, std::int64_t planes, const T* room, std::int64_t first,
            std::int64_t rows, T* columns);

/// The adjoint of `unfold` for all windows of a single plane: writes to `image` the sum of the columns' elements that are
/// read from the same place.
template <class T>
void fold(const T* columns, const Windows& windows, T* room, T* image);

}  // namespace thalweg
