#pragma once
#include <thalweg/op.hpp>

namespace thalweg {

/// Uniform numbers in [0, 1). They depend on (seed, stream, draw number, place) alone: the draw number is taken when the
/// node is recorded, so the same numbers come again in every reading of the node, on any number of threads.
/// Draws that stand beside each other in one expression take their numbers in the compiler's order: give each a statement.
Var uniform(const Shape& shape, Random& random, DType dtype = DType::f32, SourceLine line = SourceLine::here());
/// Standard normal numbers.
Var normal(const Shape& shape, Random& random, DType dtype = DType::f32, SourceLine line = SourceLine::here());
/// Bool: each element holds with the given probability (0: none, 1: all). A mask times numbers counts as 0 and 1. It has no
/// gradient. ValueError where the probability is not in [0, 1].
Var bernoulli(const Shape& shape, double probability, Random& random, SourceLine line = SourceLine::here());
/// The same with a probability for each element, f32 or f64, of which one that is not in [0, 1] is an error when the draw is
/// computed.
Var bernoulli(const Operand& probabilities, Random& random);
/// 0, 1, …, count − 1 in a random order, each order equally likely: i64, (count,). `gather(x, permutation(n, random))` has
/// the rows of x in that order. ValueError for a negative count.
Var permutation(std::int64_t count, Random& random, SourceLine line = SourceLine::here());

}  // namespace thalweg
