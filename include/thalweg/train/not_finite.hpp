#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include <thalweg/registry.hpp>
#include <thalweg/tape.hpp>

namespace thalweg {

/// Where a computation first leaves the finite numbers.
struct NotFinite {
  std::string op;            // "matmul", or "parameter" with its name
  std::string scope;         // "affine3"; empty outside of layers
  std::string place;         // "network.hpp:31": the line of the program that recorded the node
  bool in_backward = false;  // the node was made by differentiating the one of that line
  bool is_nan = false;       // else an infinity
  std::int64_t step = 0;     // of a Trainer, from 1; 0 elsewhere
};

/// "step 3: NaN first in subtract at loss.cpp:12 (affine3), in the backward pass"
std::string to_string(const NotFinite& origin);

/// Records `loss` and its backward pass on a tape of their own and looks at every value in the order of recording. Nothing
/// where all are finite. The gradients of what the loss reaches are filled anew; parameters of `registry` that are not
/// trainable keep the values they have. Draws of a Random move on.
std::optional<NotFinite> first_not_finite(ParameterRegistry& registry, const std::function<Var()>& loss);

/// Whether the gradients that the last `backward` filled are all finite.
bool gradients_are_finite(const ParameterRegistry& registry);

}  // namespace thalweg
