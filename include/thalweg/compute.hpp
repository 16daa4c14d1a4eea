#pragma once
#include <thalweg/tape.hpp>

namespace thalweg {

namespace internal {
/// The value of function(object), recorded on a tape of its own.
Tensor compute(Var (*function)(const void* object), const void* object, const TapeOptions& options, SourceLine line);

inline constexpr TapeOptions evaluation{.phase = Phase::evaluation};
}  // namespace internal

/// Computes a value without a surrounding tape: `Tensor t = compute([&] { return softmax(scores); });`. The function
/// runs on a tape of its own, in the evaluation phase unless `options` say otherwise.
template <class Function>
Tensor compute(const Function& function, const TapeOptions& options = internal::evaluation,
               const char* file = __builtin_FILE(), unsigned line = __builtin_LINE()) {
  const auto record = [&]() -> Var { return function(); };
  const auto call = [](const void* object) { return (*static_cast<decltype(&record)>(object))(); };
  return internal::compute(call, &record, options, {file, line});
}

}  // namespace thalweg
