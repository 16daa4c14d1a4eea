// Rule 4: effects.
#include "tests/tape/helpers.hpp"

using namespace thalweg;
using namespace thalweg::testing;

namespace {

struct Fixture {
  ParameterRegistry registry;
  Parameter weight = registry.add("weight", Tensor{1., 2.});
  Parameter count = registry.add("count", Tensor{10., 20.}, {.trainable = false});
  Parameter other = registry.add("other", Tensor{3., 4.}, {.trainable = false});
};

}  // namespace

TEST_CASE("rule 4: an effect is carried out with the next request, and later reads see the new value") {
  const Engine engine = GENERATE(Engine::planned, Engine::eager);
  Fixture f;
  Tape tape({.engine = engine});
  const Var before = f.count + 0;
  assign(f.count, f.count + 1);
  const Var after = f.count + 0;
  CHECK(identical(f.count.value(), Tensor{10., 20.}));
  CHECK(identical(after.value(), Tensor{11., 21.}));
  CHECK(identical(f.count.value(), Tensor{11., 21.}));
  CHECK_THAT(error_of<TapeError>([&] { before.value(); }), Catch::Contains("'count'"));
}

TEST_CASE("rule 4: an effect is carried out exactly once, whatever is asked how often") {
  const Engine engine = GENERATE(Engine::planned, Engine::eager);
  Fixture f;
  for (int step = 1; step <= 4; ++step) {
    Tape tape({.engine = engine});
    const Var loss = sum(f.weight * f.other);
    assign(f.count, f.count + 1);
    loss.item();
    CHECK(identical(f.count.value(), Tensor{10. + step, 20. + step}));
    backward(loss);
    loss.item();
    tape.run();
    CHECK(identical(f.count.value(), Tensor{10. + step, 20. + step}));
  }
}

TEST_CASE("rule 4: what an assigned value was made from is gone after the request, unless it is kept") {
  const Engine engine = GENERATE(Engine::planned, Engine::eager);
  Fixture f;
  for (const bool kept : {false, true}) {
    Tape tape({.engine = engine});
    const Var next = f.count + 1;
    if (kept) tape.keep(next);
    assign(f.count, next);
    const Var loss = sum(f.weight * f.count);
    loss.item();
    const std::string error = error_of<TapeError>([&] { backward(loss); });
    if (kept) {
      CHECK(error == "no error");
      CHECK(identical(f.weight.gradient(), f.count.value()));
    } else {
      CHECK_THAT(error, Catch::Contains("'count'") && Catch::Contains("item()"));
    }
  }
}

TEST_CASE("rule 4: an optimizer's step sees a value assigned before it") {
  const Engine engine = GENERATE(Engine::planned, Engine::eager);
  Fixture f;
  SGD optimizer(f.registry, {.learning_rate = 1});
  for (int time = 0; time < 3; ++time) {
    Tape tape({.engine = engine});
    backward(sum(f.weight * 2));
    assign(f.weight, Tensor{100., 200.});
    assign(f.count, f.weight + 1);
    optimizer.step();
    CHECK(identical(f.weight.value(), Tensor{98., 198.}));
    CHECK(identical(f.count.value(), Tensor{101., 201.}));
  }
}

TEST_CASE("rule 4: effects happen in program order") {
  const Engine engine = GENERATE(Engine::planned, Engine::eager);
  Fixture f;
  for (int time = 0; time < 3; ++time) {
    Tape tape({.engine = engine});
    assign(f.count, Tensor{1., 2.});
    assign(f.count, f.count * 2 + 1);
    assign(f.other, f.count * 10);
    assign(f.count, f.count + 100);
    tape.run();
    CHECK(identical(f.count.value(), Tensor{103., 105.}));
    CHECK(identical(f.other.value(), Tensor{30., 50.}));
  }
}

TEST_CASE("rule 4: effects of one request see the values from before it: two parameters are exchanged") {
  const Engine engine = GENERATE(Engine::planned, Engine::eager);
  Fixture f;
  for (int time = 0; time < 2; ++time) {
    Tape tape({.engine = engine});
    const Var count = f.count, other = f.other;
    assign(f.count, other);
    assign(f.other, count);
    tape.run();
  }
  CHECK(identical(f.count.value(), Tensor{10., 20.}));
  Tape tape({.engine = engine});
  const Var count = f.count, other = f.other;
  assign(f.count, other + 1);
  assign(f.other, count + 1);
  tape.run();
  CHECK(identical(f.count.value(), Tensor{4., 5.}));
  CHECK(identical(f.other.value(), Tensor{11., 21.}));
}

TEST_CASE("rule 4: a request that throws commits nothing, and the effects go with the next one") {
  const Engine engine = GENERATE(Engine::planned, Engine::eager);
  Fixture f;
  const Tensor rows = noise({3, 2}, 1), bad_index = Tensor{0, 7}, good_index = Tensor{0, 2};
  for (int time = 1; time <= 3; ++time) {
    Tape tape({.engine = engine});
    const Var good = sum(f.weight) + 1;
    assign(f.count, f.count + 1);
    assign(f.other, square(f.other));
    const std::string before = bits_of(f.registry);
    const auto ask = [&] { gather(rows, bad_index).value(); };
    CHECK_THAT(error_of<IndexError>(ask), Catch::Contains("7"));
    CHECK(bits_of(f.registry) == before);
    CHECK_THAT(error_of<IndexError>(ask), Catch::Contains("7"));
    CHECK(bits_of(f.registry) == before);
    CHECK(good.item() == 4);
    CHECK(identical(gather(rows, good_index).value(), gather(rows, good_index).value()));
    CHECK(identical(f.count.value(), Tensor{10. + time, 20. + time}));
  }
}

TEST_CASE("rule 4: an effect whose value cannot be computed takes the others with it") {
  const Engine engine = GENERATE(Engine::planned, Engine::eager);
  Fixture f;
  const Tensor bad_index = Tensor{0, 7};
  const std::string before = bits_of(f.registry);
  Tape tape({.engine = engine});
  assign(f.count, f.count + 1);
  const auto ask = [&] {
    assign(f.other, gather(Tensor{1., 2.}, bad_index));
    tape.run();
  };
  CHECK_THAT(error_of<IndexError>(ask), Catch::Contains("7"));
  CHECK(bits_of(f.registry) == before);
}

TEST_CASE("rule 4: gradients that were being filled are invalid after a throw, parameters as before") {
  Fixture f;  // (an eager tape throws as it records, before gradients are filled)
  SGD optimizer(f.registry, {.learning_rate = 1});
  {
    Tape tape;
    backward(sum(f.weight));
  }
  const std::string before = bits_of(f.registry);
  Tape tape;
  assign(f.count, f.count + 1);
  CHECK_THAT(error_of<IndexError>([&] {
               backward(softmax_cross_entropy(reshape(f.weight, {1, 2}), Tensor{9}));
             }),
             Catch::Contains("9"));
  CHECK(bits_of(f.registry) == before);
  CHECK_THAT(error_of<TapeError>([&] { optimizer.step(); }), Catch::Contains("no new gradients"));
  CHECK(bits_of(f.registry) == before);
}

TEST_CASE("rule 4: effects still pending when a tape ends or is cleared are dropped") {
  const Engine engine = GENERATE(Engine::planned, Engine::eager);
  Fixture f;
  const std::string before = bits_of(f.registry);
  {
    Tape tape({.engine = engine});
    assign(f.count, f.count + 1);
  }
  Tape tape({.engine = engine});
  assign(f.count, f.count + 1);
  tape.clear();
  tape.run();
  CHECK(bits_of(f.registry) == before);
}

TEST_CASE("rule 4: differentiating a trainable parameter assigned on the same tape is an error") {
  const Engine engine = GENERATE(Engine::planned, Engine::eager);
  Fixture f;
  Tape tape({.engine = engine});
  const Var early = sum(square(f.weight));
  assign(f.weight, f.weight * 2);
  const std::string text =
      "[backward] parameter 'weight' was assigned on this tape; differentiate before assigning, "
      "or on a new tape";
  CHECK(error_of<TapeError>([&] { backward(early); }) == text + at(__LINE__));
  tape.run();
  CHECK(identical(f.weight.value(), Tensor{2., 4.}));
  CHECK(error_of<TapeError>([&] { backward(sum(square(f.weight))); }) == text + at(__LINE__));
}

TEST_CASE("rule 4: a trainable parameter that is read as it was assigned is not differentiated by") {
  const Engine engine = GENERATE(Engine::planned, Engine::eager);
  Fixture f;
  const Parameter bias = f.registry.add("bias", Tensor{5.});
  const std::string text =
      " parameter 'weight' was assigned on this tape; differentiate before assigning, or on a new tape";
  for (int turn = 0; turn < 3; ++turn) {
    const Tape tape({.engine = engine});
    const Tensor values{1., 1.};
    const Var value = values;
    assign(f.weight, value);
    const Var loss = sum(f.weight * bias);
    CHECK(loss.item() == 10);
    assign(f.weight, value);
    const Var again = sum(f.weight * bias);
    CHECK(error_of<TapeError>([&] { backward(again); }) == "[backward]" + text + at(__LINE__));
    CHECK(error_of<TapeError>([&] { gradients(again, f.weight); }) == "[gradients]" + text + at(__LINE__));
    backward(again, f.registry.select("bias"));
    CHECK(identical(bias.gradient(), Tensor{2.}));
    backward(sum(value * bias));  // reads what was assigned, and not the parameter
    CHECK(identical(bias.gradient(), Tensor{2.}));
  }
}

TEST_CASE("rule 4: a value that does not fit its parameter is an error, at the line of the assign") {
  const Engine engine = GENERATE(Engine::planned, Engine::eager);
  Fixture f;
  Tape tape({.engine = engine});
  const std::string longer = error_of<ShapeError>([&] { assign(f.count, Tensor{1., 2., 3.}); });
  CHECK(longer == "[assign] parameter 'count' has shape (2,), the value (3,)" + at(__LINE__ - 1));
  const std::string wider = error_of<DtypeError>([&] { assign(f.count, Tensor({1., 2.}, f64)); });
  CHECK(wider == "[assign] parameter 'count' is f32, the value f64" + at(__LINE__ - 1));
  assign(f.count, 7);
  tape.run();
  CHECK(identical(f.count.value(), Tensor{7., 7.}));
}

TEST_CASE("rule 4: batch normalization updates its running statistics once a step") {
  const Engine engine = GENERATE(Engine::planned, Engine::eager);
  Fixture f;
  const Parameter mean = f.registry.add("mean", zeros({2}), {.trainable = false});
  const Parameter variance = f.registry.add("variance", zeros({2}), {.trainable = false});
  const Tensor batch{{1., 10.}, {3., 30.}};
  double expected = 0;
  for (int step = 0; step < 4; ++step) {
    Tape tape({.engine = engine});
    const Var loss = sum(square(batch_norm(batch, f.weight, Tensor{0., 0.}, mean, variance, {.momentum = 0.5})));
    loss.item();
    backward(loss);
    expected = 0.5 * expected + 0.5 * 2;
    CHECK(mean.value().at<float>({0}) == Approx(expected));
    CHECK(variance.value().at<float>({1}) == Approx(expected * 50));
  }
  const std::string before = bits_of(f.registry);
  Tape tape({.phase = Phase::evaluation, .engine = engine});
  batch_norm(batch, f.weight, Tensor{0., 0.}, mean, variance).value();
  CHECK(bits_of(f.registry) == before);
}

TEST_CASE("rule 4: an effect that a later one of the same request overwrites asks for nothing") {
  const Engine engine = GENERATE(Engine::planned, Engine::eager);
  ParameterRegistry registry;
  const Parameter weight = registry.add("weight", Tensor{1., 2.});
  const Parameter running = registry.add("running", Tensor{0., 0.}, {.trainable = false});
  for (int step = 0; step < 3; ++step) {
    Tape tape({.engine = engine});
    assign(running, weight);
    const Tensor last{3., 4. + step};
    assign(running, last);
    weight.set_value(Tensor{5., 6. + step});
    tape.run();
    CHECK(identical(running.value(), last));
    assign(running, Var(weight));  // recorded after the write, so it is read as it is now
    tape.run();
    CHECK(identical(running.value(), weight.value()));
  }
}

TEST_CASE("rule 4: a read sees the latest of many assignments, also where a parameter was added since") {
  const Engine engine = GENERATE(Engine::planned, Engine::eager);
  ParameterRegistry registry;
  std::vector<Parameter> counts;
  for (int i = 0; i < 100; ++i)
    counts.push_back(registry.add(fmt::format("count{}", i), Tensor{1. * i}, {.trainable = false}));
  Tape tape({.engine = engine});
  for (const double increment : {1., 2.})
    for (const Parameter& count : counts) assign(count, count + increment);
  registry.add("later", Tensor{0.});
  Var total = 0;
  for (const Parameter& count : counts) total = total + count;
  CHECK(sum(total).item() == 4950 + 300);
  CHECK(identical(counts[7].value(), Tensor{10.}));
}
