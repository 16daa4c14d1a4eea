#include "src/run/thread_choice.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <set>

#include <catch2/catch.hpp>

#include <thalweg/threads.hpp>

#include "src/run/thread_pool.hpp"
#include "tests/pool_size.hpp"

namespace thalweg::run {
namespace {

/// Seconds that a run takes on one thread and on several, by the time that has passed.
struct Machine {
  double one, several;
};

/// Runs work for so many seconds; what it has taken, in multiples of the better way.
template <class MachineAt>
double relative_time(ThreadChoice& choice, double seconds, const MachineAt& machine_at) {
  RepeatedWork work;
  double passed = 0, best = 0;
  for (std::int64_t run = 0; passed < seconds; ++run) {
    const Machine machine = machine_at(passed, run);
    const double taken = choice.is_shared() ? machine.several : machine.one;
    choice.ended(work, taken);
    passed += taken;
    best += std::min(machine.one, machine.several);
  }
  return passed / best;
}

double relative_time(ThreadChoice& choice, double seconds, Machine machine) {
  return relative_time(choice, seconds, [machine](double, std::int64_t) { return machine; });
}

}  // namespace

TEST_CASE("ThreadChoice keeps several threads where they take less time", "[thread_choice]") {
  for (const Machine machine : {Machine{30e-6, 20e-6}, Machine{440e-6, 300e-6}, Machine{39e-3, 21e-3}}) {
    ThreadChoice choice;
    CHECK(choice.is_shared());
    CHECK(relative_time(choice, 20, machine) < 1.01);
  }
}

TEST_CASE("ThreadChoice ends a look after one long run that takes far more time", "[thread_choice]") {
  ThreadChoice choice;
  RepeatedWork work;
  int slow = 0;
  for (int run = 0; run < 100; ++run) {
    slow += choice.is_shared() ? 0 : 1;
    choice.ended(work, choice.is_shared() ? .96 : 1.8);
  }
  CHECK(slow == 1);
}

TEST_CASE("ThreadChoice finds out that one thread takes less time", "[thread_choice]") {
  for (const Machine machine : {Machine{20e-6, 30e-6}, Machine{440e-6, 660e-6}, Machine{1e-3, 20e-3}}) {
    ThreadChoice choice;
    relative_time(choice, .2 + 100 * machine.several, machine);
    CHECK_FALSE(choice.is_shared());
    CHECK(relative_time(choice, 20, machine) < 1.01);
  }
}

TEST_CASE("ThreadChoice leaves several threads for one unless they gain a few percent", "[thread_choice]") {
  ThreadChoice choice;
  relative_time(choice, 1, Machine{450e-6, 440e-6});
  CHECK_FALSE(choice.is_shared());
  relative_time(choice, 20, Machine{450e-6, 420e-6});
  CHECK(choice.is_shared());
  relative_time(choice, 20, Machine{450e-6, 440e-6});
  CHECK_FALSE(choice.is_shared());
}

TEST_CASE("ThreadChoice follows a machine that changes", "[thread_choice]") {
  ThreadChoice choice;
  // The cores share a cache in every other stretch of ten seconds.
  CHECK(relative_time(choice, 100, [](double passed, std::int64_t) {
          return static_cast<int>(passed / 10) % 2 == 0 ? Machine{440e-6, 300e-6} : Machine{440e-6, 640e-6};
        }) < 1.02);
}

TEST_CASE("ThreadChoice bears runs that something has interrupted", "[thread_choice]") {
  for (const Machine machine : {Machine{440e-6, 300e-6}, Machine{300e-6, 440e-6}}) {
    ThreadChoice choice;
    CHECK(relative_time(choice, 60, [machine](double, std::int64_t run) {
            const double interruption = run % 997 == 0 ? 5e-3 : 0;
            return Machine{machine.one + interruption, machine.several + interruption};
          }) < 1.03);
  }
}

TEST_CASE("ThreadChoice looks seldom where both ways take the same", "[thread_choice]") {
  ThreadChoice choice;
  RepeatedWork work;
  int timed = 0;
  constexpr int runs = 100000;
  for (int run = 0; run < runs; ++run) {
    timed += choice.is_looking();
    choice.ended(work, 100e-6);
  }
  CHECK(timed < runs / 7);
  CHECK(timed > 0);
}

TEST_CASE("ThreadChoice chooses for all work together, by what both ways have run", "[thread_choice]") {
  // Each is slower on one thread as long as the other one leaves half of its data to the second core.
  ThreadChoice choice;
  RepeatedWork gradients, update, once;
  bool was_shared = true;
  for (int step = 0; step < 1000; ++step)
    for (RepeatedWork* const work : {&gradients, &update}) {
      const bool is_shared = choice.is_shared();
      const double usual = work == &gradients ? 1.1e-3 : .4e-3;
      choice.ended(*work, is_shared ? 1.4 * usual : was_shared ? 1.5 * usual : usual);
      was_shared = is_shared;
      if (step % 10 == 0) {
        once = {};  // work that never comes again says nothing
        choice.ended(once, choice.is_shared() ? 1e-3 : 20e-3);
      }
    }
  CHECK_FALSE(choice.is_shared());
}

TEST_CASE("ThreadChoice leaves it at that where no work comes again", "[thread_choice]") {
  ThreadChoice choice;
  for (int run = 0; run < 10000; ++run) {
    RepeatedWork work;
    choice.ended(work, choice.is_shared() ? 2e-3 : 1e-3);
  }
  CHECK(choice.is_shared());
}

TEST_CASE("ThreadChoice runs its work within the caller's limit", "[thread_choice]") {
  const testing::PoolSize pool(3);
  // Enough runs for a look at the other way.
  const auto limits_of_runs = [] {
    ThreadChoice choice;
    RepeatedWork work;
    std::set<int> limits;
    for (int run = 0; run < 1000; ++run)
      choice.run(work, [&] {
        const auto end = std::chrono::steady_clock::now() + std::chrono::microseconds(20);
        while (std::chrono::steady_clock::now() < end) limits.insert(thread_limit());
      });
    return limits;
  };
  CHECK(limits_of_runs() == std::set<int>{1, 3});
  CHECK(thread_limit() == 3);
  {
    const Threads limit(2);
    CHECK(limits_of_runs() == std::set<int>{1, 2});
  }
  const Threads limit(1);
  CHECK(limits_of_runs() == std::set<int>{1});
}

}  // namespace thalweg::run
