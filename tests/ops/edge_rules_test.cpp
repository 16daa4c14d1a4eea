// The rules behind the edge cases (tests/edge_cases.md, R1 to R11), each where it is easiest to break.
#include <algorithm>
#include <functional>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include <thalweg/thalweg.hpp>

#include "tests/ops/expect.hpp"

using namespace thalweg;
using namespace thalweg::tests;

namespace {

constexpr Engine engines[] = {Engine::planned, Engine::eager};

using Unary = Var (*)(const Operand&);
const std::map<std::string, Unary>& functions_of_one_input() {
  static const std::map<std::string, Unary> functions = {
      {"negate", negate},
      {"square", square},
      {"sqrt", sqrt},
      {"rsqrt", rsqrt},
      {"reciprocal", reciprocal},
      {"cbrt", cbrt},
      {"abs", abs},
      {"exp", exp},
      {"exp2", exp2},
      {"expm1", expm1},
      {"log", log},
      {"log2", log2},
      {"log10", log10},
      {"log1p", log1p},
      {"sin", sin},
      {"cos", cos},
      {"tan", tan},
      {"asin", asin},
      {"acos", acos},
      {"atan", atan},
      {"sinh", sinh},
      {"cosh", cosh},
      {"tanh", tanh},
      {"asinh", asinh},
      {"acosh", acosh},
      {"atanh", atanh},
      {"erf", erf},
      {"erfc", erfc},
      {"lgamma", lgamma},
      {"digamma", digamma},
      {"sigmoid", sigmoid},
      {"relu", relu},
      {"leaky_relu", [](const Operand& x) { return leaky_relu(x); }},
      {"elu", [](const Operand& x) { return elu(x); }},
      {"elu of 2", [](const Operand& x) { return elu(x, 2); }},
      {"selu", selu},
      {"gelu", [](const Operand& x) { return gelu(x); }},
      {"gelu by tanh", [](const Operand& x) { return gelu(x, GeluForm::tanh); }},
      {"silu", silu},
      {"mish", mish},
      {"softplus", softplus},
      {"log_sigmoid", log_sigmoid},
      {"hard_sigmoid", hard_sigmoid},
      {"hard_tanh", [](const Operand& x) { return hard_tanh(x); }},
      {"sign", sign},
      {"floor", floor},
      {"ceil", ceil},
      {"round", round},
      {"trunc", trunc},
      {"clamp", [](const Operand& x) { return clamp(x, -1, 1); }},
      {"power of 0.5", [](const Operand& x) { return power(x, 0.5); }},
      {"power of -1", [](const Operand& x) { return power(x, -1); }},
      {"power of -0.5", [](const Operand& x) { return power(x, -0.5); }},
      {"power of 3", [](const Operand& x) { return power(x, 3); }},
  };
  return functions;
}

template <class Error>
std::string thrown_by(const std::function<void()>& body) {
  try {
    body();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

}  // namespace

TEST_CASE("rule R1: numbers and bools take the dtype beside them; two number dtypes do not mix") {
  const Tensor single{3., 4.}, mask{true, false}, whole{1, 2};
  for (const Engine engine : engines) {
    const Tape tape({.engine = engine});
    CHECK(identical((Var(single) * 0.1).value(), Tensor{3.F * 0.1F, 4.F * 0.1F}));
    CHECK(identical((Var(doubles({3.})) * 0.1).value(), doubles({3. * 0.1})));
    CHECK(identical((Var(mask) * single).value(), Tensor{3., 0.}));
    CHECK(identical((Var(whole) * mask).value(), Tensor{1, 0}));
    CHECK(identical((Var(whole) + 2).value(), Tensor{3, 4}));
    CHECK(identical((cast(whole, DType::f32) * single).value(), Tensor{3., 8.}));
  }
  expect_error<DtypeError>([](auto x) { return x[0] - x[1]; }, {single, doubles({1., 2.})},
                           {"[subtract]", "f32", "f64"});
  expect_error<DtypeError>([](auto x) { return maximum(x[0], x[1]); }, {single, whole}, {"[maximum]", "f32", "i64"});
  expect_error<DtypeError>([](auto x) { return power(x[0], x[1]); }, {doubles({1.}), whole}, {"[power]", "f64", "i64"});
}

TEST_CASE("rule R2: an error names the op and what is at fault, and nothing has changed after it") {
  ParameterRegistry registry({.dtype = DType::f64});
  Parameter weight = registry.add("weight", thalweg::ones({3}));
  for (const Engine engine : engines) {
    Tape tape({.engine = engine});
    const Var x = doubles({1., 2., 3.}), y = doubles({{1., 2.}, {3., 4.}}), index = Tensor{0, 3, 1};
    const std::int64_t size = tape.size();
    CHECK_THAT(thrown_by<ShapeError>([&] { x + y; }), Contains("[add]") && Contains("(3,)") && Contains("(2, 2)"));
    CHECK_THAT(thrown_by<ShapeError>([&] { matmul(y, x); }), Contains("[matmul]") && Contains("(3,)"));
    CHECK_THAT(thrown_by<IndexError>([&] { sum(y, 5); }), Contains("[sum]") && Contains("5") && Contains("(2, 2)"));
    CHECK_THAT(thrown_by<DtypeError>([&] { x* index; }), Contains("[multiply]") && Contains("f64") && Contains("i64"));
    CHECK_THAT(thrown_by<ValueError>([&] { clamp(x, 2, 1); }), Contains("[clamp]") && Contains("2") && Contains("1"));
    CHECK(tape.size() == size);
    // What is found when values are computed undoes the whole request.
    CHECK_THAT(thrown_by<IndexError>([&] {
                 assign(weight, Var(weight) * 2);
                 assign(weight, sum(gather(x, index)) + Var(weight));
                 tape.run();
               }),
               Contains("[gather]") && Contains("3"));
    CHECK(identical(weight.value(), doubles({1., 1., 1.})));
  }
}

TEST_CASE("rule R3: NaN goes through every function, alone, in a chain and through reductions") {
  for (const auto& [name, function] : functions_of_one_input())
    for (const std::int64_t length : {1, 7, 17})
      for (const DType dtype : {DType::f32, DType::f64}) {
        INFO(name << " of " << length);
        const Tensor x = Tensor::full({length}, nan_value, dtype);
        for (const Engine engine : engines) {
          CHECK(close(run([&](auto v) { return function(v[0]); }, {x}, engine).value, x, 0));
          CHECK(close(run([&](auto v) { return function(v[0] * 2) * 0 + 1; }, {x}, engine).value, x, 0));
        }
      }
  const Tensor x = doubles({3., nan_value, 1.}), y = doubles({1., 2., 3.});
  for (const Function& op :
       {Function([](auto v) { return sum(v[0]); }), Function([](auto v) { return mean(v[0]); }),
        Function([](auto v) { return max(v[0]); }), Function([](auto v) { return min(v[0]); }),
        Function([](auto v) { return product(v[0]); }), Function([](auto v) { return norm(v[0]); }),
        Function([](auto v) { return variance(v[0]); }), Function([](auto v) { return standard_deviation(v[0]); }),
        Function([](auto v) { return logsumexp(v[0]); }), Function([](auto v) { return dot(v[0], v[1]); })})
    expect(op, {x, y}, number(nan_value));
}

TEST_CASE("rule R4: at a singular point the gradient is 0, and equal candidates share it") {
  const Tensor zero = doubles({0.});
  expect([](auto x) { return hypot(x[0], x[1]); }, {zero, zero}, zero, {zero, zero});
  expect([](auto x) { return atan2(x[0], x[1]); }, {zero, zero}, zero, {zero, zero});
  expect([](auto x) { return norm(x[0]); }, {zero}, number(0), {zero});
  expect([](auto x) { return standard_deviation(x[0]); }, {doubles({2., 2.})}, number(0), {doubles({0., 0.})});
  expect([](auto x) { return minimum(x[0], x[1]); }, {zero, zero}, zero, {doubles({0.5}), doubles({0.5})});
  for (const Function& kinked :
       {Function([](auto x) { return relu(x[0]); }), Function([](auto x) { return abs(x[0]); }),
        Function([](auto x) { return clamp(x[0], 0, 1); }), Function([](auto x) { return clamp(x[0], -1, 0); })}) {
    expect(kinked, {zero}, zero, {zero});
    expect([&](auto x) { return gradients(sum(kinked(x)), {x[0]})[0] + 0 * x[0]; }, {zero}, zero, {zero});
  }
}

TEST_CASE("rule R5: an incoming gradient of 0 stays 0 where the derivative is infinite or NaN") {
  const Tensor points = doubles({0., -0., 1., -1., infinity, -infinity, nan_value, 2., -2., 1e308});
  const Tensor zeros = Tensor::zeros({10}, DType::f64);
  for (const auto& [name, function] : functions_of_one_input())
    for (const Engine engine : engines) {
      const Outcome outcome = run([&](auto x) { return function(x[0]); }, {points}, engine, zeros);
      INFO(name << ": " << to_string(outcome.gradients[0]));
      CHECK(close(outcome.gradients[0], zeros, 0));
    }
  const Tensor bases = doubles({0., 0., -1., infinity, nan_value}), exponents = doubles({-1., 0.5, 0.5, 2., 1.});
  for (const Function& op : {Function([](auto x) { return x[0] / x[1]; }), Function([](auto x) { return x[1] / x[0]; }),
                             Function([](auto x) { return power(x[0], x[1]); })})
    for (const Engine engine : engines)
      for (const Tensor& gradient : run(op, {bases, exponents}, engine, Tensor::zeros({5}, DType::f64)).gradients)
        CHECK(close(gradient, Tensor::zeros({5}, DType::f64), 0));
  // Multiplication and matmul follow IEEE.
  const Outcome product =
      run([](auto x) { return x[0] * x[1]; }, {doubles({1.}), doubles({infinity})}, Engine::planned, doubles({0.}));
  CHECK(close(product.gradients[0], doubles({nan_value}), 0));
  const Outcome of_matrices = run([](auto x) { return matmul(x[0], x[1]); }, {doubles({{1.}}), doubles({{infinity}})},
                                  Engine::planned, doubles({{0.}}));
  CHECK(close(of_matrices.gradients[0], doubles({{nan_value}}), 0));
}

TEST_CASE("rule R6: in a loss, a target, weight or probability of exactly 0 removes its term") {
  const Tensor zero_and_one = doubles({0., 1.}), none = doubles({0., 0.});
  const Function entropy = [](auto x) {
    return binary_cross_entropy_with_logits(x[0], x[1], {.reduction = Reduction::sum});
  };
  expect(entropy, {doubles({-infinity, infinity}), zero_and_one}, number(0), {none});
  const Function weighted = [](auto x) {
    return binary_cross_entropy_with_logits(x[0], 1, {.weights = x[1], .reduction = Reduction::sum});
  };
  expect(weighted, {doubles({-infinity, infinity}), zero_and_one}, number(0), {none});
  const Function classes = [](auto x) {
    return softmax_cross_entropy(x[0], x[1], {.class_weights = x[2], .reduction = Reduction::sum});
  };
  expect(classes, {doubles({{-infinity, 0.}}), Tensor{0}, zero_and_one}, number(0), {doubles({{0., 0.}})});
  const Function divergence = [](auto x) { return kl_divergence(x[0], x[1], {.reduction = Reduction::sum}); };
  expect(divergence, {doubles({-infinity, 0.}), zero_and_one}, number(0), {doubles({0., -1.})});
}

TEST_CASE("rule R8: what reductions give of nothing") {
  const Tensor nothing = Tensor::zeros({0}, DType::f64), whole = Tensor::zeros({0}, DType::i64);
  expect([](auto x) { return sum(x[0]); }, {nothing}, number(0), {nothing});
  expect([](auto x) { return product(x[0]); }, {nothing}, number(1), {nothing});
  expect([](auto x) { return all(x[0]); }, {nothing}, Tensor(true));
  expect([](auto x) { return any(x[0]); }, {nothing}, Tensor(false));
  expect([](auto x) { return logsumexp(x[0]); }, {nothing}, number(-infinity), {nothing});
  expect([](auto x) { return mean(x[0]); }, {nothing}, number(nan_value), {nothing});
  expect([](auto x) { return variance(x[0]); }, {nothing}, number(nan_value), {nothing});
  expect([](auto x) { return sum(x[0]); }, {whole}, Tensor(0));
  expect([](auto x) { return product(x[0]); }, {whole}, Tensor(1));
  expect_error<ShapeError>([](auto x) { return max(x[0]); }, {nothing}, {"[max]", "(0,)"});
  expect_error<ShapeError>([](auto x) { return min(x[0]); }, {nothing}, {"[min]", "(0,)"});
  expect_error<ShapeError>([](auto x) { return argmax(x[0]); }, {nothing}, {"[argmax]", "(0,)"});
  expect_error<ShapeError>([](auto x) { return argmin(x[0]); }, {nothing}, {"[argmin]", "(0,)"});
}

TEST_CASE("rule R9: backward fills gradients; an effect is carried out once, however often values are asked for") {
  ParameterRegistry registry({.dtype = DType::f64});
  const Parameter weight = registry.add("weight", thalweg::ones({2})),
                  unused = registry.add("unused", thalweg::ones({3}));
  const Parameter count = registry.add("count", thalweg::zeros({2}), {.trainable = false});
  for (const Engine engine : engines) {
    const Tensor before = count.value();
    Tape tape({.engine = engine});
    assign(count, Var(count) + 1);
    const Var loss = sum(square(weight));
    for (int turn = 0; turn < 3; ++turn) {
      backward(loss);
      CHECK(loss.item() == 2);
      CHECK(identical(weight.gradient(), doubles({2., 2.})));
      CHECK(identical(unused.gradient(), doubles({0., 0., 0.})));
      tape.run();
    }
    CHECK(identical(count.value(), compute([&] { return Var(before) + 1; })));
  }
}

TEST_CASE("rule R10: results depend neither on threads nor on planning nor on what memory held before") {
  const int before = thread_count();
  const auto outcome = [](int threads, Engine engine, double junk) {
    set_thread_count(threads);
    // Memory that tensors and plans take again.
    for (const std::int64_t count : {64, 1000, 40000, 200000}) Tensor::full({count}, junk, DType::f32);
    const Function net = [](auto x) {
      const Var hidden = gelu(matmul(x[0], x[1]));
      const Var normal = layer_norm(hidden) + cumulative_sum(hidden, 0);
      return logsumexp(normal, 1) * mean(square(normal), 1) + sum(sort(hidden, {.axis = 1}).values, 1);
    };
    const Tensor a = spread_values({300, 70}, -1, 1, 1).to(DType::f32),
                 b = spread_values({70, 90}, -1, 1, 2).to(DType::f32);
    return run(net, {a, b}, engine);
  };
  const Outcome first = outcome(1, Engine::eager, 0);
  for (const int threads : {1, 2, 8})
    for (const Engine engine : engines)
      for (const double junk : {nan_value, 1e30}) {
        const Outcome again = outcome(threads, engine, junk);
        CHECK(identical(again.value, first.value));
        for (std::size_t i = 0; i < 2; ++i) CHECK(identical(again.gradients[i], first.gradients[i]));
      }
  set_thread_count(before);
}

TEST_CASE("rule R11: an epsilon that the dtype of x does not have is an error") {
  const Tape tape;
  const Var x = Tensor{{1., 1.}, {3., 3.}}, row = Tensor{1., 1.}, exact = cast(x, DType::f64);
  const char* const text = "epsilon is 1e-50, 0 in f32; it must be above 0, and finite";
  CHECK_THROWS_WITH(layer_norm(x, {.epsilon = 1e-50}), Catch::Contains(text));
  CHECK_THROWS_WITH(rms_norm(x, {.epsilon = 1e-50}), Catch::Contains(text));
  CHECK_THROWS_WITH(group_norm(x, 1, {.epsilon = 1e-50}), Catch::Contains(text));
  CHECK_THROWS_WITH(batch_norm(x, row, row, {.epsilon = 1e-50}), Catch::Contains(text));
  CHECK_THROWS_WITH(cosine_similarity(x, x, {.epsilon = 1e-50}), Catch::Contains(text));
  CHECK_THROWS_WITH(layer_norm(x, {.epsilon = 1e50}), Catch::Contains("epsilon is 1e+50, inf in f32"));
  CHECK(identical(layer_norm(exact, {.epsilon = 1e-50}).value(), Tensor::zeros({2, 2}, DType::f64)));
  CHECK(identical(layer_norm(x, {.epsilon = 1e-44}).value(), Tensor::zeros({2, 2})));
}

TEST_CASE("rule R11: settings without meaning are errors when they are given") {
  Random random(1);
  ParameterRegistry registry;
  const Parameter weight = registry.add("weight", thalweg::ones({2}));
  const Tape tape;
  const Var x = Tensor{{1., 2.}, {3., 4.}}, labels = Tensor{0, 1}, row = Tensor{1., 1.};
  for (const double bad : {-1., nan_value}) {
    INFO(bad);
    CHECK_THROWS_AS(dropout(x, bad, random), ValueError);
    CHECK_THROWS_AS(bernoulli({2}, bad, random), ValueError);
    CHECK_THROWS_AS(huber(x, x, {.delta = bad}), ValueError);
    CHECK_THROWS_AS(softmax_cross_entropy(x, labels, {.label_smoothing = bad}), ValueError);
    CHECK_THROWS_AS(cosine_similarity(x, x, {.epsilon = bad}), ValueError);
    CHECK_THROWS_AS(layer_norm(x, {.epsilon = bad}), ValueError);
    CHECK_THROWS_AS(batch_norm(x, row, row, {.epsilon = bad}), ValueError);
    CHECK_THROWS_AS(batch_norm(x, row, row, {.momentum = bad}), ValueError);
    CHECK_THROWS_AS(l1_penalty({weight}, bad), ValueError);
    CHECK_THROWS_AS(l2_penalty({weight}, bad), ValueError);
    CHECK_THROWS_AS(norm(x, {.p = bad}), ValueError);
    CHECK_THROWS_AS(normal({2}, bad), ValueError);
    CHECK_THROWS_AS(SGD(registry, {.learning_rate = bad}), ValueError);
    CHECK_THROWS_AS(SGD(registry, {.gradient = {.clip_norm = bad}}), ValueError);
    CHECK_THROWS_AS(schedules::step(bad, {.size = 3}), ValueError);
  }
  CHECK_THROWS_AS(dropout(x, 1.1, random), ValueError);
  CHECK_THROWS_AS(softmax_cross_entropy(x, labels, {.label_smoothing = 1.1}), ValueError);
  CHECK_THROWS_AS(clamp(x, nan_value, 1), ValueError);
  CHECK_THROWS_AS(leaky_relu(x, nan_value), ValueError);
  CHECK_THROWS_AS(elu(x, infinity), ValueError);
  CHECK_THROWS_AS(schedules::step(1, {.size = 0}), ValueError);
  CHECK_THROWS_AS(schedules::cosine({.from = 1, .to = 0, .steps = 0}), ValueError);
}
