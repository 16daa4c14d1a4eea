#pragma once
#include <functional>

#include <thalweg/tape.hpp>
#include <thalweg/tensor.hpp>
#include <thalweg/train/dataset.hpp>

namespace thalweg {

/// The fraction of rows of `logits` (f32 or f64, (count, classes)) whose largest element is at the row's label (i64,
/// (count,)). Of equal elements the first counts; NaN counts as the largest. NaN if there are no rows.
/// ShapeError or DtypeError if the two do not match.
double accuracy(const Tensor& logits, const Tensor& labels, SourceLine line = SourceLine::here());

namespace internal {
double accuracy_of(const std::function<Var(const Tensor&)>& model, const Batch& samples, SourceLine line);
}

/// The accuracy on `samples` of `model`, a function from images to logits; in batches, in the evaluation phase.
template <class Model>
requires std::is_invocable_r_v<Var, const Model&, const Tensor&>
double accuracy(const Model& model, const Batch& samples, SourceLine line = SourceLine::here()) {
  return internal::accuracy_of([&](const Tensor& images) -> Var { return model(images); }, samples, line);
}

}  // namespace thalweg
