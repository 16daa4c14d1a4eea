// Rule 1: when values are computed.
#include "tests/tape/helpers.hpp"

using namespace thalweg;
using namespace thalweg::testing;

TEST_CASE("rule 1: recording checks shapes and dtypes at once, on the line of the mistake") {
  const Engine engine = GENERATE(Engine::planned, Engine::eager);
  Tape tape({.engine = engine});
  const Var a = noise({2, 3}, 1), b = noise({4, 5}, 2), c = noise({2, 3}, 3, f64);
  const std::int64_t size = tape.size();
  const std::string product = error_of<ShapeError>([&] { matmul(a, b); });
  CHECK(product == "[matmul] inner dimensions differ: lhs (2, 3), rhs (4, 5)" + at(__LINE__ - 1));
  CHECK(error_of<ShapeError>([&] { a + b; }) == "[add] shapes do not broadcast: (2, 3) and (4, 5)" + at(__LINE__));
  const std::string mixed = error_of<DtypeError>([&] { multiply(a, c); });
  CHECK(mixed == "[multiply] dtypes differ: f32 and f64; cast one of them" + at(__LINE__ - 1));
  CHECK(tape.size() == size);  // nothing of them was recorded
}

TEST_CASE("rule 1: recording computes nothing") {
  Tape tape;
  const Since since;
  Var x = noise({30, 40}, 1);
  for (int i = 0; i < 5; ++i) x = tanh(matmul(x, noise({40, 40}, 2)));
  const Var total = sum(x);
  CHECK(total.shape() == Shape{});
  CHECK(since.passes() == 0);
  CHECK(since.requests() == 0);
  total.item();
  CHECK(since.matmuls() == 5);
  CHECK(since.requests() == 1);
}

TEST_CASE("rule 1: a request computes what it needs and no more") {
  Tape tape;
  const Var x = noise({8, 8}, 1);
  const Var first = matmul(x, x), second = matmul(first, x), aside = matmul(x, noise({8, 8}, 2));
  const Since since;
  second.value();
  CHECK(since.matmuls() == 2);
  aside.value();
  CHECK(since.matmuls() == 3);
}

TEST_CASE("rule 1: what was asked for is not computed again") {
  Tape tape;
  const Var x = noise({8, 8}, 1);
  const Var y = matmul(x, x);
  const Tensor first = y.value();
  const Since since;
  const Tensor second = y.value(), square = matmul(y, y).value();
  CHECK(since.matmuls() == 1);
  CHECK(identical(first, second));
}

TEST_CASE("rule 1: item() before backward() does not run the forward pass twice") {
  Network network({20, 30, 10}, false);
  Random random;
  const Tensor images = noise({16, 20}, 1), labels = some_labels(16, 10, 2);
  for (int step = 0; step < 4; ++step) {  // at first sight, and when the program is known
    Tape tape;
    const Since since;
    const Var loss = softmax_cross_entropy(network.logits(images, 0, random), labels);
    loss.item();
    CHECK(since.matmuls() == 2);
    backward(loss);
    CHECK(since.matmuls() == 5);  // and those of two weights and of the layer between
    loss.item();
    CHECK(since.matmuls() == 5);
  }
}

TEST_CASE("rule 1: a loop that asks every turn is replayed without new plans, and does the work of each turn once") {
  const Tensor weight = noise({6, 6}, 1);
  for (int round = 0; round < 4; ++round) {
    Tape tape;
    const Since since;
    Var x = noise({6, 6}, 2);
    for (int turn = 0; turn < 20; ++turn) {
      x = tanh(matmul(x, weight));
      sum(x).item();
    }
    CHECK(since.matmuls() == 20);
    if (round >= 2) CHECK(since.plans() == 0);
  }
}

TEST_CASE("rule 1: asking every turn gives the numbers of asking at the end") {
  const Tensor weight = noise({6, 6}, 1), start = noise({6, 6}, 2);
  const auto last = [&](bool ask) {
    Tape tape;
    Var x = start;
    for (int turn = 0; turn < 20; ++turn) {
      x = tanh(matmul(x, weight));
      if (ask) sum(x).item();
    }
    return x.value();
  };
  for (int round = 0; round < 3; ++round) CHECK(identical(last(true), last(false)));
}

TEST_CASE("rule 1: what a later request reads may be a view of what an earlier one asked for") {
  const Tensor x = noise({2, 12}, 1);
  for (int turn = 0; turn < 3; ++turn) {  // from the second turn on, the first request keeps what the second one reads
    const Tape tape;
    const Var inner = tanh(x), last = slice(inner, 0, 1, 2), y = reshape(inner, {4, 6});
    y.value();
    CHECK(identical(exp(inner).value(), compute([&] { return exp(tanh(x)); })));
    CHECK(identical(exp(last).value(), compute([&] { return exp(slice(tanh(x), 0, 1, 2)); })));
  }
}
