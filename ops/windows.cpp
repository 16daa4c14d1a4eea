#include "ops/windows.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/windows.cpp"
#include <hwy/foreach_target.h>

#include <hwy/highway.h>

#include <algorithm>
#include <limits>
#include <type_traits>

#include <fmt/format.h>

#include "ops/errors.hpp"
#include "ops/windows-inl.hpp"
#include "src/run/copy.hpp"

HWY_BEFORE_NAMESPACE();
namespace thalweg::HWY_NAMESPACE {
namespace {

/// `rows` rows of `count` elements, which are `stride` apart in the image; `step` is the distance of the image's rows.
struct Block {
  std::int64_t step, stride, rows, count;
};

/// Copies rows that lie side by side. Whole vectors are copied past a row's end, for later rows to overwrite, except in the
/// last rows, where they would leave the block.
template <class T>
void copy_block(const T* HWY_RESTRICT from, const Block& block, T* HWY_RESTRICT to) {
  const hn::ScalableTag<T> d;
  constexpr auto lanes = static_cast<std::int64_t>(hn::MaxLanes(d));
  constexpr auto bytes = static_cast<std::int64_t>(sizeof(T));
  const std::int64_t count = block.count, rest = count % lanes;
  if (!has_masked_memory || (count <= lanes && (count & (count - 1)) == 0))
    return run::copy_rows(from, block.step * bytes, to, count * bytes, block.rows, count * bytes);
  const std::int64_t last_rows = (lanes - 2) / std::min(count, block.step) + 1;
  std::int64_t row = 0;
  for (; row < block.rows - last_rows; ++row, from += block.step, to += count)
    for (std::int64_t j = 0; j < count; j += lanes) hn::StoreU(hn::LoadU(d, from + j), d, to + j);
  const auto mask = lanes_between(d, 0, rest);
  for (; row < block.rows; ++row, from += block.step, to += count) {
    for (std::int64_t j = 0; j < count - rest; j += lanes) hn::StoreU(hn::LoadU(d, from + j), d, to + j);
    hn::BlendedStore(hn::MaskedLoad(mask, d, from + count - rest), mask, d, to + count - rest);
  }
}

/// Copies a block of the image to contiguous memory.
template <class T>
void gather(const T* HWY_RESTRICT from, const Block& block, T* HWY_RESTRICT to) {
  const hn::ScalableTag<T> d;
  constexpr auto lanes = static_cast<std::int64_t>(hn::MaxLanes(d));
  if (block.stride == 1) return copy_block(from, block, to);
  for (std::int64_t row = 0; row < block.rows; ++row, from += block.step, to += block.count) {
    std::int64_t j = 0;
    if (has_masked_memory && block.stride == 2)
      for (; j < block.count; j += lanes) {
        const std::int64_t some = std::min(lanes, block.count - j);
        hn::BlendedStore(load_strided(d, from + 2 * j, 2, 0, some), lanes_between(d, 0, some), d, to + j);
      }
    for (; j < block.count; ++j) to[j] = from[j * block.stride];
  }
}

/// Adds contiguous elements to a block of the image.
template <class T>
void scatter(const T* HWY_RESTRICT from, const Block& block, T* HWY_RESTRICT to) {
  for (std::int64_t row = 0; row < block.rows; ++row, from += block.count, to += block.step)
    for (std::int64_t j = 0; j < block.count; ++j) to[j * block.stride] += from[j];
}

/// The sum of windows with stride 1, each element of the image in one go: stores that are read back at another offset, as
/// with scatter, would be waited for. `kernel` is the width of the kernel if it is a usual one, else 0.
template <int kernel, class T>
void sum_windows(const T* HWY_RESTRICT columns, const Windows& windows, T* HWY_RESTRICT image) {
  const hn::ScalableTag<T> d;
  constexpr auto lanes = static_cast<std::int64_t>(hn::MaxLanes(d));
  constexpr std::int64_t most = 16;
  const auto& [y, x] = windows;
  const std::int64_t width = kernel > 0 ? kernel : x.kernel, size = y.count * x.count;
  for (std::int64_t first = 0; first < x.image; first += lanes) {
    hn::Mask<decltype(d)> masks[most];
    const std::int64_t place = first + x.padding;  // of the first lane, in the row of windows for v = 0
    const auto mask_of = [&](std::int64_t v) HWY_ATTR {
      return lanes_between(d, v * x.dilation - place, x.count + v * x.dilation - place);
    };
    for (std::int64_t v = 0; v < std::min(width, most); ++v) masks[v] = mask_of(v);
    const auto mask = lanes_between(d, 0, x.image - first);
    for (std::int64_t row = 0; row < y.image; ++row) {
      auto sum = hn::Zero(d);
      for (std::int64_t u = 0; u < y.kernel; ++u) {
        const std::int64_t i = row + y.padding - u * y.dilation;
        if (i < 0 || i >= y.count) continue;
        const T* from = columns + u * width * size + i * x.count + place;
        for (std::int64_t v = 0; v < width; ++v, from += size - x.dilation)
          sum = hn::Add(sum, hn::MaskedLoad(kernel > 0 || v < most ? masks[v] : mask_of(v), d, from));
      }
      hn::BlendedStore(sum, mask, d, image + row * x.image + first);
    }
  }
}

/// Calls body(number of the element, its place in window 0) for each element of a window.
template <class Body>
HWY_INLINE void for_each_element(const Windows& windows, std::int64_t row, const Body& body) {
  const auto& [y, x] = windows;
  for (std::int64_t u = 0; u < y.kernel; ++u)
    for (std::int64_t v = 0; v < x.kernel; ++v) body(u * x.kernel + v, u * y.dilation * row + v * x.dilation);
}

template <class T>
void unfold_plane(const T* plane, std::int64_t row, const Windows& windows, std::int64_t rows, T* columns) {
  const Block block{windows[0].stride * row, windows[1].stride, rows, windows[1].count};
  for_each_element(windows, row, [&](std::int64_t element, std::int64_t place) HWY_ATTR {
    gather(plane + place, block, columns + element * rows * block.count);
  });
}

/// `room` is the plane with its padding, of which a row has `row` elements, or the plane itself; not used if this
/// returns true.
template <class T>
bool fold_plane(const T* columns, const Windows& windows, T* room, std::int64_t row, T* image) {
  if constexpr (has_masked_memory)
    if (windows[0].stride == 1 && windows[1].stride == 1) {
      switch (windows[1].kernel) {
        case 3: sum_windows<3>(columns, windows, image); break;
        case 5: sum_windows<5>(columns, windows, image); break;
        default: sum_windows<0>(columns, windows, image);
      }
      return true;
    }
  std::fill_n(room, reads_in_place(windows) ? windows[0].image * row : windows[0].extent() * row, T{0});
  const Block block{windows[0].stride * row, windows[1].stride, windows[0].count, windows[1].count};
  for_each_element(windows, row, [&](std::int64_t element, std::int64_t place) HWY_ATTR {
    scatter(columns + element * block.rows * block.count, block, room + place);
  });
  return false;
}

}  // namespace

void unfold_f32(const float* plane, std::int64_t row, const Windows& windows, std::int64_t rows, float* columns) {
  unfold_plane(plane, row, windows, rows, columns);
}
void unfold_f64(const double* plane, std::int64_t row, const Windows& windows, std::int64_t rows, double* columns) {
  unfold_plane(plane, row, windows, rows, columns);
}
bool fold_f32(const float* columns, const Windows& windows, float* room, std::int64_t row, float* image) {
  return fold_plane(columns, windows, room, row, image);
}
bool fold_f64(const double* columns, const Windows& windows, double* room, std::int64_t row, double* image) {
  return fold_plane(columns, windows, room, row, image);
}

}  // namespace thalweg::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace thalweg {

namespace {

HWY_EXPORT(unfold_f32);
HWY_EXPORT(unfold_f64);
HWY_EXPORT(fold_f32);
HWY_EXPORT(fold_f64);

/// The part of the image that lies in the padded planes: `count` elements from `first` on, of the padded axis.
struct Inside {
  std::int64_t first, count;
};
Inside inside(const WindowAxis& axis) {
  return {axis.padding, std::clamp<std::int64_t>(axis.extent() - axis.padding, 0, axis.image)};
}

template <class T>
void copy_rows_of(const T* from, std::int64_t from_row, T* to, std::int64_t to_row, std::int64_t rows,
                  std::int64_t columns) {
  constexpr auto bytes = static_cast<std::int64_t>(sizeof(T));
  run::copy_rows(from, from_row * bytes, to, to_row * bytes, rows, columns * bytes);
}

}  // namespace

template <class T>
void surround(const T* image, const Windows& windows, std::int64_t planes, T* room) {
  if (reads_in_place(windows)) return;
  const auto& [y, x] = windows;
  const Inside rows = inside(y), columns = inside(x);
  const std::int64_t row = x.extent(), plane = y.extent() * row;
  std::fill_n(room, planes * plane, T{0});
  for (std::int64_t i = 0; i < planes; ++i)
    copy_rows_of(image + i * y.image * x.image, x.image, room + i * plane + rows.first * row + columns.first, row,
                 rows.count, columns.count);
}

template <class T>
void unfold(const T* image, const Windows& windows, std::int64_t planes, const T* room, std::int64_t first,
            std::int64_t rows, T* columns) {
  const auto& [y, x] = windows;
  const bool in_place = reads_in_place(windows);
  const std::int64_t row = in_place ? x.image : x.extent(), plane = in_place ? y.image * x.image : y.extent() * row;
  const std::int64_t elements = y.kernel * x.kernel * rows * x.count;
  const T* source = (in_place ? image : room) + first * y.stride * row;
  for (std::int64_t i = 0; i < planes; ++i, source += plane, columns += elements) {
    if constexpr (std::is_same_v<T, float>) {
      HWY_DYNAMIC_DISPATCH(unfold_f32)(source, row, windows, rows, columns);
    } else {
      HWY_DYNAMIC_DISPATCH(unfold_f64)(source, row, windows, rows, columns);
    }
  }
}

template <class T>
void fold(const T* columns, const Windows& windows, T* room, T* image) {
  const auto& [y, x] = windows;
  const bool in_place = reads_in_place(windows);
  const std::int64_t row = in_place ? x.image : x.extent();
  bool is_done = in_place;
  if constexpr (std::is_same_v<T, float>) {
    is_done |= HWY_DYNAMIC_DISPATCH(fold_f32)(columns, windows, in_place ? image : room, row, image);
  } else {
    is_done |= HWY_DYNAMIC_DISPATCH(fold_f64)(columns, windows, in_place ? image : room, row, image);
  }
  if (is_done) return;
  const Inside rows = inside(y), inner = inside(x);
  if (rows.count < y.image || inner.count < x.image) std::fill_n(image, y.image * x.image, T{0});
  copy_rows_of(room + rows.first * row + inner.first, row, image, x.image, rows.count, inner.count);
}

WindowAxis windows_along(std::int64_t image, std::int64_t kernel, std::int64_t stride, std::int64_t padding,
                         std::int64_t dilation, bool ceil_mode) {
  WindowAxis axis{image, kernel, 0, stride, padding, dilation};
  const __int128 extent = static_cast<__int128>(kernel - 1) * dilation + 1;
  if (padding == same_padding) {
    const std::int64_t count = image / stride + (image % stride != 0);
    const __int128 missing = static_cast<__int128>(count - 1) * stride + extent - image;
    axis.padding = missing > 0 ? static_cast<std::int64_t>(missing / 2) : 0;
    if (kernel > 0) axis.count = count;
    return axis;
  }
  const __int128 rest = static_cast<__int128>(image) + 2 * padding - extent;
  if (kernel == 0 || rest < 0) return axis;
  axis.count = static_cast<std::int64_t>(rest / stride) + 1;
  if (ceil_mode && rest % stride != 0 && static_cast<__int128>(axis.count) * stride < image + padding) ++axis.count;
  return axis;
}

void check_window_option(const char* op, const char* option, const HeightWidth& given, std::int64_t least,
                         SourceLine line) {
  constexpr std::int64_t most = std::numeric_limits<std::int32_t>::max();
  for (const std::int64_t number : {given.height, given.width})
    if (number < least || number > most)
      fail<ValueError>(op,
                       fmt::format("{} is {}; it must be at {} {}", option, number, number < least ? "least" : "most",
                                   number < least ? least : most),
                       line);
}

void check_padding(const char* op, const HeightWidth& padding, SourceLine line) {
  const auto given = [](std::int64_t number) { return number == same_padding ? 0 : number; };
  check_window_option(op, "padding", {given(padding.height), given(padding.width)}, 0, line);
}

template void surround(const float*, const Windows&, std::int64_t, float*);
template void surround(const double*, const Windows&, std::int64_t, double*);
template void unfold(const float*, const Windows&, std::int64_t, const float*, std::int64_t, std::int64_t, float*);
template void unfold(const double*, const Windows&, std::int64_t, const double*, std::int64_t, std::int64_t, double*);
template void fold(const float*, const Windows&, float*, float*);
template void fold(const double*, const Windows&, double*, double*);

}  // namespace thalweg
#endif  // HWY_ONCE
