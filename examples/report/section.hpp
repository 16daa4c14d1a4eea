#pragma once
// A section of the book as a part of a job.

#include <algorithm>
#include <any>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <thalweg/train/dataset.hpp>
#include <thalweg/train/interrupt.hpp>
#include <thalweg/train/side_by_side.hpp>

#include "examples/report/results.hpp"

namespace report {

/// Ends a section that an interrupt left without any results.
class Interrupted : public std::runtime_error {
 public:
  Interrupted() : std::runtime_error("interrupted before there were any results") {}
};

/// Trials that sections have in common, by name and seed: the first of these sections makes them, the others take them.
class CommonTrials {
 public:
  using Key = std::pair<std::string, std::uint64_t>;

  template <class Result>
  std::optional<Result> find(const Key& key) const {
    const std::lock_guard lock(mutex_);
    const auto place = results_.find(key);
    return place == results_.end() ? std::nullopt : std::optional(std::any_cast<Result>(place->second));
  }
  void add(const Key& key, std::any result) {
    const std::lock_guard lock(mutex_);
    results_.insert_or_assign(key, std::move(result));
  }
  bool has(const Key& key) const {
    const std::lock_guard lock(mutex_);
    return results_.count(key) > 0;
  }

 private:
  mutable std::mutex mutex_;
  std::map<Key, std::any> results_;
};

/// What a section's program is given.
struct Run {
  std::vector<std::uint64_t> seeds;
  std::filesystem::path folder = {};                                        // the section's own
  const thalweg::Mnist* mnist = nullptr;                                    // where it needs data
  std::shared_ptr<CommonTrials> common = std::make_shared<CommonTrials>();  // of all sections

  /// function(seed, variant) for each seed and each of `count` variants, side by side: result[seed][variant]. Variants
  /// named in `shared` are the same trials as another section's of that name, and are made once in a run. After an
  /// interrupt, what there is of whole seeds, and a note in `results`; Interrupted where there is none.
  template <class Function>
  auto trials(std::size_t count, Results& results, const Function& function,
              const std::map<std::size_t, std::string>& shared = {}) const {
    using Result = std::invoke_result_t<Function, std::uint64_t, std::size_t>;
    const auto trial = [&](std::uint64_t seed, std::size_t variant) -> std::optional<Result> {
      const auto name = shared.find(variant);
      const bool is_shared = name != shared.end();
      if (is_shared)
        if (std::optional<Result> known = common->find<Result>({name->second, seed})) return known;
      Result result = function(seed, variant);
      if (thalweg::Interrupt::asked()) return std::nullopt;  // it was cut short
      if (is_shared) common->add({name->second, seed}, result);
      return result;
    };
    std::vector<std::optional<Result>> done(seeds.size() * count);
    thalweg::side_by_side(static_cast<std::int64_t>(done.size()), [&](std::int64_t task) {
      const auto i = static_cast<std::size_t>(task);
      done[i] = trial(seeds[i / count], i % count);
    });
    std::vector<std::vector<Result>> by_seed;
    std::string missing;
    for (std::size_t s = 0; s < seeds.size(); ++s) {
      std::vector<Result> variants;
      for (std::size_t v = 0; v < count; ++v)
        if (std::optional<Result>& trial = done[s * count + v]) variants.push_back(std::move(*trial));
      if (variants.size() == count)
        by_seed.push_back(std::move(variants));
      else
        missing += (missing.empty() ? "" : ", ") + std::to_string(seeds[s]);
    }
    if (by_seed.empty()) throw Interrupted();
    if (!missing.empty()) results.add_missing("Interrupted: missing are the seeds " + missing + ".");
    return by_seed;
  }

  /// The seed whose curves are drawn; of the others the ends count.
  bool is_first(std::uint64_t seed) const { return seed == seeds.front(); }

  /// For how many seeds the shared trial is still to be made.
  std::int64_t open_trials(const std::string& shared) const {
    return std::count_if(seeds.begin(), seeds.end(), [&](auto seed) { return !common->has({shared, seed}); });
  }
};

struct Section {
  std::string id;  // names its folder
  std::string title;
  std::vector<std::string> covers;  // the sections of the book it stands for
  std::string about = {};           // what it does and what to see in it, for --help
  bool needs_data = false;
  void (*run)(const Run& run, Results& results) = nullptr;
};

/// The mean over seeds of number_of(seed's results).
template <class T, class Function>
double mean_over(const std::vector<T>& seeds, const Function& number_of) {
  double sum = 0;
  for (const T& seed : seeds) sum += number_of(seed);
  return sum / static_cast<double>(seeds.size());
}

/// For how many seeds the condition holds.
template <class T, class Function>
std::size_t count_of(const std::vector<T>& seeds, const Function& holds) {
  std::size_t count = 0;
  for (const T& seed : seeds) count += holds(seed) ? 1 : 0;
  return count;
}

}  // namespace report
