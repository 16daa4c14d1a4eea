#pragma once
#include <initializer_list>
#include <span>

#include <thalweg/op.hpp>
#include <thalweg/registry.hpp>

namespace thalweg {

/// Softmax cross entropy, the mean over rows of −Σ target·ln softmax(logits), logits (n, classes).
/// `targets`: i64 labels (n,), or probabilities (n, classes). ln Σ eˣ is taken of logits less their maximum, and a target
/// of exactly 0 removes its term. d/dlogits = (softmax·Σtarget − target)/n.
/// IndexError for a label outside [0, classes), naming its place; ShapeError where the shapes do not belong together.
Var softmax_cross_entropy(const Operand& logits, const Operand& targets);
/// The mean over all elements of (prediction − target)².
Var mean_squared_error(const Operand& prediction, const Operand& target);
/// ½λ Σ W² over all the given parameters. d/dW = λW. ValueError where λ is negative or not finite.
Var l2_penalty(std::initializer_list<Parameter> parameters, double lambda, SourceLine line = SourceLine::here());
Var l2_penalty(std::span<const Parameter> parameters, double lambda, SourceLine line = SourceLine::here());

}  // namespace thalweg
