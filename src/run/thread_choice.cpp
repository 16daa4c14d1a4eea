#include "src/run/thread_choice.hpp"

#include <algorithm>

namespace thalweg::run {

void ThreadChoice::add(RepeatedWork& work, double seconds) {
  ++runs_;
  if (work.look != look_) work = {.look = look_};
  if (!is_other_) {
    ++work.runs;
    work.seconds += static_cast<float>(seconds);
    ++counted_;
    seconds_ += seconds;
  } else if (work.runs > 0 && work.has_run_other) {
    ++counted_;
    seconds_ += seconds;
    usual_seconds_ += work.seconds / static_cast<double>(work.runs);
  }
  if (is_other_) work.has_run_other = true;
  const bool is_whole = counted_ >= least_window && seconds_ >= window_seconds;
  if (!is_whole && runs_ < most_window) return;
  if (is_other_) decide();
  begin_window(!is_other_);
}

void ThreadChoice::begin_window(bool other) {
  is_other_ = other;
  runs_ = counted_ = 0;
  seconds_ = usual_seconds_ = 0;
}

void ThreadChoice::decide() {
  constexpr double windows = 16, most_runs = 1 << 16;  // before the next look, at the least and at the most
  ++look_;
  double lost_runs = 0;
  if (counted_ > 0) {
    lost_runs = std::max(0., seconds_ / usual_seconds_ - 1) * runs_;
    if (seconds_ < (1 - least_gain) * usual_seconds_) is_shared_ = !is_shared_;
  }
  runs_left_ = static_cast<std::int32_t>(std::min(std::max(patience * lost_runs, windows * runs_), most_runs));
}

}  // namespace thalweg::run
