#pragma once
// Sorting along one axis. NaN counts as the largest; equal elements keep their order. IndexError for an invalid axis.

#include <thalweg/op.hpp>
#include <thalweg/ops/axes.hpp>

namespace thalweg {

struct SortOptions {
  int axis = -1;
  bool descending = false;
};

/// The sorted values, and for each its original index (i64) along the axis.
struct Sorted {
  Var values, indices;
};

/// The indices that sort x along the axis, NaN last: i64, of x's shape. f32, f64, i64, bool. No gradient.
Var argsort(const Operand& x, const SortOptions& options = {});
Var argsort(const Operand& x, OneAxis axis, bool descending = false);
/// The elements sorted along the axis; NaN comes last, or first in descending order. d/dx: each gradient goes to the
/// position its element came from.
Sorted sort(const Operand& x, const SortOptions& options = {});
Sorted sort(const Operand& x, OneAxis axis, bool descending = false);

struct TopKOptions {
  int axis = -1;
  bool largest = true;  // otherwise the smallest
};

/// The k largest (or smallest) elements along the axis, as the first k of a sort. IndexError for a k below 0 or above
/// the axis's size. d/dx: each gradient goes to the position its element came from.
Sorted top_k(const Operand& x, std::int64_t k, const TopKOptions& options = {});
Sorted top_k(const Operand& x, std::int64_t k, OneAxis axis, bool largest = true);

}  // namespace thalweg
