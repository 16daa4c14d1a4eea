#include <atomic>
#include <chrono>
#include <cstdint>
#include <numeric>
#include <set>
#include <thread>
#include <vector>

#include <catch2/catch.hpp>

#include <thalweg/error.hpp>
#include <thalweg/threads.hpp>

#include "src/run/late_help.hpp"
#include "src/run/thread_pool.hpp"
#include "tests/pool_size.hpp"

namespace thalweg::run {
namespace {

/// How often each index was called.
std::vector<int> calls_of(std::int64_t count) {
  std::vector<int> calls(static_cast<std::size_t>(count));
  parallel_for(count, [&](std::int64_t index) { ++calls[static_cast<std::size_t>(index)]; });
  return calls;
}

bool is_once_each(const std::vector<int>& calls) { return calls == std::vector<int>(calls.size(), 1); }

}  // namespace

TEST_CASE("parallel_for calls every index once and has finished when it returns", "[thread_pool]") {
  for (const int threads : {1, 2, 3, 5}) {
    const testing::PoolSize pool(threads);
    for (const std::int64_t count : {0, 1, 2, 3, 7, 100, 10000}) CHECK(is_once_each(calls_of(count)));
  }
}

TEST_CASE("parallel_for runs on several threads at once", "[thread_pool]") {
  const testing::PoolSize pool(3);
  // Each of three tasks waits until all three have begun: it ends only if three threads are at work.
  std::atomic<int> begun = 0;
  parallel_for(3, [&](std::int64_t) {
    ++begun;
    while (begun < 3) std::this_thread::yield();
  });
  CHECK(begun == 3);
}

TEST_CASE("LateHelp comes for long jobs, and all jobs are done", "[thread_pool]") {
  const testing::PoolSize pool(3);
  const LateHelp help(true);
  for (const std::int64_t count : {2, 3, 100}) CHECK(is_once_each(calls_of(count)));
  std::this_thread::sleep_for(std::chrono::milliseconds(20));  // the workers fall asleep
  std::atomic<bool> has_help = false;
  const std::thread::id caller = std::this_thread::get_id();
  std::int64_t calls_by_caller = 0;
  parallel_for(3000, [&](std::int64_t) {
    if (std::this_thread::get_id() != caller) {
      has_help = true;
    } else if (++calls_by_caller < 1000 && !has_help) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  });
  CHECK(has_help);
}

TEST_CASE("parallel_for can be called many times in a row", "[thread_pool]") {
  const testing::PoolSize pool(3);
  std::int64_t total = 0;
  for (int call = 0; call < 2000; ++call) {
    std::int64_t parts[4] = {};
    parallel_for(4, [&](std::int64_t index) { parts[index] = index + call; });
    total += std::accumulate(parts, parts + 4, std::int64_t{0});
  }
  CHECK(total == 2000 * 6 + 4 * (1999 * 2000 / 2));
}

TEST_CASE("parallel_for inside a task runs where it is", "[thread_pool]") {
  const testing::PoolSize pool(3);
  std::vector<int> calls(6 * 50);
  std::atomic<int> elsewhere = 0, limits = 0;
  parallel_for(6, [&](std::int64_t outer) {
    limits += thread_limit();
    const auto here = std::this_thread::get_id();
    parallel_for(50, [&](std::int64_t inner) {
      if (std::this_thread::get_id() != here) ++elsewhere;
      ++calls[static_cast<std::size_t>(outer * 50 + inner)];
    });
  });
  CHECK(is_once_each(calls));
  CHECK(elsewhere == 0);
  CHECK(limits == 6);
  CHECK(thread_limit() == 3);
}

TEST_CASE("parallel_for may be called from several threads side by side", "[thread_pool]") {
  const testing::PoolSize pool(3);
  std::atomic<int> right = 0;
  std::vector<std::thread> callers;
  for (int caller = 0; caller < 4; ++caller)
    callers.emplace_back([&] {
      for (int call = 0; call < 200; ++call)
        if (is_once_each(calls_of(20))) ++right;
    });
  for (std::thread& caller : callers) caller.join();
  CHECK(right == 4 * 200);
}

TEST_CASE("parallel_for keeps within the caller's limit", "[thread_pool]") {
  const testing::PoolSize pool(4);
  const Threads limit(2);
  std::vector<std::thread::id> of(200);
  parallel_for(200, [&](std::int64_t index) { of[static_cast<std::size_t>(index)] = std::this_thread::get_id(); });
  CHECK(std::set<std::thread::id>(of.begin(), of.end()).size() <= 2);
}

TEST_CASE("Threads limits its thread until its scope ends", "[thread_pool]") {
  const testing::PoolSize pool(3);
  CHECK(thread_limit() == 3);
  {
    const Threads limit(1);
    CHECK(thread_limit() == 1);
    {
      const Threads inner(2);
      CHECK(thread_limit() == 2);
    }
    CHECK(thread_limit() == 1);
    int other = 0;
    std::thread([&] { other = thread_limit(); }).join();
    CHECK(other == 3);

    const auto here = std::this_thread::get_id();
    int elsewhere = 0;
    parallel_for(100, [&](std::int64_t) { elsewhere += std::this_thread::get_id() != here; });
    CHECK(elsewhere == 0);
  }
  CHECK(thread_limit() == 3);
  const Threads many(100);
  CHECK(thread_limit() == 3);
}

TEST_CASE("Threads and set_thread_count refuse counts without meaning", "[thread_pool]") {
  CHECK_THROWS_AS(Threads(0), ValueError);
  CHECK_THROWS_AS(Threads(-2), ValueError);
  CHECK_THROWS_WITH(Threads(0), Catch::Matchers::StartsWith("[Threads] the limit must be at least 1, not 0 at ") &&
                                    Catch::Matchers::Contains("thread_pool_test.cpp:"));
  const int before = thread_count();
  CHECK_THROWS_AS(set_thread_count(0), ValueError);
  CHECK_THROWS_AS(set_thread_count(257), ValueError);
  CHECK(thread_count() == before);
  CHECK(thread_limit() >= 1);
}

}  // namespace thalweg::run
