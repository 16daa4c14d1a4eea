#pragma once
// A section of the book as a part of a job.

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace report {

class Results;

/// What a section's program is given.
struct Run {
  std::filesystem::path data;  // the folder of MNIST's four files
  std::vector<std::uint64_t> seeds;
};

struct Section {
  std::string id;  // names its folder
  std::string title;
  std::vector<std::string> covers;  // the sections of the book it stands for
  bool needs_data = false;
  void (*run)(const Run& run, Results& results) = nullptr;
};

}  // namespace report
