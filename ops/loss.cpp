#include <thalweg/ops/loss.hpp>

#include <cmath>
#include <limits>

#include <fmt/format.h>

#include <thalweg/ops/arithmetic.hpp>
#include <thalweg/ops/exponential.hpp>
#include <thalweg/ops/indexing.hpp>
#include <thalweg/ops/reduction.hpp>
#include <thalweg/ops/shape.hpp>
#include <thalweg/differentiate.hpp>

#include "ops/composite.hpp"

namespace thalweg {

namespace {

// A row's cross entropy. Inputs: the composed result (n, 1), logits, exponentials of logits less their maximum, their sum
// (n, 1), and where the label is (bool) or the probabilities.

Var labels_pullback(const Pullback& p) {
  const Var share = p.input(2) / p.input(3);
  return chain(p.gradient, where(p.input(4), share - 1, share));
}

Var distribution_pullback(const Pullback& p) {
  const Var &target = p.input(4);
  return chain(p.gradient, p.input(2) / p.input(3) * sum(target, 1, true) - target);
}

const Op labels_op = composite("cross_entropy", {nullptr, labels_pullback});
const Op distribution_op = composite("cross_entropy", {nullptr, distribution_pullback});

}  // namespace

Var softmax_cross_entropy(const Operand& logits, const Operand& targets) {
  const SourceLine line = logits.line();
  const Scope scope("softmax_cross_entropy", line);
  const Var scores = as_var(logits), target = as_var(targets);
  if (scores.rank() != 2)
    throw ShapeError(error_text("softmax_cross_entropy", fmt::format("logits must be (n, classes), they are {}", to_string(scores.shape())), line));
  const std::int64_t classes = scores.shape()[1];
  const bool by_label = target.rank() == 1 && target.dtype() == DType::i64;
  if (by_label ? target.shape()[0] != scores.shape()[0] : !(target.shape() == scores.shape()))
    throw ShapeError(error_text("softmax_cross_entropy",
                                fmt::format("targets {} {} do not belong to logits {}: i64 labels (n,) or probabilities (n, classes) are wanted",
                                            name(target.dtype()), to_string(target.shape()), to_string(scores.shape())),
                                line));
  // Before the pass over the logits, which would be cut in two otherwise.
  const Var labels = by_label ? unsqueeze(internal::checked_labels(target, classes, line), 1) : Var();
  const Var largest = stop_gradient(max(scores, 1, true));
  const Var infinite = literal(std::numeric_limits<double>::infinity());
  const Var shifted = scores - where(abs(largest) == infinite, 0, largest);
  const Var exponentials = exp(shifted);
  const Var total = sum(exponentials, 1, true);
  Var rows;
  if (by_label) {
    const Var is_label = cast(labels, scores.dtype()) == column_index(classes);
    const Var composed = log(total) - sum(where(is_label, shifted, 0), 1, true);
    const Var inputs[5] = {composed, scores, exponentials, total, is_label};
    rows = record(labels_op, inputs, 0, line);
  } else {
    const Var composed = sum(where(target == 0, 0, target * (log(total) - shifted)), 1, true);
    const Var inputs[5] = {composed, scores, exponentials, total, target};
    rows = record(distribution_op, inputs, 0, line);
  }
  return mean(rows);
}

Var mean_squared_error(const Operand& prediction, const Operand& target) {
  const Scope scope("mean_squared_error", prediction.line());
  return mean(square(subtract(prediction, target)));
}

Var l2_penalty(std::span<const Parameter> parameters, double lambda, SourceLine line) {
  const Scope scope("l2_penalty", line);
  if (!(lambda >= 0) || std::isinf(lambda))
    throw ValueError(error_text("l2_penalty", fmt::format("lambda is {}; it must be 0 or more, and finite", lambda), line));
  if (parameters.empty()) throw ValueError(error_text("l2_penalty", "there are no parameters", line));
  Var total;
  for (const Parameter& parameter : parameters) {
    const Var squares = sum(square(parameter));
    total = total.empty() ? squares : total + squares;
  }
  return total * (lambda / 2);
}

Var l2_penalty(std::initializer_list<Parameter> parameters, double lambda, SourceLine line) {
  return l2_penalty(std::span<const Parameter>(parameters.begin(), parameters.size()), lambda, line);
}

}  // namespace thalweg
