// Rule 7: the same bits on any number of threads, planned or eager.
#include "tests/tape/helpers.hpp"

using namespace thalweg;
using namespace thalweg::testing;

namespace {

/// Losses, gradients, parameters and optimizer state after three steps of Adam with batch normalization and dropout.
std::string training_bits(Engine engine, int threads, DType dtype) {
  const Threads limit(threads);
  Network network({200, 150, 60, 10}, true, dtype);
  Adam optimizer(network.registry);
  Random random(11);
  std::string bits;
  for (std::uint64_t step = 0; step < 3; ++step) {
    Tape tape({.engine = engine});
    const Var loss =
        softmax_cross_entropy(network.logits(noise({300, 200}, step, dtype), 0.3, random), some_labels(300, 10, step)) +
        l2_penalty(network.weights, 0.01);
    if (step == 1) loss.item();
    backward(loss);
    bits += bits_of(network.registry, true);
    optimizer.step();
    const double value = loss.item();
    bits.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  return bits + bits_of(network.registry);
}

}  // namespace

TEST_CASE("rule 7: training gives the same bits on 1, 2 and 3 threads, planned and eager") {
  const DType dtype = GENERATE(f32, f64);
  set_thread_count(3);
  const std::string bits = training_bits(Engine::planned, 1, dtype);
  CHECK(training_bits(Engine::planned, 2, dtype) == bits);
  CHECK(training_bits(Engine::planned, 3, dtype) == bits);
  CHECK(training_bits(Engine::eager, 1, dtype) == bits);
  CHECK(training_bits(Engine::eager, 3, dtype) == bits);
}

TEST_CASE("rule 7: a value does not depend on what else is computed with it") {
  const Tensor x = noise({130, 70}, 1);
  const auto row_sums = [&](bool alone, int axis) {
    Tape tape;
    const Var y = exp(x), s = sum(y, axis, true);
    if (!alone) sum(y / s + max(y, axis, true)).item();
    return s.value();
  };
  for (const int axis : {0, 1}) CHECK(identical(row_sums(true, axis), row_sums(false, axis)));
}
