#include <thalweg/ops/matmul.hpp>

#include <fmt/format.h>

namespace thalweg {

namespace {

constexpr std::uint64_t none = 0;

NodeType matmul_shape(const Inference& inference) {
  const Shape &a = inference.shape(0), &b = inference.shape(1);
  if (a.rank() != 2 || b.rank() != 2)
    inference.fail_shape(fmt::format("both factors must have two dimensions: lhs {}, rhs {}", to_string(a), to_string(b)));
  const NodeType factors[2] = {inference.input(0), inference.input(1)};
  const DType left = factors[0].dtype, right = factors[1].dtype;
  if (left != right)
    inference.fail_dtype(fmt::format("dtypes differ: lhs {}, rhs {}; cast one of them", name(left), name(right)));
  if (!is_floating(left)) inference.fail_dtype(fmt::format("{} has no matrix product; cast to f32 or f64 first", name(left)));
  const bool transpose_a = inference.attribute() & transpose_a_bit, transpose_b = inference.attribute() & transpose_b_bit;
  const std::int64_t inner_a = a[transpose_a ? 0 : 1], inner_b = b[transpose_b ? 1 : 0];
  if (inner_a != inner_b)
    inference.fail_shape(fmt::format("inner dimensions differ: lhs {}, rhs {}", to_string(a), to_string(b)));
  return {Shape{a[transpose_a ? 1 : 0], b[transpose_b ? 0 : 1]}, left, false};
}

Var pullback_a(const Pullback& p);
Var pullback_b(const Pullback& p);
Var pullback_start(const Pullback& p) { return p.gradient; }

const Op matmul_op{.name = "matmul",
                   .kind = Kind::contraction,
                   .shape_rule = matmul_shape,
                   .pullbacks = {pullback_a, pullback_b, pullback_start}};

/// op(A) = A: Ā = Ḡ·op(B)ᵀ; op(A) = Aᵀ: Ā = op(B)·Ḡᵀ.
Var pullback_a(const Pullback& p) {
  const bool transposed_a = p.attribute & transpose_a_bit, transposed_b = p.attribute & transpose_b_bit;
  if (transposed_a)
    return record(matmul_op, p.input(1), p.gradient, (transposed_b ? transpose_a_bit : none) | transpose_b_bit);
  return record(matmul_op, p.gradient, p.input(1), transposed_b ? none : transpose_b_bit);
}

/// op(B) = B: B̄ = op(A)ᵀ·Ḡ; op(B) = Bᵀ: B̄ = Ḡᵀ·op(A).
Var pullback_b(const Pullback& p) {
  const bool transposed_a = p.attribute & transpose_a_bit, transposed_b = p.attribute & transpose_b_bit;
  if (transposed_b)
    return record(matmul_op, p.gradient, p.input(0), transpose_a_bit | (transposed_a ? transpose_b_bit : none));
  return record(matmul_op, p.input(0), p.gradient, transposed_a ? none : transpose_a_bit);
}

}  // namespace

Var matmul(const Operand& a, const Operand& b) { return record(matmul_op, a, b); }

}  // namespace thalweg
