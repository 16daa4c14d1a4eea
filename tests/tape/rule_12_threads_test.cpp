// Rule 12: threads.
#include "tests/tape/helpers.hpp"

#include <latch>
#include <thread>

using namespace thalweg;
using namespace thalweg::testing;

namespace {

/// Runs `function` on a thread of its own and waits.
template <class Function>
void on_thread(Function&& function) {
  std::thread(std::forward<Function>(function)).join();
}

}  // namespace

TEST_CASE("rule 12: any number of threads read a registry, each on its own tape, into its own gradients") {
  Network network({30, 20, 5}, false);
  const auto gradient = [&](std::uint64_t part) {
    Gradients gradients(network.registry);
    Random random;
    for (int turn = 0; turn < 5; ++turn) {
      Tape tape;
      backward(softmax_cross_entropy(network.logits(noise({16, 30}, part), 0, random), some_labels(16, 5, part)),
               gradients);
    }
    return gradients[network.weights[0]];
  };
  constexpr int count = 4;
  Tensor parallel[count];
  std::vector<std::thread> threads;
  for (int i = 0; i < count; ++i)
    threads.emplace_back([&, i] { parallel[i] = gradient(static_cast<std::uint64_t>(i)); });
  for (std::thread& thread : threads) thread.join();
  for (int i = 0; i < count; ++i) {
    const auto part = static_cast<std::uint64_t>(i);
    CHECK(identical(parallel[i], gradient(part)));
    Random random;
    Tape tape;
    backward(softmax_cross_entropy(network.logits(noise({16, 30}, part), 0, random), some_labels(16, 5, part)));
    CHECK(identical(parallel[i], network.weights[0].gradient()));
  }
}

TEST_CASE("rule 12: trials side by side, each with its own registry, give what they give one after another") {
  const auto trial = [](std::uint64_t seed) {
    Network network({20, 16, 4}, true);
    Adam optimizer(network.registry);
    Random random(seed);
    for (std::uint64_t step = 0; step < 10; ++step) {
      Tape tape;
      backward(
          softmax_cross_entropy(network.logits(noise({32, 20}, seed + step), 0.2, random), some_labels(32, 4, step)));
      optimizer.step();
    }
    return bits_of(network.registry);
  };
  std::string parallel[3];
  std::vector<std::thread> threads;
  for (std::uint64_t i = 0; i < 3; ++i) threads.emplace_back([&, i] { parallel[i] = trial(i); });
  for (std::thread& thread : threads) thread.join();
  for (std::uint64_t i = 0; i < 3; ++i) CHECK(parallel[i] == trial(i));
}

TEST_CASE("rule 12: a write while another thread's tape has read the registry is a TapeError, and writes nothing") {
  const Engine engine = GENERATE(Engine::planned, Engine::eager);
  ParameterRegistry registry;
  Parameter weight = registry.add("weight", Tensor{1., 2.});
  SGD optimizer(registry, {.learning_rate = 1});
  {
    Tape tape({.engine = engine});
    backward(sum(weight * 1));
  }
  std::latch has_read(1), has_tried(1);
  std::thread reader([&] {
    Tape tape({.engine = engine});
    const Var doubled = weight * 2;
    has_read.count_down();
    has_tried.wait();
    CHECK(identical(doubled.value(), Tensor{2., 4.}));
  });
  has_read.wait();
  const std::string before = bits_of(registry);
  const std::string text =
      "a tape of another thread has read this registry; write when it has ended, or give each thread "
      "a registry of its own";
  CHECK(error_of<TapeError>([&] { optimizer.step(); }) == "[step] " + text + at(__LINE__));
  CHECK(error_of<TapeError>([&] { weight.set_value(Tensor{5., 5.}); }) == "[set_value] " + text + at(__LINE__));
  {
    Tape tape({.engine = engine});
    assign(weight, Tensor{5., 5.});
    CHECK_THAT(error_of<TapeError>([&] { tape.run(); }), Catch::Contains(text));
    CHECK(bits_of(registry) == before);
    has_tried.count_down();
    reader.join();
    tape.run();  // the effect is still there
    CHECK(identical(weight.value(), Tensor{5., 5.}));
  }
  optimizer.step();  // so are the gradients
  CHECK(identical(weight.value(), Tensor{4., 4.}));
}

TEST_CASE("rule 12: a tape belongs to one thread") {
  Tape tape;
  const Var x = Tensor{1., 2.};
  std::string with_a_tape, without;
  on_thread([&] {
    without = error_of<TapeError>([&] { x + 1; });
    Tape own;
    with_a_tape = error_of<TapeError>([&] { x + 1; });
  });
  CHECK_THAT(without, Catch::Contains("no tape is alive on this thread"));
  CHECK_THAT(with_a_tape, Catch::Contains("another thread") && Catch::Contains("x.value()"));
  CHECK(identical((x + 1).value(), Tensor{2., 3.}));
}
