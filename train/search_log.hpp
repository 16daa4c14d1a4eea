#pragma once
// The log of a search: one line of tab-separated fields for each trial, after two lines that say what is searched.
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
  /// Reads the trials of `file` where there is one, and opens it to go on; an empty path is no log. A last line that was
  /// cut short, by a crash, is dropped. IoError: cannot be read or written, or is of another search; errors name `line`.
  SearchLog(const std::filesystem::path& file, const SearchSpace& space, std::uint64_t seed, const std::string& kind,
            SourceLine line);

  /// Null for a trial that the log does not hold.
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
