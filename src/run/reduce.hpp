#pragma once
#include <cstdint>

#include <thalweg/dtype.hpp>
#include <thalweg/shape.hpp>

#include "src/run/sweep.hpp"

namespace thalweg::run {

/// Reduces a contiguous f32 or f64 tensor with elements over the axes whose bits are set; the others keep their order. Sum, maximum or
/// minimum. The order of additions depends on the shape alone; sums of f32 continue in f64 after a few terms. For axes with
/// kept axes on both sides, which no sweep reduces in place.
void reduce_axes(const void* input, void* output, const Shape& shape, std::uint32_t axes, Reduction reduction,
                 DType dtype);

}  // namespace thalweg::run
