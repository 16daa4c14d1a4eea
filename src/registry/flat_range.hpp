#pragma once
// Norm and check of a registry's gradients without a tape: for norms that overflow the dtype or are not finite.

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "src/registry/core.hpp"

namespace thalweg::internal {

struct FlatRange {
  std::int64_t offset, elements;  // in elements of the flat buffers
};

/// The Euclidean norm of the gradients in the ranges, in f64 and without intermediate overflow or underflow.
double gradient_norm(const RegistryCore& core, std::span<const FlatRange> ranges);

/// The first gradient that is inf or NaN, as text: `the gradient of "w" is nan at (1, 2)`. None if all are finite.
std::optional<std::string> find_non_finite_gradient(const RegistryCore& core, std::span<const FlatRange> ranges);

}  // namespace thalweg::internal
