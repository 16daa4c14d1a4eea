#pragma once
// Hyperparameter search: random (Bergstra and Bengio, JMLR 13, 2012) or on a grid, with trials in parallel.
//
//   SearchSpace space;
//   space.log_uniform("learning_rate", 1e-6, 1e-2).log_uniform("weight_decay", 1e-8, 1e-4);
//   const Search search = random_search(space, {.trials = 100, .seed = 0}, [&](const Candidate& candidate) {
//     …train with candidate["learning_rate"]…
//     return TrialResult{.score = validation_accuracy};
//   });
//   search.ranked.front()["learning_rate"]

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <thalweg/error.hpp>
#include <thalweg/random.hpp>

namespace thalweg {

enum class Scale : std::uint8_t { linear, log };

struct SearchRange {
  std::string name;
  double low = 0, high = 1;
  Scale scale = Scale::linear;
};

/// What to search: one range per hyperparameter.
class SearchSpace {
 public:
  /// ValueError for an empty or taken name, a name with a tab or line break, bounds that are not finite or out of
  /// order, or a logarithmic range that is not above 0.
  SearchSpace& uniform(const std::string& name, double low, double high, SourceLine line = SourceLine::here());
  SearchSpace& log_uniform(const std::string& name, double low, double high, SourceLine line = SourceLine::here());

  const std::vector<SearchRange>& ranges() const { return ranges_; }

 private:
  SearchSpace& add(const SearchRange& range, SourceLine line);

  std::vector<SearchRange> ranges_;
};

/// One set of hyperparameters to try.
struct Candidate {
  std::int64_t number = 0;
  std::uint64_t seed = 0;  // of the search
  std::vector<std::pair<std::string, double>> values;

  /// ValueError for a name that is not in the space.
  double operator[](std::string_view name) const;
  /// A separate source of random numbers for this trial.
  Random random() const;
};

struct TrialResult {
  double score = 0;                                                      // NaN ranks last
  std::vector<std::pair<std::string, std::vector<double>>> curves = {};  // saved in the log with the score
};

struct Trial : Candidate {
  TrialResult result;
};

struct SearchOptions {
  std::int64_t trials = 100;  // of a random search
  std::uint64_t seed = 0;
  bool is_maximized = true;  // whether the highest score is best, not the lowest
  /// A text file with one line per trial, written when the trial ends. A search resumes from its own log.
  std::filesystem::path log = {};
};

struct Search {
  std::vector<Trial> ranked;  // best first; equal scores by number
  std::int64_t resumed = 0;   // how many of them came from the log
  std::int64_t missing = 0;   // not run because of an interrupt
};

using TrialFunction = std::function<TrialResult(const Candidate&)>;

/// Tries `options.trials` random candidates, as many at a time as there are threads. A candidate's values are a
/// function of (seed, number, name), independent of the number of trials and threads.
/// ValueError for an empty space or no trials; IoError for a log that cannot be read or written, or of another search.
Search random_search(const SearchSpace& space, const SearchOptions& options, const TrialFunction& trial,
                     SourceLine line = SourceLine::here());

/// Tries every combination of `points` values per range, evenly spaced on the range's scale and including both ends.
/// ValueError and IoError as above; ValueError also for fewer than 2 points.
Search grid_search(const SearchSpace& space, std::int64_t points, const SearchOptions& options,
                   const TrialFunction& trial, SourceLine line = SourceLine::here());

/// The space spanned by the best `count` trials, for a second, finer search. A range whose width would be 0 keeps a
/// tenth of its width around them. ValueError if there are no such trials.
SearchSpace narrowed(const SearchSpace& space, const Search& search, std::size_t count,
                     SourceLine line = SourceLine::here());

}  // namespace thalweg
