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

/// An index along `axis`, drawn with the probabilities softmax(logits): i64, of the logits' shape without that axis. Logits
/// of −inf are never drawn. For probabilities: categorical(log(p), random). The largest of logits − ln(−ln u), with u
/// uniform (Gumbel, Statistical Theory of Extreme Values, 1954). IndexError for an axis out of range, ShapeError for one
/// without elements; DtypeError for i64 and bool.
Var categorical(const Operand& logits, Random& random, int axis = -1);

}  // namespace thalweg
