#pragma once
#include <thalweg/tape.hpp>

namespace thalweg {

namespace internal {
/// var.value(), for a tape that will not be asked for it again.
Tensor last_value(const Var& var, SourceLine line);
}  // namespace internal

/// Computes a value without a surrounding tape: `Tensor t = compute([&] { return softmax(scores); });`. The function
/// runs on a tape of its own, in the evaluation phase unless `options` say otherwise.
template <class Function>
Tensor compute(const Function& function, const TapeOptions& options = {.phase = Phase::evaluation},
               const char* file = __builtin_FILE(), unsigned line = __builtin_LINE()) {
  const Tape tape(options);
  const Var result = function();
  return internal::last_value(result, {file, line});
}

}  // namespace thalweg
