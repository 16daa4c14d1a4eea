#pragma once
// The norm that LAMB and Muon measure steps by.

#include <thalweg/ops/arithmetic.hpp>
#include <thalweg/ops/reduction.hpp>

namespace thalweg {

/// √Σx² over all elements, 0 where all of them are. x is divided by its largest magnitude first, so that nothing overflows or
/// underflows on the way. (The op `norm` does the same with a gradient, which a step does not need.)
inline Var euclidean_norm(const Var& x) {
  const Var largest = max(abs(x));
  const Var unit = where(equal(largest, 0), 1., largest);
  return largest * sqrt(sum(square(x / unit)));
}

}  // namespace thalweg
