// Rule 10: what is kept of past structures is bounded. (That a step allocates nothing: tests/programs.)
#include "tests/tape/helpers.hpp"

using namespace thalweg;
using namespace thalweg::testing;

TEST_CASE("rule 10: ten thousand structures, none repeated, keep recordings within 64 MB") {
  ParameterRegistry registry;
  const Parameter weight = registry.add("weight", noise({4, 4}, 1));
  const Tensor other = noise({4, 4}, 2);
  std::int64_t most = 0;
  std::vector<std::int64_t> picks(40);
  const Since since;
  for (std::uint64_t program = 0; program < 10'000; ++program) {
    fill_indices(picks, 8, {.seed = program});
    Tape tape;
    Var x = weight;
    for (const std::int64_t pick : picks) {
      switch (pick) {
        case 0: x = tanh(x); break;
        case 1: x = x + other; break;
        case 2: x = x * other; break;
        case 3: x = matmul(x, other); break;
        case 4: x = x - mean(x); break;
        case 5: x = sigmoid(x); break;
        case 6: x = transpose(x); break;
        case 7: x = maximum(x, 0.5); break;
      }
    }
    backward(sum(x));
    most = std::max(most, statistics().recording_bytes);
  }
  CHECK(since.plans() >= 9'990);
  CHECK(most > 1 << 20);
  CHECK(most <= 64 << 20);
}
