#pragma once
// What normalizations share: means over any axes of x, and parameters that belong to some of its axes. Axes are given as a
// mask, a bit for each.

#include <cstdint>

#include "ops/axes.hpp"

namespace thalweg::moments {

/// A parameter with the dimensions of x's axes in `mask`, in a shape that broadcasts to x: (c,) as (1, c, 1, 1) beside
/// (n, c, h, w). ShapeError naming it where its dimensions are others.
Var beside(const char* op, const char* what, const Var& parameter, const Shape& x, std::uint64_t mask, SourceLine line);
/// The same without the check.
Var beside(const Var& parameter, const Shape& x, std::uint64_t mask);

/// v, of a shape as `beside` gives it, repeated along the axes before those of `mask`: (1, c, 1, 1) as (n, c, 1, 1) beside
/// (n, c, h, w). So it is one number for each row of a pass over x, which the pass reads as it goes; of (1, c, 1, 1) the
/// planner makes a copy in x's shape, and begins another pass over x after it. v itself where no axes lie behind.
Var along_rows(const Var& v, const Shape& x, std::uint64_t mask);

/// Σ x over the axes of `mask`, which stay as 1. Each run of neighbouring axes is a sum of its own, the last run first: none
/// of these sums needs its input in another order.
Var sum_over(const Var& x, std::uint64_t mask);
/// The mean over the axes of `mask`, which stay as 1; NaN where there is nothing to average.
Var mean_over(const Var& x, std::uint64_t mask);

/// The power of 2 that x is multiplied by where a sum of it, or of its squares, has overflowed. It is so small that squares
/// of the largest number of `dtype` no longer overflow when they are added up, and so large that the numbers which made the
/// sum overflow keep all bits of their squares.
double shrinking_power_of_2(DType dtype);

}  // namespace thalweg::moments
