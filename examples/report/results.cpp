#include "examples/report/results.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
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
  return fmt::format("{}{}", compact(number.value), number.inside().value_or(true) ? " " : "!");
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

/// JSON has no NaN and no infinities: they are strings.
Json json_of(double value) { return std::isfinite(value) ? Json(value) : Json(fmt::format("{}", value)); }

double value_of(const Json& json) {
  if (!json.is_string()) return json.get<double>();
  const auto text = json.get<std::string>();
  char* end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  if (text.empty() || *end != '\0') throw thalweg::IoError(fmt::format("\"{}\" is not a number", text));
  return value;
}

Json json_of(const Number& number) {
  Json result = {{"name", number.name()}, {"value", json_of(number.value)}, {"band", nullptr}, {"inside", nullptr}};
  if (number.band) result["band"] = {number.band->low, number.band->high};
  if (number.band && number.band->of_ten_seeds)
    result["ten_seeds"] = {number.band->of_ten_seeds->first, number.band->of_ten_seeds->second};
  if (const std::optional<bool> inside = number.inside()) result["inside"] = *inside;
  result["row"] = number.row;
  result["column"] = number.column;
  return result;
}

Json json_of_pictures(const Results& results) {
  Json pictures = Json::array();
  for (const auto& [name, figure] : results.figures())
    pictures.push_back({{"name", name}, {"caption", figure.caption}});
  for (const auto& [name, caption] : results.pictures()) pictures.push_back({{"name", name}, {"caption", caption}});
  return pictures;
}

}  // namespace

bool is_inside(double value, const Band& band) {
  const double width = band.high - band.low;
  const auto margin = [&](double end) {
    switch (band.kind) {
      case Band::Kind::relative: return std::max(width, 0.05 * end);
      case Band::Kind::accuracy: return std::max(width, 0.01);
      case Band::Kind::exact: break;
    }
    return 0.0;
  };
  return value >= band.low - margin(band.low) && value <= band.high + margin(band.high);
}

std::optional<bool> Number::inside() const {
  if (!band || !is_judged) return std::nullopt;
  return is_inside(value, *band);
}

bool Number::is_explained() const {
  const std::optional<std::pair<double, double>> range = band ? band->of_ten_seeds : std::nullopt;
  return range && !inside().value_or(true) && value >= range->first && value <= range->second;
}

void Results::add_statement(const std::string& statement, std::size_t seeds_that_agree, std::size_t seeds) {
  const auto all = static_cast<double>(seeds);
  add({.row = statement,
       .column = "",
       .value = static_cast<double>(seeds_that_agree),
       .band = Band{all, all, Band::Kind::exact}});
}

std::optional<Band> Results::band_of(const std::string& row, const std::string& column, bool of_ten_seeds) const {
  for (const BandTable& table : bands_) {
    if (table.is_of_ten_seeds != of_ten_seeds) continue;
    const auto place = std::find(table.columns.begin(), table.columns.end(), column) - table.columns.begin();
    for (const BandTable::Row& known : table.rows) {
      if (known.name != row || place >= static_cast<std::ptrdiff_t>(known.bands.size())) continue;
      const auto [low, high] = known.bands[static_cast<std::size_t>(place)];
      return Band{.low = low, .high = high, .kind = table.kind};
    }
  }
  return std::nullopt;
}

void Results::add(Number number) {
  if (!number.band) {
    number.band = band_of(number.row, number.column, false);
    if (const std::optional<Band> ten = band_of(number.row, number.column, true); number.band && ten)
      number.band->of_ten_seeds = {ten->low, ten->high};
  }
  number.is_judged = number.band && (judges_means_ || number.band->kind == Band::Kind::exact);
  numbers_.push_back(std::move(number));
}

void Results::add_missing(std::string what) {
  is_complete_ = false;
  judges_means_ = false;
  add_note(std::move(what));
}

std::vector<std::string> Results::unmeasured() const {
  std::vector<std::string> names;
  for (const BandTable& table : bands_) {
    for (const BandTable::Row& row : table.rows) {
      for (std::size_t i = 0; i < row.bands.size(); ++i) {
        const std::string name = Number{.row = row.name, .column = table.columns[i]}.name();
        if (std::none_of(numbers_.begin(), numbers_.end(), [&](const Number& number) { return number.name() == name; }))
          names.push_back(name);
      }
    }
  }
  return names;
}

bool Results::all_inside() const {
  return std::all_of(numbers_.begin(), numbers_.end(),
                     [](const Number& number) { return number.inside().value_or(true) || number.is_explained(); });
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
    const std::optional<Band>& band = number.band;
    if (!band || number.inside().value_or(true)) continue;
    text += fmt::format("\n  outside: {} is {}, the band {} to {}", number.name(), compact(number.value),
                        compact(band->low), compact(band->high));
    if (number.is_explained() && band->of_ten_seeds)
      text += fmt::format("; explained: ten seeds of the book's program give {} to {}",
                          compact(band->of_ten_seeds->first), compact(band->of_ten_seeds->second));
  }
  for (const std::string& note : notes_) text += "\n" + note;
  for (const auto& [what, seconds] : seconds_) text += fmt::format("\n{}: {:.2f} s", what, seconds);
  return text + '\n';
}

std::string compact(double value) {
  const double size = std::abs(value);
  return size >= 1e3 && size < 1e6 ? fmt::format("{:.0f}", value) : fmt::format("{:.4g}", value);
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
  if (!header.error.empty()) json["error"] = header.error;
  json["complete"] = results.is_complete();
  json["numbers"] = Json::array();
  for (const Number& number : results.numbers()) json["numbers"].push_back(json_of(number));
  json["pictures"] = json_of_pictures(results);
  json["notes"] = results.notes();
  json["timings"] = Json::object();
  for (const auto& [what, seconds] : results.seconds()) json["timings"][what] = seconds;

  const std::filesystem::path file = results_file(folder), unfinished = folder / "results.json.part";
  {
    std::ofstream stream(unfinished);
    stream << json.dump(2) << '\n';
    stream.close();
    if (!stream)
      throw thalweg::IoError(thalweg::error_text("write_results", unfinished.string() + " cannot be written"));
  }
  std::filesystem::rename(unfinished, file);
}

std::filesystem::path results_file(const std::filesystem::path& folder) { return folder / "results.json"; }

SavedResults read_results(const std::filesystem::path& folder) {
  const std::filesystem::path file = results_file(folder);
  const auto fail = [&](const std::string& why) {
    throw thalweg::IoError(thalweg::error_text("read_results", fmt::format("{}: {}", file.string(), why)));
  };
  if (!std::filesystem::exists(file)) fail("there is no such file");
  SavedResults saved;
  try {
    const auto json = Json::parse(std::ifstream(file));
    saved.header = {.section = json.at("section"),
                    .title = json.at("title"),
                    .data = json.at("data"),
                    .seeds = json.at("seed").is_array() ? json.at("seed").get<std::vector<std::uint64_t>>()
                                                        : std::vector{json.at("seed").get<std::uint64_t>()},
                    .threads = json.at("threads"),
                    .seconds = json.at("seconds"),
                    .error = json.value("error", "")};
    saved.is_complete = json.at("complete");
    saved.notes = json.at("notes").get<std::vector<std::string>>();
    for (const auto& picture : json.at("pictures"))
      saved.pictures.emplace_back(picture.at("name"), picture.at("caption"));
    for (const auto& number : json.at("numbers")) {
      Number& read = saved.numbers.emplace_back();
      read.row = number.at("row");
      read.column = number.at("column");
      read.value = value_of(number.at("value"));
      if (const auto& band = number.at("band"); !band.is_null()) read.band = Band{band.at(0), band.at(1)};
      if (read.band && number.contains("ten_seeds"))
        read.band->of_ten_seeds = {number.at("ten_seeds").at(0), number.at("ten_seeds").at(1)};
      const auto& inside = number.at("inside");
      saved.inside.push_back(inside.is_null() ? std::nullopt : std::optional(inside.get<bool>()));
    }
  } catch (const std::exception& error) {
    fail(fmt::format("is not a results file ({})", error.what()));
  }
  return saved;
}

}  // namespace report
