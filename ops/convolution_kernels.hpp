#pragma once
// The kernels of convolutions: windows of the image are copied to the columns of a matrix, a part at a time so that it stays
// in the cache; the rest is a product of matrices.

#include <cstdint>

#include <thalweg/op.hpp>
#include <thalweg/precision.hpp>

#include "ops/interned.hpp"
#include "ops/windows.hpp"

namespace thalweg {

/// The sizes of a convolution; channels and filters are those of one group. An attribute is the address of one.
struct Convolution {
  std::int64_t images, groups, channels, filters;
  Windows windows;
  Precision precision;
  auto operator<=>(const Convolution&) const = default;

  std::int64_t image_size() const { return windows[0].image * windows[1].image; }
  std::int64_t result_size() const { return windows[0].count * windows[1].count; }
  std::int64_t kernel_size() const { return windows[0].kernel * windows[1].kernel; }
  /// The number of products in an element of the result.
  std::int64_t steps() const { return channels * kernel_size(); }

  Shape image_shape() const { return {images, groups * channels, windows[0].image, windows[1].image}; }
  Shape weight_shape() const { return {groups * filters, channels, windows[0].kernel, windows[1].kernel}; }
  Shape result_shape() const { return {images, groups * filters, windows[0].count, windows[1].count}; }
};

inline const Convolution& convolution_of(std::uint64_t attribute) { return interned_at<Convolution>(attribute); }

/// Whether each group has one channel and few filters: depthwise.cpp computes these.
inline bool is_depthwise(const Convolution& c) {
  constexpr std::int64_t most_filters = 4, most_stride = 4;
  return c.channels == 1 && c.filters > 0 && c.result_size() > 0 && c.filters <= most_filters && c.kernel_size() > 1 &&
         c.windows[0].stride <= most_stride && c.windows[1].stride <= most_stride;
}

/// Whether the gradient of the image is such a convolution of the result's gradient.
inline bool is_turned_depthwise(const Convolution& c) {
  const auto is_turned = [](const WindowAxis& axis) {
    return axis.stride == 1 && axis.padding <= (axis.kernel - 1) * axis.dilation;
  };
  return is_depthwise(c) && c.filters == 1 && is_turned(c.windows[0]) && is_turned(c.windows[1]);
}

/// The kernels of a SIMD target, for a plane of the image and `filters` of the result. Each needs memory for as many
/// elements as the function before it says.
template <class T>
struct DepthwiseKernels {
  std::int64_t (*result_memory)(const Windows&);
  void (*result)(const Windows&, std::int64_t filters, const T* image, const T* weight, T* result, T* memory);
  std::int64_t (*transpose_memory)(const Windows&);
  void (*transpose)(const Windows&, const T* gradient, const T* weight, T* image, T* memory);
  std::int64_t (*weight_memory)(const Windows&);
  void (*add_weight)(const Windows&, std::int64_t filters, const T* image, const T* gradient, T* weight, T* memory);
};
template <class T>
const DepthwiseKernels<T>& depthwise_kernels();
template <>
const DepthwiseKernels<float>& depthwise_kernels();
template <>
const DepthwiseKernels<double>& depthwise_kernels();

/// y from x and the weight.
void convolution_kernel(const OpaqueCall& call);
/// x̄ from ȳ and the weight.
void transposed_convolution_kernel(const OpaqueCall& call);
/// The weight's gradient from x and ȳ.
void convolution_weight_kernel(const OpaqueCall& call);

}  // namespace thalweg
