#include "src/run/thread_choice.hpp"

#include <algorithm>

namespace thalweg::run {

void ThreadChoice::add(RepeatedWork& work, double seconds) {
  ++runs_;
  if (work.look != look_) work = {.look = look_};
  bool is_clear_loss = false;
  if (!is_other_) {
    ++work.runs;
    work.seconds += static_cast<float>(seconds);
    count(seconds, 0);
  } else if (work.runs > 0) {
    const double usual_seconds = work.seconds / static_cast<double>(work.runs);
    is_clear_loss = seconds >= window_seconds && seconds > clear_loss * usual_seconds;
    if (work.has_run_other || is_clear_loss) count(seconds, usual_seconds);
    work.has_run_other = true;
  }
  const bool is_whole = counted_ >= least_window && seconds_ >= window_seconds;
  if (!is_whole && !is_clear_loss && runs_ < most_window) return;
  if (is_other_) decide();
  begin_window(!is_other_);
}

void ThreadChoice::count(double seconds, double usual_seconds) {
  ++counted_;
  seconds_ += seconds;
  usual_seconds_ += usual_seconds;
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
    const double shared_seconds = is_shared_ ? usual_seconds_ : seconds_;
    const double single_seconds = is_shared_ ? seconds_ : usual_seconds_;
    is_shared_ = shared_seconds < (1 - least_gain) * single_seconds;
  }
  runs_left_ = static_cast<std::int32_t>(std::min(std::max(patience * lost_runs, windows * runs_), most_runs));
}

}  // namespace thalweg::run
