#pragma once
#include <thalweg/tape.hpp>

namespace thalweg {

/// A value without a tape around it: `Tensor t = compute([&] { return softmax(scores); });`. The function runs on a tape of
/// its own, in the evaluation phase unless the options say otherwise.
template <class Function>
Tensor compute(const Function& function, const TapeOptions& options = {.phase = Phase::evaluation},
               const char* file = __builtin_FILE(), unsigned line = __builtin_LINE()) {
  const Tape tape(options);
  const Var result = function();
  return result.value(file, line);
}

}  // namespace thalweg
