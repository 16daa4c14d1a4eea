// Rule 6: randomness is counter-based.
#include "tests/tape/helpers.hpp"

using namespace thalweg;
using namespace thalweg::testing;

TEST_CASE("rule 6: dropout's mask is the same in the forward and every backward pass") {
  const Engine engine = GENERATE(Engine::planned, Engine::eager);
  ParameterRegistry registry;
  const Parameter weight = registry.add("weight", ones({50, 40}));
  Random random(3);
  Tensor last;
  for (int step = 0; step < 3; ++step) {
    Tape tape({.engine = engine});
    const Var dropped = dropout(weight, 0.5, random), loss = sum(dropped);
    if (step == 1) loss.item();  // the backward pass reads what is kept; in the other steps it is computed with it
    backward(loss);
    const Tensor mask = dropped.value();
    CHECK(identical(weight.gradient(), mask));
    const Var w = weight;
    const Var twice = dropout(w * w, 0.5, random);
    const Var gradient = gradients(sum(twice), {w})[0];
    const Tensor first = gradient.value(), second = gradients(sum(gradient), {w})[0].value();
    CHECK(identical(first, (2 * twice).value()));  // at w = 1: 2w·mask
    CHECK(identical(second, first));               // 2·mask
    if (step > 0) CHECK_FALSE(identical(last, mask));
    last = mask;
  }
}

TEST_CASE("rule 6: a draw's number is taken at recording; its numbers come again whenever it is read") {
  Random random(5);
  Tape tape;
  const Var first = uniform({100}, random);
  CHECK(random.position() == 1);
  const Var second = uniform({100}, random);
  CHECK(random.position() == 2);
  const Tensor late = second.value(), early = first.value();
  const Tensor sums = (first + second).value();
  Random again(5);
  Tape other({.engine = Engine::eager});
  const Var repeated = uniform({100}, again);
  CHECK(identical(repeated.value(), early));
  const Var next = uniform({100}, again);
  CHECK(identical(next.value(), late));
  CHECK(identical(sums, (repeated + next).value()));
  CHECK_FALSE(identical(early, late));
}

TEST_CASE("rule 6: tensors are drawn without a tape as ops draw them on one") {
  const DType dtype = GENERATE(f32, f64);
  Random drawn(7), recorded(7);
  const Tensor first = Tensor::uniform({3, 50}, drawn, dtype), second = Tensor::normal({40}, drawn, dtype);
  Tape tape;
  CHECK(identical(first, uniform({3, 50}, recorded, dtype).value()));
  CHECK(identical(second, normal({40}, recorded, dtype).value()));
  CHECK(drawn.position() == 2);
  const std::string text = "[normal] draws are f32 or f64, not i64";
  CHECK(error_of<DtypeError>([&] { Tensor::normal({2}, drawn, i64); }) == text + at(__LINE__));
  CHECK(drawn.position() == 2);
}

TEST_CASE("rule 6: the same numbers on any number of threads") {
  const auto drawn = [](int threads) {
    const Threads limit(threads);
    Random random(7);
    Tape tape;
    const Var mask = uniform({1000, 300}, random);
    return dropout(normal({1000, 300}, random) * mask, 0.3, random).value();
  };
  set_thread_count(3);
  const Tensor one = drawn(1);
  CHECK(identical(one, drawn(2)));
  CHECK(identical(one, drawn(3)));
}

TEST_CASE("rule 6: numbers depend on seed, stream and draw") {
  const auto drawn = [](Random random, int skip) {
    Tape tape;
    for (int i = 0; i < skip; ++i) random.next_draw();
    return uniform({16}, random).value();
  };
  const Tensor base = drawn(Random(1), 0);
  CHECK(identical(base, drawn(Random(1), 0)));
  CHECK_FALSE(identical(base, drawn(Random(2), 0)));
  CHECK_FALSE(identical(base, drawn(Random(1).split("trial"), 0)));
  CHECK_FALSE(identical(base, drawn(Random(1), 1)));
}
