#include <cfenv>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include <thalweg/subnormals.hpp>

#include "tests/pool_size.hpp"
#include "tests/tape/helpers.hpp"

using namespace thalweg;
using namespace thalweg::testing;

namespace {

/// A product, a sweep and a sum of numbers between 2^-130 and 1, so many that each is shared out to threads.
std::string bits_of_values(Engine engine) {
  const Tensor a = noise({400, 200}, 1), b = noise({200, 200}, 2);
  const Tape tape({.engine = engine});
  const Var tiny = Var(a) * 0x1p-63;
  const Var product = matmul(tiny, Var(b) * 0x1p-66);
  const Var sweep = exp(product * 0x1p100) * tiny * 0x1p-66;
  std::string bits;
  for (const Var& value : {product, sum(sweep, 0), tiny * 0x1p-70}) {
    const Tensor held = value.value();
    bits.append(reinterpret_cast<const char*>(held.data<float>().data()), held.bytes());
  }
  return bits;
}

}  // namespace

TEST_CASE("FlushSubnormals: subnormal arguments and results are zero while the guard lives") {
  const Tensor subnormal = Tensor{1e-40, -1e-42}, smallest = Tensor{std::numeric_limits<float>::min()};
  for (const Engine engine : {Engine::planned, Engine::eager}) {
    const Tape tape({.engine = engine});
    {
      const FlushSubnormals flush;
      CHECK(identical((Var(subnormal) * 0x1p60).value(), Tensor{0.0, -0.0}));
      CHECK(identical((Var(smallest) * 0.5).value(), Tensor{0.0}));
      { const FlushSubnormals again; }
      CHECK(identical((Var(smallest) * 0.25).value(), Tensor{0.0}));
      CHECK(identical((Var(smallest) * 2).value(), Tensor{0x1p-125}));
    }
    CHECK(identical((Var(smallest) * 0.125).value(), Tensor{0x1p-129}));
  }
}

TEST_CASE("threads of the library compute in the mode of the thread that asks") {
  std::vector<std::string> by_mode;
  for (const int mode : {0, 1, 2}) {
    std::string first;
    for (const int threads : {1, 3})
      for (const Engine engine : {Engine::planned, Engine::eager}) {
        const PoolSize pool(threads);
        std::optional<FlushSubnormals> flush;
        if (mode == 1) flush.emplace();
        if (mode == 2) std::fesetround(FE_UPWARD);
        const std::string bits = bits_of_values(engine);
        std::fesetround(FE_TONEAREST);
        if (first.empty()) first = bits;
        CHECK(bits == first);
      }
    by_mode.push_back(first);
  }
  CHECK(by_mode[0] != by_mode[1]);
  CHECK(by_mode[0] != by_mode[2]);
}
