#pragma once
// Reductions over all axes or the given ones: `sum(x)`, `sum(x, -1)`, `sum(x, {0, 2})`. Negative axes count from the
// back; IndexError for one out of range or given twice.

#include <concepts>
#include <initializer_list>

#include <thalweg/op.hpp>
#include <thalweg/ops/axes.hpp>

namespace thalweg {

struct ReductionOptions {
  Axes axes = {};
  bool keep_dimensions = false;  // as dimensions of 1
};

/// Σ x; 0 if there are no elements. For bools, the number of true ones (i64). d/dx = 1. Sums run in fixed blocks: their
/// order depends on the shape alone, and partial sums of f32 accumulate in f64.
Var sum(const Operand& x, const ReductionOptions& options = {});
Var sum(const Operand& x, const AxesArgument& axes, bool keep_dimensions = false);
template <std::same_as<int> Axis = int>  // a template, so that {.axes = …} is not taken for axes; so are those below
Var sum(const Operand& x, std::initializer_list<Axis> axes, bool keep_dimensions = false) {
  return sum(x, ReductionOptions{.axes = axes, .keep_dimensions = keep_dimensions});
}
/// Σ x / n; NaN if there are no elements. Overflows only if the result does. DtypeError for i64 and bool. d/dx = 1/n.
Var mean(const Operand& x, const ReductionOptions& options = {});
Var mean(const Operand& x, const AxesArgument& axes, bool keep_dimensions = false);
template <std::same_as<int> Axis = int>
Var mean(const Operand& x, std::initializer_list<Axis> axes, bool keep_dimensions = false) {
  return mean(x, ReductionOptions{.axes = axes, .keep_dimensions = keep_dimensions});
}
/// The largest element; NaN if any is. ShapeError if there are no elements. The gradient is divided evenly among the
/// elements that equal it.
Var max(const Operand& x, const ReductionOptions& options = {});
Var max(const Operand& x, const AxesArgument& axes, bool keep_dimensions = false);
template <std::same_as<int> Axis = int>
Var max(const Operand& x, std::initializer_list<Axis> axes, bool keep_dimensions = false) {
  return max(x, ReductionOptions{.axes = axes, .keep_dimensions = keep_dimensions});
}
/// The smallest element, as `max`.
Var min(const Operand& x, const ReductionOptions& options = {});
Var min(const Operand& x, const AxesArgument& axes, bool keep_dimensions = false);
template <std::same_as<int> Axis = int>
Var min(const Operand& x, std::initializer_list<Axis> axes, bool keep_dimensions = false) {
  return min(x, ReductionOptions{.axes = axes, .keep_dimensions = keep_dimensions});
}
/// Π x in row-major order; 1 if there are no elements. Accumulates in f64 with a separate exponent, so it overflows or
/// underflows only if the result does. i64 wraps modulo 2⁶⁴; bools count as i64. d/dxᵢ = Π_{j ≠ i} xⱼ, computed from
/// the products of the elements before and after xᵢ, without division: exact with zeros among x.
Var product(const Operand& x, const ReductionOptions& options = {});
Var product(const Operand& x, const AxesArgument& axes, bool keep_dimensions = false);
template <std::same_as<int> Axis = int>
Var product(const Operand& x, std::initializer_list<Axis> axes, bool keep_dimensions = false) {
  return product(x, ReductionOptions{.axes = axes, .keep_dimensions = keep_dimensions});
}
/// Whether any element is true (not 0; NaN is true), as bool; false if there are no elements.
Var any(const Operand& x, const ReductionOptions& options = {});
Var any(const Operand& x, const AxesArgument& axes, bool keep_dimensions = false);
template <std::same_as<int> Axis = int>
Var any(const Operand& x, std::initializer_list<Axis> axes, bool keep_dimensions = false) {
  return any(x, ReductionOptions{.axes = axes, .keep_dimensions = keep_dimensions});
}
/// Whether all elements are true, as bool; true if there are no elements.
Var all(const Operand& x, const ReductionOptions& options = {});
Var all(const Operand& x, const AxesArgument& axes, bool keep_dimensions = false);
template <std::same_as<int> Axis = int>
Var all(const Operand& x, std::initializer_list<Axis> axes, bool keep_dimensions = false) {
  return all(x, ReductionOptions{.axes = axes, .keep_dimensions = keep_dimensions});
}
/// The index of the largest element, i64: the first of equal ones, or the first NaN if there is any. Over several axes
/// (by default all) it is the row-major index over them. ShapeError if there are no elements. No gradient.
Var argmax(const Operand& x, const ReductionOptions& options = {});
Var argmax(const Operand& x, const AxesArgument& axes, bool keep_dimensions = false);
template <std::same_as<int> Axis = int>
Var argmax(const Operand& x, std::initializer_list<Axis> axes, bool keep_dimensions = false) {
  return argmax(x, ReductionOptions{.axes = axes, .keep_dimensions = keep_dimensions});
}
/// The index of the smallest element, as `argmax`.
Var argmin(const Operand& x, const ReductionOptions& options = {});
Var argmin(const Operand& x, const AxesArgument& axes, bool keep_dimensions = false);
template <std::same_as<int> Axis = int>
Var argmin(const Operand& x, std::initializer_list<Axis> axes, bool keep_dimensions = false) {
  return argmin(x, ReductionOptions{.axes = axes, .keep_dimensions = keep_dimensions});
}
/// ln Σ eˣ, computed after subtracting the maximum so that nothing overflows; −inf if there is no element above −inf.
/// d/dx = softmax(x).
Var logsumexp(const Operand& x, const ReductionOptions& options = {});
Var logsumexp(const Operand& x, const AxesArgument& axes, bool keep_dimensions = false);
template <std::same_as<int> Axis = int>
Var logsumexp(const Operand& x, std::initializer_list<Axis> axes, bool keep_dimensions = false) {
  return logsumexp(x, ReductionOptions{.axes = axes, .keep_dimensions = keep_dimensions});
}

struct VarianceOptions {
  Axes axes = {};
  bool keep_dimensions = false;  // as dimensions of 1
  int ddof = 0;                  // delta degrees of freedom: 1 for the unbiased form
};

/// Σ (x − mean)² / (n − ddof), in two passes; NaN unless n > ddof. Overflows only if the result does. f32 and f64;
/// DtypeError for i64 and bool: cast first. ValueError for a negative ddof.
/// d/dx = 2(x − mean)/(n − ddof).
Var variance(const Operand& x, const VarianceOptions& options = {});
Var variance(const Operand& x, const AxesArgument& axes, bool keep_dimensions = false);
template <std::same_as<int> Axis = int>
Var variance(const Operand& x, std::initializer_list<Axis> axes, bool keep_dimensions = false) {
  return variance(x, VarianceOptions{.axes = axes, .keep_dimensions = keep_dimensions});
}
/// √variance; overflows only if the result does. d/dx = (x − mean)/((n − ddof)·result), 0 where the result is 0.
Var standard_deviation(const Operand& x, const VarianceOptions& options = {});
Var standard_deviation(const Operand& x, const AxesArgument& axes, bool keep_dimensions = false);
template <std::same_as<int> Axis = int>
Var standard_deviation(const Operand& x, std::initializer_list<Axis> axes, bool keep_dimensions = false) {
  return standard_deviation(x, VarianceOptions{.axes = axes, .keep_dimensions = keep_dimensions});
}

struct NormOptions {
  double p = 2;  // above 0; 1 and infinity included
  Axes axes = {};
  bool keep_dimensions = false;  // as dimensions of 1
};

/// (Σ |x|^p)^(1/p): by default √Σx²; max |x| for p = infinity. 0 if there are no elements (ShapeError for infinity).
/// Overflows or underflows only if the result does. f32 and f64; ValueError unless p is above 0.
/// d/dx = sign x·(|x|/‖x‖)^(p − 1), 0 at the origin; for infinity sign x, divided evenly among the largest elements.
Var norm(const Operand& x, const NormOptions& options = {});

}  // namespace thalweg
