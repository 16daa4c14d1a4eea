#include <catch2/catch.hpp>

#include "examples/ch06/sections.hpp"

TEST_CASE("chapter 6: the paths down the valley are the book's, to 1e-12") {
  report::Results results;
  ch06::trajectories({}, results);
  int compared = 0;
  for (const report::Number& number : results.numbers()) {
    if (!number.band) continue;
    ++compared;
    CHECK(number.band->high == 1e-12);
    CHECK(number.value <= 1e-12);
  }
  CHECK(compared == 4);
  CHECK(results.figures().size() == 2);
}
