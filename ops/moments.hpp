#pragma once
// What normalizations share: means over axes that may lie anywhere, and parameters that belong to some of the axes.

#include <cstdint>

#include "ops/axes.hpp"

namespace thalweg::moments {

/// ValueError for an ε that is not above 0 and finite.
void check_epsilon(const char* op, double epsilon, SourceLine line);

/// A parameter of the axes in `mask` as it lies beside x. ShapeError naming it where it has not their dimensions.
Var beside(const char* op, const char* what, const Var& parameter, const Shape& x, std::uint64_t mask, SourceLine line);
/// The same without the check.
Var beside(const Var& parameter, const Shape& x, std::uint64_t mask);

/// v, which lies beside x with 1 in all axes but those of `mask`, repeated along the axes before these where others lie
/// behind: (1, c, 1, 1) as (n, c, 1, 1) beside (n, c, h, w). That is a number for each row of a pass over x; the planner
/// would copy v out otherwise, and begin another pass over x after it.
Var along_rows(const Var& v, const Shape& x, std::uint64_t mask);

/// Σ x over the axes of `mask`, which stay as 1. Each run of neighbouring axes is a sum of its own, the last first, so that
/// none needs its input in another order.
Var sum_over(const Var& x, std::uint64_t mask);
/// NaN where there is nothing to average.
Var mean_over(const Var& x, std::uint64_t mask);

/// What brings every number of `dtype` to where squares and sums do not overflow; it takes none that overflows there to
/// where squares lose bits.
double shrinking_power_of_2(DType dtype);

}  // namespace thalweg::moments
