#include <thalweg/ops/pooling.hpp>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/pooling.cpp"
#include <hwy/foreach_target.h>

#include <hwy/highway.h>

#include <algorithm>
#include <limits>
#include <type_traits>

#include <fmt/format.h>

#include <thalweg/op.hpp>

#include "ops/buffers.hpp"
#include "ops/errors.hpp"
#include "ops/interned.hpp"
#include "ops/pooling_kernels.hpp"
#include "ops/windows-inl.hpp"
#include "src/run/scratch_memory.hpp"
#include "src/tensor/visit.hpp"

HWY_BEFORE_NAMESPACE();
namespace thalweg::HWY_NAMESPACE {
namespace {

template <class T>
using Tag = hn::ScalableTag<T>;
template <class T>
using Vector = hn::Vec<Tag<T>>;
template <class T>
constexpr auto vector_lanes = static_cast<std::int64_t>(hn::MaxLanes(Tag<T>()));

/// A vector of adjacent windows: number `first` up to first + lanes of a row.
struct Group {
  const PoolingPlanes& planes;
  std::int64_t row, first, lanes;

  /// Calls body(element of the window, its place in the plane in the first window, begin, end) for each element that lies
  /// in the image for some of the windows: begin ≤ lane < end.
  template <class Body>
  HWY_INLINE void for_each_element(const Body& body) const {
    const auto& [y, x] = planes.pooling.windows;
    for (std::int64_t u = 0, line = row * y.stride - y.padding; u < y.kernel; ++u, line += y.dilation) {
      if (line < 0 || line >= y.image) continue;
      for (std::int64_t v = 0; v < x.kernel; ++v) {
        const std::int64_t begin = std::max<std::int64_t>(planes.columns[v].begin - first, 0),
                           end = std::min(planes.columns[v].end - first, lanes);
        if (begin < end)
          body(u * x.kernel + v, line * x.image + v * x.dilation - x.padding + first * x.stride, begin, end);
      }
    }
  }
};

/// Calls body(element of the window, vector of these elements, lanes that lie in the image) in row-major order.
template <class T, class Body>
HWY_INLINE void for_each_vector(const Group& group, const T* image, const Body& body) {
  const Tag<T> d;
  const Pooling& pooling = group.planes.pooling;
  const auto& [y, x] = pooling.windows;
  if (pooling.has_pairs()) {
    const T* from = image + group.row * y.stride * x.image + 2 * group.first;
    const auto lanes = lanes_between(d, 0, group.lanes);
    for (std::int64_t u = 0; u < y.kernel; ++u, from += y.dilation * x.image) {
      const Pair<Tag<T>> pair = load_pairs(d, from, group.lanes);
      body(2 * u, pair.even, lanes);
      body(2 * u + 1, pair.odd, lanes);
    }
    return;
  }
  group.for_each_element([&](std::int64_t element, std::int64_t place, std::int64_t begin, std::int64_t end) HWY_ATTR {
    body(element, load_strided(d, image + place, x.stride, begin, end), lanes_between(d, begin, end));
  });
}

/// Adds vector_of(element of the window) to the image, which is 0 outside the windows.
template <class T, class VectorOf>
HWY_INLINE void add_vectors(const Group& group, T* image, const VectorOf& vector_of) {
  const Tag<T> d;
  const Pooling& pooling = group.planes.pooling;
  const auto& [y, x] = pooling.windows;
  if (pooling.has_pairs()) {
    T* to = image + group.row * y.stride * x.image + 2 * group.first;
    for (std::int64_t u = 0; u < y.kernel; ++u, to += y.dilation * x.image)
      store_pairs(d, Pair<Tag<T>>{vector_of(2 * u), vector_of(2 * u + 1)}, to, group.lanes);
    return;
  }
  group.for_each_element([&](std::int64_t element, std::int64_t place, std::int64_t begin, std::int64_t end)
                             HWY_ATTR { add_strided(d, vector_of(element), image + place, x.stride, begin, end); });
}

/// body(group, the group's place in the result, the plane's place in the image).
template <class T, class Body>
HWY_INLINE void for_each_group(const PoolingPlanes& planes, const Body& body) {
  const Pooling& pooling = planes.pooling;
  const std::int64_t rows = pooling.windows[0].count, count = pooling.windows[1].count;
  for (std::int64_t plane = planes.begin, result = plane * rows * count; plane < planes.end; ++plane)
    for (std::int64_t row = 0; row < rows; ++row, result += count)
      for (std::int64_t first = 0; first < count; first += vector_lanes<T>)
        body(Group{planes, row, first, std::min(vector_lanes<T>, count - first)}, result + first,
             plane * pooling.image_size());
}

template <class T>
HWY_INLINE void store(Vector<T> vector, T* to, const Group& group) {
  const Tag<T> d;
  if (group.lanes == vector_lanes<T>) return hn::StoreU(vector, d, to);
  if constexpr (has_masked_memory) return hn::BlendedStore(vector, lanes_between(d, 0, group.lanes), d, to);
  HWY_ALIGN T elements[vector_lanes<T>];
  hn::Store(vector, d, elements);
  std::copy_n(elements, group.lanes, to);
}

/// The largest element of each window.
template <class T>
HWY_INLINE Vector<T> largest_of(const Group& group, const T* image) {
  Vector<T> best = hn::Set(Tag<T>(), -std::numeric_limits<T>::infinity());
  for_each_vector(group, image, [&](std::int64_t, auto x, auto lanes) HWY_ATTR {
    best = hn::IfThenElse(hn::And(lanes, hn::Or(hn::Gt(x, best), hn::IsNaN(x))), x, best);
  });
  return best;
}

/// Which element of each window is the first largest, the first NaN if there is one; −1 if none lies in the image.
template <class T>
HWY_INLINE Vector<T> place_of_largest(const Group& group, const T* image) {
  const Tag<T> d;
  Vector<T> best = hn::Set(d, -std::numeric_limits<T>::infinity()), chosen = hn::Set(d, T{-1});
  for_each_vector(group, image, [&](std::int64_t element, auto x, auto lanes) HWY_ATTR {
    const auto is_new = hn::Or(hn::Gt(x, best), hn::Lt(chosen, hn::Zero(d)));
    const auto is_first_nan = hn::AndNot(hn::IsNaN(best), hn::IsNaN(x));
    const auto takes = hn::And(lanes, hn::Or(is_new, is_first_nan));
    best = hn::IfThenElse(takes, x, best);
    chosen = hn::IfThenElse(takes, hn::Set(d, static_cast<T>(element)), chosen);
  });
  return chosen;
}

template <class T>
void max_pool(const PoolingPlanes& planes, const T* x, T* result) {
  for_each_group<T>(planes, [&](const Group& group, std::int64_t place, std::int64_t image)
                                HWY_ATTR { store(largest_of(group, x + image), result + place, group); });
}

/// Adds each window's number at its chosen element, one after another: few windows choose the same one, while vectors that
/// overlap would wait for each other's stores.
template <class T>
void add_at(const Group& group, Vector<T> chosen, const T* numbers, T* image) {
  const auto& [y, x] = group.planes.pooling.windows;
  HWY_ALIGN T elements[vector_lanes<T>];
  hn::Store(chosen, Tag<T>(), elements);
  std::int64_t window = (group.row * y.stride - y.padding) * x.image + group.first * x.stride - x.padding;
  for (std::int64_t lane = 0; lane < group.lanes; ++lane, window += x.stride) {
    const auto element = static_cast<std::int32_t>(elements[lane]);
    if (element < 0) continue;  // none lies in the image
    image[window + group.planes.places[element]] += numbers[lane];
  }
}

template <class T>
void spread_to_largest(const PoolingPlanes& planes, const T* gradient, const T* x, T* result) {
  const Tag<T> d;
  const std::int64_t size = planes.pooling.image_size();
  if (!planes.pooling.fills_the_image())
    std::fill_n(result + planes.begin * size, (planes.end - planes.begin) * size, T{0});
  for_each_group<T>(planes, [&](const Group& group, std::int64_t place, std::int64_t image) HWY_ATTR {
    const auto chosen = place_of_largest(group, x + image);
    if (!planes.pooling.has_pairs()) return add_at(group, chosen, gradient + place, result + image);
    const auto number = load_strided(d, gradient + place, 1, 0, group.lanes);
    add_vectors(group, result + image, [&](std::int64_t element) HWY_ATTR {
      return hn::IfThenElseZero(hn::Eq(chosen, hn::Set(d, static_cast<T>(element))), number);
    });
  });
}

template <class T>
void pick_at_largest(const PoolingPlanes& planes, const T* values, const T* x, T* result) {
  const Tag<T> d;
  for_each_group<T>(planes, [&](const Group& group, std::int64_t place, std::int64_t image) HWY_ATTR {
    const auto chosen = place_of_largest(group, x + image);
    auto picked = hn::Zero(d);
    for_each_vector(group, values + image, [&](std::int64_t element, auto value, auto) HWY_ATTR {
      picked = hn::IfThenElse(hn::Eq(chosen, hn::Set(d, static_cast<T>(element))), value, picked);
    });
    store(picked, result + place, group);
  });
}

/// What the sum of each window is divided by.
template <class T>
HWY_INLINE Vector<T> divisors(const Group& group) {
  const Tag<T> d;
  const Pooling& pooling = group.planes.pooling;
  const WindowAxis& x = pooling.windows[1];
  if (pooling.counts_padding) {
    const std::int64_t rows = pooling.counted(0, group.row), last = group.first + group.lanes - 1;
    if (pooling.counted(1, last) == x.kernel) return hn::Set(d, static_cast<T>(rows * x.kernel));
    HWY_ALIGN T counts[vector_lanes<T>] = {};
    for (std::int64_t lane = 0; lane < group.lanes; ++lane)
      counts[lane] = static_cast<T>(rows * pooling.counted(1, group.first + lane));
    return hn::Load(d, counts);
  }
  auto count = hn::Zero(d);
  group.for_each_element([&](std::int64_t, std::int64_t, std::int64_t begin, std::int64_t end) HWY_ATTR {
    count = hn::Add(count, hn::IfThenElseZero(lanes_between(d, begin, end), hn::Set(d, T{1})));
  });
  return count;
}

template <class T>
void average_pool(const PoolingPlanes& planes, const T* x, T* result) {
  for_each_group<T>(planes, [&](const Group& group, std::int64_t place, std::int64_t image) HWY_ATTR {
    auto sum = hn::Zero(Tag<T>());
    for_each_vector(group, x + image, [&](std::int64_t, auto value, auto) HWY_ATTR { sum = hn::Add(sum, value); });
    store(hn::Div(sum, divisors<T>(group)), result + place, group);
  });
}

template <class T>
void spread_means(const PoolingPlanes& planes, const T* gradient, T* result) {
  const std::int64_t size = planes.pooling.image_size();
  if (!planes.pooling.fills_the_image())
    std::fill_n(result + planes.begin * size, (planes.end - planes.begin) * size, T{0});
  for_each_group<T>(planes, [&](const Group& group, std::int64_t place, std::int64_t image) HWY_ATTR {
    const auto part = hn::Div(load_strided(Tag<T>(), gradient + place, 1, 0, group.lanes), divisors<T>(group));
    add_vectors(group, result + image, [&](std::int64_t) HWY_ATTR { return part; });
  });
}

template <class T>
constexpr PoolingKernels<T> kernels = {max_pool<T>, spread_to_largest<T>, pick_at_largest<T>, average_pool<T>,
                                       spread_means<T>};

}  // namespace

const PoolingKernels<float>& kernels_f32() { return kernels<float>; }
const PoolingKernels<double>& kernels_f64() { return kernels<double>; }

}  // namespace thalweg::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace thalweg {

namespace {

HWY_EXPORT(kernels_f32);
HWY_EXPORT(kernels_f64);

template <class T>
const PoolingKernels<T>& kernels() {
  if constexpr (std::is_same_v<T, float>) {
    return HWY_DYNAMIC_DISPATCH(kernels_f32)();
  } else {
    return HWY_DYNAMIC_DISPATCH(kernels_f64)();
  }
}

/// Calls body(planes, output) for all planes, some at a time, with the element type as a template argument.
template <class Body>
void for_planes(const OpaqueCall& call, const Body& body) {
  const Shape& shape = call.output_type.shape;
  if (shape.size() == 0) return;
  const Pooling& pooling = interned_at<Pooling>(call.attribute);
  const std::int64_t planes = shape[0] * shape[1], elements = planes * pooling.image_size();
  const std::int64_t at_once =
      std::max<std::int64_t>(1, (std::int64_t{1} << 14) / std::max<std::int64_t>(1, pooling.image_size()));
  const WindowAxis& x = pooling.windows[1];
  const WindowAxis& y = pooling.windows[0];
  const auto kernel = static_cast<std::size_t>(x.kernel),
             elements_of_kernel = static_cast<std::size_t>(y.kernel) * kernel;
  auto* columns = reinterpret_cast<ColumnRange*>(
      run::scratch_of_thread(kernel * sizeof(ColumnRange) + elements_of_kernel * sizeof(std::int64_t)));
  auto* places = reinterpret_cast<std::int64_t*>(columns + kernel);
  for (std::int64_t u = 0; u < y.kernel; ++u)
    for (std::int64_t v = 0; v < x.kernel; ++v) places[u * x.kernel + v] = u * y.dilation * x.image + v * x.dilation;
  for (std::int64_t v = 0; v < x.kernel; ++v) {
    const std::int64_t start = v * x.dilation - x.padding;
    columns[v] = {start >= 0 ? 0 : (-start + x.stride - 1) / x.stride,
                  start >= x.image ? 0 : std::min(x.count, (x.image - 1 - start) / x.stride + 1)};
  }
  internal::visit_floating(call.output_type.dtype, [&]<class T>() {
    for_each_index((planes + at_once - 1) / at_once, elements, [&](std::int64_t task) {
      body(PoolingPlanes{pooling, columns, places, task * at_once, std::min(planes, (task + 1) * at_once)},
           static_cast<T*>(call.output));
    });
  });
}

template <class T>
const T* input(const OpaqueCall& call, std::size_t index) {
  return static_cast<const T*>(call.inputs[index]);
}

void max_pool_kernel(const OpaqueCall& call) {
  for_planes(call, [&]<class T>(const PoolingPlanes& planes, T* output) {
    kernels<T>().max_pool(planes, input<T>(call, 0), output);
  });
}
void spread_kernel(const OpaqueCall& call) {
  for_planes(call, [&]<class T>(const PoolingPlanes& planes, T* output) {
    kernels<T>().spread_to_largest(planes, input<T>(call, 0), input<T>(call, 1), output);
  });
}
void pick_kernel(const OpaqueCall& call) {
  for_planes(call, [&]<class T>(const PoolingPlanes& planes, T* output) {
    kernels<T>().pick_at_largest(planes, input<T>(call, 0), input<T>(call, 1), output);
  });
}
void average_pool_kernel(const OpaqueCall& call) {
  for_planes(call, [&]<class T>(const PoolingPlanes& planes, T* output) {
    kernels<T>().average_pool(planes, input<T>(call, 0), output);
  });
}
void spread_means_kernel(const OpaqueCall& call) {
  for_planes(call, [&]<class T>(const PoolingPlanes& planes, T* output) {
    kernels<T>().spread_means(planes, input<T>(call, 0), output);
  });
}

// --- the ops: their attribute is the address of a Pooling ---

NodeType type_of_planes(const Inference& inference, std::int64_t height, std::int64_t width) {
  const Shape& shape = inference.shape(0);
  return {{shape[0], shape[1], height, width}, inference.input(0).dtype, false};
}
NodeType result_type(const Inference& inference) {
  const Windows& windows = interned_at<Pooling>(inference.attribute()).windows;
  return type_of_planes(inference, windows[0].count, windows[1].count);
}
NodeType image_type(const Inference& inference) {
  const Windows& windows = interned_at<Pooling>(inference.attribute()).windows;
  return type_of_planes(inference, windows[0].image, windows[1].image);
}

Var spread(const Pullback& p, const Var& x);
Var pick(const Pullback& p, const Var& x);

const Op max_pool_op{.name = "max_pool2d",
                     .kind = Kind::opaque,
                     .shape_rule = result_type,
                     .pullbacks = {[](const Pullback& p) { return spread(p, p.input(0)); }},
                     .opaque_kernel = max_pool_kernel};

/// The gradient of max_pool2d. Inputs: that of the result, x.
const Op spread_op{.name = "max_pool2d_gradient",
                   .kind = Kind::opaque,
                   .shape_rule = image_type,
                   .pullbacks = {[](const Pullback& p) { return pick(p, p.input(1)); }},
                   .opaque_kernel = spread_kernel};

/// Its adjoint: the elements of the first input where x, the second, has its largest elements.
const Op pick_op{.name = "pick_at_max_pool2d",
                 .kind = Kind::opaque,
                 .shape_rule = result_type,
                 .pullbacks = {[](const Pullback& p) { return spread(p, p.input(1)); }},
                 .opaque_kernel = pick_kernel};

Var spread(const Pullback& p, const Var& x) { return record(spread_op, p.gradient, x, p.attribute); }
Var pick(const Pullback& p, const Var& x) { return record(pick_op, p.gradient, x, p.attribute); }

Var average_pullback(const Pullback& p);
Var spread_means_pullback(const Pullback& p);

const Op average_pool_op{.name = "average_pool2d",
                         .kind = Kind::opaque,
                         .shape_rule = result_type,
                         .pullbacks = {average_pullback},
                         .opaque_kernel = average_pool_kernel};

const Op spread_means_op{.name = "average_pool2d_gradient",
                         .kind = Kind::opaque,
                         .shape_rule = image_type,
                         .pullbacks = {spread_means_pullback},
                         .opaque_kernel = spread_means_kernel};

Var average_pullback(const Pullback& p) { return record(spread_means_op, p.gradient, p.attribute); }
Var spread_means_pullback(const Pullback& p) { return record(average_pool_op, p.gradient, p.attribute); }

Var pooled(const Op& op, const Operand& x, const HeightWidth& kernel, const HeightWidth& stride,
           const HeightWidth& padding, const HeightWidth& dilation, bool ceil_mode, bool counts_padding) {
  const Var value = floating_value(op.name, x);
  const Shape& shape = value.shape();
  if (value.rank() != 4)
    fail<ShapeError>(op.name, fmt::format("the input must have 4 axes, its shape is {}", to_string(shape)), x.line());
  const bool is_stride_of_kernel = stride.height == size_of_kernel.height && stride.width == size_of_kernel.width;
  const HeightWidth& step = is_stride_of_kernel ? kernel : stride;
  check_window_option(op.name, "kernel", kernel, 1, x.line());
  check_window_option(op.name, "stride", step, 1, x.line());
  check_padding(op.name, padding, x.line());
  check_window_option(op.name, "dilation", dilation, 1, x.line());
  const Windows windows{windows_along(shape[2], kernel.height, step.height, padding.height, dilation.height, ceil_mode),
                        windows_along(shape[3], kernel.width, step.width, padding.width, dilation.width, ceil_mode)};
  Pooling pooling{windows, counts_padding};
  for (std::size_t i = 0; i < 2; ++i) {
    const WindowAxis& axis = windows[i];
    pooling.end[i] = ceil_mode ? axis.image + axis.padding : axis.extent() - axis.padding;
    const std::int64_t extent = (axis.kernel - 1) * axis.dilation + 1;
    if (2 * axis.padding > extent)
      fail<ValueError>(
          op.name,
          fmt::format("padding is {}; it must be at most half of the kernel's extent, {}", axis.padding, extent),
          x.line());
    if (axis.count == 0)
      fail<ShapeError>(op.name,
                       fmt::format("the kernel ({}, {}) is larger than the padded image: input {}", kernel.height,
                                   kernel.width, to_string(shape)),
                       x.line());
  }
  return record(op, Operand(value, x.line()), interned(pooling));
}

}  // namespace

Var max_pool2d(const Operand& x, const HeightWidth& kernel, const MaxPool2dOptions& options) {
  return pooled(max_pool_op, x, kernel, options.stride, options.padding, options.dilation, options.ceil_mode, true);
}

Var average_pool2d(const Operand& x, const HeightWidth& kernel, const AveragePool2dOptions& options) {
  return pooled(average_pool_op, x, kernel, options.stride, options.padding, 1, options.ceil_mode,
                options.count_include_padding);
}

}  // namespace thalweg
#endif  // HWY_ONCE
