#include <catch2/catch.hpp>

#include <atomic>
#include <csignal>
#include <set>
#include <string>

#include <thalweg/thalweg.hpp>

#include "tests/pool_size.hpp"

namespace tw = thalweg;

TEST_CASE("side_by_side: every task once, on any number of threads") {
  for (const int count : {1, 2, 5}) {
    const thalweg::testing::PoolSize threads(count);
    std::vector<std::atomic<int>> calls(20);
    const std::vector<bool> ended = tw::side_by_side(20, [&](std::int64_t i) { ++calls[static_cast<std::size_t>(i)]; });
    for (const auto& times : calls) CHECK(times == 1);
    CHECK(ended == std::vector<bool>(20, true));
  }
  CHECK(tw::side_by_side(0, [](std::int64_t) { FAIL("nothing to do"); }).empty());
}

TEST_CASE("side_by_side: the exception of the lowest task goes on, and no more begin") {
  const thalweg::testing::PoolSize threads(1);
  int last = -1;
  CHECK_THROWS_WITH(tw::side_by_side(10,
                                     [&](std::int64_t i) {
                                       last = static_cast<int>(i);
                                       if (i == 4) throw tw::ValueError("four");
                                     }),
                    "four");
  CHECK(last == 4);
}

TEST_CASE("side_by_side: after an interrupt no more begin") {
  const thalweg::testing::PoolSize threads(1);
  const tw::Interrupt interrupt;
  const std::vector<bool> ended = tw::side_by_side(5, [](std::int64_t i) {
    if (i == 1) std::raise(SIGINT);
  });
  CHECK(ended == std::vector<bool>{true, true, false, false, false});
}

TEST_CASE("side_by_side: trials that train give the same bits on one thread and on three") {
  const auto train = [](std::int64_t seed) {
    tw::ParameterRegistry registry({.seed = static_cast<std::uint64_t>(seed)});
    const tw::Affine affine(registry, "affine1", tw::he_normal({20, 5}));
    tw::SGD optimizer(registry);
    tw::Random random(static_cast<std::uint64_t>(seed));
    for (int step = 0; step < 20; ++step) {
      const tw::Tape tape;
      const tw::Var x = tw::normal({30, 20}, random);
      tw::backward(tw::mean(tw::square(tw::dropout(affine(x), 0.2, random))));
      optimizer.step();
    }
    return affine.weight().value();
  };
  std::vector<tw::Tensor> alone(6), together(6);
  for (std::size_t i = 0; i < 6; ++i) alone[i] = train(static_cast<std::int64_t>(i));
  const thalweg::testing::PoolSize threads(3);
  tw::side_by_side(6, [&](std::int64_t i) { together[static_cast<std::size_t>(i)] = train(i); });
  for (std::size_t i = 0; i < 6; ++i) CHECK(tw::identical(alone[i], together[i]));
}
