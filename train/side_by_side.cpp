#include <thalweg/train/side_by_side.hpp>

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <thread>

#include <thalweg/threads.hpp>
#include <thalweg/train/interrupt.hpp>

namespace thalweg {

std::vector<bool> side_by_side(std::int64_t count, const std::function<void(std::int64_t)>& task) {
  std::atomic<std::int64_t> next = 0;
  std::mutex mutex;
  std::exception_ptr failure;
  std::int64_t failed = count;
  std::vector<bool> ended(static_cast<std::size_t>(std::max<std::int64_t>(count, 0)));
  const auto work = [&] {
    const Threads limit(1);
    for (std::int64_t i = next++; i < count && !Interrupt::asked(); i = next++) {
      try {
        task(i);
        const std::lock_guard lock(mutex);
        ended[i] = true;
      } catch (...) {
        next = count;
        const std::lock_guard lock(mutex);
        if (i < failed) failure = std::current_exception();
        failed = std::min(i, failed);
      }
    }
  };
  {
    const std::int64_t helpers = std::min<std::int64_t>(thread_count(), count) - 1;
    std::vector<std::jthread> threads;
    for (std::int64_t i = 0; i < helpers; ++i) threads.emplace_back(work);
    work();
  }
  if (failure) std::rethrow_exception(failure);
  return ended;
}

}  // namespace thalweg
