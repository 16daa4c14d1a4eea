#pragma once
#include <thalweg/op.hpp>

namespace thalweg {

/// Uniform numbers in [0, 1). They depend on (seed, stream, draw number, place) alone: the draw number is taken when the
/// node is recorded, so the same numbers come again in every reading of the node, on any number of threads.
/// Draws that stand beside each other in one expression take their numbers in the compiler's order: give each a statement.
Var uniform(const Shape& shape, Random& random, DType dtype = DType::f32, SourceLine line = SourceLine::here());
/// Standard normal numbers.
Var normal(const Shape& shape, Random& random, DType dtype = DType::f32, SourceLine line = SourceLine::here());

}  // namespace thalweg
