#pragma once
// Elements of one dtype as elements of another: what Tensor::to and the op cast do.

#include <concepts>
#include <cstdint>

#include <thalweg/dtype.hpp>
#include <thalweg/error.hpp>
#include <thalweg/shape.hpp>

namespace thalweg::internal {

/// Whether i64 has the value of a fraction, truncated: not that of NaN, nor of ±2⁶³ and what lies beyond.
template <std::floating_point From>
bool has_i64_value(From value) {
  return value >= From(-0x1p63) && value < From(0x1p63);  // −2⁶³ it has; NaN fails the comparison
}

/// `from` as `to`, element by element: towards zero to i64, all but 0 is true. ValueError in the name of `op` for the first
/// fraction that has no i64 value; what `to` holds then is undefined.
void convert(const void* from, DType from_dtype, void* to, DType to_dtype, const Shape& shape, const char* op,
             SourceLine line);

}  // namespace thalweg::internal
