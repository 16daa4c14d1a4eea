// TapeOptions::detect_anomaly: the first bad number is named, wherever it arises.
#include <cmath>
#include <limits>

#include "tests/tape/helpers.hpp"

using namespace thalweg;
using namespace thalweg::testing;

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

TapeOptions detecting(Engine engine) { return {.engine = engine, .detect_anomaly = true}; }

/// A fault in a graph: what it does to a value, and the op and line that an error must name.
struct Fault {
  const char* op;
  unsigned line;
  bool in_backward;
};

/// Plants fault number `kind` behind x, whose elements are in (0, 1).
Var plant(const Var& x, std::size_t kind, Fault& fault) {
  switch (kind) {
    case 0: fault = {"log", __LINE__, false}; return log(-x);
    case 1: fault = {"exp", __LINE__, false}; return exp(x + 1000);
    case 2: fault = {"divide", __LINE__, false}; return x / (x - x);
    default: fault = {"divide", __LINE__, true}; return sqrt(x - stop_gradient(x));  // 0, with an infinite derivative
  }
}

/// Whole numbers from a seed.
class Draws {
 public:
  explicit Draws(std::uint64_t seed) : numbers_(256) { fill_indices(numbers_, 1000000, {.seed = seed}); }
  std::size_t below(std::size_t bound) { return static_cast<std::size_t>(numbers_[next_++]) % bound; }

 private:
  std::vector<std::int64_t> numbers_;
  std::size_t next_ = 0;
};

/// A graph of values within (0, 1), a fault planted at one of them.
Var faulty_graph(std::uint64_t seed, const Parameter& weight, Fault& fault) {
  Draws draws(seed);
  const std::size_t count = 4 + draws.below(12), place = draws.below(count), kind = draws.below(4);
  std::vector<Var> vars = {sigmoid(weight), sigmoid(weight * Tensor{0.5, 2.}), sigmoid(Var(Tensor{1., -1.}) - weight)};
  for (std::size_t i = 0; i < count; ++i) {
    const Var a = vars[draws.below(vars.size())], b = vars[draws.below(vars.size())];
    if (i == place) {
      vars.push_back(plant(a, kind, fault));
    } else {
      vars.push_back(draws.below(2) == 0 ? a * b : (a + b) / 2);
    }
  }
  Var total = 0;
  for (const Var& var : vars) total += sum(var);
  return total;
}

}  // namespace

TEST_CASE("detect_anomaly: in 200 graphs the planted fault's op and line are named, planned and eager") {
  ParameterRegistry registry;
  const Parameter weight = registry.add("weight", ones({2}));
  for (const Engine engine : {Engine::planned, Engine::eager})
    for (std::uint64_t seed = 0; seed < 200; ++seed) {
      Tape tape(detecting(engine));
      Fault fault{};
      const Var loss = faulty_graph(seed, weight, fault);
      const std::string error = error_of<AnomalyError>([&] { backward(loss); });
      INFO("seed " << seed << ": " << error);
      CHECK(error.find(fmt::format("[{}]", fault.op)) == 0);
      CHECK(error.find(at(fault.line)) != std::string::npos);
      CHECK((error.find("in the backward pass") != std::string::npos) == fault.in_backward);
    }
}

TEST_CASE("detect_anomaly: the message") {
  ParameterRegistry registry;
  const Parameter weight = registry.add("affine3.weight", constant({2, 3}, -0.5));
  Tape tape({.detect_anomaly = true});
  const Var hidden = matmul(Tensor{{1., 2.}, {0., 0.25}}, weight);
  const Var y = log(hidden + 1);
  const unsigned line = __LINE__ - 1;
  const std::string said = error_of<AnomalyError>([&] { y.value(); });
  const unsigned asked = __LINE__ - 1;
  CHECK(said ==
        fmt::format("[log] NaN of finite numbers at [0, 0] of (2, 3); input 0: (2, 3) -0.5 there, from -0.5 to 0.875; "
                    "affine3.weight → matmul → add → log, found by value(){}{}\n    const Var y = log(hidden + 1);",
                    at(asked), at(line)));
}

TEST_CASE("detect_anomaly: what came in bad is named as such") {
  Tape tape({.detect_anomaly = true});
  const Var x = Tensor{1., infinity};
  CHECK(error_of<AnomalyError>([&] {
          (x * 2).value();
        }).find("[constant] a constant is inf at [1] of (2,), found by") == 0);
  const Var y = Tensor{1., 2.};
  CHECK(error_of<AnomalyError>([&] { (y * std::nan("")).value(); }).find("[number] a number is NaN") == 0);
}

TEST_CASE("detect_anomaly: infinities that reach nothing asked for are left alone") {
  Tape tape({.detect_anomaly = true});
  const Var x = Tensor{0., 4.};
  CHECK(identical(where(x > 0, log(x), 0.).value(), Tensor{0., static_cast<float>(std::log(4.0))}));
}

TEST_CASE("detect_anomaly: an optimizer's step names parameter and element") {
  for (const Engine engine : {Engine::planned, Engine::eager}) {
    ParameterRegistry registry;
    registry.add("first", ones({3}));
    const Parameter weight = registry.add("weight", ones({2, 2}));
    SGD optimizer(registry, {.learning_rate = 1e38});
    Tape tape(detecting(engine));
    backward(sum(weight * Tensor{{1., 1.}, {1., 100.}}));
    const std::string error = error_of<AnomalyError>([&] { optimizer.step(); });
    CHECK(error.find("[detect_anomaly] step() has made parameter 'weight' at [1, 1] of (2, 2) -inf") == 0);
    CHECK(error.find(at(__LINE__ - 2)) != std::string::npos);
  }
}

TEST_CASE("detect_anomaly: steps take as many passes with it, and give the same parameters") {
  const auto train = [](bool detects) {
    ParameterRegistry registry;
    const Parameter weight = registry.add("weight", noise({37, 11}, 1));
    Adam optimizer(registry);
    for (int step = 0; step < 5; ++step) {
      Tape tape({.detect_anomaly = detects});
      backward(sum(square(matmul(noise({3, 37}, 2), weight))));
      optimizer.step();
    }
    return weight.value();
  };
  const Statistics before = statistics();
  const Tensor plain = train(false);
  const Statistics between = statistics();
  const Tensor watched = train(true);
  const Statistics after = statistics();
  CHECK(identical(plain, watched));
  CHECK(after.sweeps - between.sweeps == between.sweeps - before.sweeps);
  CHECK(after.other_kernels - between.other_kernels == between.other_kernels - before.other_kernels);
}

TEST_CASE("detect_anomaly: after the error the tape goes on") {
  ParameterRegistry registry;
  const Parameter weight = registry.add("weight", zeros({2}));
  Tape tape({.detect_anomaly = true});
  const Var loss = sum(log(weight));
  CHECK_THROWS_AS(backward(loss), AnomalyError);
  CHECK((loss * 0 + 1).shape() == Shape{});
  CHECK(sum(weight + 1).item() == 2);
  CHECK(registry.parameters()[0].gradient().at<float>({0}) == static_cast<float>(infinity));
}
