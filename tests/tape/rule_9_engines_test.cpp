// Rule 9: two engines, one answer (and the same errors, in the same words).
#include "tests/tape/helpers.hpp"

#include <functional>
#include <typeinfo>

using namespace thalweg;
using namespace thalweg::testing;

namespace {

struct Mistake {
  const char* name;
  std::function<void(ParameterRegistry&, Tape&)> make;
};

const Mistake mistakes[] = {
    {"shapes of a sum",
     [](ParameterRegistry& r, Tape&) {
       r["weight"] + Var(Tensor{1., 2., 3.});
     }},
    {"shapes of a product",
     [](ParameterRegistry& r, Tape&) {
       matmul(r["weight"], Tensor{{1., 2., 3.}});
     }},
    {"dtypes", [](ParameterRegistry& r, Tape&) { r["weight"] * Var(Tensor({1.}, f64)); }},
    {"axis", [](ParameterRegistry& r, Tape&) { sum(r["weight"], 5); }},
    {"reshape", [](ParameterRegistry& r, Tape&) { reshape(r["weight"], {7}); }},
    {"index",
     [](ParameterRegistry& r, Tape&) {
       gather(r["weight"], Tensor{0, 9}).value();
     }},
    {"label",
     [](ParameterRegistry& r, Tape&) {
       softmax_cross_entropy(r["weight"], Tensor{0, -1}).item();
     }},
    {"not one element", [](ParameterRegistry& r, Tape&) { Var(r["weight"]).item(); }},
    {"not a scalar", [](ParameterRegistry& r, Tape&) { backward(Var(r["weight"]) * 2); }},
    {"nothing reached", [](ParameterRegistry& r, Tape&) { backward(sum(stop_gradient(r["weight"]))); }},
    {"changed since",
     [](ParameterRegistry& r, Tape& tape) {
       const Var y = exp(r["weight"]);
       assign(r["weight"], r["weight"] * 2);
       tape.run();
       y.value();
     }},
    {"two changed since",
     [](ParameterRegistry& r, Tape& tape) {
       const Var bias = r["bias"], y = exp(r["weight"]) * 2 + bias;
       assign(r["weight"], r["weight"] * 2);
       assign(r["bias"], r["bias"] * 2);
       tape.run();
       y.value();
     }},
    {"empty Var", [](ParameterRegistry& r, Tape&) { r["weight"] + Var(); }},
    {"assigned",
     [](ParameterRegistry& r, Tape&) {
       assign(r["weight"], r["weight"] * 2);
       backward(sum(Var(r["weight"])));
     }},
};

}  // namespace

TEST_CASE("rule 9: both engines make the same errors in the same words") {
  for (const Mistake& mistake : mistakes) {
    const auto outcome = [&](Engine engine) {
      ParameterRegistry registry;
      registry.add("weight", Tensor{{1., 2.}, {3., 4.}});
      registry.add("bias", Tensor{1., 2.});
      Tape tape({.engine = engine});
      try {
        mistake.make(registry, tape);
      } catch (const Error& error) {
        return fmt::format("{}: {}", typeid(error).name(), error.what());
      }
      return std::string("no error");
    };
    INFO(mistake.name);
    const std::string planned = outcome(Engine::planned);
    CHECK(planned != "no error");
    CHECK_THAT(planned, Catch::Contains("rule_9_engines_test.cpp:"));
    CHECK(outcome(Engine::eager) == planned);
  }
}

TEST_CASE("rule 9: an eager tape computes as it records") {
  Tape tape({.engine = Engine::eager});
  const Since since;
  const Var x = noise({4, 4}, 1);
  const Var y = matmul(x, x);
  CHECK(since.matmuls() == 1);
  y.value();
  CHECK(since.matmuls() == 1);
}

TEST_CASE("rule 9: random programs give the same bits, values and gradients, planned and eager") {
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    const auto bits = [&](Engine engine) {
      ParameterRegistry registry({.seed = seed});
      const Parameter weight = registry.add("weight", noise({6, 6}, seed));
      Random random(seed), choice(seed);
      Tape tape({.engine = engine});
      std::vector<Var> pool{weight, noise({6, 6}, seed + 100), noise({6}, seed + 200), noise({6, 1}, seed + 300)};
      std::vector<std::int64_t> picks(75);
      fill_indices(picks, 1000, choice.next_source());
      for (std::size_t i = 0; i < 25; ++i) {
        const Var& a = pool[static_cast<std::size_t>(picks[3 * i]) % pool.size()];
        const Var& b = pool[static_cast<std::size_t>(picks[3 * i + 1]) % pool.size()];
        switch (picks[3 * i + 2] % 11) {
          case 0: pool.push_back(tanh(a + b)); break;
          case 1: pool.push_back(a * b); break;
          case 2: pool.push_back(a - mean(b)); break;
          case 3: pool.push_back(exp(-square(a))); break;
          case 4: pool.push_back(sum(a + Tensor::zeros({6, 6}), 1, true)); break;
          case 5: pool.push_back(sum(a + Tensor::zeros({6, 6}), 0)); break;
          case 6: pool.push_back(matmul(a + Tensor::zeros({6, 6}), transpose(b + Tensor::zeros({6, 6}))) / 6); break;
          case 7: pool.push_back(where(a < b, a, b)); break;
          case 8: pool.push_back(dropout(a, 0.4, random)); break;
          case 9: pool.push_back(softmax(a)); break;
          case 10: pool.push_back(maximum(a, max(b + Tensor::zeros({6, 6}), 1, true))); break;
        }
        if (picks[3 * i] % 9 == 0) pool.back().value();
      }
      Var loss = sum(square(weight));
      for (const Var& var : pool) loss += mean(var);
      backward(loss);
      std::string all = bits_of(registry, true);
      for (const Var& var : pool) {
        const Tensor value = var.value();
        all.append(static_cast<const char*>(value.raw()), value.bytes());
      }
      return all;
    };
    INFO("seed " << seed);
    const std::string eager = bits(Engine::eager);
    CHECK(bits(Engine::planned) == eager);
    CHECK(bits(Engine::planned) == eager);  // with what was learned from the first time
    CHECK(bits(Engine::planned) == eager);
  }
}

TEST_CASE("rule 9: a view of a value that was asked for can be kept for later requests") {
  for (int turn = 0; turn < 3; ++turn) {
    const Tape tape;
    const Var x = Tensor::full(Shape{}, 0.1 * turn, DType::f64);
    const Var power = exp(x);
    const Tensor value = power.value();
    const Var view = squeeze(power);
    CHECK(tanh(view).item() == Approx(std::tanh(value.item())));
    CHECK(identical(view.value(), value));
  }
}
