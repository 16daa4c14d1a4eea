#pragma once
// Reductions over any axes. Negative axes count from the back; IndexError for one out of range or named twice.

#include <array>
#include <initializer_list>

#include <thalweg/op.hpp>

namespace thalweg {

/// The axes that a reduction is over: all of them unless some are named. `{}` is all, as is `Axes()`.
class Axes {
 public:
  constexpr Axes() = default;
  constexpr Axes(int axis) : count_(1) { axes_[0] = axis; }
  /// IndexError for more than 8.
  Axes(std::initializer_list<int> axes);
  bool all() const { return count_ < 0; }
  const int* begin() const { return axes_.data(); }
  const int* end() const { return axes_.data() + count_; }

 private:
  std::array<int, Shape::max_rank> axes_{};
  int count_ = -1;
};

struct ReductionOptions {
  Axes axes = {};
  bool keep_dimensions = false;  // as dimensions of 1
};

/// Σ x; 0 of nothing. Of bools: how many hold (i64). d/dx = 1. Sums run in fixed blocks: the order depends on the shape
/// alone, and partial sums of f32 are carried in f64.
Var sum(const Operand& x, const ReductionOptions& options = {});
Var sum(const Operand& x, int axis, bool keep_dimensions = false);
/// Σ x / n; NaN of nothing. DtypeError for i64 and bool: cast first. d/dx = 1/n.
Var mean(const Operand& x, const ReductionOptions& options = {});
Var mean(const Operand& x, int axis, bool keep_dimensions = false);
/// The largest element; NaN where one is. ShapeError for a maximum of nothing. The gradient is shared evenly by all that
/// are equal to it.
Var max(const Operand& x, const ReductionOptions& options = {});
Var max(const Operand& x, int axis, bool keep_dimensions = false);
/// The smallest element, as `max`.
Var min(const Operand& x, const ReductionOptions& options = {});
Var min(const Operand& x, int axis, bool keep_dimensions = false);
/// ln Σ eˣ, with the maximum taken out so that nothing overflows: −inf of nothing and of nothing but −inf.
/// d/dx = softmax(x).
Var logsumexp(const Operand& x, const ReductionOptions& options = {});
Var logsumexp(const Operand& x, int axis, bool keep_dimensions = false);

}  // namespace thalweg
