#pragma once
// Pooling: one number for each window of an image. Images are (n, channels, height, width), f32 or f64. The result is
// (n, channels, ⌊(height + 2·padding − dilation·(kernel height − 1) − 1)/stride⌋ + 1, …), as in PyTorch; with `ceil_mode` the
// quotient is rounded up, unless the last window would then begin beyond the image and the padding before it.
// For one number per channel use mean(x, {2, 3}) or max(x, {2, 3}).
// Errors: ShapeError for an input of other rank, or a kernel larger than the padded image; ValueError for a kernel, stride
// or dilation below 1, or a padding that is negative or more than half of the kernel's extent; DtypeError for i64 and bool.

#include <cstdint>
#include <limits>

#include <thalweg/op.hpp>
#include <thalweg/ops/convolution.hpp>

namespace thalweg {

/// A stride that is the size of the kernel: windows side by side.
inline constexpr HeightWidth size_of_kernel = std::numeric_limits<std::int64_t>::min();

struct MaxPool2dOptions {
  HeightWidth stride = size_of_kernel;
  HeightWidth padding = 0;   // never the maximum; or same_padding
  HeightWidth dilation = 1;  // the distance of adjacent elements of a window
  bool ceil_mode = false;
};

/// The largest element of each window; NaN if it contains one. d/dx: the gradient at the window's first (row-major)
/// largest element, zeros elsewhere.
Var max_pool2d(const Operand& x, const HeightWidth& kernel, const MaxPool2dOptions& options = {});

struct AveragePool2dOptions {
  HeightWidth stride = size_of_kernel;
  HeightWidth padding = 0;            // or same_padding
  bool count_include_padding = true;  // divides by the size of the kernel; else by the number of elements in the image
  bool ceil_mode = false;             // what a window then has beyond the padding is not counted in either case
};

/// The mean of each window, of which padding is 0. d/dx: the gradient of each window, divided likewise, added to its
/// elements.
Var average_pool2d(const Operand& x, const HeightWidth& kernel, const AveragePool2dOptions& options = {});

}  // namespace thalweg
