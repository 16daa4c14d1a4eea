#pragma once
// For mutation testing (tests/mutate): breaks the engine on purpose, to verify that a test fails.

#include <thalweg/op.hpp>

namespace thalweg::internal {

class Mutation {
 public:
  /// Replaces `term`, the result of a gradient rule of `op`.
  virtual Var pulled_back(const Op& op, const Pullback& pullback, const Var& term) = 0;
  /// A unary opaque op to apply to the value of each node of `op`; null: none.
  virtual const Op* applied_after(const Op& op) = 0;

 protected:
  ~Mutation() = default;
};

/// Null except in mutation testing. Plans and backward passes made before it is set are not affected.
inline Mutation* mutation = nullptr;

}  // namespace thalweg::internal
