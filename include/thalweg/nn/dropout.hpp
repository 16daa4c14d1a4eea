#pragma once
#include <thalweg/error.hpp>
#include <thalweg/ops/normalization.hpp>

namespace thalweg {

/// The op `dropout` as a layer: each call in the training phase makes a new draw from `random`, which must outlive the
/// layer and its copies.
class Dropout {
 public:
  /// ValueError for a probability outside [0, 1].
  Dropout(double probability, Random& random, DropoutForm form = DropoutForm::inverted,
          SourceLine line = SourceLine::here());

  Var operator()(const Operand& x) const { return dropout(x, probability_, *random_, form_); }

 private:
  double probability_;
  Random* random_;
  DropoutForm form_;
};

}  // namespace thalweg
