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
  double held_out = 0.2;  // fraction of samples to hold out, rounded to an integer number
  /// Chooses the samples with its next draw number; without it, the last ones are held out.
  std::optional<std::reference_wrapper<Random>> random = std::nullopt;
};

/// Splits a data set in two, for validation or testing.
/// ValueError for a fraction outside (0, 1), or one that leaves either part empty.
Split split(const Dataset& dataset, const SplitOptions& options = {}, SourceLine line = SourceLine::here());

/// The same samples in a random order, given by the next draw number of `random`.
Dataset shuffled(const Dataset& dataset, Random& random);

}  // namespace thalweg
