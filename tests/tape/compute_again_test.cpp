// compute() of what it has computed before: from the third time on, a plan of sweeps alone is run without the traces that
// a request leaves on its tape (Plan::call). Nothing of that may be seen.
#include "tests/tape/helpers.hpp"

#include <cmath>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "src/plan/observer.hpp"

using namespace thalweg;
using namespace thalweg::testing;

namespace {

constexpr int times = 6;  // enough for a plan to run like that

Tensor pair(float a, float b) { return Tensor{a, b}; }

Var free_function() { return pair(1, 2) + pair(2, 1); }

}  // namespace

TEST_CASE("compute() again: every value is memory of its own, also while all are kept") {
  std::vector<Tensor> sums;
  for (int i = 0; i < 50; ++i) {
    const auto x = static_cast<float>(i);
    const Tensor a = pair(x, 1), b = pair(2, x);
    sums.push_back(compute([&] { return a + b; }));
  }
  for (int i = 0; i < 50; ++i) CHECK(identical(sums[static_cast<std::size_t>(i)], pair(i + 2.f, i + 1.f)));
}

TEST_CASE("compute() again: tensors are held until the tape ends, and no longer") {
  for (int i = 0; i < times; ++i) {
    const auto x = static_cast<float>(i);
    // The only references to these go before the value is computed.
    CHECK(identical(compute([&] { return pair(x, 1) + pair(1, x); }), pair(x + 1, x + 1)));
    Tensor a = pair(x, 1), b = pair(1, x);
    const void *const of_a = a.raw(), *const of_b = b.raw();
    Tensor sum = compute([&] { return a + b; });
    const void* const of_sum = sum.raw();
    CHECK(a.mutable_raw() == of_a);  // would be a copy if anybody else held it
    CHECK(b.mutable_raw() == of_b);
    CHECK(sum.mutable_raw() == of_sum);
    CHECK_THROWS_AS(compute([&]() -> Var {
                      const Var recorded = a + b;
                      throw std::runtime_error("from the function");
                      return recorded;
                    }),
                    std::runtime_error);
    CHECK(a.mutable_raw() == of_a);
  }
}

TEST_CASE("compute() again: the same tensor twice, borrowed memory, and memory of the result before") {
  float numbers[] = {1, 2};
  Tensor sum = pair(0, 0);
  for (int i = 0; i < times; ++i) {
    const Tensor a = Tensor::borrow(numbers, {2}, nullptr);
    CHECK(identical(compute([&] { return a + a; }), pair(2, 4)));
    sum = compute([&] { return sum + a; });
    CHECK(identical(sum, pair(i + 1.f, 2 * (i + 1.f))));
  }
}

TEST_CASE("compute() again: numbers and draws are data, and the values those of the eager engine") {
  const Tensor a = noise({5}, 1), b = noise({3, 1}, 2);
  Random planned(3), eager(3);
  for (int i = 0; i < times; ++i) {
    const auto formula = [&](Random& random) { return exp(a * (i + .5)) * b + uniform({3, 5}, random) / (i + 1); };
    CHECK(identical(compute([&] { return formula(planned); }),
                    compute([&] { return formula(eager); }, {.phase = Phase::evaluation, .engine = Engine::eager})));
  }
  for (int i = 0; i < times; ++i) {  // without broadcasting, of which no function is made
    const auto x = static_cast<float>(i);
    CHECK(identical(compute([&] { return pair(x, 1) * i + pair(1, x) * .5; }), pair(x * x + .5f, x + x / 2)));
    const auto draw = [&](Random& random) { return pair(x, 1) + uniform({2}, random); };
    CHECK(identical(compute([&] { return draw(planned); }),
                    compute([&] { return draw(eager); }, {.engine = Engine::eager})));
  }
  CHECK(planned.position() == eager.position());
}

TEST_CASE("compute() again: several sweeps, sweeps too large for one function, and products") {
  for (const std::int64_t rows : {3, 70, 3000}) {
    const Tensor a = noise({rows, 40}, 1), b = noise({40, 7}, 2);
    for (int i = 0; i < times; ++i) {
      const TapeOptions eager{.phase = Phase::evaluation, .engine = Engine::eager};
      const auto normalized = [&] { return softmax(a * i) - mean(a, {0}, true); };
      CHECK(identical(compute(normalized), compute(normalized, eager)));
      const auto product = [&] { return matmul(a, b) * i; };
      CHECK(identical(compute(product), compute(product, eager)));
      const auto transposed = [&] { return transpose(a) + Tensor::ones({40, 1}); };
      CHECK(identical(compute(transposed), compute(transposed, eager)));
    }
  }
}

TEST_CASE("compute() again: shapes and formulas in turns") {
  for (int i = 0; i < 3 * times; ++i) {
    const auto x = static_cast<float>(i);
    const Tensor a = pair(x, 1), b = pair(2, x), c = Tensor{x};
    CHECK(identical(compute([&] { return a + b; }), pair(x + 2, x + 1)));
    if (i % 3 == 0) continue;
    CHECK(identical(compute([&] { return a * b; }), pair(2 * x, x)));
    CHECK(identical(compute([&] { return a + b + c; }), pair(2 * x + 2, 2 * x + 1)));
    CHECK(identical(compute([&] { return a + c; }), pair(2 * x, x + 1)));
    CHECK(identical(compute([&] { return Tensor{i, 1} + Tensor{i, 1}; }), Tensor{2 * i, 2}));
  }
}

TEST_CASE("compute() again: a function that returns a leaf, or has asked before") {
  ParameterRegistry registry;
  const Parameter weight = registry.add("weight", pair(1, 2));
  for (int i = 0; i < times; ++i) {
    const auto x = static_cast<float>(i);
    const Tensor a = pair(x, 1), b = pair(2, x), sum = pair(x + 2, x + 1);
    weight.set_value(a);
    const Tensor constant = compute([&] { return Var(a); }), read = compute([&] { return Var(weight); });
    CHECK((identical(constant, a) && identical(read, a)));
    CHECK(compute([&] { return Var(i); }).item() == i);
    weight.set_value(b);
    CHECK(identical(read, a));  // a value, not the parameter's memory
    CHECK(identical(compute([&] {
                      const Var asked = a + b;
                      CHECK(identical(asked.value(), sum));
                      return asked;
                    }),
                    sum));
    CHECK(identical(compute([&] {
                      const Var asked = a + b;
                      return asked.value() - asked;
                    }),
                    pair(0, 0)));
    CHECK(identical(compute([&] {
                      const Var first = a + b;
                      const Tensor product = compute([&] { return a * b; });
                      return first + product;
                    }),
                    pair(3 * x + 2, 2 * x + 1)));
  }
}

TEST_CASE("compute() again: within a tape, which goes on") {
  const Tensor a = pair(1, 2), b = pair(3, 4);
  for (int i = 0; i < times; ++i) {
    const Tape tape;
    const Var before = a * b;
    CHECK(identical(compute([&] { return a + b; }), pair(4, 6)));
    CHECK(identical((before + compute([&] { return a + b; })).value(), pair(7, 14)));
    const std::string said = error_of<TapeError>([&] { compute([&] { return before; }); });
    CHECK_THAT(said, Catch::StartsWith("[value]") && Catch::Contains("another tape"));
    CHECK_THAT(said, Catch::EndsWith(at(__LINE__ - 2)));
    CHECK_THAT(error_of<TapeError>([&] {
                 compute([&] {
                   const Var own = a + b;  // has the same id as `before`
                   return own.id() == before.id() ? before : own;
                 });
               }),
               Catch::StartsWith("[value]") && Catch::Contains("another tape"));
    CHECK_THAT(error_of<TapeError>([&] { compute([&] { return Var(); }); }), Catch::Contains("it is empty"));
    CHECK_THAT(error_of<TapeError>([&] {
                 compute([&] {
                   compute([&] { return a + b; });
                   return before + a;
                 });
               }),
               Catch::StartsWith("[add]") && Catch::Contains("another tape"));
    CHECK(identical(before.value(), pair(3, 8)));
  }
}

TEST_CASE("compute() again: the current tape must be its own when the function returns") {
  const Tensor a = pair(1, 2);
  for (int i = 0; i < times; ++i) {
    std::unique_ptr<Tape> later;
    CHECK_THAT(error_of<TapeError>([&] {
                 compute([&] {
                   const Var sum = a + a;
                   later = std::make_unique<Tape>();
                   return sum;
                 });
               }),
               Catch::Contains("not the current one"));
    CHECK(identical((Var(a) * 2).value(), pair(2, 4)));  // on that one
  }
  CHECK(identical(compute([&] { return a + a; }), pair(2, 4)));
}

TEST_CASE("compute() again: parameters have their present values, wherever their memory is") {
  ParameterRegistry registry;
  const Parameter weight = registry.add("weight", pair(1, 2));
  const Tensor a = pair(10, 20);
  for (int i = 0; i < 2 * times; ++i) {
    weight.set_value(pair(static_cast<float>(i), 1));
    CHECK(identical(compute([&] { return weight + a; }), pair(10 + static_cast<float>(i), 21)));
    if (i == times)
      for (int more = 0; more < 20; ++more) registry.add(std::to_string(more), ones({1000}));
  }
  CHECK(compute([&] { return weight + a; }, {.engine = Engine::eager}).size() == 2);
}

TEST_CASE("compute() again: intermediate values lie in the memory of the present tape") {
  const Tensor b = noise({3}, 1);
  const auto check = [&](std::uint64_t seed) {
    const Tensor a = noise({5}, seed), c = noise({7}, seed);
    const auto formula = [&] { return sum(a) * b - sum(c); };  // three sweeps
    CHECK(identical(compute(formula), compute(formula, {.engine = Engine::eager})));
  };
  {
    const Tape tape;
    compute([&] { return sum(noise({5}, 2)) * b * b; });  // gives memory to the second of the thread's tapes
  }
  ParameterRegistry registry;
  const Parameter weight = registry.add("weight", Tensor{{1., 2.}, {3., 4.}});
  for (std::uint64_t i = 0; i < times; ++i) {
    for (std::uint64_t more = 0; more < times; ++more) check(10 * i + more);  // on the first one
    const Tape tape;
    const Var product = matmul(Tensor{{1., 1.}, {0., 1.}}, weight), loss = sum(product * product);
    CHECK(loss.item() == 4 * 4 + 6 * 6 + 3 * 3 + 4 * 4);
    check(i);        // on the second one
    backward(loss);  // reads `product`, which is in the first one's memory
    CHECK(identical(weight.gradient(), Tensor{{8., 12.}, {14., 20.}}));
  }
}

TEST_CASE("compute() again: slices of a parameter, wherever they begin") {
  ParameterRegistry registry;
  const Parameter weight = registry.add("weight", Tensor::arange(10, DType::f32));
  const Tensor a = pair(1, 2);
  for (int i = 0; i < times; ++i)
    CHECK(identical(compute([&] { return slice(weight, 0, i, i + 2) * a; }), pair(static_cast<float>(i), 2.f * i + 2)));
}

TEST_CASE("compute() again: a value of an earlier tape, in whose place a new one is") {
  const Tensor a = pair(1, 2);
  for (int i = 0; i < times; ++i) {
    Var earlier;
    compute([&] { return earlier = a + a; });
    CHECK_THAT(error_of<TapeError>([&] {
                 compute([&] {
                   const Var own = a + a;
                   return own.id() == earlier.id() ? earlier : own;
                 });
               }),
               Catch::StartsWith("[value]"));
  }
}

TEST_CASE("compute() again: a parameter written after it was read is an error") {
  ParameterRegistry registry;
  const Parameter weight = registry.add("weight", pair(1, 2)), other = registry.add("other", pair(3, 4));
  for (int i = 0; i < 3 * times; ++i) {
    const bool writes = i % 3 == 2, writes_other = i % 3 == 1;
    const auto formula = [&] {
      const Var sum = weight + pair(1, 1);
      if (writes) weight.set_value(pair(5, 6));
      if (writes_other) other.set_value(pair(7, 8));
      return sum;
    };
    if (!writes) {
      CHECK(identical(compute(formula), i < 3 ? pair(2, 3) : pair(6, 7)));
      continue;
    }
    const std::string said = error_of<TapeError>([&] { compute(formula); });
    CHECK_THAT(said, Catch::StartsWith("[value] this needs parameter 'weight'") && Catch::EndsWith(at(__LINE__ - 1)));
  }
}

TEST_CASE("compute() again: effects are carried out every time") {
  ParameterRegistry registry;
  const Parameter product = registry.add("product", pair(0, 0), {.trainable = false});
  for (int i = 1; i <= times; ++i) {
    const auto x = static_cast<float>(i);
    const Tensor a = pair(x, 1), b = pair(2, x);
    CHECK(identical(compute([&] {
                      assign(product, a * b);
                      return a + b;
                    }),
                    pair(x + 2, x + 1)));
    CHECK(identical(product.value(), pair(2 * x, x)));
    const Tape outer;
    const Var read = product * a;
    compute([&] {
      assign(product, a * b);
      return a + b;
    });
    CHECK_THAT(error_of<TapeError>([&] { read.value(); }), Catch::Contains("'product'"));  // it counts as a write
  }
}

TEST_CASE("compute() again: options count, whatever ran before") {
  const Tensor a = pair(0, 1), b = pair(0, 2);
  for (int i = 0; i < times; ++i) {
    const Tensor quotient = compute([&] { return a / b; });
    CHECK(std::isnan(quotient.at<float>({0})));
    CHECK_THROWS_AS(compute([&] { return a / b; }, {.phase = Phase::evaluation, .detect_anomaly = true}), AnomalyError);
    const Since since;
    CHECK(identical(compute([&] { return a / b; }, {.engine = Engine::eager}), quotient));
    CHECK(since.plans() == 0);
  }
}

TEST_CASE("compute() again: other requests of the same nodes are as they were") {
  const Tensor a = pair(1, 2), b = pair(3, 4);
  ParameterRegistry registry;
  const Parameter weight = registry.add("weight", pair(1, 2));
  for (int i = 0; i < 2 * times; ++i) {
    CHECK(identical(compute([&] { return a * b; }), pair(3, 8)));
    const Tape tape;
    const Var product = a * b;
    const Tensor value = product.value();
    CHECK(identical(value, pair(3, 8)));
    CHECK(product.value().raw() == value.raw());  // held by the tape
    CHECK(sum(product).item() == 11);
    backward(sum(weight * product));
    CHECK(identical(weight.gradient(), pair(3, 8)));
  }
}

TEST_CASE("compute() again: statistics count every run, and passes are observed") {
  struct Observer : internal::PassObserver {
    int requests = 0, passes = 0;
    void request_began(const internal::Recorder&, const internal::Plan&, Clock::time_point) override { ++requests; }
    void pass_ended(const internal::Recorder&, const internal::Plan&, std::size_t, Clock::time_point,
                    Clock::time_point) override {
      ++passes;
    }
    void request_ended(Clock::time_point) override {}
  };
  const Tensor a = noise({2, 3}, 1), b = noise({2, 3}, 2);
  const auto formula = [&] { return a * b - a; };
  const Statistics start = statistics();
  compute(formula);
  const std::int64_t bytes = statistics().bytes_moved - start.bytes_moved;
  for (int i = 0; i < times; ++i) {
    const Statistics before = statistics();
    compute(formula);
    const Statistics after = statistics();
    CHECK(after.requests - before.requests == 1);
    CHECK(after.sweeps - before.sweeps == 1);
    CHECK(after.bytes_moved - before.bytes_moved == bytes);
    CHECK((after.matmuls == before.matmuls && after.other_kernels == before.other_kernels));
  }
  Observer observer;
  internal::pass_observer = &observer;
  for (int i = 0; i < times; ++i) compute(formula);
  internal::pass_observer = nullptr;
  CHECK((observer.requests == times && observer.passes == times));
}

TEST_CASE("compute() again: on several threads, of tensors that they share") {
  const Tensor a = noise({7}, 1), b = noise({7}, 2), expected = compute([&] { return a + b; });
  std::vector<int> wrong(4);
  {
    std::vector<std::jthread> threads;
    for (int& count : wrong)
      threads.emplace_back([&a, &b, &expected, &count] {
        for (int i = 0; i < 500; ++i) count += !identical(compute([&] { return a + b; }), expected);
      });
  }
  CHECK(wrong == std::vector<int>(4));
  CHECK_FALSE(a.storage().is_shared());
}

TEST_CASE("compute() again: a free function") { CHECK(identical(compute(free_function), pair(3, 3))); }
