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

/// y from x and the weight.
void convolution_kernel(const OpaqueCall& call);
/// x̄ from ȳ and the weight.
void transposed_convolution_kernel(const OpaqueCall& call);
/// The weight's gradient from x and ȳ.
void convolution_weight_kernel(const OpaqueCall& call);

}  // namespace thalweg
