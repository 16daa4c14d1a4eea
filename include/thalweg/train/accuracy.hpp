#pragma once
#include <thalweg/tensor.hpp>

namespace thalweg {

/// The share of rows of `logits` (f32 or f64, (count, classes)) whose largest element stands at the row's label (i64,
/// (count,)). Of equal elements the first counts; a NaN counts as the largest. NaN for no rows.
/// ShapeError, DtypeError: where the two do not fit together.
double accuracy(const Tensor& logits, const Tensor& labels, SourceLine line = SourceLine::here());

}  // namespace thalweg
