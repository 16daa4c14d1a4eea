#pragma once
// Search for hyper-parameters: random (Bergstra and Bengio, JMLR 13, 2012) or on a grid, trials side by side.
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

/// What is searched: a range for each hyper-parameter.
class SearchSpace {
 public:
  /// ValueError: an empty or taken name, a name with a tab or line break, ends that are not finite or out of order, a
  /// range on a log scale that is not above 0.
  SearchSpace& uniform(const std::string& name, double low, double high, SourceLine line = SourceLine::here());
  SearchSpace& log_uniform(const std::string& name, double low, double high, SourceLine line = SourceLine::here());

  const std::vector<SearchRange>& ranges() const { return ranges_; }

 private:
  SearchSpace& add(const SearchRange& range, SourceLine line);

  std::vector<SearchRange> ranges_;
};

/// One set of hyper-parameters, to be tried.
struct Candidate {
  std::int64_t number = 0;
  std::uint64_t seed = 0;  // of the search
  std::vector<std::pair<std::string, double>> values;

  /// ValueError for a name that the space has not.
  double operator[](std::string_view name) const;
  /// A source of random numbers of this trial's own.
  Random random() const;
};

struct TrialResult {
  double score = 0;                                                      // NaN ranks last
  std::vector<std::pair<std::string, std::vector<double>>> curves = {};  // kept in the log beside the score
};

struct Trial : Candidate {
  TrialResult result;
};

struct SearchOptions {
  std::int64_t trials = 100;  // of a random search
  std::uint64_t seed = 0;
  bool is_maximized = true;  // false: the lowest score is best
  /// A text file with a line for each trial, written as it ends. A search that finds its own log goes on from it.
  std::filesystem::path log = {};
};

struct Search {
  std::vector<Trial> ranked;  // the best first; those of one score by number
  std::int64_t resumed = 0;   // how many of them came from the log
  std::int64_t missing = 0;   // not done, for an interrupt came first
};

using TrialFunction = std::function<TrialResult(const Candidate&)>;

/// Tries `options.trials` candidates, drawn from the space, as many at a time as there are threads. A candidate's values are
/// a function of (seed, number, name): neither the number of trials nor of threads changes them.
/// ValueError: an empty space, no trials. IoError: a log that cannot be read or written, or is of another search.
Search random_search(const SearchSpace& space, const SearchOptions& options, const TrialFunction& trial,
                     SourceLine line = SourceLine::here());

/// Tries every combination of `points` values of each range, both ends among them, equally far apart on the range's scale.
/// ValueError and IoError as above, and for fewer than 2 points.
Search grid_search(const SearchSpace& space, std::int64_t points, const SearchOptions& options,
                   const TrialFunction& trial, SourceLine line = SourceLine::here());

/// The space that the best `count` trials span: where a second, finer round looks. A range that they leave without width
/// keeps a tenth of its own around them. ValueError where there are no such trials.
SearchSpace narrowed(const SearchSpace& space, const Search& search, std::size_t count,
                     SourceLine line = SourceLine::here());

}  // namespace thalweg
