// What ops give at the edges: stable forms, kinks, NaN and infinity, empty shapes, indices, precision, dtypes. Each case
// holds planned and eager. The numbers follow from the definitions, to f64's precision.
#include <catch2/catch.hpp>

#include <cmath>
#include <limits>

#include <thalweg/differentiate.hpp>
#include <thalweg/ops/ops.hpp>
#include <thalweg/registry.hpp>
#include <thalweg/threads.hpp>

#include "tests/ops/expect.hpp"

using namespace thalweg;
using namespace thalweg::tests;

TEST_CASE("edge case 1: sigmoid far out") {
  expect([](auto x) { return sigmoid(x[0]); }, {doubles({-1000., -40., 1000.})},
         doubles({0., 4.248354255291589e-18, 1.}), {doubles({0., 4.248354255291589e-18, 0.})});
}

TEST_CASE("edge case 2: softplus far out and at 0") {
  expect([](auto x) { return softplus(x[0]); }, {doubles({1000., -40., 0.})},
         doubles({1000., 4.248354255291589e-18, 0.6931471805599453}), {doubles({1., 4.248354255291589e-18, 0.5})});
}

TEST_CASE("edge case 3: expm1 far out and near 0") {
  expect([](auto x) { return expm1(x[0]); }, {doubles({-40., 1e-20})}, doubles({-1., 1e-20}),
         {doubles({4.248354255291589e-18, 1.})});
}

TEST_CASE("edge case 4: logsumexp of large and of infinite numbers") {
  const Function of_all = [](auto x) { return logsumexp(x[0]); };
  expect(of_all, {doubles({1000., 1000.})}, number(1000.6931471805599), {doubles({0.5, 0.5})});
  expect(of_all, {doubles({1e17, 1e17})}, number(1e17), {doubles({0.5, 0.5})});
  expect(of_all, {doubles({-infinity, -infinity})}, number(-infinity), {doubles({0., 0.})});
  expect(of_all, {doubles({-infinity, 0.})}, number(0), {doubles({0., 1.})});
  expect(of_all, {doubles({infinity, 0.})}, number(infinity));
  expect([](auto x) { return softmax(x[0]); }, {doubles({{-infinity, -infinity}})}, doubles({{nan_value, nan_value}}));
}

TEST_CASE("edge case 5: softmax cross entropy of labels, f32") {
  expect([](auto x) { return softmax_cross_entropy(x[0], x[1]); }, {Tensor{{1e4, 0., -1e4}}, Tensor{2}}, Tensor(20000.),
         {Tensor{{1., 0., -1.}}}, {}, 1e-6);
  expect([](auto x) { return softmax_cross_entropy(x[0], x[1]); }, {Tensor{{1e8, 1e8}}, Tensor{0}}, Tensor(0.6931472),
         {Tensor{{-0.5, 0.5}}}, {}, 1e-6);
}

TEST_CASE("edge case 6: probability targets of 0 remove their terms") {
  const Function loss = [](auto x) { return softmax_cross_entropy(x[0], x[1]); };
  expect(loss, {doubles({{-infinity, 0.}}), doubles({{0., 1.}})}, number(0), {doubles({{0., 0.}})});
  expect(loss, {doubles({{1000., 0., -1000.}}), doubles({{0., 0.25, 0.75}})}, number(1750),
         {doubles({{1., -0.25, -0.75}})});
  // Label smoothing e over K classes is the target (1 − e)·onehot + e/K.
  const Tensor logits = doubles({{0.3, -1.2, 2.}, {1., 0., 4.}});
  const Function smoothed = [](auto x) { return softmax_cross_entropy(x[0], x[1], {.label_smoothing = 0.3}); };
  const Outcome wanted = run(loss, {logits, doubles({{0.1, 0.8, 0.1}, {0.8, 0.1, 0.1}})}, Engine::planned);
  expect(smoothed, {logits, Tensor{1, 0}}, wanted.value, {wanted.gradients[0]});
}

TEST_CASE("edge case 7: sines of large arguments") {
  expect([](auto x) { return sin(x[0]); }, {doubles({1e6, 1e22})},
         doubles({-0.34999350217129294, -0.8522008497671888}));
  expect([](auto x) { return sin(x[0]); }, {Tensor{1e6}}, Tensor{-0.3499935}, {}, {}, 1e-6);
}

TEST_CASE("edge case 8: relu, abs and clamps at their kinks") {
  expect([](auto x) { return relu(x[0]); }, {doubles({0., -0., 1.})}, doubles({0., 0., 1.}), {doubles({0., 0., 1.})});
  expect([](auto x) { return abs(x[0]); }, {doubles({0., -0., -1.})}, doubles({0., 0., 1.}), {doubles({0., 0., -1.})});
  expect([](auto x) { return maximum(x[0], 0); }, {doubles({0., 1., -1.})}, doubles({0., 1., 0.}),
         {doubles({0.5, 1., 0.})});
  expect([](auto x) { return clamp(x[0], 0, 1); }, {doubles({-1., 0., 0.5, 1., 2.})}, doubles({0., 0., 0.5, 1., 1.}),
         {doubles({0., 0., 1., 0., 0.})});
  expect_error<ValueError>([](auto x) { return clamp(x[0], 1, 0); }, {doubles({0.})}, {"[clamp]", "1", "0"});
  for (const Function& second :
       {Function([](auto x) { return relu(x[0]); }), Function([](auto x) { return abs(x[0]); }),
        Function([](auto x) { return clamp(x[0], 0, 1); })})
    expect([&](auto x) { return gradients(second(x), {x[0]}, Var(Tensor::ones({2}, DType::f64)))[0] + 0 * x[0]; },
           {doubles({0., -0.})}, doubles({0., 0.}), {doubles({0., 0.})});
}

TEST_CASE("edge case 9: equal candidates share the gradient") {
  expect([](auto x) { return max(x[0]); }, {doubles({3., 1., 3.})}, number(3), {doubles({0.5, 0., 0.5})});
  expect([](auto x) { return min(x[0]); }, {doubles({1., 1., 3., 1.})}, number(1),
         {doubles({1. / 3, 1. / 3, 0., 1. / 3})});
  expect([](auto x) { return maximum(x[0], x[1]); }, {doubles({2., 1.}), doubles({2., 3.})}, doubles({2., 3.}),
         {doubles({0.5, 0.}), doubles({0.5, 1.})});
}

TEST_CASE("edge case 10: sqrt and log at 0 and below") {
  expect([](auto x) { return sqrt(x[0]); }, {doubles({0.})}, doubles({0.}), {doubles({infinity})});
  expect([](auto x) { return sqrt(x[0] * x[0]); }, {doubles({0.})}, doubles({0.}), {doubles({nan_value})});
  expect([](auto x) { return norm(x[0]); }, {doubles({0.})}, number(0), {doubles({0.})});
  expect([](auto x) { return abs(x[0]); }, {doubles({0.})}, doubles({0.}), {doubles({0.})});
  expect([](auto x) { return log(x[0]); }, {doubles({0., -1.})}, doubles({-infinity, nan_value}));
  expect([](auto x) { return log(x[0]); }, {doubles({0.})}, doubles({-infinity}), {doubles({infinity})});
}

TEST_CASE("edge case 11: powers at 0 and of negative numbers") {
  const Function powers = [](auto x) { return power(x[0], x[1]); };
  expect(powers, {doubles({0., 0., 0., -2.}), doubles({0., 1., 0.5, 3.})}, doubles({1., 0., 0., -8.}),
         {doubles({0., 1., infinity, 12.}), doubles({0., 0., 0., nan_value})});
  expect(powers, {doubles({-8.}), doubles({1. / 3})}, doubles({nan_value}));
  const auto to_the = [](double exponent) {
    return [exponent](std::span<const Var> x) { return power(x[0], exponent); };
  };
  expect(to_the(0), {doubles({0.})}, doubles({1.}), {doubles({0.})});
  expect(to_the(1), {doubles({0.})}, doubles({0.}), {doubles({1.})});
  expect(to_the(0.5), {doubles({0.})}, doubles({0.}), {doubles({infinity})});
  expect(to_the(3), {doubles({-2.})}, doubles({-8.}), {doubles({12.})});
  expect(to_the(1. / 3), {doubles({-8.})}, doubles({nan_value}));
}

TEST_CASE("edge case 12: no NaN from the branch not taken") {
  expect([](auto x) { return where(x[0] > 0, sqrt(x[0]), x[0]); }, {doubles({-1., -4., 4.})}, doubles({-1., -4., 2.}),
         {doubles({1., 1., 0.25})});
  expect([](auto x) { return where(x[0] == 0, 1, sin(x[0]) / x[0]); }, {doubles({0.})}, doubles({1.}), {doubles({0.})});
}

TEST_CASE("edge case 14: division by 0; of i64 an error") {
  expect([](auto x) { return x[0] / x[1]; }, {doubles({0., 1., -1.}), doubles({0., 0., 0.})},
         doubles({nan_value, infinity, -infinity}));
  expect_error<DtypeError>([](auto x) { return x[0] / x[1]; }, {Tensor{1}, Tensor{0}}, {"[divide]", "i64", "cast"});
  expect_error<ValueError>([](auto x) { return floor_divide(x[0], x[1]); }, {Tensor{1}, Tensor{0}},
                           {"[floor_divide]", "0"});
  expect_error<ValueError>([](auto x) { return remainder(x[0], x[1]); }, {Tensor{1}, Tensor{0}}, {"[remainder]", "0"});
}

TEST_CASE("edge case 15: NaN stays, wherever it stands and at any length") {
  expect([](auto x) { return relu(x[0]); }, {doubles({nan_value})}, doubles({nan_value}));
  expect([](auto x) { return clamp(x[0], 0, 1); }, {doubles({nan_value})}, doubles({nan_value}));
  expect([](auto x) { return maximum(x[0], 1); }, {doubles({nan_value})}, doubles({nan_value}));
  expect([](auto x) { return maximum(1, x[0]); }, {doubles({nan_value})}, doubles({nan_value}));
  expect([](auto x) { return max(x[0]); }, {doubles({3., nan_value, 1.})}, number(nan_value));
  for (const DType dtype : {DType::f32, DType::f64})
    for (const std::int64_t length : {1, 2, 3, 7, 8, 9, 31, 64, 65, 1000})
      for (const std::int64_t at : {std::int64_t{0}, length / 2, length - 1}) {
        Tensor x = Tensor::ones(Shape{length}, DType::f64);
        x.set<double>({at}, nan_value);
        INFO("length " << length << " at " << at);
        const Tensor result = Tensor::full(Shape{}, nan_value, dtype);
        expect([](auto v) { return max(v[0]); }, {x.to(dtype)}, result);
        expect([](auto v) { return min(v[0]); }, {x.to(dtype)}, result);
        expect([](auto v) { return relu(v[0]); }, {x.to(dtype)}, x);
        expect([](auto v) { return clamp(v[0], 0, 1); }, {x.to(dtype)}, x);
        expect([](auto v) { return maximum(v[0], 1); }, {x.to(dtype)}, x);
        expect([](auto v) { return minimum(1, v[0]); }, {x.to(dtype)}, x);
        expect([](auto v) { return max(v[0] * v[1], 0); },
               {x.to(dtype).reshape({length, 1}), Tensor::ones({1, 2}, dtype)}, Tensor::full({2}, nan_value, dtype));
      }
}

TEST_CASE("edge case 17: nothing is rewritten that drops NaN") {
  expect([](auto x) { return x[0] * 0; }, {doubles({infinity, nan_value, 1.})}, doubles({nan_value, nan_value, 0.}));
  expect([](auto x) { return x[0] - x[0]; }, {doubles({infinity, 1.})}, doubles({nan_value, 0.}));
  expect([](auto x) { return x[0] / x[0]; }, {doubles({0., 2.})}, doubles({nan_value, 1.}));
  expect([](auto x) { return matmul(x[0], x[1]); }, {doubles({{0., 1.}}), doubles({{infinity}, {2.}})},
         doubles({{nan_value}}));
}

TEST_CASE("edge case 18: reductions of nothing") {
  const Tensor x = Tensor::zeros({0, 3}, DType::f64);
  expect([](auto v) { return sum(v[0]); }, {x}, number(0), {x});
  expect([](auto v) { return sum(v[0], 0); }, {x}, doubles({0., 0., 0.}), {x});
  expect([](auto v) { return sum(v[0], 1); }, {x}, Tensor::zeros({0}, DType::f64), {x});
  expect([](auto v) { return mean(v[0]); }, {x}, number(nan_value));
  expect([](auto v) { return mean(v[0], 0); }, {x}, doubles({nan_value, nan_value, nan_value}));
  expect([](auto v) { return max(v[0], 1); }, {x}, Tensor::zeros({0}, DType::f64));
  expect([](auto v) { return logsumexp(v[0], 0); }, {x}, doubles({-infinity, -infinity, -infinity}));
  expect_error<ShapeError>([](auto v) { return max(v[0]); }, {x}, {"[max]", "(0, 3)"});
  expect_error<ShapeError>([](auto v) { return min(v[0], 0); }, {x}, {"[min]", "(0, 3)"});
}

TEST_CASE("edge case 19: a matmul over an inner dimension of 0") {
  for (int turn = 0; turn < 3; ++turn)
    expect([](auto x) { return matmul(x[0], x[1]); },
           {Tensor::zeros({2, 0}, DType::f64), Tensor::zeros({0, 3}, DType::f64)}, Tensor::zeros({2, 3}, DType::f64),
           {Tensor::zeros({2, 0}, DType::f64), Tensor::zeros({0, 3}, DType::f64)});
}

TEST_CASE("edge case 21: 0-d") {
  for (const Function& op :
       {Function([](auto x) { return sum(x[0]); }), Function([](auto x) { return mean(x[0]); }),
        Function([](auto x) { return max(x[0]); }), Function([](auto x) { return transpose(x[0]); }),
        Function([](auto x) { return logsumexp(x[0]); })})
    expect(op, {number(2.5)}, number(2.5), {number(1)});
  expect_error<ShapeError>([](auto x) { return matmul(x[0], x[1]); }, {number(1), doubles({{1.}})}, {"[matmul]", "()"});
}

TEST_CASE("edge case 22: gradients come back summed over what was stretched") {
  const Tensor column = doubles({{1.}, {2.}, {3.}}), row = doubles({{1., 10., 100., 1000.}});
  expect([](auto x) { return x[0] * x[1]; }, {column, row},
         doubles({{1., 10., 100., 1000.}, {2., 20., 200., 2000.}, {3., 30., 300., 3000.}}),
         {doubles({{1111.}, {1111.}, {1111.}}), doubles({{6., 6., 6., 6.}})});
  const Tensor nothing = Tensor::zeros({4, 0}, DType::f64);
  expect([](auto x) { return x[0] + x[1]; }, {nothing, Tensor::ones({4, 1}, DType::f64)}, nothing,
         {nothing, Tensor::zeros({4, 1}, DType::f64)});
}

TEST_CASE("edge case 23: axes out of range and named twice") {
  const Tensor x = doubles({{1., 2.}, {3., 4.}});
  expect([](auto v) { return sum(v[0], -1); }, {x}, doubles({3., 7.}));
  expect_error<IndexError>([](auto v) { return sum(v[0], 2); }, {x}, {"[sum]", "2", "(2, 2)"});
  expect_error<IndexError>([](auto v) { return sum(v[0], -3); }, {x}, {"[sum]", "-3", "(2, 2)"});
  expect_error<IndexError>([](auto v) { return sum(v[0], {.axes = {0, -2}}); }, {x}, {"[sum]", "-2", "twice"});
  expect_error<IndexError>([](auto v) { return softmax(v[0], 2); }, {x}, {"2", "(2, 2)"});
}

TEST_CASE("edge case 24: rows gathered twice add up") {
  expect([](auto x) { return gather(x[0], x[1]); }, {doubles({0.1, 0.7}), Tensor{0, 0, 1, 0}},
         doubles({0.1, 0.1, 0.7, 0.1}), {doubles({1.5, 0.4})}, doubles({0.2, 0.3, 0.4, 1.}));
}

TEST_CASE("edge case 25: index -1 is the last; out of range is an error") {
  const Function op = [](auto x) { return gather(x[0], x[1]); };
  expect(op, {doubles({1., 2., 3.}), Tensor{-1, -3}}, doubles({3., 1.}));
  expect_error<IndexError>(op, {doubles({1., 2., 3.}), Tensor{3}}, {"[gather]", "3", "axis 0", "size 3"});
  expect_error<IndexError>(op, {doubles({1., 2., 3.}), Tensor{-4}}, {"[gather]", "-4", "axis 0", "size 3"});
}

TEST_CASE("edge case 26: reshapes that do not fit") {
  const Tensor x = Tensor::zeros({2, 3}, DType::f64);
  expect_error<ShapeError>([](auto v) { return reshape(v[0], {4, 2}); }, {x}, {"[reshape]", "6", "8"});
  expect_error<ShapeError>([](auto v) { return reshape(v[0], {-1, 4}); }, {x}, {"[reshape]", "6", "4"});
  expect_error<ShapeError>([](auto v) { return reshape(v[0], {-1, -1}); }, {x}, {"[reshape]", "-1"});
  expect(
      [](auto v) {
        return reshape(v[0], {-1, 3});
      },
      {Tensor::zeros({0, 3}, DType::f64)}, Tensor::zeros({0, 3}, DType::f64));
}

TEST_CASE("edge case 29: integers are exact, and have no fractions") {
  for (const Engine engine : {Engine::planned, Engine::eager}) {
    const Tape tape({.engine = engine});
    CHECK(identical(sum(Tensor{9007199254740992, 1}).value(), Tensor(9007199254740993)));
    CHECK(identical(sum(Tensor{true, false, true}).value(), Tensor(2)));
    const Tensor largest = Tensor{std::numeric_limits<std::int64_t>::max()};
    CHECK(identical((largest + Var(1)).value(), Tensor{std::numeric_limits<std::int64_t>::min()}));
    CHECK(identical((Var(largest) * 2).value(), Tensor{-2}));
    CHECK(identical((-2 - Var(largest)).value(), Tensor{std::numeric_limits<std::int64_t>::max()}));
  }
  expect_error<DtypeError>([](auto x) { return mean(x[0]); }, {Tensor{1, 2}}, {"[mean]", "i64", "cast"});
  expect_error<DtypeError>([](auto x) { return x[0] + 0.5; }, {Tensor{1, 2}}, {"[add]", "i64"});
}

TEST_CASE("edge case 30: two number dtypes; a number takes the dtype beside it") {
  expect_error<DtypeError>([](auto x) { return x[0] + x[1]; }, {Tensor{1.}, doubles({1.})}, {"[add]", "f32", "f64"});
  expect_error<DtypeError>([](auto x) { return matmul(x[0], x[1]); }, {Tensor{{1.}}, doubles({{1.}})},
                           {"[matmul]", "f32", "f64"});
  const Tape tape;
  CHECK((Var(Tensor{1.}) * 0.1).dtype() == DType::f32);
  CHECK(identical((Var(Tensor{3.}) * 0.1).value(), Tensor{3.F * 0.1F}));
  CHECK(identical((Tensor{true, false} * Var(Tensor{3., 4.})).value(), Tensor{3., 0.}));
}

TEST_CASE("edge case 33: batch norm in training; running statistics biased and not") {
  const Tensor x = doubles({{1.}, {2.}, {3.}, {6.}});
  for (const Engine engine : {Engine::planned, Engine::eager})
    for (const bool unbiased : {false, true}) {
      ParameterRegistry registry({.dtype = DType::f64});
      const Initializer zero{Shape{1}, [](std::span<double> v, std::uint64_t, std::uint32_t) { v[0] = 0; }};
      const Parameter mean = registry.add("mean", zero, {.trainable = false});
      Parameter variance = registry.add("variance", zero, {.trainable = false});
      variance.set_value(doubles({1.}));
      const Tape tape({.engine = engine});
      const Var input = x;
      const Var y =
          batch_norm(input, doubles({2.}), doubles({0.5}), mean, variance, {.unbiased_running_variance = unbiased});
      CHECK(
          close(y.value(), doubles({{-1.638086880891747}, {-0.5690434404458735}, {0.5}, {3.7071303213376203}}), 1e-12));
      const Var gradient = gradients(y, {input}, Var(doubles({{1.}, {0.}, {0.}, {0.}})))[0];
      CHECK(close(gradient.value(),
                  doubles({{0.4963424700358993}, {-0.4199809152607213}, {-0.2672608601114684}, {0.19089930533629035}}),
                  1e-11));
      CHECK(close(mean.value(), doubles({0.3}), 1e-12));
      CHECK(close(variance.value(), doubles({unbiased ? 1.3666666666666667 : 1.25}), 1e-12));
    }
}

TEST_CASE("edge case 34: batch norm of equal numbers and of a batch of one") {
  const Function norm = [](auto x) { return batch_norm(x[0], x[1], x[2]); };
  expect(norm, {doubles({{5.}, {5.}, {5.}}), doubles({1.}), doubles({0.7})}, doubles({{0.7}, {0.7}, {0.7}}),
         {doubles({{210.81851067789194}, {-105.40925533894597}, {-105.40925533894597}}), doubles({0.})},
         doubles({{1.}, {0.}, {0.}}));
  expect(norm, {doubles({{5., -3.}}), doubles({1., 2.}), doubles({0.7, 0.1})}, doubles({{0.7, 0.1}}),
         {doubles({{0., 0.}}), doubles({0., 0.}), doubles({1., 1.})});
}

TEST_CASE("edge case 35: the second derivative through batch statistics") {
  for (const Engine engine : {Engine::planned, Engine::eager}) {
    const Tape tape({.engine = engine});
    const Var t = Tensor::full({1, 1}, 0.5, DType::f64);
    const Var x = concatenate({t, t * t, t * t * t}, 0);
    const Var y = batch_norm(x, doubles({1.}), doubles({0.}), {.epsilon = 0.25});
    const Var f = sum(y * doubles({{1.}, {2.}, {4.}}));
    const Var first = gradients(f, {t})[0], second = gradients(first, {t})[0];
    CHECK(f.item() == Approx(-1.034224469428449).epsilon(1e-12));
    CHECK(first.item() == Approx(-0.743191488255302).epsilon(1e-12));
    CHECK(second.item() == Approx(7.66564887330204).epsilon(1e-12));
  }
}

TEST_CASE("edge case 36: dropout with probabilities 0, 1 and none") {
  const auto dropped = [](double probability) {
    return [probability](std::span<const Var> x) {
      Random random(1);
      return dropout(x[0], probability, random);
    };
  };
  const Tensor x = doubles({1., nan_value, -3., infinity});
  expect(dropped(0), {x}, x, {doubles({1., 1., 1., 1.})}, {}, 0);
  expect(dropped(1), {x}, doubles({0., 0., 0., 0.}), {doubles({0., 0., 0., 0.})}, {}, 0);
  for (const double probability : {-0.1, 1.1, nan_value})
    expect_error<ValueError>(dropped(probability), {x}, {"[dropout]", "probability"});
  const Tape tape({.phase = Phase::evaluation});
  Random random(1);
  CHECK(identical(dropout(x, 0.5, random).value(), x));
  CHECK(identical(dropout(doubles({2., 4.}), 0.25, random, DropoutForm::book).value(), doubles({1.5, 3.})));
}

TEST_CASE("edge case 37: one mask for every reading; another one for every draw, the same on any number of threads") {
  const auto step = [](Engine engine, Random& random) {
    const Tape tape({.engine = engine});
    const Var x = Tensor::ones({300, 301}, DType::f64);
    const Var first = dropout(x, 0.5, random);
    const Var second = dropout(x, 0.5, random);
    const Var gradient = gradients(sum(first * first * first), {x})[0];  // 3·mask³, and 6·mask³ next
    CHECK(identical((first * first * first * 3).value(), gradient.value()));
    CHECK(identical((first * first * first * 6).value(), gradients(sum(gradient), {x})[0].value()));
    CHECK_FALSE(identical(first.value(), second.value()));
    return first.value();
  };
  const auto masks = [&](Engine engine) {
    Random random(5);
    const Tensor mask = step(engine, random);
    CHECK_FALSE(identical(step(engine, random), mask));
    return mask;
  };
  const int before = thread_count();
  set_thread_count(8);
  const Tensor many = masks(Engine::planned);
  CHECK(identical(many, masks(Engine::eager)));
  const Threads limit(1);
  CHECK(identical(many, masks(Engine::planned)));
  set_thread_count(before);
}

TEST_CASE("edge case 38: the L2 penalty") {
  ParameterRegistry registry({.dtype = DType::f64});
  const Initializer zero{Shape{2, 2},
                         [](std::span<double> v, std::uint64_t, std::uint32_t) { std::fill(v.begin(), v.end(), 0); }};
  Parameter weight = registry.add("weight", zero), gamma = registry.add("gamma", zero);
  weight.set_value(doubles({{1., -2.}, {3., 0.}}));
  gamma.set_value(doubles({{1., 1.}, {1., 1.}}));
  for (const Engine engine : {Engine::planned, Engine::eager}) {
    const Tape tape({.engine = engine});
    const Var penalty = l2_penalty({weight}, 0.1);
    backward(penalty);
    CHECK(penalty.item() == Approx(0.7).epsilon(1e-12));
    CHECK(close(weight.gradient(), doubles({{0.1, -0.2}, {0.3, 0.}}), 1e-12));
    CHECK(identical(gamma.gradient(), doubles({{0., 0.}, {0., 0.}})));
    for (const double lambda : {-0.1, nan_value, infinity}) CHECK_THROWS_AS(l2_penalty({weight}, lambda), ValueError);
  }
}

TEST_CASE("edge case 39: shared uses add up, and each node is visited once") {
  expect([](auto x) { return matmul(x[0], x[0]); }, {doubles({{1., 2.}, {3., 4.}})}, doubles({{7., 10.}, {15., 22.}}),
         {doubles({{7., 11.}, {9., 13.}})});
  const Function doubled = [](auto x) {
    Var y = x[0];
    for (int i = 0; i < 60; ++i) y = y + y;
    return y;
  };
  expect(doubled, {doubles({1.})}, doubles({1152921504606846976.}), {doubles({1152921504606846976.})}, {}, 0);
}

TEST_CASE("edge case 41: what the result does not reach, what is detached, a seed that is missing") {
  expect([](auto x) { return x[0] * 2; }, {number(3), doubles({1., 2.})}, number(6), {number(2), doubles({0., 0.})});
  expect([](auto x) { return x[0] * stop_gradient(x[0]); }, {number(3)}, number(9), {number(3)});
  ParameterRegistry registry({.dtype = DType::f64});
  const Initializer filled{Shape{2}, [](std::span<double> v, std::uint64_t, std::uint32_t) { v[0] = 1, v[1] = 2; }};
  const Parameter used = registry.add("used", filled), unused = registry.add("unused", filled);
  const Tape tape;
  const Var x = doubles({1., 2.});
  CHECK_THROWS_WITH(gradients(x * 2, {x}), Contains("(2,)"));
  const Var loss = sum(square(used));
  for (int turn = 0; turn < 2; ++turn) {
    backward(loss);
    CHECK(identical(used.gradient(), doubles({2., 4.})));
    CHECK(identical(unused.gradient(), doubles({0., 0.})));
  }
}

TEST_CASE("edge case 28: the mean of many ones in f32, the sum of many tenths, on any number of threads") {
  const Tensor ones = Tensor::ones({20'000'000, 2}), tenths = Tensor::full({10'000'000, 2}, 0.1);
  const Tensor flat = Tensor::full({10'000'000}, 0.1);
  const int before = thread_count();
  set_thread_count(3);
  std::vector<Tensor> sums;
  for (const int threads : {1, 2, 3}) {
    const Threads limit(threads);
    const Tape tape;
    CHECK(mean(ones).item() == 1);
    CHECK(identical(mean(ones, 0).value(), Tensor{1., 1.}));
    CHECK(std::abs(sum(flat).item() - 1000000.0149) < 1);
    sums.push_back(sum(tenths, 0).value());
    CHECK(std::abs(static_cast<double>(sums.back().at<float>({0})) - 1000000.0149) < 1);
    CHECK(identical(sums.back(), sums.front()));
  }
  set_thread_count(before);
}
