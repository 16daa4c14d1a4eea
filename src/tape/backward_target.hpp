#pragma once
// The gradients that a backward pass is to fill, and where.

#include <vector>

namespace thalweg::internal {

class RegistryCore;

struct BackwardTarget {
  RegistryCore* registry = nullptr;  // null: every registry that the loss depends on
  const std::vector<int>* selection = nullptr;
  void* buffer = nullptr;  // of a Gradients; null: the registry's own gradients
};

inline constexpr BackwardTarget all_registries{};

}  // namespace thalweg::internal
