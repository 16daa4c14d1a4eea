#pragma once
// What normalizations share: sums over axes that may lie anywhere, and parameters that belong to some of the axes.

#include <cstdint>

#include <thalweg/ops/reduction.hpp>

namespace thalweg::moments {

/// x; DtypeError where it has no fractions, ValueError for an ε that is not above 0 and finite.
Var checked(const char* op, const Operand& x, double epsilon);

/// The axes as a mask; IndexError for one out of range or named twice.
std::uint64_t mask_of(const char* op, const Shape& shape, const Axes& axes, SourceLine line);
/// The axes that are not in `mask`.
std::uint64_t others(const Shape& shape, std::uint64_t mask);

/// The dimensions of the axes in `mask`, and these beside x, where the other axes are 1.
Shape shape_of(const Shape& shape, std::uint64_t mask);
Shape shape_beside(const Shape& shape, std::uint64_t mask);

/// A parameter of the axes in `mask` as it lies beside x. ShapeError naming it where it has not their dimensions.
Var beside(const char* op, const char* what, const Var& parameter, const Shape& x, std::uint64_t mask, SourceLine line);
/// The same without the check.
Var beside(const Var& parameter, const Shape& x, std::uint64_t mask);

/// Σ x over the axes of `mask`, which stay as 1. Each run of neighbouring axes is a sum of its own, the last first, so that
/// none needs its input in another order.
Var sum_over(const Var& x, std::uint64_t mask);
/// NaN where there is nothing to average.
Var mean_over(const Var& x, std::uint64_t mask);
/// How many elements `mask` brings together.
double count_over(const Shape& shape, std::uint64_t mask);

}  // namespace thalweg::moments
