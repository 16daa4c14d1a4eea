// Rule 13: no tape is needed for one-off values.
#include "tests/tape/helpers.hpp"

using namespace thalweg;
using namespace thalweg::testing;

TEST_CASE("rule 13: compute() gives a value without a tape of one's own") {
  const Tensor scores{{1., 2., 3.}};
  const Tensor t = compute([&] { return softmax(scores); });
  CHECK(t.at<float>({0, 0}) + t.at<float>({0, 1}) + t.at<float>({0, 2}) == Approx(1).epsilon(1e-6));
  CHECK(t.shape() == Shape{1, 3});
  CHECK(identical(compute([&] { return scores; }), scores));
}

TEST_CASE("rule 13: compute() is in the evaluation phase, unless asked otherwise") {
  Random random(1);
  const Tensor ones = Tensor::ones({100});
  CHECK(identical(compute([&] { return dropout(ones, 0.5, random); }), ones));
  CHECK_FALSE(identical(compute([&] { return dropout(ones, 0.5, random); }, {.phase = Phase::training}), ones));
  const Since since;
  CHECK(identical(compute([&] { return Var(ones) * 2; }, {.engine = Engine::eager}), Tensor::full({100}, 2)));
  CHECK(since.plans() == 0);
}

TEST_CASE("rule 13: current_phase() is that of the current tape") {
  const Tape training;
  CHECK(current_phase() == Phase::training);
  {
    const Tape evaluation({.phase = Phase::evaluation});
    CHECK(current_phase() == Phase::evaluation);
  }
  CHECK(current_phase() == Phase::training);
  compute([] {
    CHECK(current_phase() == Phase::evaluation);
    return Var(Tensor{1.});
  });
  CHECK(current_phase() == Phase::training);
}

TEST_CASE("rule 13: the tape that was current is so again after compute(), also when it throws") {
  Tape tape;
  const Var x = Tensor{1., 2.};
  CHECK(identical(compute([&] { return Var(Tensor{3.}) * 2; }), Tensor{6.}));
  const auto add_unlike = [] { return Tensor{1., 2.} + Var(Tensor{1., 2., 3.}); };
  const std::string line = at(__LINE__ - 1);
  CHECK_THAT(error_of<ShapeError>([&] { compute(add_unlike); }),
             Catch::StartsWith("[add] shapes do not broadcast") && Catch::EndsWith(line));
  CHECK_THAT(error_of<TapeError>([&] { compute([&] { return x * 2; }); }),
             Catch::Contains("another tape") && Catch::Contains("x.value()"));
  CHECK(identical((x + 1).value(), Tensor{2., 3.}));
}

TEST_CASE("rule 13: any other op without a tape is a TapeError that says so") {
  const std::string text = "no tape is alive on this thread; make a Tape first, or use compute()";
  const Tensor t{1., 2.};
  ParameterRegistry registry;
  const Parameter parameter = registry.add("p", ones({2}));
  CHECK(error_of<TapeError>([&] { t + t; }) == "[add] " + text + at(__LINE__));
  CHECK(error_of<TapeError>([&] { parameter * 2; }) == "[multiply] " + text + at(__LINE__));
  CHECK(error_of<TapeError>([&] { Var(t).shape(); }) == "[Var] " + text + at(__LINE__));
  CHECK(error_of<TapeError>([&] { assign(parameter, t); }) == "[assign] " + text + at(__LINE__));
  CHECK(error_of<TapeError>([&] { current_phase(); }) == "[current_phase] " + text + at(__LINE__));
  CHECK_THAT(error_of<TapeError>([&] { sum(t); }), Catch::Contains(text));
  Random random;
  CHECK_THAT(error_of<TapeError>([&] { uniform({2}, random); }), Catch::Contains(text));
  CHECK(random.position() == 0);
}
