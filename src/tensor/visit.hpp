#pragma once
#include <cstdint>

#include <thalweg/dtype.hpp>

namespace thalweg::internal {

/// Calls function.operator()<T>() with the C++ type of the elements: `visit_dtype(dtype, [&]<class T>() { … });`
template <class Function>
decltype(auto) visit_dtype(DType dtype, Function&& function) {
  switch (dtype) {
    case DType::f64: return function.template operator()<double>();
    case DType::i64: return function.template operator()<std::int64_t>();
    case DType::boolean: return function.template operator()<bool>();
    case DType::f32: break;
  }
  return function.template operator()<float>();
}

}  // namespace thalweg::internal
