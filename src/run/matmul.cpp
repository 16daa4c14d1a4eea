#include "src/run/matmul.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "src/run/matmul.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "src/run/amx.hpp"
#include "src/run/matmul_ways-inl.hpp"

#if HWY_ONCE
namespace thalweg::run {

HWY_EXPORT(prepare_f32);
HWY_EXPORT(prepare_f64);
HWY_EXPORT(transpose_f32);
HWY_EXPORT(transpose_f64);
HWY_EXPORT(bf16_pays);

std::size_t matmul_workspace(const MatmulForm& form) {
  const std::size_t element = size_of(form.dtype);
  if (form.precision == Precision::medium) return medium_workspace(form.m, form.n, form.k, has_amx());
  // Only a transposed A is copied there.
  if (!form.transpose_a || !is_packed(form.m, form.n, form.k, form.transpose_a, element)) return 0;
  return static_cast<std::size_t>(packed_elements(form.m, form.k)) * element;
}

bool is_faster_in_bf16(std::int64_t m, std::int64_t n, std::int64_t k) {
  return HWY_DYNAMIC_DISPATCH(bf16_pays)(m, n, k);
}

std::int64_t bf16_steps() { return uses_amx() ? 32 : 2; }

void prepare(PreparedMatmul& prepared, const Matmul& matmul) {
  if (matmul.dtype == DType::f32) {
    HWY_DYNAMIC_DISPATCH(prepare_f32)(matmul, prepared);
  } else {
    HWY_DYNAMIC_DISPATCH(prepare_f64)(matmul, prepared);
  }
}

void transpose(const void* from, std::int64_t ldf, std::int64_t rows, std::int64_t columns, void* to, std::int64_t ldt,
               std::size_t element_bytes) {
  if (element_bytes == sizeof(float)) {
    HWY_DYNAMIC_DISPATCH(transpose_f32)
    (static_cast<const float*>(from), ldf, rows, columns, static_cast<float*>(to), ldt);
  } else {
    HWY_DYNAMIC_DISPATCH(transpose_f64)
    (static_cast<const double*>(from), ldf, rows, columns, static_cast<double*>(to), ldt);
  }
}

void matmul(const Matmul& matmul, void* workspace) {
  PreparedMatmul prepared;
  prepare(prepared, matmul);
  prepared.run(&prepared.panel, matmul, matmul, workspace);
}

void matmul(const Matmul& first, const MatmulBatch& batch, void* workspace) {
  std::int64_t count = 1;
  for (int axis = 0; axis < batch.rank; ++axis) count *= batch.counts[axis];
  const auto bytes = static_cast<std::int64_t>(size_of(first.dtype));
  const auto moved = [bytes](const void* data, std::int64_t elements) {
    return data == nullptr ? nullptr : static_cast<const char*>(data) + elements * bytes;
  };
  const auto multiply = [&](std::int64_t index) {
    std::int64_t a = 0, b = 0, rest = index;
    for (auto axis = static_cast<std::size_t>(batch.rank); axis-- > 0; rest /= batch.counts[axis]) {
      a += rest % batch.counts[axis] * batch.a_strides[axis];
      b += rest % batch.counts[axis] * batch.b_strides[axis];
    }
    Matmul one = first;
    one.a = moved(first.a, a);
    one.b = moved(first.b, b);
    one.c = static_cast<char*>(first.c) + index * first.m * first.n * bytes;
    one.start = moved(first.start, index * first.m * first.n);
    matmul(one, workspace);
  };
  // A few large products are each divided among the threads, as are those that use the workspace one after another.
  const std::int64_t work = std::max<std::int64_t>(1, first.m * first.n * first.k);
  const bool are_few = count < 2 * thread_limit();
  if (matmul_workspace(first) > 0 || (are_few && is_large(first.m, first.n, first.k)) ||
      work * count <= parallel_work) {
    for (std::int64_t index = 0; index < count; ++index) multiply(index);
    return;
  }
  const std::int64_t per_task = std::max<std::int64_t>(1, (parallel_work >> 4) / work);
  parallel_for((count + per_task - 1) / per_task, [&](std::int64_t task) {
    for (std::int64_t index = task * per_task; index < std::min(count, (task + 1) * per_task); ++index) multiply(index);
  });
}

}  // namespace thalweg::run
#endif  // HWY_ONCE
