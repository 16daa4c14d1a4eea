#pragma once
// From a dtype to a C++ type: `visit_dtype(dtype, [&]<class T>() { … });` calls the function with the element type T.

#include <cstdint>

#include <thalweg/dtype.hpp>

namespace thalweg::internal {

/// For f32 and f64: values with a gradient, and parameters.
template <class Function>
decltype(auto) visit_floating(DType dtype, Function&& function) {
  if (dtype == DType::f64) return function.template operator()<double>();
  return function.template operator()<float>();
}

/// For f32, f64 and i64: where bools have been converted to numbers.
template <class Function>
decltype(auto) visit_number(DType dtype, Function&& function) {
  if (dtype == DType::i64) return function.template operator()<std::int64_t>();
  return visit_floating(dtype, function);
}

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
