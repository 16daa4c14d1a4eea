#include <thalweg/compare.hpp>

#include "tests/tape/helpers.hpp"

using namespace thalweg;
using namespace thalweg::testing;

namespace {

/// x·0.5 through some ops; `factor` and `with_relu` make recordings that differ.
Var record_one(double factor, bool with_relu) {
  const Var x = Tensor{{-1., 2.}, {3., 4.}};
  Var y = x * factor;
  if (with_relu) y = relu(y);
  return sum(tanh(y));
}

}  // namespace

TEST_CASE("compare: equal recordings") {
  Tape first;
  record_one(0.5, true);
  Tape second;
  record_one(0.5, true);
  const TapeComparison comparison = compare(first, second);
  CHECK(comparison);
  CHECK(comparison.message.empty());
}

TEST_CASE("compare: the first node that differs in value") {
  Tape first;
  record_one(0.5, true);
  Tape second;
  record_one(0.75, true);
  const TapeComparison comparison = compare(first, second);
  CHECK(comparison.same_structure);
  CHECK_FALSE(comparison.same_values);
  CHECK(comparison.value_node == 2);  // the product: the numbers are data
  CHECK(comparison.element == 3);
  CHECK(comparison.first_value == 2);
  CHECK(comparison.second_value == 3);
  CHECK_THAT(comparison.message, Catch::StartsWith("node 2, multiply of f32 (2, 2) at compare_test.cpp:"));
  CHECK(compare(first, second, 0.4));
}

TEST_CASE("compare: where structures part") {
  Tape first;
  record_one(0.5, true);
  Tape second;
  record_one(0.5, false);
  const TapeComparison comparison = compare(first, second);
  CHECK_FALSE(comparison.same_structure);
  CHECK(comparison.structure_node == 3);
  CHECK(comparison.same_values);
  CHECK_THAT(comparison.message,
             Catch::StartsWith("the structures differ: node 3: relu of f32 (2, 2) at compare_test.cpp:"));

  Tape longer;
  const Var y = record_one(0.5, true);
  y * 2;
  CHECK_THAT(compare(first, longer).message, Catch::Contains("the first has 6 nodes, the second 8"));
}
