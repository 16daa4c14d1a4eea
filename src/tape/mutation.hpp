#pragma once
// For the tests' mutation run (tests/mutate): the engine made wrong on purpose, to see that a test notices.

#include <thalweg/op.hpp>

namespace thalweg::internal {

class Mutation {
 public:
  /// In place of `term`, which the gradient rule of `op` gave.
  virtual Var pulled_back(const Op& op, const Pullback& pullback, const Var& term) = 0;
  /// An opaque op of one input that is applied to what each node of `op` computes; null: none.
  virtual const Op* applied_after(const Op& op) = 0;

 protected:
  ~Mutation() = default;
};

/// Null but for the mutation run. Plans and backward passes that were made before it is set do not see it.
inline Mutation* mutation = nullptr;

}  // namespace thalweg::internal
