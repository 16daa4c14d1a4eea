#include <thalweg/ops/matmul.hpp>

#include <algorithm>

#include <fmt/format.h>

#include <thalweg/ops/arithmetic.hpp>
#include <thalweg/ops/shape.hpp>
#include <thalweg/precision.hpp>

#include "ops/axes.hpp"
#include "src/core_ops/core_ops.hpp"
#include "src/tape/recorder.hpp"

namespace thalweg {

namespace {

constexpr std::uint64_t none = 0;

bool broadcast(const Shape& a, const Shape& b, Dimensions& dimensions, int rank) {
  for (int axis = 0; axis + 2 < rank; ++axis) {
    const int in_a = axis - (rank - a.rank()), in_b = axis - (rank - b.rank());
    const std::int64_t of_a = in_a < 0 ? 1 : a[in_a], of_b = in_b < 0 ? 1 : b[in_b];
    if (of_a != of_b && of_a != 1 && of_b != 1) return false;
    dimensions[axis] = of_a == 1 ? of_b : of_a;
  }
  return true;
}

NodeType matmul_shape(const Inference& inference) {
  const Shape &a = inference.shape(0), &b = inference.shape(1);
  const DType left = inference.input(0).dtype, right = inference.input(1).dtype;
  if (left != right)
    inference.fail_dtype(fmt::format("dtypes differ: lhs {}, rhs {}; cast one of them", name(left), name(right)));
  if (!is_floating(left))
    inference.fail_dtype(fmt::format("{} has no matrix product; cast to f32 or f64 first", name(left)));
  const bool transpose_a = inference.attribute() & transpose_a_bit,
             transpose_b = inference.attribute() & transpose_b_bit;
  const int rank = std::max(a.rank(), b.rank());
  const std::int64_t inner_a = a[a.rank() - (transpose_a ? 2 : 1)], inner_b = b[b.rank() - (transpose_b ? 1 : 2)];
  if (inner_a != inner_b)
    inference.fail_shape(fmt::format("inner dimensions differ: lhs {}, rhs {}", to_string(a), to_string(b)));
  Dimensions dimensions{};
  if (!broadcast(a, b, dimensions, rank))
    inference.fail_shape(fmt::format("batch dimensions do not broadcast: lhs {}, rhs {}", to_string(a), to_string(b)));
  dimensions[rank - 2] = a[a.rank() - (transpose_a ? 1 : 2)];
  dimensions[rank - 1] = b[b.rank() - (transpose_b ? 2 : 1)];
  return {make_shape(dimensions, rank), left, false};
}

Var pullback_a(const Pullback& p);
Var pullback_b(const Pullback& p);
Var pullback_start(const Pullback& p) { return p.gradient; }

const Op matmul_op{.name = "matmul",
                   .kind = Kind::contraction,
                   .shape_rule = matmul_shape,
                   .pullbacks = {pullback_a, pullback_b, pullback_start}};

/// A gradient's attribute: which factors are transposed, and the precision of the product.
std::uint64_t in_precision_of(const Pullback& p, std::uint64_t transposes) {
  return transposes | (p.attribute & medium_precision_bit);
}

/// op(A) = A: Ā = Ḡ·op(B)ᵀ; op(A) = Aᵀ: Ā = op(B)·Ḡᵀ.
Var pullback_a(const Pullback& p) {
  const bool transposed_a = p.attribute & transpose_a_bit, transposed_b = p.attribute & transpose_b_bit;
  if (transposed_a)
    return record(matmul_op, p.input(1), p.gradient,
                  in_precision_of(p, (transposed_b ? transpose_a_bit : none) | transpose_b_bit));
  return record(matmul_op, p.gradient, p.input(1), in_precision_of(p, transposed_b ? none : transpose_b_bit));
}

/// op(B) = B: B̄ = op(A)ᵀ·Ḡ; op(B) = Bᵀ: B̄ = Ḡᵀ·op(A).
Var pullback_b(const Pullback& p) {
  const bool transposed_a = p.attribute & transpose_a_bit, transposed_b = p.attribute & transpose_b_bit;
  if (transposed_b)
    return record(matmul_op, p.gradient, p.input(0),
                  in_precision_of(p, transpose_a_bit | (transposed_a ? transpose_b_bit : none)));
  return record(matmul_op, p.input(0), p.gradient, in_precision_of(p, transposed_a ? none : transpose_a_bit));
}

/// Checks the operands in terms of the user's shapes, before vectors become matrices and batches become rows.
void check_factors(const Var& a, const Var& b, SourceLine line) {
  const Shape &left = a.shape(), &right = b.shape();
  const auto both = [&] { return fmt::format("lhs {}, rhs {}", to_string(left), to_string(right)); };
  if (left.rank() == 0 || right.rank() == 0) fail<ShapeError>("matmul", "a factor has no dimensions: " + both(), line);
  if (left.back() != right[right.rank() == 1 ? 0 : right.rank() - 2])
    fail<ShapeError>("matmul", "inner dimensions differ: " + both(), line);
}

/// (…, m, k) by (k, n), as one product of all rows.
Var by_one_matrix(const Var& a, const Var& b, std::uint64_t attribute) {
  Dimensions dimensions{};
  const Shape shape = a.shape();
  std::copy(shape.begin(), shape.end(), dimensions.begin());
  std::int64_t rows = 1;
  for (int axis = 0; axis + 1 < shape.rank(); ++axis) rows *= shape[axis];
  dimensions[shape.rank() - 1] = b.shape()[1];
  const Var product = record(matmul_op, internal::reshape(a, Shape{rows, shape.back()}), b, attribute);
  return internal::reshape(product, make_shape(dimensions, shape.rank()));
}

Var vector_checked(const char* op, const Operand& x) {
  const Var value = as_var(x, op);
  if (value.rank() != 1)
    fail<ShapeError>(op, fmt::format("shape {} is not a vector", to_string(value.shape())), x.line());
  return value;
}

/// `attribute` is the precision for f32.
Var matmul_first_time(const Op&, const Operand& a, const Operand& b, std::uint64_t attribute) {
  const Var lhs = as_var(a, "matmul"), rhs = as_var(b, "matmul");
  if (lhs.dtype() != DType::f32) attribute = none;
  const auto product_of = [&](const Var& left, const Var& right) {
    return record(matmul_op, Operand(left, a.line()), right, attribute);
  };
  if (lhs.rank() == 2 && rhs.rank() == 2) return product_of(lhs, rhs);
  check_factors(lhs, rhs, a.line());
  const bool row = lhs.rank() == 1, column = rhs.rank() == 1, is_by_one = lhs.rank() > 2 && rhs.rank() <= 2;
  if (!row && !column && !is_by_one) return product_of(lhs, rhs);
  const OpScope scope("matmul", a.line());
  const Var left = row ? unsqueeze(lhs, 0) : lhs, right = column ? unsqueeze(rhs, 1) : rhs;
  Var product = is_by_one ? by_one_matrix(left, right, attribute) : product_of(left, right);
  if (row) product = squeeze(product, -2);
  if (column) product = squeeze(product, -1);
  return product;
}

inline Var product(const Operand& a, const Operand& b, Precision precision) {
  const std::uint64_t attribute = precision == Precision::medium ? medium_precision_bit : none;
  return internal::Recorder::record(matmul_op, a, b, attribute, matmul_first_time);
}

}  // namespace

Var matmul(const Operand& a, const Operand& b) { return product(a, b, matmul_precision()); }
Var matmul(const Operand& a, const Operand& b, Precision precision) { return product(a, b, precision); }

Var dot(const Operand& a, const Operand& b) {
  const OpScope scope("dot", a.line());
  const Var lhs = vector_checked("dot", a), rhs = vector_checked("dot", b);
  if (lhs.size() != rhs.size())
    fail<ShapeError>("dot",
                     fmt::format("the lengths differ: lhs {}, rhs {}", to_string(lhs.shape()), to_string(rhs.shape())),
                     a.line());
  return matmul(lhs, rhs);
}

Var outer(const Operand& a, const Operand& b) {
  const OpScope scope("outer", a.line());
  return unsqueeze(vector_checked("outer", a), 1) * vector_checked("outer", b);
}

}  // namespace thalweg
