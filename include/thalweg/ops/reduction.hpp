#pragma once
// Reductions over any axes: all of them unless some are named, `sum(x)`, `sum(x, -1)`, `sum(x, {0, 2})`. Negative axes count
// from the back; IndexError for one out of range or named twice.

#include <concepts>
#include <initializer_list>

#include <thalweg/op.hpp>
#include <thalweg/ops/axes.hpp>

namespace thalweg {

struct ReductionOptions {
  Axes axes = {};
  bool keep_dimensions = false;  // as dimensions of 1
};

/// Σ x; 0 where there are no elements. Of bools: how many are true (i64). d/dx = 1. Sums run in fixed blocks: the order
/// depends on the shape alone, and partial sums of f32 are carried in f64.
Var sum(const Operand& x, const ReductionOptions& options = {});
Var sum(const Operand& x, OneAxis axis, bool keep_dimensions = false);
template <std::same_as<int> Axis = int>  // a template, so that {.axes = …} is not taken for axes; so are those below
Var sum(const Operand& x, std::initializer_list<Axis> axes, bool keep_dimensions = false) {
  return sum(x, ReductionOptions{.axes = axes, .keep_dimensions = keep_dimensions});
}
/// Σ x / n; NaN where there are no elements. It overflows only where the result does. DtypeError for i64 and bool: cast first. d/dx = 1/n.
Var mean(const Operand& x, const ReductionOptions& options = {});
Var mean(const Operand& x, OneAxis axis, bool keep_dimensions = false);
template <std::same_as<int> Axis = int>
Var mean(const Operand& x, std::initializer_list<Axis> axes, bool keep_dimensions = false) {
  return mean(x, ReductionOptions{.axes = axes, .keep_dimensions = keep_dimensions});
}
/// The largest element; NaN where one is. ShapeError where there are no elements. The gradient is shared evenly by all that
/// equal it.
Var max(const Operand& x, const ReductionOptions& options = {});
Var max(const Operand& x, OneAxis axis, bool keep_dimensions = false);
template <std::same_as<int> Axis = int>
Var max(const Operand& x, std::initializer_list<Axis> axes, bool keep_dimensions = false) {
  return max(x, ReductionOptions{.axes = axes, .keep_dimensions = keep_dimensions});
}
/// The smallest element, as `max`.
Var min(const Operand& x, const ReductionOptions& options = {});
Var min(const Operand& x, OneAxis axis, bool keep_dimensions = false);
template <std::same_as<int> Axis = int>
Var min(const Operand& x, std::initializer_list<Axis> axes, bool keep_dimensions = false) {
  return min(x, ReductionOptions{.axes = axes, .keep_dimensions = keep_dimensions});
}
/// Π x in row-major order, carried in f64 with an exponent of its own, so that it overflows and underflows only where the
/// result does; 1 of nothing. i64 wraps modulo 2⁶⁴; bools count as i64. d/dxᵢ = Π_{j ≠ i} xⱼ as the product of those before
/// and those behind, without a division: exact where there are zeros.
Var product(const Operand& x, const ReductionOptions& options = {});
Var product(const Operand& x, OneAxis axis, bool keep_dimensions = false);
template <std::same_as<int> Axis = int>
Var product(const Operand& x, std::initializer_list<Axis> axes, bool keep_dimensions = false) {
  return product(x, ReductionOptions{.axes = axes, .keep_dimensions = keep_dimensions});
}
/// Whether any element is true, that is not 0 (NaN is true): bool; false where there are no elements.
Var any(const Operand& x, const ReductionOptions& options = {});
Var any(const Operand& x, OneAxis axis, bool keep_dimensions = false);
template <std::same_as<int> Axis = int>
Var any(const Operand& x, std::initializer_list<Axis> axes, bool keep_dimensions = false) {
  return any(x, ReductionOptions{.axes = axes, .keep_dimensions = keep_dimensions});
}
/// Whether all elements are true: bool; true where there are none.
Var all(const Operand& x, const ReductionOptions& options = {});
Var all(const Operand& x, OneAxis axis, bool keep_dimensions = false);
template <std::same_as<int> Axis = int>
Var all(const Operand& x, std::initializer_list<Axis> axes, bool keep_dimensions = false) {
  return all(x, ReductionOptions{.axes = axes, .keep_dimensions = keep_dimensions});
}
/// The place of the largest element, i64: the first of several, the first NaN where there is one. Over several axes (all,
/// unless some are named) it counts through them in row-major order. ShapeError where there is none. No gradient.
Var argmax(const Operand& x, const ReductionOptions& options = {});
Var argmax(const Operand& x, OneAxis axis, bool keep_dimensions = false);
template <std::same_as<int> Axis = int>
Var argmax(const Operand& x, std::initializer_list<Axis> axes, bool keep_dimensions = false) {
  return argmax(x, ReductionOptions{.axes = axes, .keep_dimensions = keep_dimensions});
}
/// The place of the smallest element, as `argmax`.
Var argmin(const Operand& x, const ReductionOptions& options = {});
Var argmin(const Operand& x, OneAxis axis, bool keep_dimensions = false);
template <std::same_as<int> Axis = int>
Var argmin(const Operand& x, std::initializer_list<Axis> axes, bool keep_dimensions = false) {
  return argmin(x, ReductionOptions{.axes = axes, .keep_dimensions = keep_dimensions});
}
/// ln Σ eˣ, with the maximum taken out so that nothing overflows: −inf of nothing and of nothing but −inf.
/// d/dx = softmax(x).
Var logsumexp(const Operand& x, const ReductionOptions& options = {});
Var logsumexp(const Operand& x, OneAxis axis, bool keep_dimensions = false);
template <std::same_as<int> Axis = int>
Var logsumexp(const Operand& x, std::initializer_list<Axis> axes, bool keep_dimensions = false) {
  return logsumexp(x, ReductionOptions{.axes = axes, .keep_dimensions = keep_dimensions});
}

struct VarianceOptions {
  Axes axes = {};
  bool keep_dimensions = false;  // as dimensions of 1
  int ddof = 0;                  // delta degrees of freedom: 1 for the unbiased form
};

/// Σ (x − mean)² / (n − ddof), in two passes; NaN of nothing and where n is not above ddof. It overflows only where the
/// result does. f32 and f64; DtypeError for i64 and bool: cast first. ValueError for a negative ddof.
/// d/dx = 2(x − mean)/(n − ddof).
Var variance(const Operand& x, const VarianceOptions& options = {});
Var variance(const Operand& x, OneAxis axis, bool keep_dimensions = false);
template <std::same_as<int> Axis = int>
Var variance(const Operand& x, std::initializer_list<Axis> axes, bool keep_dimensions = false) {
  return variance(x, VarianceOptions{.axes = axes, .keep_dimensions = keep_dimensions});
}
/// √variance; it overflows only where the result does. d/dx = (x − mean)/((n − ddof)·result), 0 where that is 0.
Var standard_deviation(const Operand& x, const VarianceOptions& options = {});
Var standard_deviation(const Operand& x, OneAxis axis, bool keep_dimensions = false);
template <std::same_as<int> Axis = int>
Var standard_deviation(const Operand& x, std::initializer_list<Axis> axes, bool keep_dimensions = false) {
  return standard_deviation(x, VarianceOptions{.axes = axes, .keep_dimensions = keep_dimensions});
}

struct NormOptions {
  double p = 2;  // above 0; 1 and infinity included
  Axes axes = {};
  bool keep_dimensions = false;  // as dimensions of 1
};

/// (Σ |x|^p)^(1/p): √Σx² unless another p is given, max |x| for infinity; 0 of nothing, but for infinity (ShapeError). It
/// overflows and underflows only where the result does. f32 and f64; ValueError for a p that is not above 0.
/// d/dx = sign x·(|x|/‖x‖)^(p − 1), 0 at the origin; of infinity: sign x, shared evenly by all that are the largest.
Var norm(const Operand& x, const NormOptions& options = {});

}  // namespace thalweg
