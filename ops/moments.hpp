#pragma once
// Helpers for normalizations: means over axes of x, and parameters that belong to some axes. Axes are given as a bit
// mask.

#include <cstdint>

#include "ops/axes.hpp"

namespace thalweg::moments {

/// A parameter with the dimensions of x's axes in `mask`, reshaped to broadcast to x: (c,) becomes (1, c, 1, 1) for (n,
/// c, h, w). ShapeError naming it if its dimensions differ.
Var beside(const char* op, const char* what, const Var& parameter, const Shape& x, std::uint64_t mask, SourceLine line);
/// The same without the check.
Var beside(const Var& parameter, const Shape& x, std::uint64_t mask);

/// v, of a shape as `beside` gives it, repeated along the axes before those of `mask`: (1, c, 1, 1) becomes (n, c, 1,
/// 1) for (n, c, h, w). It then has one number per row of a pass over x, which the pass can read in place, whereas the
/// planner would copy (1, c, 1, 1) to x's shape first and split the pass. Returns v itself if no axes follow those of
/// `mask`.
Var along_rows(const Var& v, const Shape& x, std::uint64_t mask);

/// Σ x over the axes of `mask`, which stay as 1. Each run of adjacent axes is summed separately, the last run first, so
/// that no sum needs a permuted copy of its input.
Var sum_over(const Var& x, std::uint64_t mask);
/// The mean over the axes of `mask`, which stay as 1; NaN if there is nothing to average.
Var mean_over(const Var& x, std::uint64_t mask);

/// Whether v is neither infinite nor NaN: isfinite in ops that generated code has in line.
Var in_range(const Var& v);

/// The power of 2 by which x is multiplied if its sum, or the sum of its squares, overflows. It is small enough that
/// sums of squares of the largest number of `dtype` do not overflow, and large enough that the numbers that caused the
/// overflow keep all bits of their squares.
double shrinking_power_of_2(DType dtype);

}  // namespace thalweg::moments
