#pragma once
// Convolutions of images, as neural networks use the word: the kernel is not flipped. Names, shapes and defaults are
// PyTorch's. Images are (n, channels, height, width), f32 or f64.

#include <cstdint>
#include <limits>

#include <thalweg/op.hpp>

namespace thalweg {

/// Numbers for the two axes of an image. One number stands for both: `{.stride = 2}`, `{.padding = {1, 0}}`.
struct HeightWidth {
  std::int64_t height, width;
  constexpr HeightWidth(std::int64_t both) : height(both), width(both) {}
  constexpr HeightWidth(internal::Dimension height, internal::Dimension width) : height(height), width(width) {}
};

/// The padding with which the result has ⌈size/stride⌉ positions along an axis: as many as the image with a stride of 1. If
/// their number is odd, the end gets one more, as in PyTorch's "same" and JAX's "SAME". For conv1d, conv2d
/// and pooling.
inline constexpr std::int64_t same_padding = std::numeric_limits<std::int64_t>::max();

struct Conv2dOptions {
  HeightWidth stride = 1;    // the distance of adjacent windows
  HeightWidth padding = 0;   // zeros before and after each axis, or same_padding
  HeightWidth dilation = 1;  // the distance of adjacent elements of a window
  std::int64_t groups = 1;   // of channels, each of which gives its part of the result's channels
};

/// y[n, o, i, j] = bias[o] + Σ_{c, u, v} weight[o, c, u, v]·x[n, c, i·stride + u·dilation − padding, …], with x (n, channels,
/// height, width), weight (filters, channels/groups, kernel height, kernel width), bias (filters,). The result is
/// (n, filters, ⌊(height + 2·padding − dilation·(kernel height − 1) − 1)/stride⌋ + 1, …). Filter o reads the channels of
/// its group, number o/(filters/groups) (LeCun et al., Gradient-based learning applied to document recognition, 1998).
/// d/dx: the transposed convolution of ḡ; d/dweight: Σ_{n, i, j} ḡ[n, o, i, j]·x[n, c, i·stride + u·dilation − padding, …];
/// d/dbias: Σ ḡ over n and the positions. Precision as for `matmul`. Padding is multiplied like any zero: ∞·0 is NaN.
/// ShapeError if shapes do not match, the kernel is larger than the padded image, or the groups do not divide the filters;
/// ValueError for a stride, dilation or number of groups below 1, or a negative padding; DtypeError for i64, bool and
/// mixed dtypes.
Var conv2d(const Operand& x, const Operand& weight, const Conv2dOptions& options = {});
Var conv2d(const Operand& x, const Operand& weight, const Operand& bias, const Conv2dOptions& options = {});

struct Conv1dOptions {
  std::int64_t stride = 1, padding = 0, dilation = 1, groups = 1;
};

/// The same along a single axis: x (n, channels, length), weight (filters, channels/groups, kernel length).
Var conv1d(const Operand& x, const Operand& weight, const Conv1dOptions& options = {});
Var conv1d(const Operand& x, const Operand& weight, const Operand& bias, const Conv1dOptions& options = {});

struct ConvTranspose2dOptions {
  HeightWidth stride = 1, padding = 0;
  HeightWidth output_padding = 0;  // added to the result's height and width, of those that give the input's
  HeightWidth dilation = 1;
  std::int64_t groups = 1;
};

/// The transposed convolution, which is linear in x and the transpose of conv2d: conv2d with the same weight and options
/// maps the result's shape to that of x. x is (n, channels, height, width), weight (channels, filters/groups, kernel height,
/// kernel width), the result (n, filters, (height − 1)·stride − 2·padding + dilation·(kernel height − 1) +
/// output_padding + 1, …). d/dx: conv2d of ḡ. Errors as for conv2d; ValueError unless the output padding is less than
/// the stride or the dilation, ShapeError if the result would be empty.
Var conv_transpose2d(const Operand& x, const Operand& weight, const ConvTranspose2dOptions& options = {});
Var conv_transpose2d(const Operand& x, const Operand& weight, const Operand& bias,
                     const ConvTranspose2dOptions& options = {});

}  // namespace thalweg
