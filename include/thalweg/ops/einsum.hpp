#pragma once
#include <span>
#include <string_view>

#include <thalweg/op.hpp>

namespace thalweg {

/// Sums of products in Einstein's notation, as NumPy's einsum: a letter for each axis of each operand and, behind `->`, of the
/// result; the product is summed over the letters that the result lacks.
///
///   einsum("ij,jk->ik", a, b)        a matrix product
///   einsum("bqhd,bkhd->bhqk", q, k)  attention scores
///   einsum("ij->j", a)               a sum over the rows
///   einsum("ii->i", a)               a diagonal
///
/// Without `->` the result has the letters that stand once, in alphabetical order. Operands are joined from left to right, two
/// at a time, each pair as one matrix product where there is something to sum; any dtype, those of two operands as `matmul` and
/// `multiply` have them. d/doperand: the einsum of the gradient with the others.
/// ValueError for letters that do not belong to the operands; ShapeError where an operand has not as many axes as letters, or
/// a letter several sizes. There is no ellipsis.
Var einsum(std::string_view letters, const Operand& a);
Var einsum(std::string_view letters, const Operand& a, const Operand& b);
Var einsum(std::string_view letters, const Operand& a, const Operand& b, const Operand& c);
Var einsum(std::string_view letters, std::span<const Var> operands, SourceLine line = SourceLine::here());

}  // namespace thalweg
