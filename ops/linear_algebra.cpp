#include <thalweg/ops/linear_algebra.hpp>

#include <algorithm>
#include <atomic>

#include <fmt/format.h>

#include <thalweg/attribute.hpp>
#include <thalweg/composite.hpp>
#include <thalweg/ops/arithmetic.hpp>
#include <thalweg/ops/exponential.hpp>
#include <thalweg/ops/logic.hpp>
#include <thalweg/ops/matmul.hpp>
#include <thalweg/ops/reduction.hpp>
#include <thalweg/ops/shape.hpp>

#include "ops/axes.hpp"
#include "ops/buffers.hpp"
#include "ops/factorize.hpp"
#include "src/core_ops/core_ops.hpp"
#include "src/tensor/visit.hpp"

namespace thalweg {

namespace {

using factorize::Matrix;
using factorize::Triangle;

// --- batches of matrices ---

std::int64_t rows_of(const Shape& shape) { return shape[shape.rank() - 2]; }

std::int64_t matrices_of(const Shape& shape) {
  std::int64_t count = 1;
  for (int axis = 0; axis + 2 < shape.rank(); ++axis) count *= shape[axis];
  return count;
}

/// The last two axes, in the other order.
Var transposed(const Var& x) { return transpose(x, -2, -1); }

/// Calls solve(i) for each matrix of the batch, which returns −1, or the row at which it failed; then calls fail(row,
/// text), the text naming the matrix, for the first that did.
template <class Solve, class Fail>
void for_each_matrix(const Shape& a, std::int64_t columns, const Solve& solve, const Fail& fail) {
  const std::int64_t count = matrices_of(a), n = a.back();
  std::atomic<std::int64_t> first_failed = count;
  const auto body = [&](std::int64_t i) {
    if (solve(i) < 0) return;
    std::int64_t known = first_failed;
    while (i < known && !first_failed.compare_exchange_weak(known, i)) {
    }
  };
  if (count == 1) {
    body(0);
  } else {
    for_each_index(count, count * n * n * std::max<std::int64_t>(1, std::min(n, columns)), body);
  }
  if (first_failed == count) return;
  fail(solve(first_failed), a.rank() == 2 ? "the matrix" : fmt::format("matrix {} of the batch", first_failed.load()));
}

// --- cholesky ---

void check_square(const Inference& inference, const char* what) {
  const Shape& shape = inference.shape(0);
  if (!is_floating(inference.input(0).dtype))
    inference.fail_dtype(fmt::format("{} has no fractions; cast to f32 or f64 first", name(inference.input(0).dtype)));
  if (shape.rank() < 2 || rows_of(shape) != shape.back())
    inference.fail_shape(fmt::format("{} {} is not a square matrix, nor a batch of them", what, to_string(shape)));
}

NodeType cholesky_shape(const Inference& inference) {
  check_square(inference, "a");
  return {inference.shape(0), inference.input(0).dtype, false};
}

template <class T>
void cholesky_of(const OpaqueCall& call) {
  const Shape& shape = call.output_type.shape;
  const std::int64_t n = shape.back();
  const auto factorized = [&](std::int64_t i) {
    const T* a = static_cast<const T*>(call.inputs[0]) + i * n * n;
    const Matrix<T> l{static_cast<T*>(call.output) + i * n * n, n, n, n};
    for (std::int64_t row = 0; row < n; ++row)
      for (std::int64_t column = 0; column <= row; ++column)
        l(row, column) = a[row * n + column] / 2 + a[column * n + row] / 2;
    const std::int64_t failed = factorize::cholesky(l);
    for (std::int64_t row = 0; row < n; ++row) std::fill_n(&l(row, 0) + row + 1, n - row - 1, T{0});
    return failed;
  };
  for_each_matrix(shape, n, factorized, [&](std::int64_t row, const std::string& which) {
    throw ValueError(error_text(
        call.op(), fmt::format("{} is not positive definite: its leading minor of order {} is not", which, row + 1),
        call.line()));
  });
}

void cholesky_kernel(const OpaqueCall& call) {
  internal::visit_floating(call.output_type.dtype, [&]<class T>() { cholesky_of<T>(call); });
}

/// 1 on the diagonal, 0 elsewhere: (n, n), bool.
Var is_diagonal(std::int64_t n) {
  const Var number = column_index(n) * internal::typed_literal(1, DType::f64);
  return internal::reshape(number, Shape{n, 1}) == number;
}

Var cholesky_pullback(const Pullback& p) {
  const Var& l = p.output;
  const std::int64_t n = l.shape().back();
  const Var product = tril(matmul(transposed(l), p.gradient));
  const Var half = where(is_diagonal(n), product * literal(0.5), product);
  // S = L⁻ᵀ·half·L⁻¹ = L⁻ᵀ·(L⁻ᵀ·halfᵀ)ᵀ
  const TriangularOptions of_transposed{.transposed = true};
  const Var s = solve_triangular(l, transposed(solve_triangular(l, transposed(half), of_transposed)), of_transposed);
  return (s + transposed(s)) * literal(0.5);
}

const Op cholesky_op{.name = "cholesky",
                     .kind = Kind::opaque,
                     .shape_rule = cholesky_shape,
                     .pullbacks = {cholesky_pullback},
                     .opaque_kernel = cholesky_kernel,
                     .can_fail = true};

// --- solve_triangular: a and b have the same leading axes ---

/// Of a solution: that of b. `inference` has a first and b last.
NodeType solution_type(const Inference& inference) {
  const NodeType &a = inference.input(0), &b = inference.input(inference.count() - 1);
  check_square(inference, "a");
  if (a.dtype != b.dtype)
    inference.fail_dtype(fmt::format("dtypes differ: a {}, b {}; cast one of them", name(a.dtype), name(b.dtype)));
  return {b.shape, b.dtype, false};
}

template <class T>
void solve_triangular_of(const OpaqueCall& call) {
  const auto options = options_of<TriangularOptions>(call.attribute);
  const Shape &shape = call.input_types[0].shape, &of_b = call.output_type.shape;
  const std::int64_t n = shape.back(), m = of_b.back();
  const auto solved = [&](std::int64_t i) -> std::int64_t {
    const Matrix<const T> a{static_cast<const T*>(call.inputs[0]) + i * n * n, n, n, n};
    if (!options.unit_diagonal)
      for (std::int64_t row = 0; row < n; ++row)
        if (a(row, row) == 0) return row;
    const Matrix<T> x{static_cast<T*>(call.output) + i * n * m, m, n, m};
    const T* b = static_cast<const T*>(call.inputs[1]) + i * n * m;
    std::transform(b, b + n * m, x.data, [](T value) { return -value; });
    factorize::solve_negated<T>({a, options.lower, options.transposed, options.unit_diagonal}, x);
    return -1;
  };
  for_each_matrix(shape, m, solved, [&](std::int64_t row, const std::string& which) {
    throw ValueError(
        error_text(call.op(), fmt::format("{} is singular: row {} has a 0 on its diagonal", which, row), call.line()));
  });
}

void solve_triangular_kernel(const OpaqueCall& call) {
  internal::visit_floating(call.output_type.dtype, [&]<class T>() { solve_triangular_of<T>(call); });
}

Var solve_triangular_pullback_a(const Pullback& p);
Var solve_triangular_pullback_b(const Pullback& p);

const Op solve_triangular_op{.name = "solve_triangular",
                             .kind = Kind::opaque,
                             .shape_rule = solution_type,
                             .pullbacks = {solve_triangular_pullback_a, solve_triangular_pullback_b},
                             .opaque_kernel = solve_triangular_kernel,
                             .can_fail = true};

Var solve_triangular_pullback_b(const Pullback& p) {
  auto options = options_of<TriangularOptions>(p.attribute);
  options.transposed = !options.transposed;
  return record(solve_triangular_op, p.input(0), p.gradient, attribute_of(options));
}

Var solve_triangular_pullback_a(const Pullback& p) {
  const auto options = options_of<TriangularOptions>(p.attribute);
  const Var of_b = solve_triangular_pullback_b(p);
  const Var product = -(options.transposed ? matmul(p.output, transposed(of_b)) : matmul(of_b, transposed(p.output)));
  const std::int64_t outside = options.unit_diagonal ? 1 : 0;
  return options.lower ? tril(product, -outside) : triu(product, outside);
}

// --- solve: from the factors of a, which are a node of their own, so that the gradient uses them too ---

// The factors L and U in the places of a, and below them a row with the pivots.
NodeType lu_shape(const Inference& inference) {
  check_square(inference, "a");
  const Shape& shape = inference.shape(0);
  Dimensions dimensions{};
  std::copy(shape.begin(), shape.end(), dimensions.begin());
  ++dimensions[static_cast<std::size_t>(shape.rank() - 2)];
  return {make_shape(dimensions, shape.rank()), inference.input(0).dtype, false};
}

template <class T>
void lu_of(const OpaqueCall& call) {
  const Shape& shape = call.input_types[0].shape;
  const std::int64_t n = shape.back();
  const auto factorized = [&](std::int64_t i) -> std::int64_t {
    const Matrix<T> a{static_cast<T*>(call.output) + i * (n + 1) * n, n, n, n};
    std::copy_n(static_cast<const T*>(call.inputs[0]) + i * n * n, n * n, a.data);
    return n == 0 ? -1 : factorize::lu(a, a.data + n * n);
  };
  for_each_matrix(shape, n, factorized, [&](std::int64_t, const std::string& which) {
    throw ValueError(error_text(call.op(), which + " is singular", call.line()));
  });
}

void lu_kernel(const OpaqueCall& call) {
  internal::visit_floating(call.output_type.dtype, [&]<class T>() { lu_of<T>(call); });
}

const Op lu_op{
    .name = "lu", .kind = Kind::opaque, .shape_rule = lu_shape, .opaque_kernel = lu_kernel, .can_fail = true};

// Inputs: a, its factors, b; the attribute is 1 to solve Aᵀ·X = B. The values come from the factors, the gradient of a
// from a's own rule.

template <class T>
void solve_of(const OpaqueCall& call) {
  const Shape &shape = call.input_types[0].shape, &of_b = call.output_type.shape;
  const std::int64_t n = shape.back(), m = of_b.back();
  const bool is_transposed = call.attribute != 0;
  const auto solved = [&](std::int64_t i) -> std::int64_t {
    const T* factors = static_cast<const T*>(call.inputs[1]) + i * (n + 1) * n;
    const Matrix<const T> lu{factors, n, n, n};
    const Matrix<T> x{static_cast<T*>(call.output) + i * n * m, m, n, m};
    std::copy_n(static_cast<const T*>(call.inputs[2]) + i * n * m, n * m, x.data);
    const auto swap = [&](std::int64_t row) {
      const auto other = static_cast<std::int64_t>(factors[n * n + row]);
      if (other != row) std::swap_ranges(x.data + row * m, x.data + (row + 1) * m, x.data + other * m);
    };
    const Triangle<T> lower{lu, true, is_transposed, true}, upper{lu, false, is_transposed, false};
    if (is_transposed) {
      factorize::solve_negated(upper, x);
      factorize::solve_negated(lower, x);
      for (std::int64_t row = n; row-- > 0;) swap(row);
    } else {
      for (std::int64_t row = 0; row < n; ++row) swap(row);
      factorize::solve_negated(lower, x);
      factorize::solve_negated(upper, x);
    }
    return -1;
  };
  for_each_matrix(shape, m, solved, [](std::int64_t, const std::string&) {});
}

void solve_kernel(const OpaqueCall& call) {
  internal::visit_floating(call.output_type.dtype, [&]<class T>() { solve_of<T>(call); });
}

Var solve_pullback_a(const Pullback& p);
Var solve_pullback_b(const Pullback& p);

const Op solve_op{.name = "solve",
                  .kind = Kind::opaque,
                  .shape_rule = solution_type,
                  .pullbacks = {solve_pullback_a, nullptr, solve_pullback_b},
                  .opaque_kernel = solve_kernel};

Var solve_pullback_b(const Pullback& p) {
  return record(solve_op, p.input(0), p.input(1), p.gradient, p.attribute ^ 1);
}

Var solve_pullback_a(const Pullback& p) {
  const Var of_b = solve_pullback_b(p);
  return -(p.attribute != 0 ? matmul(p.output, transposed(of_b)) : matmul(of_b, transposed(p.output)));
}

// --- what the user gave, as a batch of systems ---

struct System {
  Var a, b;
  bool is_vector;  // b had one axis

  /// The solution, in the rank of the user's b.
  Var solution(const Var& x) const { return is_vector ? squeeze(x, -1) : x; }
};

/// `x`'s last two axes, behind the leading axes of `batch`.
Var with_leading_axes(const Var& x, const Shape& batch) {
  Dimensions dimensions{};
  auto* next = std::copy(batch.begin(), batch.end(), dimensions.begin());
  next = std::copy(x.shape().end() - 2, x.shape().end(), next);
  const Shape shape = make_shape(dimensions, static_cast<int>(next - dimensions.begin()));
  return shape == x.shape() ? x : internal::broadcast_to(x, shape);
}

Shape leading_axes(const Shape& shape) { return Shape(std::span<const std::int64_t>(shape.begin(), shape.end() - 2)); }

System system_of(const char* op, const Operand& a, const Operand& b) {
  System system{floating_value(op, a), floating_value(op, b), false};
  const Shape of_a = system.a.shape(), of_b = system.b.shape();
  const auto both = [&] { return fmt::format("a {}, b {}", to_string(of_a), to_string(of_b)); };
  if (of_a.rank() < 2 || rows_of(of_a) != of_a.back())
    fail<ShapeError>(op, "a is not a square matrix, nor a batch of them: " + both(), a.line());
  if (of_b.rank() == 0) fail<ShapeError>(op, "b has no dimensions: " + both(), a.line());
  system.is_vector = of_b.rank() == 1;
  if (system.is_vector) system.b = unsqueeze(system.b, -1);
  if (rows_of(system.b.shape()) != of_a.back())
    fail<ShapeError>(op, "a and b have different numbers of rows: " + both(), a.line());
  Shape batch;
  try {
    batch = broadcast_shapes(op, leading_axes(of_a), leading_axes(system.b.shape()));
  } catch (const ShapeError&) {
    fail<ShapeError>(op, "the leading dimensions do not broadcast: " + both(), a.line());
  }
  system.a = with_leading_axes(system.a, batch);
  system.b = with_leading_axes(system.b, batch);
  return system;
}

// --- log_determinant. Inputs of the last node: the value, a, its factors ---

Var identity_beside(const Var& a) {
  return with_leading_axes(is_diagonal(a.shape().back()) * internal::typed_literal(1, a.dtype()),
                           leading_axes(a.shape()));
}

Var log_determinant_pullback(const Pullback& p) {
  const Var& a = p.input(1);
  return unsqueeze(unsqueeze(p.gradient, -1), -1) *
         record(solve_op, a, p.input(2), identity_beside(a), std::uint64_t{1});
}

const Op log_determinant_op = composite("log_determinant", {nullptr, log_determinant_pullback});

}  // namespace

Var cholesky(const Operand& a) { return record(cholesky_op, a); }

Var solve_triangular(const Operand& a, const Operand& b, const TriangularOptions& options) {
  const OpScope scope("solve_triangular", a.line());
  const System system = system_of("solve_triangular", a, b);
  return system.solution(record(solve_triangular_op, system.a, system.b, attribute_of(options)));
}

Var solve(const Operand& a, const Operand& b) {
  const OpScope scope("solve", a.line());
  const System system = system_of("solve", a, b);
  return system.solution(record(solve_op, system.a, record(lu_op, system.a), system.b, std::uint64_t{0}));
}

Var inverse(const Operand& a) {
  const OpScope scope("inverse", a.line());
  const Var value = as_var(a, "inverse"), factors = record(lu_op, value);
  return record(solve_op, value, factors, identity_beside(value), std::uint64_t{0});
}

Var log_determinant(const Operand& a) {
  const OpScope scope("log_determinant", a.line());
  const Var value = as_var(a, "log_determinant"), factors = record(lu_op, value);
  const Var inputs[] = {sum(log(abs(diagonal(factors, 0, -2, -1))), -1), value, factors};
  return record(log_determinant_op, inputs, 0, a.line());
}

}  // namespace thalweg
