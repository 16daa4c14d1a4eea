#include "src/run/matmul.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "src/run/matmul.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "src/run/matmul_blocks-inl.hpp"

#if HWY_ONCE
namespace thalweg::run {

HWY_EXPORT(multiply_f32);
HWY_EXPORT(multiply_f64);

std::size_t matmul_workspace(const Matmul& matmul) {
  const std::size_t element = size_of(matmul.dtype);
  if (!is_packed(matmul.m, matmul.n, matmul.k, element)) return 0;
  return static_cast<std::size_t>(packed_elements(matmul.m, matmul.k)) * element;
}

void matmul(const Matmul& matmul, void* workspace) {
  if (matmul.dtype == DType::f32) {
    HWY_DYNAMIC_DISPATCH(multiply_f32)(matmul, workspace);
  } else {
    HWY_DYNAMIC_DISPATCH(multiply_f64)(matmul, workspace);
  }
}

}  // namespace thalweg::run
#endif  // HWY_ONCE
