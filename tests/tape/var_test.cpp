// Handles, and the tapes they belong to.
#include "tests/tape/helpers.hpp"

#include <memory>
#include <optional>

using namespace thalweg;
using namespace thalweg::testing;

TEST_CASE("Var: one of an ended tape is an error that says so") {
  const Engine engine = GENERATE(Engine::planned, Engine::eager);
  Var dead;
  {
    Tape tape({.engine = engine});
    dead = Tensor{1., 2.};
  }
  const std::string ended =
      "no tape is alive on this thread: the Var's own has ended, or is another thread's; ask for value() before that, "
      "or "
      "there";
  CHECK(error_of<TapeError>([&] { dead + 1; }) == "[add] " + ended + at(__LINE__));
  CHECK(error_of<TapeError>([&] { dead.item(); }) == "[item] " + ended + at(__LINE__));
  CHECK_THAT(error_of<TapeError>([&] { Var().item(); }), Catch::Contains("it is empty"));
  Tape tape({.engine = engine});
  const Var alive = Tensor{3., 4.};
  const std::string text = "a Var cannot be used here: its tape has ended or was cleared; ask for value() before that";
  CHECK(error_of<TapeError>([&] { alive + dead; }) == "[add] " + text + at(__LINE__));
  CHECK(error_of<TapeError>([&] { power(dead, 2); }) == "[power] " + text + at(__LINE__));
  CHECK(error_of<TapeError>([&] { floor_divide(alive, dead); }) == "[floor_divide] " + text + at(__LINE__));
  CHECK(error_of<TapeError>([&] { top_k(dead, 1); }) == "[top_k] " + text + at(__LINE__));
  CHECK(error_of<TapeError>([&] { matmul(alive, dead); }) == "[matmul] " + text + at(__LINE__));
  CHECK(error_of<TapeError>([&] { concatenate({dead, alive}); }) == "[concatenate] " + text + at(__LINE__));
  CHECK(error_of<TapeError>([&] { dead.value(); }) == "[value] " + text + at(__LINE__));
  CHECK(error_of<TapeError>([&] { dead.item(); }) == "[item] " + text + at(__LINE__));
  CHECK(error_of<TapeError>([&] { backward(dead); }) == "[backward] " + text + at(__LINE__));
  CHECK(error_of<TapeError>([&] { dead.shape(); }) == "[shape] " + text + at(__LINE__));
  CHECK(error_of<TapeError>([&] { dead.rank(); }) == "[shape] " + text + at(__LINE__));
  CHECK(error_of<TapeError>([&] { dead.size(); }) == "[shape] " + text + at(__LINE__));
  CHECK(error_of<TapeError>([&] { dead.dtype(); }) == "[dtype] " + text + at(__LINE__));
  CHECK(error_of<TapeError>([&] { zeros_like(dead); }) == "[shape] " + text + at(__LINE__));
  CHECK(error_of<TapeError>([&] { ones_like(dead); }) == "[shape] " + text + at(__LINE__));
  CHECK(error_of<TapeError>([&] { tape.keep(dead); }) == "[keep] " + text + at(__LINE__));
  CHECK_THAT(error_of<TapeError>([&] { gradients(sum(alive), {dead}); }), Catch::Contains(text));
}

TEST_CASE("Var: one recorded before clear() is an error that says so") {
  const Engine engine = GENERATE(Engine::planned, Engine::eager);
  Tape tape({.engine = engine});
  const Var x = Tensor{1., 2.};
  tape.clear();
  CHECK(tape.size() == 0);
  const Var y = Tensor{1., 2.};
  CHECK_THAT(error_of<TapeError>([&] { x + y; }), Catch::Contains("has ended or was cleared"));
  CHECK(identical((y + y).value(), Tensor{2., 4.}));
}

TEST_CASE("Var: one of an outer tape is an error that says so, with the cure") {
  const Engine engine = GENERATE(Engine::planned, Engine::eager);
  Tape outer({.engine = engine});
  const Var x = Tensor{1., 2.};
  const Tensor value = x.value();
  {
    Tape inner({.engine = engine});
    const std::string message = error_of<TapeError>([&] { x + 1; });
    CHECK(message ==
          "[add] a Var cannot be used here: it belongs to another tape, which is not the current one; pass x.value(), "
          "which is a constant" +
              at(__LINE__ - 4));
    CHECK(identical((value + Var(1)).value(), Tensor{2., 3.}));
  }
  CHECK(identical((x + 1).value(), Tensor{2., 3.}));
}

TEST_CASE("Var: a node's number makes none from outside") {
  STATIC_REQUIRE_FALSE(std::is_constructible_v<Var, std::uint64_t, std::int32_t>);
  STATIC_REQUIRE_FALSE(std::is_constructible_v<Var, int, int>);
}

TEST_CASE("Var: item<T>() gives the element exactly, in the Var's own dtype") {
  const Engine engine = GENERATE(Engine::planned, Engine::eager);
  const Tape tape({.engine = engine});
  const std::int64_t large = (std::int64_t{1} << 53) + 1;  // no double
  const Var count = Tensor{{large}};
  CHECK(count.item<std::int64_t>() == large);
  CHECK((count > 1).item<bool>());
  CHECK(cast(count, f32).item<float>() == 0x1p53F);
  CHECK_THAT(error_of<DtypeError>([&] { count.item<double>(); }), Catch::EndsWith(at(__LINE__)));
  CHECK_THAT(error_of<ShapeError>([&] { Var(Tensor{1, 2}).item<std::int64_t>(); }), Catch::EndsWith(at(__LINE__)));
}

TEST_CASE("Var: an empty one is an error that says so") {
  const Var empty;
  CHECK(empty.empty());
  const std::string text = "a Var cannot be used here: it is empty: nothing was assigned to it";
  CHECK(error_of<TapeError>([&] { empty.item(); }) == "[item] " + text + at(__LINE__));
  CHECK(error_of<TapeError>([&] { empty * 2; }) == "[multiply] " + text + at(__LINE__));
  Tape tape;
  CHECK(error_of<TapeError>([&] { empty.item(); }) == "[item] " + text + at(__LINE__));
  CHECK(error_of<TapeError>([&] { empty * 2; }) == "[multiply] " + text + at(__LINE__));
}

TEST_CASE("Tape: tapes end in any order") {
  const Engine engine = GENERATE(Engine::planned, Engine::eager);
  for (int round = 0; round < 3; ++round) {
    auto first = std::make_unique<Tape>(TapeOptions{.engine = engine});
    const Var a = Tensor{1.};
    auto second = std::make_unique<Tape>(TapeOptions{.engine = engine});
    const Var b = Tensor{2.};
    auto third = std::make_unique<Tape>(TapeOptions{.engine = engine});
    const Var c = Tensor{3.};
    first.reset();
    CHECK((c * 2).value().item() == 6);
    CHECK_THAT(error_of<TapeError>([&] { a + 1; }), Catch::Contains("has ended"));
    third.reset();
    CHECK((b * 2).value().item() == 4);  // the innermost that is alive is current again
    CHECK_THAT(error_of<TapeError>([&] { c + 1; }), Catch::Contains("has ended"));
    second.reset();
    CHECK_THAT(error_of<TapeError>([&] { b + 1; }), Catch::Contains("no tape is alive"));
  }
}

TEST_CASE("Tape: clearing an outer tape leaves the inner one current") {
  Tape outer;
  Tape inner;
  const Var x = Tensor{1.};
  outer.clear();
  CHECK((x + 1).value().item() == 2);
}

TEST_CASE("Scope: one that outlives its tape does no harm") {
  std::optional<Tape> tape(std::in_place);
  std::optional<Scope> scope(std::in_place, "old");
  tape.reset();
  Tape next;
  const Scope inner("new");
  scope.reset();
  CHECK((Var(Tensor{1.}) + 1).value().item() == 2);
  CHECK_THAT(explain_plan(next), Catch::Contains("(new)"));  // no scope of the tape after its own was closed
}
