#pragma once
// Stretches of a registry's gradients, looked at outside a tape: where a norm does not fit its dtype, or is not a number.

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "src/registry/core.hpp"

namespace thalweg::internal {

struct FlatRange {
  std::int64_t offset, elements;  // in elements of the flat buffers
};

/// The Euclidean norm of the gradients there, without overflow or underflow on the way; in f64, whatever their dtype.
double gradient_norm(const RegistryCore& core, std::span<const FlatRange> ranges);

/// The first gradient that is inf or NaN, as text: `the gradient of "w" is nan at (1, 2)`. None where all are finite.
std::optional<std::string> find_non_finite_gradient(const RegistryCore& core, std::span<const FlatRange> ranges);

}  // namespace thalweg::internal
