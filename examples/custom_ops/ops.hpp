#pragma once
// Ops written with the library's public headers alone: an elementwise function, a composite with a closed-form gradient,
// a composite that is built once, and a primitive with options and a kernel that can fail (a short form of the library's
// solve_triangular).
// docs/custom_ops.md explains them.

#include <thalweg/attribute.hpp>
#include <thalweg/composite.hpp>
#include <thalweg/element_function.hpp>
#include <thalweg/elementwise.hpp>
#include <thalweg/thalweg.hpp>

#include <cmath>
#include <numbers>
#include <span>
#include <string>

namespace custom {

namespace tw = thalweg;

// --- softsign: an elementwise function, fused with adjacent ops ---

struct Softsign {
  template <class T>
  T operator()(T x) const {
    return x / (1 + std::abs(x));
  }
};
inline const tw::ElementKernel softsign_kernel = tw::element_function<Softsign>("softsign", 10);

inline tw::Var softsign_pullback(const tw::Pullback& p) {
  return tw::chain(p.gradient, tw::square(1 - tw::abs(p.output)));
}

inline const tw::Op softsign_op{.name = "softsign",
                                .kind = tw::Kind::elementwise,
                                .shape_rule = tw::floating_shape,
                                .pullbacks = {softsign_pullback},
                                .kernel = &softsign_kernel};

/// x / (1 + |x|); f32 and f64. d/dx = 1/(1 + |x|)² = (1 − |softsign|)².
inline tw::Var softsign(const tw::Operand& x) { return tw::record(softsign_op, x); }

// --- unit_rows: a composite with a gradient that is shorter than that of its parts ---

// Inputs: the composed result, x, the length of each row.
inline tw::Var unit_rows_pullback(const tw::Pullback& p) {
  const tw::Var& length = p.input(2);
  return (p.gradient - p.output * tw::sum(p.gradient * p.output, 1, true)) / length;
}

inline const tw::Op unit_rows_op = tw::composite("unit_rows", {nullptr, unit_rows_pullback});

/// Each row of x, (n, m), divided by its length √Σx². d/dx: (gradient − y·⟨gradient, y⟩) / length.
inline tw::Var unit_rows(const tw::Operand& x) {
  const tw::Var value = tw::floating("unit_rows", x);
  if (value.rank() != 2)
    throw tw::ShapeError(tw::error_text("unit_rows", "x must be (n, m), it is " + to_string(value.shape()), x.line()));
  const tw::OpScope scope("unit_rows", x.line());
  const tw::Var length = tw::sqrt(tw::sum(tw::square(value), 1, true));
  const tw::Var inputs[] = {value / length, value, length};
  return tw::record(unit_rows_op, inputs, 0, x.line());
}

// --- log_cosh: a composite that is built once ---

// Inputs: the prediction and the target.
inline tw::Var log_cosh_parts(std::span<const tw::Var> inputs, std::uint64_t, tw::SourceLine) {
  const tw::Var residual = tw::abs(inputs[0] - inputs[1]);
  return tw::mean(residual + tw::softplus(tw::literal(-2) * residual) - tw::literal(std::numbers::ln2));
}

inline const tw::Composition log_cosh_composition{.name = "log_cosh", .build = log_cosh_parts};

/// The mean of ln cosh(r) = |r| + ln(1 + e^(−2|r|)) − ln 2, with r = prediction − target. d/dr = tanh(r) / n.
inline tw::Var log_cosh(const tw::Operand& prediction, const tw::Operand& target) {
  return tw::record(log_cosh_composition, prediction, target);
}

// --- solve_triangular: a primitive with options, whose kernel can fail ---

struct TriangularOptions {
  bool lower = true;        // which triangle of a is read
  bool transposed = false;  // solve aᵀx = b
};

inline tw::NodeType solve_triangular_shape(const tw::Inference& inference) {
  const tw::NodeType &a = inference.input(0), &b = inference.input(1);
  if (a.shape.rank() != 2 || a.shape[0] != a.shape[1] || b.shape.rank() != 2 || b.shape[0] != a.shape[0])
    inference.fail_shape("a must be (n, n) and b (n, m): a " + to_string(a.shape) + ", b " + to_string(b.shape));
  if (a.dtype != b.dtype || !tw::is_floating(a.dtype))
    inference.fail_dtype(std::string("a and b must both be f32 or f64: ") + name(a.dtype) + " and " + name(b.dtype));
  return {b.shape, a.dtype, false};
}

/// Substitution, row by row. Throws for a zero on the diagonal, which has no solution; the request that needs this node
/// then has no effect.
template <class T>
void solve_triangular_of(const tw::OpaqueCall& call) {
  const auto options = tw::options_of<TriangularOptions>(call.attribute);
  const std::int64_t n = call.input_types[0].shape[0], m = call.input_types[1].shape[1];
  const T *a = static_cast<const T*>(call.inputs[0]), *b = static_cast<const T*>(call.inputs[1]);
  T* x = static_cast<T*>(call.output);
  const bool forward = options.lower != options.transposed;
  for (std::int64_t step = 0; step < n; ++step) {
    const std::int64_t i = forward ? step : n - 1 - step;
    const auto element = [&](std::int64_t k) { return options.transposed ? a[k * n + i] : a[i * n + k]; };
    if (element(i) == 0)
      throw tw::ValueError(tw::error_text(call.op(), "the diagonal is 0 in row " + std::to_string(i), call.line()));
    for (std::int64_t column = 0; column < m; ++column) {
      T sum = b[i * m + column];
      for (std::int64_t k = forward ? 0 : i + 1, end = forward ? i : n; k < end; ++k)
        sum -= element(k) * x[k * m + column];
      x[i * m + column] = sum / element(i);
    }
  }
}

inline void solve_triangular_kernel(const tw::OpaqueCall& call) {
  call.output_type.dtype == tw::DType::f32 ? solve_triangular_of<float>(call) : solve_triangular_of<double>(call);
}

inline tw::Var solve_triangular(const tw::Operand& a, const tw::Operand& b, const TriangularOptions& options = {});

inline tw::Var solve_triangular_pullback_b(const tw::Pullback& p) {
  auto options = tw::options_of<TriangularOptions>(p.attribute);
  options.transposed = !options.transposed;
  return solve_triangular(p.input(0), p.gradient, options);
}

inline tw::Var solve_triangular_pullback_a(const tw::Pullback& p) {
  const auto options = tw::options_of<TriangularOptions>(p.attribute);
  const tw::Var gradient_b = solve_triangular_pullback_b(p);
  const tw::Var product = options.transposed ? tw::matmul(p.output, tw::transpose(gradient_b))
                                             : tw::matmul(gradient_b, tw::transpose(p.output));
  const std::int64_t n = p.input(0).shape()[0];
  const tw::Var column = tw::column_index(n), row = tw::reshape(tw::column_index(n), {n, 1});
  return tw::where(options.lower ? column <= row : column >= row, -product, 0);
}

inline const tw::Op solve_triangular_op{.name = "solve_triangular",
                                        .kind = tw::Kind::opaque,
                                        .shape_rule = solve_triangular_shape,
                                        .pullbacks = {solve_triangular_pullback_a, solve_triangular_pullback_b},
                                        .opaque_kernel = solve_triangular_kernel,
                                        .can_fail = true};

/// x with a·x = b (aᵀ·x = b), where a is (n, n), of which one triangle is read, and b (n, m). d/db: the gradient solved
/// with a transposed; d/da: −(d/db)·xᵀ, in that triangle. ValueError if the diagonal has a 0.
inline tw::Var solve_triangular(const tw::Operand& a, const tw::Operand& b, const TriangularOptions& options) {
  return tw::record(solve_triangular_op, a, b, tw::attribute_of(options));
}

}  // namespace custom
