#pragma once
// Conversion of elements between dtypes, for Tensor::to and the op cast.

#include <concepts>
#include <cstdint>
#include <string>

#include <thalweg/dtype.hpp>
#include <thalweg/error.hpp>
#include <thalweg/shape.hpp>

namespace thalweg::internal {

/// Whether i64 can hold a floating-point value after truncation: not NaN, and in [−2⁶³, 2⁶³).
template <std::floating_point From>
bool has_i64_value(From value) {
  return value >= From(-0x1p63) && value < From(0x1p63);  // false for NaN
}

/// The first fraction that i64 cannot hold, in words: whoever called `convert` knows the op and the line.
struct NoI64Value {
  std::string message;
};

/// Converts element by element: toward zero to i64; to bool, all but 0 is true. Throws NoI64Value; the contents of `to`
/// are then undefined.
void convert(const void* from, DType from_dtype, void* to, DType to_dtype, const Shape& shape);

}  // namespace thalweg::internal
