#pragma once
// Progress of a loop: a single updating line on a terminal, an occasional plain line elsewhere.

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <initializer_list>
#include <mutex>
#include <string>

namespace thalweg {

/// A number to show with the progress, such as {"loss", 0.31}.
struct ProgressValue {
  const char* name;
  double value;
};

/// Counts the iterations of a loop and shows the count, the rate, the time left and the values of the last tick, with a
/// bar on a terminal. Any thread may tick. A tick allocates nothing.
class Progress {
 public:
  /// `total` is the expected number of iterations; ValueError below 1. Output goes to `stream`.
  Progress(std::string title, std::int64_t total, std::FILE* stream = stderr);
  ~Progress();  // shows the last tick
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// Counts one iteration.
  void tick(std::initializer_list<ProgressValue> values = {});
  std::int64_t done() const { return done_; }

 private:
  using Clock = std::chrono::steady_clock;
  static constexpr std::size_t max_values = 4;

  std::mutex mutex_;
  bool is_due(Clock::time_point now) const;
  void show(Clock::time_point now);

  std::string title_;
  std::int64_t total_;
  std::FILE* stream_;
  bool is_terminal_;
  std::int64_t done_ = 0;
  std::int64_t shown_ = 0;
  Clock::time_point start_, last_shown_;
  ProgressValue values_[max_values] = {};
  std::size_t value_count_ = 0;
};

}  // namespace thalweg
