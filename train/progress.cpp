#include <thalweg/train/progress.hpp>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <utility>

#include <fmt/format.h>
#include <unistd.h>

#include <thalweg/error.hpp>

namespace thalweg {

namespace {

constexpr std::chrono::milliseconds redraw_interval{100};
constexpr std::int64_t plain_lines = 10;  // in total
constexpr std::int64_t bar_width = 20;

using Line = fmt::basic_memory_buffer<char, 512>;

void append_duration(Line& line, double seconds) {
  const auto whole = std::llround(seconds);
  if (whole >= 3600)
    fmt::format_to(std::back_inserter(line), "{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60);
  else
    fmt::format_to(std::back_inserter(line), "{}:{:02}", whole / 60, whole % 60);
}

}  // namespace

Progress::Progress(std::string title, std::int64_t total, std::FILE* stream)
    : title_(std::move(title)), total_(total), stream_(stream), is_terminal_(::isatty(::fileno(stream)) == 1) {
  if (total < 1) throw ValueError(error_text("Progress", fmt::format("total must be at least 1, got {}", total)));
  start_ = last_shown_ = Clock::now();
}

Progress::~Progress() {
  try {
    if (shown_ < done_) show(Clock::now());
    if (is_terminal_ && done_ > 0) std::fputc('\n', stream_);
  } catch (...) {  // NOLINT(bugprone-empty-catch): a line less on the screen
  }
}

void Progress::tick(std::initializer_list<ProgressValue> values) {
  const std::lock_guard lock(mutex_);
  ++done_;
  value_count_ = std::min(values.size(), max_values);
  std::copy_n(values.begin(), value_count_, values_);
  const Clock::time_point now = Clock::now();
  if (is_due(now)) show(now);
}

bool Progress::is_due(Clock::time_point now) const {
  if (done_ == total_) return true;
  if (is_terminal_) return now - last_shown_ >= redraw_interval;
  return done_ * plain_lines / total_ > shown_ * plain_lines / total_;
}

void Progress::show(Clock::time_point now) {
  const double seconds = std::chrono::duration<double>(now - start_).count();
  const double rate = seconds > 0 ? static_cast<double>(done_) / seconds : 0;
  Line line;
  const auto out = std::back_inserter(line);
  if (is_terminal_) {
    const auto filled = static_cast<std::size_t>(std::clamp<std::int64_t>(done_ * bar_width / total_, 0, bar_width));
    fmt::format_to(out, "\r\033[K{:━<{}}{:─<{}}  ", "", filled, "", bar_width - filled);
  }
  fmt::format_to(out, "{}  {}/{}  {:.0f}/s  ", title_, done_, total_, rate);
  if (done_ < total_) {
    append_duration(line, static_cast<double>(total_ - done_) / std::max(rate, 1e-9));
    fmt::format_to(out, " left");
  } else {
    append_duration(line, seconds);
  }
  for (std::size_t i = 0; i < value_count_; ++i) fmt::format_to(out, "  {} {:.4g}", values_[i].name, values_[i].value);
  if (!is_terminal_) line.push_back('\n');
  std::fwrite(line.data(), 1, line.size(), stream_);
  std::fflush(stream_);
  shown_ = done_;
  last_shown_ = now;
}

}  // namespace thalweg
