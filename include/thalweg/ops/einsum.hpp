#pragma once
#include <span>
#include <string_view>

#include <thalweg/op.hpp>

namespace thalweg {

/// Sums of products in Einstein notation, as NumPy's einsum: one letter per axis of each operand and, after `->`, of
/// the result. The product is summed over the letters that are not in the result.
///
///   einsum("ij,jk->ik", a, b)        a matrix product
///   einsum("bqhd,bkhd->bhqk", q, k)  attention scores
///   einsum("ij->j", a)               a sum over the rows
///   einsum("ii->i", a)               a diagonal
///   einsum("...ij,j->...i", a, b)    matrices in any number of batch axes
///
/// Without `->` the result has the letters that occur once, in alphabetical order. `...` stands for any number of axes,
/// which broadcast, and come first in a result that is not given. Operands are combined from left to
/// right, two at a time, as a matrix product if there is something to sum. A single operand may have any dtype; for
/// several the rules of `matmul` and `multiply` apply. d/doperand: the einsum of the gradient with the other operands.
/// ValueError for letters that do not match the operands; ShapeError if an operand's rank differs from its number of
/// letters, or a letter has several sizes.
Var einsum(std::string_view letters, const Operand& a);
Var einsum(std::string_view letters, const Operand& a, const Operand& b);
Var einsum(std::string_view letters, const Operand& a, const Operand& b, const Operand& c);
Var einsum(std::string_view letters, std::span<const Var> operands, SourceLine line = SourceLine::here());

}  // namespace thalweg
