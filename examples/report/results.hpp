#pragma once
// What a section measured, and whether it agrees with the book.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
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
  /// Where these seeds proved too few: the smallest and the largest that ten seeds of the book's program give.
  std::optional<std::pair<double, double>> of_ten_seeds = std::nullopt;
};

/// Whether `value`, a mean over seeds, lies in the band, widened on each side by its own width and at least by what its
/// kind says.
bool is_inside(double value, const Band& band);

/// The book's numbers for a section on one data set, as a table. A row may have fewer bands than there are columns.
struct BandTable {
  std::string section;
  std::string data;  // "MNIST", "Fashion-MNIST"; "": whatever the data
  Band::Kind kind = Band::Kind::relative;
  std::vector<std::string> columns;
  struct Row {
    std::string name;
    std::vector<std::pair<double, double>> bands;
  };
  std::vector<Row> rows;
  bool is_of_ten_seeds = false;  // not bands, but what explains numbers outside those of another table
};

struct Number {
  std::string row, column;  // its place in the table; without a column it has a line of its own
  double value = 0;
  std::optional<Band> band = std::nullopt;
  bool is_judged = true;  // Results decides

  std::string name() const { return column.empty() ? row : row + ", " + column; }
  /// Nothing where there is no band, or the number is not judged by it.
  std::optional<bool> inside() const;
  /// Outside the band, which is too narrow: inside what ten seeds of the book's program give.
  bool is_explained() const;
};

class Results {
 public:
  /// Numbers are means over that many seeds. Bands are for means: with fewer seeds than these only stated bounds judge.
  static constexpr std::size_t seeds_to_judge = 5;
  explicit Results(std::size_t seeds = seeds_to_judge, std::vector<BandTable> bands = {})
      : judges_means_(seeds >= seeds_to_judge), bands_(std::move(bands)) {}

  /// A number that brings no band has that of its row and column in the book's tables, if there is one.
  void add(Number number);
  void add(std::string row, std::string column, double value) {
    add(Number{.row = std::move(row), .column = std::move(column), .value = value});
  }
  /// A statement that holds for every seed: the number of seeds for which it does.
  void add_statement(const std::string& statement, std::size_t seeds_that_agree, std::size_t seeds);

  /// A picture, drawn as NAME.svg and NAME.png in the section's folder.
  void add_figure(std::string name, Figure figure) { figures_.push_back({std::move(name), std::move(figure)}); }
  /// A picture that is there already, as NAME.svg and NAME.png.
  void add_picture(std::string name, std::string caption) {
    pictures_.push_back({std::move(name), std::move(caption)});
  }
  /// A sentence that belongs to the numbers.
  void add_note(std::string note) { notes_.push_back(std::move(note)); }
  /// A duration, which differs from run to run and stands apart from the numbers.
  void add_seconds(std::string what, double seconds) { seconds_.push_back({std::move(what), seconds}); }
  /// Some seeds were not done: the means that are left are not judged.
  void add_missing(std::string what);

  const std::vector<Number>& numbers() const { return numbers_; }
  const std::vector<std::pair<std::string, Figure>>& figures() const { return figures_; }
  /// Names and captions of the pictures that are not drawn from figures.
  const std::vector<std::pair<std::string, std::string>>& pictures() const { return pictures_; }
  const std::vector<std::string>& notes() const { return notes_; }
  const std::vector<std::pair<std::string, double>>& seconds() const { return seconds_; }
  bool is_complete() const { return is_complete_; }
  /// Whether every number is inside its band, or explained.
  bool all_inside() const;
  /// Names of the bands that no number was compared with.
  std::vector<std::string> unmeasured() const;
  /// The numbers as a table, those outside their band marked, then the verdict.
  std::string table() const;

 private:
  std::optional<Band> band_of(const std::string& row, const std::string& column, bool of_ten_seeds) const;

  bool judges_means_;
  bool is_complete_ = true;
  std::vector<BandTable> bands_;
  std::vector<Number> numbers_;
  std::vector<std::pair<std::string, Figure>> figures_;
  std::vector<std::pair<std::string, std::string>> pictures_;
  std::vector<std::string> notes_;
  std::vector<std::pair<std::string, double>> seconds_;
};

double mean(const std::vector<double>& values);
/// Four digits, or more where they stand before the point.
std::string compact(double value);

/// The header of a section's results file.
struct ResultsHeader {
  std::string section = {}, title = {}, data = {};
  std::vector<std::uint64_t> seeds = {};
  int threads = 1;
  double seconds = 0;
  std::string error = {};  // why there are no results
};

/// Writes results.json into `folder`, whole or not at all.
void write_results(const std::filesystem::path& folder, const ResultsHeader& header, const Results& results);

/// A results file as the page sees it.
struct SavedResults {
  ResultsHeader header;
  std::vector<Number> numbers;
  std::vector<std::optional<bool>> inside;                    // by number
  std::vector<std::pair<std::string, std::string>> pictures;  // names and captions
  std::vector<std::string> notes;
  bool is_complete = true;
};

/// IoError if the file is missing or is not what `write_results` writes.
SavedResults read_results(const std::filesystem::path& folder);

/// Where a section's results are, in its folder.
std::filesystem::path results_file(const std::filesystem::path& folder);

}  // namespace report
