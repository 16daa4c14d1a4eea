#pragma once
// How far a loop is: one line that is drawn again on a terminal, plain lines now and then elsewhere.

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <initializer_list>
#include <mutex>
#include <string>

namespace thalweg {

/// A number to show beside the progress, e.g. {"loss", 0.31}.
struct ProgressValue {
  const char* name;
  double value;
};

/// Counts the turns of a loop and shows them with their rate, the time left and the values of the last tick; on a terminal
/// as a bar. Any thread may tick. Allocates nothing per tick.
class Progress {
 public:
  /// `total` turns are expected; ValueError below 1. The lines go to `stream`.
  Progress(std::string title, std::int64_t total, std::FILE* stream = stderr);
  ~Progress();  // shows the last tick
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// Another turn is done.
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
