#pragma once
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include <thalweg/error.hpp>

namespace thalweg::internal {

/// The lines of source files, as far as these can be read where the program runs.
class SourceText {
 public:
  /// Without the blanks around it; empty if the file is not there.
  std::string line(SourceLine place);

 private:
  std::map<std::string, std::vector<std::string>> files_;
};

/// "file.cpp:12"; empty if it is not known.
std::string place_text(SourceLine line);

}  // namespace thalweg::internal
