// Edge cases that concern whole runs: sizes that cannot be, subnormals, penalties of 0, handles and tapes that have ended.
#include <algorithm>
#include <cfenv>
#include <cmath>
#include <limits>
#include <thread>

#include "tests/tape/helpers.hpp"

using namespace thalweg;
using namespace thalweg::testing;

namespace {

Tensor doubles(std::initializer_list<internal::Literal> values) { return Tensor(values, DType::f64); }

/// The bits of a net's parameters and gradients after a few steps.
std::string bits_of_run(const std::function<Var(const Network&)>& penalty, Engine engine) {
  Network network({20, 33, 17, 4}, true);
  Momentum optimizer(network.registry, {.learning_rate = 0.05});
  Random random(1);
  std::string bits;
  for (std::uint64_t step = 0; step < 4; ++step) {
    const Tape tape({.engine = engine});
    Var loss = softmax_cross_entropy(network.logits(noise({13, 20}, step), 0.2, random), some_labels(13, 4, step));
    const Var extra = penalty(network);
    if (!extra.empty()) loss += extra;
    backward(loss);
    bits += bits_of(network.registry, true);
    optimizer.step();
  }
  return bits + bits_of(network.registry);
}

}  // namespace

TEST_CASE("edge case 20: shapes whose count or bytes exceed int64 are errors before any allocation") {
  const std::int64_t huge = std::int64_t{1} << 32;
  CHECK_THAT(error_of<ShapeError>([&] { Tensor::zeros({huge, huge}, DType::f32); }), Catch::Contains("4294967296"));
  CHECK_THAT(error_of<ShapeError>([&] { Tensor::zeros({std::int64_t{1} << 61}, DType::f64); }),
             Catch::Contains("2305843009213693952"));
}

TEST_CASE("edge case 31: subnormals survive copies, adding 0 and multiplying by 1") {
  for (const Engine engine : {Engine::planned, Engine::eager}) {
    const Tape tape({.engine = engine});
    const Tensor tiny = doubles({1e-310, -5e-324, 1e-308});
    CHECK(identical((Var(tiny) + 0).value(), tiny));
    CHECK(identical((Var(tiny) * 1).value(), tiny));
    CHECK(identical(reshape(tiny, {3, 1}).value(), tiny.reshape({3, 1})));
    const Tensor single = Tensor{1e-40, -1e-45};
    CHECK(identical((Var(single) * 1 + 0).value(), single));
  }
}

TEST_CASE("edge case 31: the library leaves rounding, flush-to-zero and denormals-are-zero as the process has them") {
  const auto check = [] {
    volatile double smallest_normal = std::numeric_limits<double>::min(), subnormal = 1e-310, one = 1, tiny = 1e-20;
    volatile float single = std::numeric_limits<float>::min();
    CHECK(std::fegetround() == FE_TONEAREST);
    CHECK(smallest_normal / 2 > 0);
    CHECK(subnormal * 1e10 == Approx(1e-300));
    CHECK(single / 2 > 0);
    CHECK(one + tiny == 1);
    CHECK(-one - tiny == -1);
  };
  check();
  const Tape tape;
  CHECK(std::isfinite(sum(exp(noise({1000, 1000}, 1))).item()));
  check();
  // What the caller has set holds for what the caller computes, after a request too.
  std::fesetround(FE_UPWARD);
  volatile double one = 1, tiny = 1e-20;
  CHECK(one + tiny > 1);
  sum(exp(noise({10, 10}, 1))).value();
  CHECK(std::fegetround() == FE_UPWARD);
  std::fesetround(FE_TONEAREST);
}

TEST_CASE("edge case 34: a batch of one with the unbiased running form is an error, never NaN") {
  ParameterRegistry registry({.dtype = DType::f64});
  const Parameter mean = registry.add("mean", zeros({2}), {.trainable = false});
  const Parameter variance = registry.add("variance", ones({2}), {.trainable = false});
  const Tensor one = doubles({{5., -3.}}), scale = doubles({1., 2.}), shift = doubles({0.7, 0.1});
  const Tape tape;
  CHECK_THAT(
      error_of<ValueError>([&] { batch_norm(one, scale, shift, mean, variance, {.unbiased_running_variance = true}); }),
      Catch::Contains("[batch_norm]"));
  CHECK_THAT(error_of<ShapeError>([&] {
               batch_norm(Tensor::zeros({0, 2}, DType::f64), scale, shift, mean, variance);
             }),
             Catch::Contains("[batch_norm] a batch (0, 2) of nothing"));
  CHECK(identical(batch_norm(one, scale, shift, mean, variance).value(), doubles({{0.7, 0.1}})));
  CHECK(all_close(variance.value(), doubles({0.9, 0.9})));
}

TEST_CASE("edge case 38: a penalty with lambda 0 changes no bit of a run") {
  for (const Engine engine : {Engine::planned, Engine::eager}) {
    const std::string without = bits_of_run([](const Network&) { return Var(); }, engine);
    CHECK(bits_of_run([](const Network& network) { return l2_penalty(network.weights, 0); }, engine) == without);
    CHECK(bits_of_run([](const Network& network) { return l1_penalty(network.weights, 0); }, engine) == without);
    CHECK(bits_of_run([](const Network& network) { return l2_penalty(network.weights, 0.1); }, engine) != without);
  }
}

TEST_CASE("edge case 42: a handle used after clear() or beside another tape's is an error") {
  Tape tape;
  const Var old = Tensor{1., 2.};
  tape.clear();
  const Var taken = Tensor{3., 4.};
  CHECK_THAT(error_of<TapeError>([&] { old + taken; }), Catch::Contains("ended or was cleared"));
  CHECK_THAT(error_of<TapeError>([&] { old.value(); }), !Catch::Contains("no error"));
  const Tape newer;
  CHECK_THAT(error_of<TapeError>([&] { taken* Tensor{1., 1.}; }), Catch::Contains("another tape"));
}

TEST_CASE("edge case 43: two threads with a tape each give the bits of one after the other") {
  const auto run = [](std::uint64_t seed) {
    Random random(seed);
    Network network({9, 12, 3}, true);
    const Tape tape;
    backward(softmax_cross_entropy(network.logits(noise({7, 9}, seed), 0.3, random), some_labels(7, 3, seed)));
    return bits_of(network.registry, true);
  };
  const std::string first = run(1), second = run(2);
  std::string beside_first, beside_second;
  std::thread a([&] { beside_first = run(1); }), b([&] { beside_second = run(2); });
  a.join();
  b.join();
  CHECK(beside_first == first);
  CHECK(beside_second == second);
}

TEST_CASE("edge case 53: seed 0 is a seed like any other; Philox 4x32-10's first words; any split of the draws") {
  const auto words_of = [](Engine engine) {
    Random random(0);
    const Tape tape({.engine = engine});
    return uniform({64}, random).value();
  };
  // Elements 0, 16, 32 and 48 take the four words of counter 0, their upper 24 bits.
  const std::int64_t words[] = {0x6627e8, 0xe169c5, 0xbc57ac, 0x9b00db};
  for (const Engine engine : {Engine::planned, Engine::eager}) {
    const Tensor numbers = words_of(engine);
    for (std::int64_t i = 0; i < 4; ++i)
      CHECK(numbers.at<float>({16 * i}) == static_cast<float>(words[i]) / 16777216.0F);
  }
  const auto order_of = [](std::uint64_t seed) {
    Random random(seed);
    const Tape tape;
    return permutation(1000, random).value();
  };
  CHECK(identical(order_of(0), order_of(0)));
  CHECK_FALSE(identical(order_of(0), order_of(1)));
  Tensor seen = Tensor::zeros({1000}, DType::i64);
  const Tensor order = order_of(0);
  for (std::int64_t i = 0; i < 1000; ++i) seen.set<std::int64_t>({order.at<std::int64_t>({i})}, 1);
  const Tape tape;
  CHECK(sum(seen).item() == 1000);
}

TEST_CASE("edge case 36: dropout with probability 0 keeps an element whose number is exactly 0, in either form") {
  // The first draw of this seed that has a 0 among its numbers.
  std::vector<float> numbers(1 << 20);
  std::uint64_t draw = 0;
  std::size_t at = numbers.size();
  for (; draw < 200 && at == numbers.size(); ++draw) {
    fill_uniform(std::span(numbers), {.seed = 7, .draw = draw});
    at = static_cast<std::size_t>(std::find(numbers.begin(), numbers.end(), 0.0F) - numbers.begin());
  }
  REQUIRE(at < numbers.size());
  const Tensor x = Tensor::ones({1 << 20});
  for (const DropoutForm form : {DropoutForm::inverted, DropoutForm::book}) {
    Random random(7);
    random.set_position(draw - 1);
    const Tape tape;
    CHECK(identical(dropout(x, 0, random, form).value(), x));
  }
}
