#pragma once
// The norm with which LAMB and Muon scale steps.

#include <thalweg/ops/arithmetic.hpp>
#include <thalweg/ops/reduction.hpp>

namespace thalweg {

/// √Σx² over all elements, 0 if all of them are. x is first divided by its largest magnitude, so that nothing overflows
/// or underflows. (The op `norm` does the same with a gradient, which a step does not need.)
inline Var euclidean_norm(const Var& x) {
  const Var largest = max(abs(x));
  const Var unit = where(equal(largest, 0), 1., largest);
  return largest * sqrt(sum(square(x / unit)));
}

}  // namespace thalweg
