// A part of the mutation run (tests/mutate makes all of it): ops of every kind made wrong, and their rows notice.
#include "tests/ops/table/mutation.hpp"

#include <catch2/catch.hpp>

using namespace thalweg::op_table;

TEST_CASE("mutation run: what is wrong with these ops is noticed") {
  std::size_t count = 0;
  for (const char* op :
       {"tanh", "multiply", "where", "sum", "max", "matmul", "slice", "gather", "softmax", "batch_norm"})
    for (const Mutant& mutant : mutants_of(op)) {
      ++count;
      INFO(op << ": " << text_of(mutant));
      CHECK((is_noticed(op, mutant) || !why_equivalent(op, mutant).empty()));
    }
  CHECK(count > 100);
}
