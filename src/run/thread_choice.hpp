#pragma once
// Decides by measurement whether repeated work is divided among threads. Results have the same bits on any number of
// threads, so the choice is free.
//
// Jobs too small for a second thread are known by their shape. For larger ones it depends on the machine and the
// moment: a round trip of a word takes 90 ns between cores that share a cache, 450 ns between others; a virtual
// machine's cores move between such places, and another program may use the second core.

#include <chrono>
#include <cstdint>

#include <thalweg/threads.hpp>

#include "src/run/late_help.hpp"
#include "src/run/thread_pool.hpp"

namespace thalweg::run {

/// The measurements of one trial for one piece of work.
struct RepeatedWork {
  std::uint32_t look = 0;      // which one
  std::int32_t runs = 0;       // timed the usual way
  float seconds = 0;           // that these took
  bool has_run_other = false;  // once, to have its data in the right cache
};

/// A thread's choice, one for all of its work, since what one piece leaves in a cache is read by another. Most runs are not
/// timed. Now and again the thread takes a look: it times a window of runs, then one of the other way, and keeps the way
/// that takes less time for the same work, one thread if several gain little; one long run that takes far more ends the look.
/// If a look has lost time, the next one is `patience` times that time away. Until the first one has ended, jobs have late
/// help, for nothing says that short ones gain by any.
class ThreadChoice {
 public:
  static constexpr std::int32_t first_look = 16;                      // runs before it
  static constexpr std::int32_t least_window = 4, most_window = 256;  // runs
  static constexpr double window_seconds = 4e-3;  // mostly longer than another program's turn on a core that is shared
  static constexpr double least_gain = .03;       // of several threads, to leave one for them
  static constexpr double clear_loss = 1.3;       // times as long
  static constexpr double patience = 256;

  static ThreadChoice& of_this_thread() {
    constinit thread_local ThreadChoice choice;
    return choice;
  }

  /// Calls body() on as many threads as the limit allows, or on one.
  template <class Body>
  void run(RepeatedWork& work, const Body& body) {
    const int limit = thread_limit();
    if (limit == 1) return body();
    const Threads threads(is_shared() ? limit : 1);
    const LateHelp help(look_ == 1);
    if (!is_looking()) {
      body();
      return ended(work);
    }
    const auto begin = std::chrono::steady_clock::now();
    body();
    ended(work, std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
  }

  /// Whether the next run goes to several threads; whether it is to be timed.
  bool is_shared() const { return is_shared_ != is_other_; }
  bool is_looking() const { return runs_left_ == 0; }
  /// A run of this work has ended, and has taken so long if it was to be timed.
  void ended(RepeatedWork& work, double seconds = 0) {
    if (is_looking()) {
      add(work, seconds);
    } else {
      --runs_left_;
    }
  }

 private:
  void add(RepeatedWork& work, double seconds);
  void count(double seconds, double usual_seconds);
  void begin_window(bool other);
  void decide();

  bool is_shared_ = true;
  bool is_other_ = false;  // in a look: the window is the other way's
  std::uint32_t look_ = 1;
  std::int32_t runs_left_ = first_look;  // before the next look
  std::int32_t runs_ = 0, counted_ = 0;  // of the window; of these, what counts
  double seconds_ = 0;                   // that those took that count
  double usual_seconds_ = 0;             // that these would have taken the usual way
};

}  // namespace thalweg::run
