#include "ops/convolution_kernels.hpp"

#include <algorithm>

#include "ops/buffers.hpp"
#include "src/run/aligned_memory.hpp"
#include "src/run/matmul.hpp"
#include "src/tensor/visit.hpp"

namespace thalweg {

namespace {

// Of one image and group: x is (channels, image_size), the weight (filters, steps), y (filters, result_size), the matrix of
// windows (steps, result_size). The sums of y over steps, of x̄ over filters and of the weight's gradient over images and
// positions are in an order that depends on the sizes alone, not on threads.

constexpr std::int64_t part_bytes = 256 * 1024;  // of the matrix of windows: it stays in the L2 cache
constexpr std::int64_t worth_threads = 1 << 19;  // multiply-adds

/// How many units of `elements` elements are a part, of at most `count`.
template <class T>
std::int64_t units_of_part(std::int64_t elements, std::int64_t count) {
  const std::int64_t unit = std::max<std::int64_t>(1, elements) * static_cast<std::int64_t>(sizeof(T));
  return std::clamp<std::int64_t>(part_bytes / unit, 1, std::max<std::int64_t>(1, count));
}

template <class T>
run::Matmul product(const Convolution& c, std::int64_t m, std::int64_t n, std::int64_t k) {
  run::Matmul matmul;
  matmul.dtype = dtype_of<T>::value;
  matmul.precision = c.precision;
  matmul.looks_for_zeros = false;
  matmul.m = m, matmul.n = n, matmul.k = k;
  matmul.lda = k, matmul.ldb = n, matmul.ldc = n;
  return matmul;
}

/// This thread's memory for a task, in pieces. It is not run::scratch_of_thread, which products use.
class Pieces {
 public:
  template <class T>
  std::size_t add(std::int64_t elements) {
    const std::size_t place = bytes_;
    bytes_ += (static_cast<std::size_t>(elements) * sizeof(T) + 63) / 64 * 64;
    return place;
  }
  std::byte* memory() const {
    thread_local run::AlignedMemory memory;
    return memory.at_least(bytes_);
  }

 private:
  std::size_t bytes_ = 0;
};

/// Whether the matrix of windows is the image itself.
bool is_pointwise(const Convolution& c) {
  return c.kernel_size() == 1 && reads_in_place(c.windows) && c.windows[0].stride == 1 && c.windows[1].stride == 1 &&
         c.image_size() == c.result_size();
}

/// Calls body(plane, memory) for each plane of the images.
template <class T, class Body>
void for_each_plane(const Convolution& c, std::int64_t elements, const Body& body) {
  Pieces pieces;
  pieces.add<T>(elements);
  const auto task = [&](std::int64_t plane) { body(plane, reinterpret_cast<T*>(pieces.memory())); };
  for_each_index(c.images * c.groups, c.images * c.groups * c.filters * c.steps() * c.result_size(), task,
                 worth_threads);
}

template <class T>
void compute_depthwise_weight(const Convolution& c, const T* x, const T* gradient, T* weight) {
  const DepthwiseKernels<T>& kernels = depthwise_kernels<T>();
  Pieces pieces;
  pieces.add<T>(kernels.weight_memory(c.windows));
  const auto body = [&](std::int64_t group) {
    T* sums = weight + group * c.filters * c.steps();
    std::fill_n(sums, c.filters * c.steps(), T{0});
    for (std::int64_t image = 0; image < c.images; ++image) {
      const std::int64_t plane = image * c.groups + group;
      kernels.add_weight(c.windows, c.filters, x + plane * c.image_size(),
                         gradient + plane * c.filters * c.result_size(), sums, reinterpret_cast<T*>(pieces.memory()));
    }
  };
  for_each_index(c.groups, c.images * c.groups * c.filters * c.steps() * c.result_size(), body, worth_threads);
}

template <class T>
void compute_result(const OpaqueCall& call) {
  const Convolution& c = convolution_of(call.attribute);
  const T* x = static_cast<const T*>(call.inputs[0]);
  const T* weight = static_cast<const T*>(call.inputs[1]);
  T* y = static_cast<T*>(call.output);
  if (is_depthwise(c)) {
    const DepthwiseKernels<T>& kernels = depthwise_kernels<T>();
    return for_each_plane<T>(c, kernels.result_memory(c.windows), [&](std::int64_t plane, T* memory) {
      kernels.result(c.windows, c.filters, x + plane * c.image_size(),
                     weight + plane % c.groups * c.filters * c.steps(), y + plane * c.filters * c.result_size(),
                     memory);
    });
  }
  const bool copies = !is_pointwise(c);
  const std::int64_t rows = c.windows[0].count, row = c.windows[1].count, size = c.result_size(), steps = c.steps();
  const std::int64_t part = copies ? units_of_part<T>(steps * row, rows) : rows;
  Pieces pieces;
  const std::size_t room_at = pieces.add<T>(padded_elements(c.windows, c.channels));
  const std::size_t columns_at = pieces.add<T>(copies ? steps * part * row : 0);
  const std::size_t workspace_at =
      pieces.add<std::byte>(run::matmul_workspace(product<T>(c, c.filters, part * row, steps)));
  const auto body = [&](std::int64_t index) {
    std::byte* memory = pieces.memory();
    T* room = reinterpret_cast<T*>(memory + room_at);
    T* columns = reinterpret_cast<T*>(memory + columns_at);
    const T* image = x + index * c.channels * c.image_size();
    surround(image, c.windows, c.channels, room);
    for (std::int64_t first = 0; first < rows; first += part) {
      const std::int64_t count = std::min(part, rows - first);
      if (copies) unfold(image, c.windows, c.channels, room, first, count, columns);
      run::Matmul matmul = product<T>(c, c.filters, count * row, steps);
      matmul.a = weight + index % c.groups * c.filters * steps;
      matmul.b = copies ? columns : image;
      matmul.c = y + index * c.filters * size + first * row;
      matmul.ldc = size;
      run::matmul(matmul, memory + workspace_at);
    }
  };
  for_each_index(c.images * c.groups, c.images * c.groups * c.filters * steps * size, body, worth_threads);
}

template <class T>
void compute_transpose(const OpaqueCall& call) {
  const Convolution& c = convolution_of(call.attribute);
  const T* gradient = static_cast<const T*>(call.inputs[0]);
  const T* weight = static_cast<const T*>(call.inputs[1]);
  T* x = static_cast<T*>(call.output);
  if (is_turned_depthwise(c)) {
    const DepthwiseKernels<T>& kernels = depthwise_kernels<T>();
    return for_each_plane<T>(c, kernels.transpose_memory(c.windows), [&](std::int64_t plane, T* memory) {
      kernels.transpose(c.windows, gradient + plane * c.filters * c.result_size(),
                        weight + plane % c.groups * c.filters * c.steps(), x + plane * c.image_size(), memory);
    });
  }
  const bool copies = !is_pointwise(c);
  const std::int64_t kernel = c.kernel_size(), size = c.result_size(), steps = c.steps();
  const std::int64_t part = copies ? units_of_part<T>(kernel * size, c.channels) : c.channels;
  const auto form_of = [&](std::int64_t channels) {
    run::Matmul matmul = product<T>(c, channels * kernel, size, c.filters);
    matmul.transpose_a = true;
    matmul.lda = steps;
    return matmul;
  };
  Pieces pieces;
  const std::size_t room_at = pieces.add<T>(padded_elements(c.windows, 1));
  const std::size_t columns_at = pieces.add<T>(copies ? kernel * part * size : 0);
  const std::size_t workspace_at = pieces.add<std::byte>(run::matmul_workspace(form_of(part)));
  const auto body = [&](std::int64_t index) {
    std::byte* memory = pieces.memory();
    T* columns = reinterpret_cast<T*>(memory + columns_at);
    T* image = x + index * c.channels * c.image_size();
    for (std::int64_t first = 0; first < c.channels; first += part) {
      const std::int64_t channels = std::min(part, c.channels - first);
      run::Matmul matmul = form_of(channels);
      matmul.a = weight + index % c.groups * c.filters * steps + first * kernel;
      matmul.b = gradient + index * c.filters * size;
      matmul.c = copies ? columns : image;
      run::matmul(matmul, memory + workspace_at);
      for (std::int64_t channel = 0; copies && channel < channels; ++channel)
        fold(columns + channel * kernel * size, c.windows, reinterpret_cast<T*>(memory + room_at),
             image + (first + channel) * c.image_size());
    }
  };
  for_each_index(c.images * c.groups, c.images * c.groups * c.filters * steps * size, body, worth_threads);
}

/// Slices of the images, whose sums are added in the end: enough for the threads to share, as long as the sums are small.
/// They depend on the sizes alone, and so do results.
template <class T>
std::int64_t slices_of(const Convolution& c) {
  constexpr std::int64_t most_slices = 8, most_bytes = 32 * 1024 * 1024;
  const std::int64_t bytes =
      std::max<std::int64_t>(1, c.groups * c.steps() * c.filters) * static_cast<std::int64_t>(sizeof(T));
  return std::clamp<std::int64_t>(most_bytes / bytes, 1, std::min(most_slices, c.images));
}

/// Computes the transpose, (steps, filters), a few channels at a time; a task has a slice of the images and a group.
template <class T>
void compute_weight(const OpaqueCall& call) {
  const Convolution& c = convolution_of(call.attribute);
  const T* x = static_cast<const T*>(call.inputs[0]);
  const T* gradient = static_cast<const T*>(call.inputs[1]);
  T* weight = static_cast<T*>(call.output);
  if (c.images == 0) return fill_zeros(call);
  if (is_depthwise(c)) return compute_depthwise_weight(c, x, gradient, weight);
  const bool copies = !is_pointwise(c);
  const std::int64_t kernel = c.kernel_size(), size = c.result_size(), steps = c.steps(), filters = c.filters;
  const std::int64_t part = units_of_part<T>(kernel * size, c.channels), slices = slices_of<T>(c);
  const auto form_of = [&](std::int64_t channels) { return product<T>(c, channels * kernel, filters, size); };
  Pieces pieces;
  const std::size_t room_at = pieces.add<T>(padded_elements(c.windows, part));
  const std::size_t columns_at = pieces.add<T>(copies ? kernel * part * size : 0);
  const std::size_t turned_at = pieces.add<T>(filters * size);
  const std::size_t workspace_at = pieces.add<std::byte>(run::matmul_workspace(form_of(part)));
  Pieces more = pieces;  // of this thread, behind those of its tasks
  const std::size_t sums_at = more.add<T>(slices * c.groups * steps * filters);
  T* const sums = reinterpret_cast<T*>(more.memory() + sums_at);
  const auto body = [&](std::int64_t index) {
    const std::int64_t slice = index / c.groups, group = index % c.groups;
    std::byte* memory = pieces.memory();
    T* room = reinterpret_cast<T*>(memory + room_at);
    T* columns = reinterpret_cast<T*>(memory + columns_at);
    T* turned = reinterpret_cast<T*>(memory + turned_at);  // the gradient of y, (result_size, filters)
    const std::int64_t begin = c.images * slice / slices, end = c.images * (slice + 1) / slices;
    for (std::int64_t image = begin; image < end; ++image) {
      const std::int64_t at = image * c.groups + group;
      run::transpose(gradient + at * filters * size, size, filters, size, turned, filters, sizeof(T));
      for (std::int64_t first = 0; first < c.channels; first += part) {
        const std::int64_t channels = std::min(part, c.channels - first);
        const T* planes = x + (at * c.channels + first) * c.image_size();
        surround(planes, c.windows, channels, room);
        if (copies) unfold(planes, c.windows, channels, room, 0, c.windows[0].count, columns);
        run::Matmul matmul = form_of(channels);
        matmul.a = copies ? columns : planes;
        matmul.b = turned;
        matmul.c = sums + (index * steps + first * kernel) * filters;
        matmul.start = image > begin ? matmul.c : nullptr;
        run::matmul(matmul, memory + workspace_at);
      }
    }
  };
  for_each_index(slices * c.groups, c.images * c.groups * filters * steps * size, body, worth_threads);
  const std::int64_t elements = c.groups * steps * filters;
  for (std::int64_t slice = 1; slice < slices; ++slice)
    for (std::int64_t i = 0; i < elements; ++i) sums[i] += sums[slice * elements + i];
  for (std::int64_t group = 0; group < c.groups; ++group)
    run::transpose(sums + group * steps * filters, filters, steps, filters, weight + group * filters * steps, steps,
                   sizeof(T));
}

}  // namespace

void convolution_kernel(const OpaqueCall& call) {
  if (call.output_type.shape.size() == 0) return;
  internal::visit_floating(call.output_type.dtype, [&]<class T>() { compute_result<T>(call); });
}

void transposed_convolution_kernel(const OpaqueCall& call) {
  if (call.output_type.shape.size() == 0) return;
  internal::visit_floating(call.output_type.dtype, [&]<class T>() { compute_transpose<T>(call); });
}

void convolution_weight_kernel(const OpaqueCall& call) {
  if (call.output_type.shape.size() == 0) return;
  internal::visit_floating(call.output_type.dtype, [&]<class T>() { compute_weight<T>(call); });
}

}  // namespace thalweg
