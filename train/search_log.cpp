#include "train/search_log.hpp"

#include <charconv>
#include <iterator>
#include <optional>
#include <string_view>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace thalweg::internal {

namespace {

std::string head_of(const SearchSpace& space, std::uint64_t seed, const std::string& kind) {
  std::vector<std::string> ranges, names;
  ranges.reserve(space.ranges().size());
  names.reserve(space.ranges().size());
  for (const SearchRange& range : space.ranges()) {
    ranges.push_back(
        fmt::format("{} {} {} {}", range.name, range.scale == Scale::log ? "log" : "linear", range.low, range.high));
    names.push_back(range.name);
  }
  return fmt::format("# {} search, seed {}: {}\ntrial\tscore\t{}\tcurves\n", kind, seed, fmt::join(ranges, ", "),
                     fmt::join(names, "\t"));
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (!text.empty()) {
    const std::size_t end = text.find(separator);
    parts.push_back(text.substr(0, end));
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
  }
  return parts;
}

template <class T>
std::optional<T> number_in(std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// "validation=0.1,0.35;training=0.2,0.5"
std::string text_of_curves(const TrialResult& result) {
  std::vector<std::string> curves;
  curves.reserve(result.curves.size());
  for (const auto& [name, values] : result.curves) curves.push_back(fmt::format("{}={}", name, fmt::join(values, ",")));
  return fmt::format("{}", fmt::join(curves, ";"));
}

/// Parses one line; nothing if it is incomplete.
std::optional<std::pair<std::int64_t, TrialResult>> parse(std::string_view line) {
  const std::vector<std::string_view> fields = split(line, '\t');
  if (fields.size() < 3) return std::nullopt;
  const auto number = number_in<std::int64_t>(fields[0]);
  const auto score = number_in<double>(fields[1]);
  if (!number || !score) return std::nullopt;
  TrialResult result{.score = *score};
  for (const std::string_view curve : split(fields.back(), ';')) {
    const std::size_t equals = curve.find('=');
    if (equals == std::string_view::npos) continue;  // the last hyperparameter: no curves
    auto& values = result.curves.emplace_back(curve.substr(0, equals), std::vector<double>{}).second;
    for (const std::string_view text : split(curve.substr(equals + 1), ',')) {
      const auto value = number_in<double>(text);
      if (!value) return std::nullopt;
      values.push_back(*value);
    }
  }
  return std::pair{*number, result};
}

}  // namespace

SearchLog::SearchLog(const std::filesystem::path& file, const SearchSpace& space, std::uint64_t seed,
                     const std::string& kind, SourceLine line)
    : file_(file), line_(line) {
  if (file.empty()) return;
  const std::string head = head_of(space, seed, kind);
  const bool is_known = std::filesystem::exists(file) && std::filesystem::file_size(file) > 0;
  if (is_known) read(head);
  stream_.open(file, std::ios::app);
  if (!is_known) stream_ << head << std::flush;
  if (!stream_) fail("cannot be written");
}

void SearchLog::read(const std::string& head) {
  std::string text;
  {
    std::ifstream stream(file_);
    text.assign(std::istreambuf_iterator<char>(stream), {});
    if (!stream && !stream.eof()) fail("cannot be read");
  }
  if (!text.starts_with(head))
    fail(fmt::format("is the log of another search; expected it to begin with\n{}Delete it, or name another", head));
  const std::size_t whole = text.rfind('\n') + 1;  // the rest was cut off
  if (whole < text.size()) std::filesystem::resize_file(file_, whole);
  std::size_t number = 2;
  for (const std::string_view line : split(std::string_view(text).substr(head.size(), whole - head.size()), '\n')) {
    ++number;
    const auto trial = parse(line);
    if (!trial) fail(fmt::format("line {} is not a trial: \"{}\"", number, line.substr(0, 60)));
    trials_[trial->first] = trial->second;
  }
}

const TrialResult* SearchLog::find(std::int64_t number) const {
  const auto found = trials_.find(number);
  return found == trials_.end() ? nullptr : &found->second;
}

void SearchLog::append(const Trial& trial) {
  if (file_.empty()) return;
  std::string line = fmt::format("{}\t{}", trial.number, trial.result.score);
  for (const auto& [name, value] : trial.values) line += fmt::format("\t{}", value);
  stream_ << line << '\t' << text_of_curves(trial.result) << '\n' << std::flush;
  if (!stream_) fail("cannot be written");
}

void SearchLog::fail(const std::string& message) const {
  throw IoError(error_text("search", fmt::format("{}: {}", file_.string(), message), line_));
}

}  // namespace thalweg::internal
