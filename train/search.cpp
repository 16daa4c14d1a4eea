#include <thalweg/train/search.hpp>

#include <algorithm>
#include <cmath>
#include <mutex>

#include <fmt/format.h>

#include <thalweg/train/interrupt.hpp>
#include <thalweg/train/side_by_side.hpp>

#include "train/search_log.hpp"

namespace thalweg {

namespace {

double to_scale(const SearchRange& range, double value) { return range.scale == Scale::log ? std::log(value) : value; }

/// The value at fraction `share` of the range on its scale: 0 is the low end, 1 the high end.
double value_at(const SearchRange& range, double share) {
  const double low = to_scale(range, range.low), high = to_scale(range, range.high);
  const double value = low + share * (high - low);
  return std::clamp(range.scale == Scale::log ? std::exp(value) : value, range.low, range.high);
}

Candidate drawn(const SearchSpace& space, std::uint64_t seed, std::int64_t number) {
  Candidate candidate{.number = number, .seed = seed, .values = {}};
  const Random random = candidate.random();
  for (const SearchRange& range : space.ranges()) {
    double share = 0;
    fill_uniform(std::span(&share, 1), random.split(range.name).next_source());
    candidate.values.emplace_back(range.name, value_at(range, share));
  }
  return candidate;
}

Candidate on_grid(const SearchSpace& space, std::int64_t points, std::uint64_t seed, std::int64_t number) {
  Candidate candidate{.number = number, .seed = seed, .values = {}};
  std::int64_t rest = number;
  for (const SearchRange& range : space.ranges()) {
    candidate.values.emplace_back(
        range.name, value_at(range, static_cast<double>(rest % points) / static_cast<double>(points - 1)));
    rest /= points;
  }
  return candidate;
}

/// Whether a ranks before b.
bool is_better(const Trial& a, const Trial& b, bool is_maximized) {
  const double x = a.result.score, y = b.result.score;
  if (std::isnan(x) != std::isnan(y)) return std::isnan(y);
  if (x == y || std::isnan(x)) return a.number < b.number;
  return is_maximized ? x > y : x < y;
}

void check(const char* op, const SearchSpace& space, std::int64_t trials, SourceLine line) {
  if (space.ranges().empty()) throw ValueError(error_text(op, "the space has no ranges", line));
  if (trials < 1) throw ValueError(error_text(op, fmt::format("trials must be at least 1, got {}", trials), line));
}

Search run(const SearchSpace& space, const SearchOptions& options, const std::vector<Candidate>& candidates,
           const std::string& kind, const TrialFunction& trial, SourceLine line) {
  internal::SearchLog log(options.log, space, options.seed, kind, line);
  Search search;
  std::vector<const Candidate*> open;
  for (const Candidate& candidate : candidates) {
    if (const TrialResult* known = log.find(candidate.number))
      search.ranked.push_back({candidate, *known});
    else
      open.push_back(&candidate);
  }
  search.resumed = static_cast<std::int64_t>(search.ranked.size());

  std::mutex mutex;
  side_by_side(static_cast<std::int64_t>(open.size()), [&](std::int64_t i) {
    const Candidate& candidate = *open[i];
    const Trial done{candidate, trial(candidate)};
    const std::lock_guard lock(mutex);
    if (Interrupt::asked()) return;  // the trial was cut short
    log.append(done);
    search.ranked.push_back(done);
  });
  search.missing = static_cast<std::int64_t>(candidates.size() - search.ranked.size());
  std::sort(search.ranked.begin(), search.ranked.end(),
            [&](const Trial& a, const Trial& b) { return is_better(a, b, options.is_maximized); });
  return search;
}

}  // namespace

SearchSpace& SearchSpace::add(const SearchRange& range, SourceLine line) {
  const auto fail = [&](const std::string& message) { throw ValueError(error_text("SearchSpace", message, line)); };
  if (range.name.empty() || range.name.find_first_of("\t\n\r") != std::string::npos)
    fail(fmt::format("\"{}\" is not a name", range.name));
  for (const SearchRange& other : ranges_)
    if (other.name == range.name) fail(fmt::format("there is a range \"{}\" already", range.name));
  if (!std::isfinite(range.low) || !std::isfinite(range.high) || range.low > range.high)
    fail(fmt::format("{}: low {} and high {} are not the ends of a range", range.name, range.low, range.high));
  if (range.scale == Scale::log && range.low <= 0)
    fail(fmt::format("{}: a log scale begins above 0, not at {}", range.name, range.low));
  ranges_.push_back(range);
  return *this;
}

SearchSpace& SearchSpace::uniform(const std::string& name, double low, double high, SourceLine line) {
  return add({.name = name, .low = low, .high = high, .scale = Scale::linear}, line);
}

SearchSpace& SearchSpace::log_uniform(const std::string& name, double low, double high, SourceLine line) {
  return add({.name = name, .low = low, .high = high, .scale = Scale::log}, line);
}

double Candidate::operator[](std::string_view name) const {
  for (const auto& [known, value] : values)
    if (known == name) return value;
  throw ValueError(error_text("Candidate", fmt::format("there is no \"{}\" in the search space", name)));
}

Random Candidate::random() const { return Random(seed).split(fmt::format("trial {}", number)); }

Search random_search(const SearchSpace& space, const SearchOptions& options, const TrialFunction& trial,
                     SourceLine line) {
  check("random_search", space, options.trials, line);
  std::vector<Candidate> candidates;
  for (std::int64_t i = 0; i < options.trials; ++i) candidates.push_back(drawn(space, options.seed, i));
  return run(space, options, candidates, "random", trial, line);
}

Search grid_search(const SearchSpace& space, std::int64_t points, const SearchOptions& options,
                   const TrialFunction& trial, SourceLine line) {
  check("grid_search", space, options.trials, line);
  if (points < 2)
    throw ValueError(error_text("grid_search", fmt::format("points must be at least 2, got {}", points), line));
  constexpr std::int64_t most = 1'000'000;
  std::int64_t count = 1;
  for (std::size_t i = 0; i < space.ranges().size(); ++i) {
    if (points > most / count)
      throw ValueError(error_text(
          "grid_search", fmt::format("{} points of {} ranges are too many", points, space.ranges().size()), line));
    count *= points;
  }
  std::vector<Candidate> candidates;
  for (std::int64_t i = 0; i < count; ++i) candidates.push_back(on_grid(space, points, options.seed, i));
  return run(space, options, candidates, fmt::format("grid of {}", points), trial, line);
}

SearchSpace narrowed(const SearchSpace& space, const Search& search, std::size_t count, SourceLine line) {
  if (count < 1 || count > search.ranked.size())
    throw ValueError(
        error_text("narrowed", fmt::format("the best {} of {} trials", count, search.ranked.size()), line));
  SearchSpace result;
  for (const SearchRange& range : space.ranges()) {
    double low = range.high, high = range.low;
    for (std::size_t i = 0; i < count; ++i) {
      low = std::min(low, search.ranked[i][range.name]);
      high = std::max(high, search.ranked[i][range.name]);
    }
    if (low == high) {
      const double width = to_scale(range, range.high) - to_scale(range, range.low);
      const double place = width > 0 ? (to_scale(range, low) - to_scale(range, range.low)) / width : 0;
      low = value_at(range, std::max(place - 0.05, 0.0));
      high = value_at(range, std::min(place + 0.05, 1.0));
    }
    if (range.scale == Scale::log)
      result.log_uniform(range.name, low, high, line);
    else
      result.uniform(range.name, low, high, line);
  }
  return result;
}

}  // namespace thalweg
