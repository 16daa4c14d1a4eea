#pragma once
// What a section measured, and whether it agrees with the book.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "examples/report/plot.hpp"

namespace report {

/// The smallest and the largest of what a few seeds of the book's own program gave.
struct Band {
  enum class Kind {
    relative,  // losses, deviations: one honest new seed may fall outside by the band's width, or by 5 %
    accuracy,  // the same, or by .01
    exact,     // a bound that is stated
  };
  double low = 0, high = 0;
  Kind kind = Kind::relative;
};

/// Whether `value`, a mean over seeds, lies in the band, widened on each side by its own width and at least by what its
/// kind says.
bool is_inside(double value, const Band& band);

struct Number {
  std::string row, column;  // its place in the table; without a column it has a line of its own
  double value = 0;
  std::optional<Band> band = std::nullopt;
  bool is_judged = true;  // Results decides

  std::string name() const { return column.empty() ? row : row + ", " + column; }
  /// Nothing where there is no band, or the number is not judged by it.
  std::optional<bool> inside() const;
};

class Results {
 public:
  /// Numbers are means over that many seeds. Bands are for means: with fewer seeds than these only stated bounds judge.
  static constexpr std::size_t seeds_to_judge = 5;
  explicit Results(std::size_t seeds = seeds_to_judge) : judges_means_(seeds >= seeds_to_judge) {}

  void add(Number number);
  /// A statement that holds for every seed: the number of seeds for which it does.
  void add_statement(const std::string& statement, std::size_t seeds_that_agree, std::size_t seeds);

  /// A picture, drawn as NAME.svg and NAME.png in the section's folder.
  void add_figure(std::string name, Figure figure) { figures_.push_back({std::move(name), std::move(figure)}); }

  const std::vector<Number>& numbers() const { return numbers_; }
  const std::vector<std::pair<std::string, Figure>>& figures() const { return figures_; }
  bool all_inside() const;
  /// The numbers as a table, those outside their band marked, then the verdict.
  std::string table() const;

 private:
  bool judges_means_;
  std::vector<Number> numbers_;
  std::vector<std::pair<std::string, Figure>> figures_;
};

double mean(const std::vector<double>& values);

/// The header of a section's results file.
struct ResultsHeader {
  std::string section, title, data;
  std::vector<std::uint64_t> seeds;
  int threads = 1;
  double seconds = 0;
};

/// Writes results.json into `folder`, whole or not at all.
void write_results(const std::filesystem::path& folder, const ResultsHeader& header, const Results& results);

}  // namespace report
