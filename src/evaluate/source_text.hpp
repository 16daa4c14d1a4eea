#pragma once
#include <map>
#include <string>
#include <vector>

#include <thalweg/error.hpp>

namespace thalweg::internal {

/// The lines of source files, if they are available where the program runs.
class SourceText {
 public:
  /// The line without surrounding blanks; empty if the file is not available.
  std::string line(SourceLine place);

 private:
  std::map<std::string, std::vector<std::string>> files_;
};

}  // namespace thalweg::internal
