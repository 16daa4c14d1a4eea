#pragma once
#include <thalweg/op.hpp>

namespace thalweg {

/// Uniform numbers in [0, 1). They depend only on (seed, stream, draw number, position). The draw number is taken when
/// the node is recorded, so every evaluation of the node gives the same numbers, on any number of threads.
/// The compiler chooses the order of two draws within one expression: write each in its own statement.
Var uniform(const Shape& shape, Random& random, DType dtype = DType::f32, SourceLine line = SourceLine::here());
/// Standard normal numbers.
Var normal(const Shape& shape, Random& random, DType dtype = DType::f32, SourceLine line = SourceLine::here());
/// Bools: each element is true with the given probability (0: none, 1: all). In arithmetic a mask counts as 0 and 1. It
/// has no gradient. ValueError if the probability is not in [0, 1].
Var bernoulli(const Shape& shape, double probability, Random& random, SourceLine line = SourceLine::here());
/// The same with one probability per element, f32 or f64. A probability outside [0, 1] is an error when the draw is
/// computed.
Var bernoulli(const Operand& probabilities, Random& random);
/// 0, 1, …, count − 1 in a random order, each order equally likely: i64, (count,). `gather(x, permutation(n, random))`
/// shuffles the rows of x. ValueError for a negative count.
Var permutation(std::int64_t count, Random& random, SourceLine line = SourceLine::here());

}  // namespace thalweg
