#pragma once
// The command line of a job.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "examples/report/section.hpp"

namespace report {

/// What the user asked for cannot be done; the message says what to do instead.
class UsageError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

struct Options {
  std::vector<Section> sections;
  std::filesystem::path out;
  std::filesystem::path data;
  std::vector<std::uint64_t> seeds;
  int threads = 1;
  std::size_t language = 0;   // of the job's
  bool is_page_only = false;  // makes the page from the results there are
};

struct Job;

/// The options given; nothing where they ask for help, which is printed: that of the job, or of the sections named.
/// UsageError: unknown options or sections, values without meaning.
std::optional<Options> parse_options(int argc, const char* const* argv, const Job& job);

}  // namespace report
