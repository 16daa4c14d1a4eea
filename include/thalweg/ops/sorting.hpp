#pragma once
// Orders along one axis. NaN counts as the largest; equal elements keep their order. IndexError for an axis out of range.

#include <thalweg/op.hpp>

namespace thalweg {

struct SortOptions {
  int axis = -1;
  bool descending = false;
};

/// Values in order, and the place (i64) along the axis that each came from.
struct Sorted {
  Var values, indices;
};

/// The places of the elements along the axis in order, NaN last: i64, x.shape. f32, f64, i64, bool. No gradient.
Var argsort(const Operand& x, const SortOptions& options = {});
/// The elements along the axis in order, NaN last, or first where they descend. d/dx: each gradient goes where its element
/// came from.
Sorted sort(const Operand& x, const SortOptions& options = {});

struct TopKOptions {
  int axis = -1;
  bool largest = true;  // otherwise the smallest
};

/// The k largest (or smallest) elements along the axis, as the first k of a sort would have them. IndexError for a k below
/// 0 or above the axis's size. d/dx: each gradient goes where its element came from.
Sorted top_k(const Operand& x, std::int64_t k, const TopKOptions& options = {});

}  // namespace thalweg
