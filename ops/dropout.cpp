#include <fmt/format.h>

#include <thalweg/ops/arithmetic.hpp>
#include <thalweg/ops/normalization.hpp>
#include <thalweg/ops/random.hpp>

#include "ops/errors.hpp"
#include "src/tape/recorder.hpp"

namespace thalweg {

Var dropout(const Operand& x, double probability, Random& random, DropoutForm form) {
  const OpScope scope("dropout", x.line());
  if (!is_probability(probability))
    fail<ValueError>("dropout", fmt::format("the probability is {}; it must be in [0, 1]", probability), x.line());
  const Var value = floating_value("dropout", x);
  if (internal::Recorder::require("dropout", x.line()).phase() == Phase::evaluation)
    return form == DropoutForm::inverted ? value : value * (1 - probability);
  // Uniform numbers are in [0, 1): a probability of 0 keeps all elements, 1 keeps none.
  const Var kept = where(uniform(value.shape(), random, value.dtype(), x.line()) >= probability, value, 0);
  if (form == DropoutForm::book) return kept;
  return kept * (probability < 1 ? 1 / (1 - probability) : 0);
}

}  // namespace thalweg
