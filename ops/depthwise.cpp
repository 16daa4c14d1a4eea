// Convolutions whose groups have one channel each. A product of matrices with a row or two would spend its time on copying
// windows; here each element is summed from the plane itself, many elements side by side.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/depthwise.cpp"
#include <hwy/foreach_target.h>

#include <hwy/highway.h>

#include <algorithm>
#include <type_traits>
#include <vector>

#include "ops/buffers.hpp"
#include "ops/convolution_kernels.hpp"
#include "ops/windows-inl.hpp"
#include "src/run/aligned_memory.hpp"
#include "src/tensor/visit.hpp"

HWY_BEFORE_NAMESPACE();
namespace thalweg::HWY_NAMESPACE {
namespace {

template <class T>
using Tag = hn::ScalableTag<T>;
template <class T>
constexpr auto vector_lanes = static_cast<std::int64_t>(hn::MaxLanes(Tag<T>()));

template <class T>
std::int64_t whole_vectors(std::int64_t elements) {
  return (elements + vector_lanes<T> - 1) / vector_lanes<T> * vector_lanes<T>;
}

/// Stores the first lanes; `count` may be more than there are.
template <class T>
HWY_INLINE void store_lanes(hn::Vec<Tag<T>> vector, T* to, std::int64_t count) {
  const Tag<T> d;
  if (count >= vector_lanes<T>) return hn::StoreU(vector, d, to);
  if constexpr (has_masked_memory) return hn::BlendedStore(vector, lanes_between(d, 0, count), d, to);
  HWY_ALIGN T elements[vector_lanes<T>];
  hn::Store(vector, d, elements);
  std::copy_n(elements, count, to);
}

/// A plane with its padding, each row sorted by the columns' places modulo the stride: what adjacent windows read at one
/// place lies side by side. Vectors of windows may be read past the last one, where there are zeros.
template <class T>
struct SortedPlane {
  const WindowAxis &y, &x;
  std::int64_t length = whole_vectors<T>(x.count) + (x.kernel - 1) * x.dilation / x.stride + 1;  // for each remainder
  std::int64_t row = x.stride * length;
  std::int64_t elements = y.extent() * row;

  /// The places of a row of window 0.
  void places(std::vector<std::int64_t>& of) const {
    of.resize(static_cast<std::size_t>(x.kernel));
    std::int64_t rest = 0, passed = 0;
    for (std::int64_t& place : of) {
      place = rest * length + passed;
      for (rest += x.dilation; rest >= x.stride; rest -= x.stride) ++passed;
    }
  }
  void fill(const T* image, T* plane) const {
    std::fill_n(plane, elements, T{0});
    const std::int64_t rows = std::min(y.image, y.extent() - y.padding);
    for (std::int64_t rest = 0; rest < x.stride; ++rest) {
      const std::int64_t first = x.padding > rest ? (x.padding - rest + x.stride - 1) / x.stride : 0;
      const std::int64_t end = std::min((x.image + x.padding - rest + x.stride - 1) / x.stride, length);
      for (std::int64_t i = 0; i < rows; ++i) {
        const T* from = image + i * x.image + rest - x.padding;
        T* to = plane + (i + y.padding) * row + rest * length;
        if (x.stride == 1) {
          for (std::int64_t m = first; m < end; ++m) to[m] = from[m];
        } else if (x.stride == 2) {
          for (std::int64_t m = first; m < end; ++m) to[m] = from[m * 2];
        } else {
          for (std::int64_t m = first; m < end; ++m) to[m] = from[m * x.stride];
        }
      }
    }
  }
};

/// A product to add: `weight` times the element at `place`.
template <class T>
struct Term {
  T weight;
  std::int64_t place;
};

/// The sums of `count` terms at `rows` places that are `step` apart.
template <int rows, class T>
HWY_INLINE void sum_terms(const T* from, std::int64_t step, const Term<T>* terms, std::int64_t count,
                          hn::Vec<Tag<T>>* sums) {
  const Tag<T> d;
  for (int r = 0; r < rows; ++r) sums[r] = hn::Zero(d);
  for (std::int64_t k = 0; k < count; ++k) {
    const auto weight = hn::Set(d, terms[k].weight);
    const T* at = from + terms[k].place;
    for (int r = 0; r < rows; ++r) sums[r] = hn::MulAdd(weight, hn::LoadU(d, at + r * step), sums[r]);
  }
}

/// What a thread needs for a plane beside its elements.
template <class T>
struct PlaneMemory {
  std::vector<std::int64_t> places;
  std::vector<Term<T>> terms;
  std::vector<T> weight;
  static PlaneMemory& of_this_thread() {
    static thread_local PlaneMemory memory;
    return memory;
  }
};

template <class T>
std::int64_t result_memory(const Windows& windows) {
  return SortedPlane<T>{windows[0], windows[1]}.elements;
}
/// One plane of the image gives `filters` of the result.
template <class T>
void result_of_plane(const Windows& windows, std::int64_t filters, const T* image, const T* weight, T* result,
                     T* memory) {
  const auto& [y, x] = windows;
  const SortedPlane<T> sorted{y, x};
  sorted.fill(image, memory);
  constexpr int rows = 4;
  const std::int64_t step = y.stride * sorted.row, size = y.kernel * x.kernel;
  auto& [places, terms, unused] = PlaneMemory<T>::of_this_thread();
  sorted.places(places);
  terms.resize(static_cast<std::size_t>(size));
  for (std::int64_t filter = 0; filter < filters; ++filter, weight += size, result += y.count * x.count) {
    for (std::int64_t u = 0, k = 0; u < y.kernel; ++u)
      for (const std::int64_t place : places) {
        terms[static_cast<std::size_t>(k)] = {weight[k], u * y.dilation * sorted.row + place};
        ++k;
      }
    for (std::int64_t i = 0; i < y.count;) {
      const bool whole = i + rows <= y.count;
      for (std::int64_t j = 0; j < x.count; j += vector_lanes<T>) {
        hn::Vec<Tag<T>> sums[rows];
        const T* from = memory + i * step + j;
        whole ? sum_terms<rows>(from, step, terms.data(), size, sums)
              : sum_terms<1>(from, step, terms.data(), size, sums);
        for (int r = 0; r < (whole ? rows : 1); ++r)
          store_lanes<T>(sums[r], result + (i + r) * x.count + j, x.count - j);
      }
      i += whole ? rows : 1;
    }
  }
}

/// The windows of the result's gradient that give the image's.
Windows turned(const Windows& windows) {
  Windows result = windows;
  for (WindowAxis& axis : result) {
    std::swap(axis.image, axis.count);
    axis.padding = (axis.kernel - 1) * axis.dilation - axis.padding;
  }
  return result;
}

template <class T>
std::int64_t transpose_memory(const Windows& windows) {
  return result_memory<T>(turned(windows));
}
template <class T>
void transpose_of_plane(const Windows& windows, const T* gradient, const T* weight, T* image, T* memory) {
  std::vector<T>& reversed = PlaneMemory<T>::of_this_thread().weight;
  reversed.assign(weight, weight + windows[0].kernel * windows[1].kernel);
  std::reverse(reversed.begin(), reversed.end());
  result_of_plane(turned(windows), 1, gradient, reversed.data(), image, memory);
}

template <class T>
std::int64_t weight_memory(const Windows& windows) {
  return result_memory<T>(windows) + windows[0].count * whole_vectors<T>(windows[1].count);
}
/// Adds the sums of `width` elements of a row of the kernel.
template <int width, class T>
HWY_INLINE void add_products(const SortedPlane<T>& sorted, const T* plane, const std::int64_t* from, const T* gradient,
                             T* sums) {
  const Tag<T> d;
  const WindowAxis &y = sorted.y, &x = sorted.x;
  const std::int64_t whole = x.count / vector_lanes<T> * vector_lanes<T>;
  const auto rest = hn::FirstN(d, static_cast<std::size_t>(x.count - whole));
  hn::Vec<Tag<T>> products[width];
  const T* places[width];
  for (int k = 0; k < width; ++k) products[k] = hn::Zero(d), places[k] = plane + from[k];
  for (std::int64_t i = 0; i < y.count; ++i) {
    const std::int64_t line = i * y.stride * sorted.row;
    const T* factors = gradient + i * whole_vectors<T>(x.count);
    for (std::int64_t j = 0; j < whole; j += vector_lanes<T>) {
      const auto factor = hn::LoadU(d, factors + j);
      for (int k = 0; k < width; ++k) products[k] = hn::MulAdd(factor, hn::LoadU(d, places[k] + line + j), products[k]);
    }
    if (whole == x.count) continue;
    const auto factor = hn::LoadU(d, factors + whole);
    for (int k = 0; k < width; ++k) {  // what lies beyond the windows may be infinite
      const auto value = hn::IfThenElseZero(rest, hn::LoadU(d, places[k] + line + whole));
      products[k] = hn::MulAdd(factor, value, products[k]);
    }
  }
  for (int k = 0; k < width; ++k) sums[k] += hn::GetLane(hn::SumOfLanes(d, products[k]));
}

/// Adds the products of a plane of the image and `filters` of the result's gradient.
template <class T>
void add_weight_of_plane(const Windows& windows, std::int64_t filters, const T* image, const T* gradient, T* sums,
                         T* memory) {
  const auto& [y, x] = windows;
  const SortedPlane<T> sorted{y, x};
  sorted.fill(image, memory);
  const std::int64_t row = whole_vectors<T>(x.count);
  std::vector<std::int64_t>& places = PlaneMemory<T>::of_this_thread().places;
  sorted.places(places);
  T* padded = memory + sorted.elements;
  for (std::int64_t filter = 0; filter < filters; ++filter, gradient += y.count * x.count) {
    for (std::int64_t i = 0; i < y.count; ++i) {
      std::copy_n(gradient + i * x.count, x.count, padded + i * row);
      std::fill(padded + i * row + x.count, padded + (i + 1) * row, T{0});
    }
    for (std::int64_t u = 0; u < y.kernel; ++u, sums += x.kernel) {
      const T* plane = memory + u * y.dilation * sorted.row;
      std::int64_t v = 0;
      for (; v + 3 <= x.kernel; v += 3) add_products<3>(sorted, plane, places.data() + v, padded, sums + v);
      for (; v < x.kernel; ++v) add_products<1>(sorted, plane, places.data() + v, padded, sums + v);
    }
  }
}

template <class T>
constexpr DepthwiseKernels<T> kernels = {result_memory<T>,      result_of_plane<T>, transpose_memory<T>,
                                         transpose_of_plane<T>, weight_memory<T>,   add_weight_of_plane<T>};

}  // namespace

const DepthwiseKernels<float>& depthwise_f32() { return kernels<float>; }
const DepthwiseKernels<double>& depthwise_f64() { return kernels<double>; }

}  // namespace thalweg::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace thalweg {

namespace {

HWY_EXPORT(depthwise_f32);
HWY_EXPORT(depthwise_f64);

}  // namespace

template <>
const DepthwiseKernels<float>& depthwise_kernels() {
  return HWY_DYNAMIC_DISPATCH(depthwise_f32)();
}
template <>
const DepthwiseKernels<double>& depthwise_kernels() {
  return HWY_DYNAMIC_DISPATCH(depthwise_f64)();
}

}  // namespace thalweg
#endif  // HWY_ONCE
