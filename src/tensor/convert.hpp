#pragma once
// Conversion of elements between dtypes, for Tensor::to and the op cast.

#include <concepts>
#include <cstdint>

#include <thalweg/dtype.hpp>
#include <thalweg/error.hpp>
#include <thalweg/shape.hpp>

namespace thalweg::internal {

/// Whether i64 can hold a floating-point value after truncation: not NaN, and in [−2⁶³, 2⁶³).
template <std::floating_point From>
bool has_i64_value(From value) {
  return value >= From(-0x1p63) && value < From(0x1p63);  // false for NaN
}

/// Converts element by element: toward zero to i64; to bool, all but 0 is true. ValueError naming `op` for the first
/// fraction that i64 cannot hold; the contents of `to` are then undefined.
void convert(const void* from, DType from_dtype, void* to, DType to_dtype, const Shape& shape, const char* op,
             SourceLine line);

}  // namespace thalweg::internal
