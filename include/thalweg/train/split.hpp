#pragma once
#include <functional>
#include <optional>

#include <thalweg/random.hpp>
#include <thalweg/train/dataset.hpp>

namespace thalweg {

struct Split {
  Dataset train, held_out;
};

struct SplitOptions {
  double held_out = 0.2;  // the share that is held out, rounded to a whole number of samples
  /// Which samples: drawn by its next draw number; without it, the last ones.
  std::optional<std::reference_wrapper<Random>> random = std::nullopt;
};

/// Two data sets out of one, with each sample in one of them: for validation, or for a test.
/// ValueError for a share outside (0, 1), or one that leaves either of them empty.
Split split(const Dataset& dataset, const SplitOptions& options = {}, SourceLine line = SourceLine::here());

/// The same samples in a random order, drawn by the next draw number of `random`.
Dataset shuffled(const Dataset& dataset, Random& random);

}  // namespace thalweg
