#include "examples/report/results.hpp"

#include <algorithm>
#include <fstream>
#include <numeric>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <thalweg/error.hpp>

namespace report {

namespace {

using Json = nlohmann::ordered_json;

std::vector<std::string> distinct(const std::vector<Number>& numbers, std::string Number::*field) {
  std::vector<std::string> values;
  for (const Number& number : numbers) {
    const bool is_new = std::find(values.begin(), values.end(), number.*field) == values.end();
    if (!number.column.empty() && is_new) values.push_back(number.*field);
  }
  return values;
}

std::string text_of(const Number& number) {
  return fmt::format("{:.4g}{}", number.value, number.inside().value_or(true) ? " " : "!");
}

/// The numbers that have a column, row by row.
std::string grid(const std::vector<Number>& numbers) {
  const std::vector<std::string> rows = distinct(numbers, &Number::row), columns = distinct(numbers, &Number::column);
  if (columns.empty()) return "";
  std::string text = fmt::format("{:12}", "");
  for (const std::string& column : columns) text += fmt::format("{:>12} ", column);
  text += '\n';
  for (const std::string& row : rows) {
    text += fmt::format("{:12}", row);
    for (const std::string& column : columns) {
      const auto cell = std::find_if(numbers.begin(), numbers.end(), [&](const Number& number) {
        return number.row == row && number.column == column;
      });
      text += fmt::format("{:>13}", cell == numbers.end() ? "" : text_of(*cell));
    }
    text += '\n';
  }
  return text;
}

Json json_of(const Number& number) {
  Json result = {{"name", number.name()}, {"value", number.value}, {"band", nullptr}, {"inside", nullptr}};
  if (number.band) result["band"] = {number.band->low, number.band->high};
  if (const std::optional<bool> inside = number.inside()) result["inside"] = *inside;
  return result;
}

}  // namespace

bool is_inside(double value, const Band& band) {
  const double width = band.high - band.low;
  const auto margin = [&](double end) {
    switch (band.kind) {
      case Band::Kind::relative:
        return std::max(width, 0.05 * end);
      case Band::Kind::accuracy:
        return std::max(width, 0.01);
      case Band::Kind::exact:
        break;
    }
    return 0.0;
  };
  return value >= band.low - margin(band.low) && value <= band.high + margin(band.high);
}

std::optional<bool> Number::inside() const {
  if (!band || !is_judged) return std::nullopt;
  return is_inside(value, *band);
}

void Results::add_statement(const std::string& statement, std::size_t seeds_that_agree, std::size_t seeds) {
  const auto all = static_cast<double>(seeds);
  add({.row = statement,
       .column = "",
       .value = static_cast<double>(seeds_that_agree),
       .band = Band{all, all, Band::Kind::exact}});
}

void Results::add(Number number) {
  number.is_judged = number.band && (judges_means_ || number.band->kind == Band::Kind::exact);
  numbers_.push_back(std::move(number));
}

bool Results::all_inside() const {
  return std::all_of(numbers_.begin(), numbers_.end(),
                     [](const Number& number) { return number.inside().value_or(true); });
}

std::string Results::table() const {
  std::string text = grid(numbers_);
  for (const Number& number : numbers_)
    if (number.column.empty()) text += fmt::format("{}: {}\n", number.row, text_of(number));
  const auto judged =
      std::count_if(numbers_.begin(), numbers_.end(), [](const Number& number) { return number.is_judged; });
  const auto inside = std::count_if(numbers_.begin(), numbers_.end(),
                                    [](const Number& number) { return number.inside().value_or(false); });
  text += fmt::format("{} of {} inside their bands", inside, judged);
  if (!judges_means_) text += fmt::format(" (those of means are for {} seeds or more, such as 0-4)", seeds_to_judge);
  for (const Number& number : numbers_) {
    if (number.band && number.is_judged && !is_inside(number.value, *number.band))
      text += fmt::format("\n  outside: {} is {:.4g}, the band {:.4g} to {:.4g}", number.name(), number.value,
                          number.band->low, number.band->high);
  }
  return text + '\n';
}

double mean(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

void write_results(const std::filesystem::path& folder, const ResultsHeader& header, const Results& results) {
  Json json = {{"section", header.section}, {"title", header.title}, {"data", header.data}};
  if (header.seeds.size() == 1)
    json["seed"] = header.seeds.front();
  else
    json["seed"] = header.seeds;
  json["threads"] = header.threads;
  json["seconds"] = header.seconds;
  json["numbers"] = Json::array();
  for (const Number& number : results.numbers()) json["numbers"].push_back(json_of(number));

  const std::filesystem::path file = folder / "results.json", unfinished = folder / "results.json.part";
  {
    std::ofstream stream(unfinished);
    stream << json.dump(2) << '\n';
    stream.close();
    if (!stream)
      throw thalweg::IoError(thalweg::error_text("write_results", unfinished.string() + " cannot be written"));
  }
  std::filesystem::rename(unfinished, file);
}

}  // namespace report
