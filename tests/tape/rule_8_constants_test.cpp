// Rule 8: constants are data: they make no new plan.
#include "tests/tape/helpers.hpp"

using namespace thalweg;
using namespace thalweg::testing;

TEST_CASE("rule 8: rates, penalties, slice offsets, labels and draws of a thousand steps make no new plan") {
  Network network({12, 8, 4}, false);
  SGD optimizer(network.registry, {.learning_rate = 0.01});
  Random random(1);
  const Tensor data = noise({64, 12}, 1);
  double last = 0;
  Since since;
  for (int step = 0; step < 1003; ++step) {
    if (step == 3) since = Since();
    Tape tape;
    optimizer.set_learning_rate(0.01 / (1 + step));
    const Var images = slice(data, 0, step % 50, step % 50 + 8);
    Var logits = network.logits(images, 0.1 + 0.0005 * step, random);
    logits = logits * (1 + 0.001 * step);
    const Var loss = softmax_cross_entropy(logits, some_labels(8, 4, static_cast<std::uint64_t>(step))) +
                     l2_penalty(network.weights, 1e-5 * step);
    backward(loss);
    optimizer.step();
    const double value = loss.item();
    CHECK(value != last);
    last = value;
  }
  CHECK(since.plans() == 0);
}

TEST_CASE("rule 8: Adam's step number and changing its rate make no new plan") {
  Network network({12, 8, 4}, true);
  Adam optimizer(network.registry);
  Random random(1);
  Since since;
  for (int step = 0; step < 203; ++step) {
    if (step == 3) since = Since();
    Tape tape;
    optimizer.set_learning_rate(0.001 * (step % 7));
    backward(softmax_cross_entropy(network.logits(noise({8, 12}, 1), 0.2, random), some_labels(8, 4, 3)));
    optimizer.step();
  }
  CHECK(since.plans() == 0);
}

TEST_CASE("rule 8: changed constants change the values, as they do eagerly") {
  const Tensor data = noise({20, 3}, 1);
  for (int turn = 0; turn < 10; ++turn) {
    const auto value = [&](Engine engine) {
      Tape tape({.engine = engine});
      const Var rows = slice(data, 0, turn, turn + 4);
      return (rows * (turn * 0.3) + gather(data, some_labels(4, 20, static_cast<std::uint64_t>(turn))) / (turn + 1))
          .value();
    };
    CHECK(identical(value(Engine::planned), value(Engine::eager)));
  }
}

TEST_CASE("rule 8: a recurrent net over sequences of 5 to 50 steps makes no new plan once each length was seen") {
  ParameterRegistry registry({.seed = 2});
  const Parameter input = registry.add("input", xavier_normal({6, 9})),
                  state = registry.add("state", xavier_normal({9, 9}));
  const Parameter bias = registry.add("bias", zeros({9})), output = registry.add("output", xavier_normal({9, 2}));
  SGD optimizer(registry, {.learning_rate = 0.01});
  const auto train = [&](int length) {
    Tape tape;
    const Var weight = input, recurrent = state, shift = bias;
    Var hidden = Tensor::zeros({4, 9});
    for (int t = 0; t < length; ++t)
      hidden = tanh(matmul(noise({4, 6}, static_cast<std::uint64_t>(t)), weight) + matmul(hidden, recurrent) + shift);
    const Var loss = softmax_cross_entropy(matmul(hidden, output), some_labels(4, 2, 1));
    backward(loss);
    optimizer.step();
    return loss.item();
  };
  for (int round = 0; round < 3; ++round)
    for (int length = 5; length <= 50; ++length) train(length);
  const Since since;
  for (int turn = 0; turn < 300; ++turn) CHECK(std::isfinite(train(5 + turn * 17 % 46)));
  CHECK(since.plans() == 0);
}

TEST_CASE("rule 8: a tape has the constants that were recorded on it until it ends, and no longer") {
  const Tensor a = noise({3}, 1), b = noise({3}, 2), other_shape = noise({4}, 3);
  const auto is_held = [](const Tensor& tensor) { return tensor.storage().is_shared(); };
  const auto none_is_held = [&] { return !is_held(a) && !is_held(b) && !is_held(other_shape); };
  for (int turn = 0; turn < 3; ++turn) {
    CAPTURE(turn);
    {
      Tape tape;
      const Var sum = a + b;
      CHECK((is_held(a) && is_held(b)));
      CHECK(sum.value().at<float>({0}) == a.at<float>({0}) + b.at<float>({0}));
      const Var later = sum * a;
      CHECK(later.value().at<float>({0}) != 0);
    }
    CHECK(none_is_held());
    {  // the same leaves, of another op than the one that is expected
      Tape tape;
      CHECK((a - b).value().at<float>({1}) == a.at<float>({1}) - b.at<float>({1}));
    }
    CHECK(none_is_held());
    {  // the first leaf, then another shape
      Tape tape;
      CHECK_THROWS_AS(a + other_shape, ShapeError);
      CHECK_FALSE(is_held(b));
    }
    CHECK(none_is_held());
    {
      Tape tape;
      [[maybe_unused]] const Var sum = a + b;
      tape.clear();
      CHECK(none_is_held());
      CHECK((b + a).value().at<float>({2}) == a.at<float>({2}) + b.at<float>({2}));
    }
    CHECK(none_is_held());
    Tape tape({.engine = Engine::eager});
    CHECK_THROWS_AS(a * b + other_shape, ShapeError);
    CHECK((is_held(a) && is_held(b)));
  }
  CHECK(none_is_held());
}

TEST_CASE("rule 8: a constant that nobody else has lives as long as its tape") {
  int released = 0;
  std::vector<float> memory(3, 2.F);
  const auto borrowed = [&] {
    const std::shared_ptr<void> owner(memory.data(), [&](void*) { ++released; });
    return Tensor::borrow(memory.data(), {3}, owner);
  };
  for (int turn = 0; turn < 3; ++turn) {
    Tape tape;
    [[maybe_unused]] const Var sum = borrowed() + Tensor::ones({3}), nothing = Tensor() + 1;
    CHECK(released == turn);
  }
  CHECK(released == 3);
}
