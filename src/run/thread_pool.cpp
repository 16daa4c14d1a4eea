#include "src/run/thread_pool.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

#include <thalweg/error.hpp>
#include <thalweg/threads.hpp>

#include "src/run/floating_point_mode.hpp"
#include "src/run/late_help.hpp"

namespace thalweg {
namespace {

constexpr int most_threads = 256;

/// THALWEG_THREADS, or the number of hardware threads if it is not set or empty.
int initial_thread_count() {
  const char* text = std::getenv("THALWEG_THREADS");
  if (text == nullptr || *text == 0)
    return std::clamp(static_cast<int>(std::thread::hardware_concurrency()), 1, most_threads);
  int count = 0;
  const char* end = text + std::strlen(text);
  const auto [last, error] = std::from_chars(text, end, count);
  if (error != std::errc() || last != end || count < 1 || count > most_threads)
    throw ValueError(
        error_text("THALWEG_THREADS", "the count must be an integer from 1 to 256, not \"" + std::string(text) + "\""));
  return count;
}

std::atomic<int>& pool_size() {
  static std::atomic<int> size = initial_thread_count();
  return size;
}

constexpr int no_limit = 0;
thread_local int limit_of_thread = no_limit;
thread_local bool is_in_task = false;
thread_local bool asks_late = false;

}  // namespace

int thread_count() { return pool_size().load(std::memory_order_relaxed); }

void set_thread_count(int count, SourceLine line) {
  if (count < 1 || count > most_threads)
    throw ValueError(
        error_text("set_thread_count", "the count must be from 1 to 256, not " + std::to_string(count), line));
  pool_size().store(count, std::memory_order_relaxed);
}

Threads::Threads(int limit, SourceLine line) : previous_(limit_of_thread) {
  if (limit < 1)
    throw ValueError(error_text("Threads", "the limit must be at least 1, not " + std::to_string(limit), line));
  limit_of_thread = limit;
}

Threads::~Threads() { limit_of_thread = previous_; }

namespace run {
namespace {

/// Waits for `word` to differ from `seen`: first awake, for work often follows work within microseconds, then asleep.
std::uint32_t wait_for_change(const std::atomic<std::uint32_t>& word, std::uint32_t seen) {
  constexpr int rounds = 2000;
  for (int round = 0; round < rounds; ++round) {
    const std::uint32_t value = word.load(std::memory_order_acquire);
    if (value != seen) return value;
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
  }
  word.wait(seen, std::memory_order_acquire);
  return word.load(std::memory_order_acquire);
}

class Pool {
 public:
  Pool() = default;
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  ~Pool() {
    while (is_busy_.exchange(true, std::memory_order_acquire)) std::this_thread::yield();
    is_ending_.store(true, std::memory_order_release);
    call(started_);
    for (int i = 0; i < started_; ++i) workers_[static_cast<std::size_t>(i)]->thread.join();
  }

  /// False, with nothing done, where another caller has the pool.
  bool run(std::int64_t count, void (*body)(void*, std::int64_t), void* context, int threads) {
    if (is_busy_.exchange(true, std::memory_order_acquire)) return false;
    const int wanted = static_cast<int>(std::min<std::int64_t>(threads, count)) - 1;
    const int helpers = asks_late ? wanted : start(wanted);
    body_ = body;
    context_ = context;
    count_ = count;
    mode_ = floating_point_mode();
    shares_ = helpers + 1;
    for (int share = 0; share < shares_; ++share)
      next_[static_cast<std::size_t>(share)].index.store(end_of_share(share - 1), std::memory_order_relaxed);
    state_.store(open | static_cast<std::uint32_t>(helpers) * seat, std::memory_order_release);
    if (!asks_late) call(helpers);
    work(0, asks_late ? helpers : 0);
    // Whoever has not come yet is not waited for.
    std::uint32_t state = state_.fetch_and(at_work_mask, std::memory_order_acq_rel) & at_work_mask;
    while (state != 0) state = wait_for_change(state_, state);
    is_busy_.store(false, std::memory_order_release);
    return true;
  }

 private:
  struct Worker {
    std::thread thread;
    alignas(64) std::atomic<std::uint32_t> calls{1};  // a new worker looks for a job at once
  };

  // To wake a worker that sleeps takes its caller 15 µs on a virtual machine, and it comes after 35 to 60.
  static constexpr std::chrono::microseconds late_time{50};

  // The state of the pool's one job: whether it is open, how many more may join, how many are at work.
  static constexpr std::uint32_t seat = 1U << 10;
  static constexpr std::uint32_t at_work_mask = seat - 1;
  static constexpr std::uint32_t open = 1U << 31;

  /// Makes sure that `wanted` workers run; how many there are, where the system has no more to give.
  int start(int wanted) {
    while (started_ < wanted) {
      try {
        auto worker = std::make_unique<Worker>();
        Worker& started = *worker;
        started.thread = std::thread([this, &started, share = started_ + 1] {
          prepare_thread();
          serve(started, share);
        });
        workers_[static_cast<std::size_t>(started_++)] = std::move(worker);
      } catch (const std::exception&) {
        return started_;
      }
    }
    return wanted;
  }

  /// Whoever is awake sees the call, who sleeps is woken.
  void call(int workers) {
    for (int i = 0; i < workers; ++i)
      workers_[static_cast<std::size_t>(i)]->calls.fetch_add(1, std::memory_order_release);
    for (int i = 0; i < workers; ++i) workers_[static_cast<std::size_t>(i)]->calls.notify_one();
  }

  void serve(Worker& worker, int share) {
    is_in_task = true;
    std::uint64_t mode = floating_point_mode();
    std::uint32_t calls = 0;
    while (!is_ending_.load(std::memory_order_acquire)) {
      calls = wait_for_change(worker.calls, calls);
      if (join()) {
        if (mode != mode_) set_floating_point_mode(mode = mode_);
        work(share);
        if (state_.fetch_sub(1, std::memory_order_acq_rel) == 1) state_.notify_one();
      }
    }
  }

  bool join() {
    std::uint32_t state = state_.load(std::memory_order_relaxed);
    while (state >= open + seat)
      if (state_.compare_exchange_weak(state, state - seat + 1, std::memory_order_acq_rel)) return true;
    return false;
  }

  std::int64_t end_of_share(int share) const { return (share + 1) * count_ / shares_; }

  /// Each thread begins with its own share, the same indices in every job of as many, so that what it has written in one
  /// job it mostly finds in its cache in the next; then it takes what is left of the others'. `to_call` workers, if any, are
  /// called once that has lasted a while.
  void work(int first_share, int to_call = 0) {
    using Clock = std::chrono::steady_clock;
    const Clock::time_point begin = to_call > 0 ? Clock::now() : Clock::time_point();
    const bool was_in_task = is_in_task;
    is_in_task = true;
    for (int turn = 0; turn < shares_; ++turn) {
      const int share = (first_share + turn) % shares_;
      const std::int64_t end = end_of_share(share);
      std::atomic<std::int64_t>& next = next_[static_cast<std::size_t>(share)].index;
      for (;;) {
        const std::int64_t index = next.fetch_add(1, std::memory_order_relaxed);
        if (index >= end) break;
        body_(context_, index);
        if (to_call > 0 && Clock::now() - begin > late_time) call(start(std::exchange(to_call, 0)));
      }
    }
    is_in_task = was_in_task;
  }

  alignas(64) std::atomic<bool> is_busy_{false};
  void (*body_)(void*, std::int64_t) = nullptr;
  void* context_ = nullptr;
  std::int64_t count_ = 0;
  std::uint64_t mode_ = 0;  // the caller's, in which the workers compute as well
  int shares_ = 1;          // of the indices: one for each thread
  struct alignas(64) Next {
    std::atomic<std::int64_t> index{0};
  };
  std::array<Next, most_threads> next_;
  alignas(64) std::atomic<std::uint32_t> state_{0};
  std::atomic<bool> is_ending_{false};
  int started_ = 0;
  std::array<std::unique_ptr<Worker>, most_threads> workers_;
};

Pool& pool() {
  static Pool the_pool;
  return the_pool;
}

}  // namespace

int thread_limit() {
  if (is_in_task || limit_of_thread == 1) return 1;
  return limit_of_thread == no_limit ? thread_count() : std::min(limit_of_thread, thread_count());
}

LateHelp::LateHelp(bool is_late) : previous_(asks_late) { asks_late = previous_ || is_late; }

LateHelp::~LateHelp() { asks_late = previous_; }

void parallel_for(std::int64_t count, void (*body)(void* context, std::int64_t index), void* context) {
  if (count > 1) {
    const int threads = thread_limit();
    if (threads > 1 && pool().run(count, body, context, threads)) return;
  }
  for (std::int64_t index = 0; index < count; ++index) body(context, index);
}

}  // namespace run
}  // namespace thalweg
