// Effects whose pass may write a parameter while it, or a later pass, reads the old values: the parameters and the
// requested value are those of eager execution, to the last bit.
#include <functional>

#include "tests/tape/helpers.hpp"

using namespace thalweg;
using namespace thalweg::testing;

namespace {

struct Case {
  const char* name;
  std::function<Var(const Parameter&, const Parameter&)> record;  // effects on p and q (8, c), and what is requested
};

Var first_row(const Var& x) { return slice(x, 0, 0, 1); }

const Case cases[] = {
    {"in place",
     [](auto& p, auto& q) {
       const Var x = p, y = q;
       assign(p, x * 2 + y);
       assign(q, tanh(y));
       return sum(x);
     }},
    {"of its own rows, from the last to the first",
     [](auto& p, auto& q) {
       const Var x = p;
       assign(p, x - 2 * flip(x, 0));
       return sum(Var(q));
     }},
    {"of its own first row",
     [](auto& p, auto&) {
       const Var x = p;
       assign(p, 2 * x - first_row(x));
       return sum(x);
     }},
    {"of its own first row, in batches",
     [](auto& p, auto& q) {
       const Var x = p, pairs = reshape(x, {4, 2, -1});
       assign(p, reshape(pairs - mean(pairs, 1, true) - first_row(x), x.shape()));
       return sum(Var(q));
     }},
    {"of its own first element",
     [](auto& p, auto&) {
       const Var x = p;
       assign(p, x * 3 - slice(first_row(x), 1, 0, 1));
       return sum(x);
     }},
    {"of itself transposed",
     [](auto& p, auto&) {
       const Var x = p;
       assign(p, x * 3 - reshape(transpose(x), x.shape()));
       return sum(x);
     }},
    {"read again after a reduction of all",
     [](auto& p, auto& q) {
       const Var x = p;
       assign(p, x * 2);
       assign(q, x - mean(x));
       return sum(x);
     }},
    {"read again after a reduction of rows",
     [](auto& p, auto& q) {
       const Var x = p;
       assign(p, x * 2);
       assign(q, x - mean(x, 1, true));
       return sum(x);
     }},
    {"read again after a reduction of columns",
     [](auto& p, auto& q) {
       const Var x = p;
       assign(p, x * 2);
       assign(q, x - mean(x, 0));
       return sum(x);
     }},
    {"normalized",
     [](auto& p, auto& q) {
       const Var x = p, y = q;
       assign(p, (x - mean(x, 1, true)) / (1 + variance(x, {1}, true)));
       assign(q, y - mean(y, 0));
       return sum(x * y);
     }},
    {"read by a later pass",
     [](auto& p, auto& q) {
       const Var x = p, y = q;
       assign(p, x * 2);
       assign(q, cumulative_sum(x, 0) + y);
       return sum(x);
     }},
    {"written by a product that reads it",
     [](auto& p, auto& q) {
       const Var x = p, y = q;
       assign(p, matmul(x, matmul(transpose(y), y)));
       return sum(y);
     }},
    {"written by a kernel that reads it",
     [](auto& p, auto& q) {
       const Var x = p;
       assign(p, concatenate({slice(x, 0, 5, 8), slice(x, 0, 0, 5)}));
       return sum(Var(q));
     }},
};

}  // namespace

TEST_CASE("effects write parameters in place only where nothing reads the old values", "[plan][effects]") {
  for (const Case& c : cases)
    for (const DType dtype : {DType::f32, DType::f64})
      for (const std::int64_t columns : {1, 3, 40, 300, 1000}) {
        INFO(c.name << ", " << columns << " columns, " << size_of(dtype) << " bytes");
        const auto run = [&](Engine engine) {
          ParameterRegistry registry({.dtype = dtype});
          const Parameter p = registry.add("p", noise({8, columns}, 1, dtype), {.trainable = false});
          const Parameter q = registry.add("q", noise({8, columns}, 2, dtype), {.trainable = false});
          std::vector<Tensor> all;
          for (int step = 0; step < 3; ++step) {
            const Tape tape({.engine = engine});
            all.push_back(c.record(p, q).value());
            all.push_back(p.value());
            all.push_back(q.value());
          }
          return all;
        };
        const std::vector<Tensor> found = run(Engine::planned), expected = run(Engine::eager);
        for (std::size_t i = 0; i < expected.size(); ++i) CHECK(identical(found[i], expected[i]));
      }
}

TEST_CASE("effects need no copy where a pass reads the old values only element by element", "[plan][effects]") {
  ParameterRegistry registry;
  const Parameter p = registry.add("p", noise({8, 300}, 1)), q = registry.add("q", noise({8, 300}, 2));
  const auto plan_of = [&](const std::function<Var(const Var&, const Var&)>& value) {
    Tape tape;
    assign(p, value(p, q));
    tape.run();
    return explain_plan(tape);
  };
  const auto copies = Catch::Contains("copy");
  CHECK_THAT(plan_of([](const Var& x, const Var& y) { return x - first_row(y); }), !copies);
  CHECK_THAT(plan_of([](const Var& x, const Var&) { return x - mean(x, 1, true); }), !copies);
  CHECK_THAT(plan_of([](const Var& x, const Var&) { return x - mean(x); }), !copies);
  CHECK_THAT(plan_of([](const Var& x, const Var&) { return x - first_row(x); }), copies);
}
