#pragma once
// The log of a search: one line of tab-separated fields per trial, after two lines that describe the search.
//
//   # random search, seed 0: learning_rate log 1e-06 0.01, weight_decay log 1e-08 0.0001
//   trial  score  learning_rate  weight_decay  curves
//   17     0.81   0.0093         2.5e-06       validation=0.1,0.35,0.81

#include <filesystem>
#include <fstream>
#include <map>
#include <string>

#include <thalweg/train/search.hpp>

namespace thalweg::internal {

class SearchLog {
 public:
  /// Reads the trials of `file` if it exists, and opens it for appending; an empty path means no log. Drops a last line
  /// that a crash has cut off. IoError if the file cannot be read or written, or is of another search; errors name
  /// `line`.
  SearchLog(const std::filesystem::path& file, const SearchSpace& space, std::uint64_t seed, const std::string& kind,
            SourceLine line);

  /// Null for a trial that is not in the log.
  const TrialResult* find(std::int64_t number) const;
  void append(const Trial& trial);

 private:
  void read(const std::string& head);
  [[noreturn]] void fail(const std::string& message) const;

  std::filesystem::path file_;
  SourceLine line_;
  std::ofstream stream_;
  std::map<std::int64_t, TrialResult> trials_;
};

}  // namespace thalweg::internal
