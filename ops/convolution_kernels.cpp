#include "ops/convolution_kernels.hpp"

#include <algorithm>

#include "ops/buffers.hpp"
#include "src/run/aligned_memory.hpp"
#include "src/run/matmul.hpp"
#include "src/tensor/visit.hpp"

namespace thalweg {

namespace {

// Of one image and group: x is (channels, image_size), the weight (filters, steps), y (filters, result_size), the matrix of
// windows (steps, result_size). The sums of y and x̄ over steps or filters are in order, that of the weight's gradient is
// over images, then positions; so the parts that are computed at once, and the threads, do not change results.

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
    if (memory.bytes() < bytes_) {
      memory = run::AlignedMemory();  // first
      memory = run::AlignedMemory(bytes_);
    }
    return memory.get();
  }

 private:
  std::size_t bytes_ = 0;
};

/// Whether the matrix of windows is the image itself.
bool is_pointwise(const Convolution& c) {
  return c.kernel_size() == 1 && reads_in_place(c.windows) && c.windows[0].stride == 1 && c.windows[1].stride == 1 &&
         c.image_size() == c.result_size();
}

template <class T>
void compute_result(const OpaqueCall& call) {
  const Convolution& c = convolution_of(call.attribute);
  const T* x = static_cast<const T*>(call.inputs[0]);
  const T* weight = static_cast<const T*>(call.inputs[1]);
  T* y = static_cast<T*>(call.output);
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

/// Computes the transpose, (steps, filters), a few channels at a time; a task has all images.
template <class T>
void compute_weight(const OpaqueCall& call) {
  const Convolution& c = convolution_of(call.attribute);
  const T* x = static_cast<const T*>(call.inputs[0]);
  const T* gradient = static_cast<const T*>(call.inputs[1]);
  T* weight = static_cast<T*>(call.output);
  if (c.images == 0) return fill_zeros(call);
  const bool copies = !is_pointwise(c);
  const std::int64_t kernel = c.kernel_size(), size = c.result_size(), steps = c.steps(), filters = c.filters;
  const std::int64_t work = c.images * c.groups * filters * steps * size;
  const std::int64_t part = units_of_part<T>(kernel * size, c.channels), parts = (c.channels + part - 1) / part;
  const std::int64_t tasks =
      std::clamp<std::int64_t>(work < worth_threads ? 1 : (run::thread_limit() + c.groups - 1) / c.groups, 1, parts);
  const std::int64_t most_channels = (parts + tasks - 1) / tasks * part;
  const auto form_of = [&](std::int64_t channels) { return product<T>(c, channels * kernel, filters, size); };
  Pieces pieces;
  const std::size_t room_at = pieces.add<T>(padded_elements(c.windows, part));
  const std::size_t columns_at = pieces.add<T>(copies ? kernel * part * size : 0);
  const std::size_t turned_at = pieces.add<T>(filters * size);
  const std::size_t sum_at = pieces.add<T>(most_channels * kernel * filters);
  const std::size_t workspace_at = pieces.add<std::byte>(run::matmul_workspace(form_of(part)));
  const auto body = [&](std::int64_t index) {
    const std::int64_t group = index / tasks, task = index % tasks;
    const std::int64_t begin = parts * task / tasks * part,
                       end = std::min(c.channels, parts * (task + 1) / tasks * part);
    std::byte* memory = pieces.memory();
    T* room = reinterpret_cast<T*>(memory + room_at);
    T* columns = reinterpret_cast<T*>(memory + columns_at);
    T* turned = reinterpret_cast<T*>(memory + turned_at);  // the gradient of y, (result_size, filters)
    T* sum = reinterpret_cast<T*>(memory + sum_at);
    for (std::int64_t image = 0; image < c.images; ++image) {
      const std::int64_t at = image * c.groups + group;
      run::transpose(gradient + at * filters * size, size, filters, size, turned, filters, sizeof(T));
      for (std::int64_t first = begin; first < end; first += part) {
        const std::int64_t channels = std::min(part, end - first);
        const T* planes = x + (at * c.channels + first) * c.image_size();
        surround(planes, c.windows, channels, room);
        if (copies) unfold(planes, c.windows, channels, room, 0, c.windows[0].count, columns);
        run::Matmul matmul = form_of(channels);
        matmul.a = copies ? columns : planes;
        matmul.b = turned;
        matmul.c = sum + (first - begin) * kernel * filters;
        matmul.start = image > 0 ? matmul.c : nullptr;
        run::matmul(matmul, memory + workspace_at);
      }
    }
    run::transpose(sum, filters, (end - begin) * kernel, filters, weight + group * filters * steps + begin * kernel,
                   steps, sizeof(T));
  };
  for_each_index(c.groups * tasks, work, body, worth_threads);
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
