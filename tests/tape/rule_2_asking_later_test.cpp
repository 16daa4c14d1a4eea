// Rule 2: asking later.
#include "tests/tape/helpers.hpp"

using namespace thalweg;
using namespace thalweg::testing;

namespace {

struct Fixture {
  ParameterRegistry registry;
  Parameter weight = registry.add("weight", Tensor{{1., 2.}, {3., 4.}});
  SGD optimizer{registry, {.learning_rate = 0.1}};
};

}  // namespace

TEST_CASE("rule 2: what was asked for, and the argument of backward, stay until the tape ends") {
  const Engine engine = GENERATE(Engine::planned, Engine::eager);
  Fixture f;
  for (int step = 0; step < 4; ++step) {
    Tape tape({.engine = engine});
    const Var asked = square(f.weight), loss = sum(asked);
    const Tensor before = asked.value();
    backward(loss);
    f.optimizer.step();
    CHECK(identical(asked.value(), before));
    double total = 0;
    for (const double value :
         {before.at<float>({0, 0}), before.at<float>({0, 1}), before.at<float>({1, 0}), before.at<float>({1, 1})})
      total += value;
    CHECK(loss.item() == Approx(total).epsilon(1e-6));
  }
}

TEST_CASE("rule 2: asking after a step for what was not asked before names parameter, writer, line and cure") {
  const Engine engine = GENERATE(Engine::planned, Engine::eager);
  Fixture f;
  for (int step = 0; step < 4; ++step) {  // an error does not depend on what plans and caches there are
    Tape tape({.engine = engine});
    const Var hidden = square(f.weight);
    const unsigned read = __LINE__ - 1;
    backward(sum(hidden));
    f.optimizer.step();
    const unsigned written = __LINE__ - 1, asked = __LINE__ + 1;
    const std::string text = error_of<TapeError>([&] { hidden.value(); });
    CHECK(text == "[value] this needs parameter 'weight' as it was when it was read" + at(read) + ", but step()" +
                      at(written) + " has changed it since; ask for the value before that, or keep() it" + at(asked));
    const Var later = square(f.weight);  // reads the new value
    CHECK(later.value().at<float>({0, 0}) == Approx(std::pow(f.weight.value().at<float>({0, 0}), 2)));
  }
}

TEST_CASE("rule 2: so does asking after another write") {
  const Engine engine = GENERATE(Engine::planned, Engine::eager);
  Fixture f;
  Tape tape({.engine = engine});
  const Var doubled = f.weight * 2, tripled = f.weight * 3;
  f.weight.set_value(Tensor::ones({2, 2}));
  const std::string written = at(__LINE__ - 1);
  CHECK_THAT(error_of<TapeError>([&] { doubled.item(); }),
             Catch::Contains("not exactly one element") || Catch::Contains("another type"));
  CHECK_THAT(error_of<TapeError>([&] { doubled.value(); }),
             Catch::Contains("'weight'") && Catch::Contains("set_value()" + written));
  const Tensor now = (f.weight * 3).value();
  CHECK(identical(now, Tensor::full({2, 2}, 3)));
  CHECK_THAT(error_of<TapeError>([&] { tripled.value(); }), Catch::Contains("set_value()" + written));
}

TEST_CASE("rule 2: a value is computed again where nothing that it reads has changed") {
  const Engine engine = GENERATE(Engine::planned, Engine::eager);
  Fixture f;
  ParameterRegistry other;
  const Parameter untouched = other.add("untouched", Tensor{2., 3.});
  for (int step = 0; step < 3; ++step) {
    Tape tape({.engine = engine});
    const Var hidden = square(untouched);
    backward(sum(f.weight * sum(hidden)), f.registry);
    f.optimizer.step();
    CHECK(identical(hidden.value(), Tensor{4., 9.}));
  }
}

TEST_CASE("rule 2: keep and watch hold values over a step") {
  const Engine engine = GENERATE(Engine::planned, Engine::eager);
  Fixture f;
  for (int step = 0; step < 3; ++step) {
    const Tensor weight = f.weight.value();
    Tape tape({.engine = engine});
    tape.watch("affine*");
    Var kept = f.weight * 2, watched, scoped, forgotten = f.weight * 4;
    tape.keep(kept);
    {
      const Scope affine("affine1");
      watched = f.weight * 3;
      const Scope inner("relu");
      scoped = relu(f.weight);
    }
    backward(sum(kept + watched + scoped + forgotten));
    f.optimizer.step();
    CHECK(kept.value().at<float>({1, 1}) == 2 * weight.at<float>({1, 1}));
    CHECK(watched.value().at<float>({1, 1}) == 3 * weight.at<float>({1, 1}));
    CHECK(scoped.value().at<float>({0, 1}) == std::max(0.f, weight.at<float>({0, 1})));
    CHECK_THAT(error_of<TapeError>([&] { forgotten.value(); }), Catch::Contains("'weight'"));
  }
}

TEST_CASE("rule 2: a backward pass through a changed parameter is an error, too") {
  const Engine engine = GENERATE(Engine::planned, Engine::eager);
  Fixture f;
  Tape tape({.engine = engine});
  const Var first = sum(square(f.weight)), second = sum(exp(f.weight));
  backward(first);
  f.optimizer.step();
  CHECK_THAT(error_of<TapeError>([&] { backward(second); }), Catch::Contains("'weight'") && Catch::Contains("step()"));
}

TEST_CASE("rule 2: a tape finds its own values, whatever tapes of its structure have begun and ended meanwhile") {
  // The inner tapes end first: they teach the structure what to keep, and its plans are made anew.
  const auto first = [](const Tensor& x) { return std::pair(exp(Var(x)), Var(x) * 2.0); };
  const auto second = [](const auto& recorded) { return (recorded.first + recorded.second).value(); };
  for (const double start : {0.5, 2.5}) {
    const Tensor x = Tensor::full(Shape{3}, start), other = Tensor::full(Shape{3}, start + 1);
    const Tape tape;
    const auto recorded = first(x);
    const Tensor asked = sum(recorded.first).value();
    for (int turn = 0; turn < 3; ++turn) {
      const Tape inner;
      const auto others = first(other);
      sum(others.first).value();
      CHECK(second(others).at<float>({0}) == Approx(std::exp(start + 1) + 2 * (start + 1)));
    }
    CHECK(second(recorded).at<float>({0}) == Approx(std::exp(start) + 2 * start));
    CHECK(asked.at<float>({}) == Approx(3 * std::exp(start)));
  }
}

TEST_CASE("rule 2: what was asked of a parameter itself stays as it was, too") {
  const Engine engine = GENERATE(Engine::planned, Engine::eager);
  enum class Way : std::uint8_t { value, item, keep, watch, backward };
  const Way way = GENERATE(Way::value, Way::item, Way::keep, Way::watch, Way::backward);
  ParameterRegistry registry;
  const Parameter weight = registry.add("weight", Tensor{2.});
  SGD optimizer(registry, {.learning_rate = 0.5});
  for (int step = 0; step < 4; ++step) {
    const double before = weight.value().item(), after = before - 0.5;
    Tape tape({.engine = engine});
    if (way == Way::watch) tape.watch("weight");
    const Var read = weight, loss = sum(read);
    if (way == Way::value) CHECK(read.value().item() == before);
    if (way == Way::item) CHECK(read.item() == before);
    if (way == Way::keep) tape.keep(read);
    backward(way == Way::backward ? read : loss);
    optimizer.step();
    CHECK(weight.value().item() == after);
    CHECK(read.value().item() == before);
    CHECK(read.item() == before);
    CHECK((3 * read).item() == 3 * before);
    CHECK((3 * Var(weight)).item() == 3 * after);
  }
}

TEST_CASE("rule 2: what was asked for stays, though a tape of the same structure has had it planned anew meanwhile") {
  const Engine engine = GENERATE(Engine::planned, Engine::eager);
  enum class Way : std::uint8_t { value, item, keep, backward };
  const Way way = GENERATE(Way::value, Way::item, Way::keep, Way::backward);
  ParameterRegistry registry;
  const Parameter weight = registry.add("weight", Tensor{0.1, 0.2, 0.3});
  struct Recorded {
    Var hidden, loss;
  };
  const auto record = [&](Tape& tape) {
    const Var hidden = 2 * tanh(weight), loss = sum(sin(exp(hidden)));
    if (way == Way::value) loss.value();
    if (way == Way::item) loss.item();
    if (way == Way::keep) tape.keep(loss);
    if (way == Way::keep) tape.run();
    if (way == Way::backward) backward(loss);
    return Recorded{hidden, loss};
  };
  for (int step = 0; step < 3; ++step) {
    Tape outer({.engine = engine});
    const Recorded recorded = record(outer);
    const double before = recorded.loss.item();
    weight.set_value(Tensor{0.5 + step, 0.6, 0.7});
    for (int inner_step = 0; inner_step < 4; ++inner_step) {  // each asks for more of what the first request computes
      Tape inner({.engine = engine});
      const Recorded again = record(inner);
      CHECK(again.loss.item() != before);
      if (inner_step > 0) (again.hidden + inner_step).value();
      if (inner_step > 1) sum(again.hidden * again.loss).item();
    }
    CHECK(recorded.loss.item() == before);
    CHECK((recorded.loss * 1).item() == before);
    CHECK(recorded.loss.value().item() == before);
    CHECK_THROWS_AS((recorded.hidden + 1).value(), TapeError);
  }
}

TEST_CASE("rule 2: item() after value() reads the value that this tape holds") {
  std::vector<Tensor> values;  // each in memory of its own
  for (int step = 0; step < 6; ++step) {
    Tape tape;
    const Var loss = sum(square(Tensor({1.F * step, 2}) + 1));
    values.push_back(loss.value());
    CHECK(loss.item() == values.back().item());
    CHECK(reshape(loss, {1, 1}).item() == values.back().item());
    CHECK(values.back().item() == (step + 1) * (step + 1) + 9);
  }
}

TEST_CASE("rule 2: item() gives what it was asked of, whatever else is kept") {
  for (const Engine engine : {Engine::planned, Engine::eager}) {
    Tape tape({.engine = engine});
    const Var x = Tensor{1., 2.};
    const Var kept = sum(x * 3), asked = sum(square(x));
    tape.keep(kept);
    CHECK(asked.item() == 5);
    CHECK(kept.item() == 9);
  }
}

TEST_CASE("rule 2: each of many values is held, in whichever order they were asked for") {
  const Engine engine = GENERATE(Engine::planned, Engine::eager);
  constexpr int count = 50;
  for (int time = 0; time < 3; ++time) {
    Tape tape({.engine = engine});
    std::vector<Var> all;
    Var x = Tensor{1., 2.};
    for (int i = 0; i < count; ++i) all.push_back(x = x + 1);
    for (int turn = 0; turn < 2; ++turn)
      for (int i = 0; i < count; ++i) {
        const int k = i * 17 % count;
        CHECK(identical(all[k].value(), Tensor{2. + k, 3. + k}));
      }
  }
}
