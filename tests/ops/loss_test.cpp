// Losses where their formulas end: extreme logits, terms that are removed, ignored rows, kinks, errors. Values and gradients
// in the interior: torch_references_test.cpp.
#include <cmath>
#include <functional>
#include <limits>

#include <thalweg/check_gradients.hpp>

#include "tests/tape/helpers.hpp"

using namespace thalweg;
using namespace thalweg::testing;

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double nan_value = std::numeric_limits<double>::quiet_NaN();

Tensor doubles(std::initializer_list<internal::Literal> values) { return Tensor(values, DType::f64); }
Tensor number(double value) { return Tensor::full(Shape{}, value, DType::f64); }

using Inputs = std::span<const Var>;
using Function = std::function<Var(Inputs)>;

/// The value, and the gradients of its sum, planned and eager; NaN equals NaN.
void expect(const Function& function, const std::vector<Tensor>& inputs, const Tensor& value,
            const std::vector<Tensor>& wanted, double relative = 1e-12) {
  const auto close = [&](const Tensor& a, const Tensor& b) {
    if (!(a.shape() == b.shape())) return false;
    const Tensor x = a.to(DType::f64), y = b.to(DType::f64);
    for (std::size_t i = 0; i < x.data<double>().size(); ++i) {
      const double found = x.data<double>()[i], right = y.data<double>()[i];
      const bool same = found == right || (std::isnan(found) && std::isnan(right));
      const bool near = std::isfinite(right) && std::abs(found - right) <= relative * std::abs(right);
      if (!same && !near) return false;
    }
    return true;
  };
  for (const Engine engine : {Engine::planned, Engine::eager}) {
    const Tape tape({.engine = engine});
    std::vector<Var> vars;
    for (const Tensor& input : inputs) vars.emplace_back(input);
    const Var result = function(vars);
    INFO((engine == Engine::planned ? "planned" : "eager"));
    INFO("value " << to_string(result.value()) << ", wanted " << to_string(value));
    CHECK(close(result.value(), value));
    const std::vector<Var> found =
        gradients(result, std::span<const Var>(vars), Var(Tensor::ones(result.shape(), result.dtype())));
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      INFO("gradient " << i << " " << to_string(found[i].value()) << ", wanted " << to_string(wanted[i]));
      CHECK(close(found[i].value(), wanted[i]));
    }
  }
}

void check_second_order(const Function& function, const std::vector<Tensor>& inputs) {
  for (const Engine engine : {Engine::planned, Engine::eager}) {
    const GradientReport report = check_gradients(function, inputs, {.engine = engine});
    INFO(to_string(report));
    CHECK(report.ok);
  }
}

const Reduction reductions[] = {Reduction::none, Reduction::sum, Reduction::mean};

}  // namespace

TEST_CASE("losses: label smoothing is the target (1 - e) onehot + e / classes") {
  const Tensor logits = doubles({{0.3, -1., 2.}, {1., 0.5, -0.25}}), labels{2, 0};
  const Tensor smoothed = doubles({{0.1, 0.1, 0.8}, {0.8, 0.1, 0.1}});
  for (const Engine engine : {Engine::planned, Engine::eager}) {
    const Tape tape({.engine = engine});
    const double by_label = softmax_cross_entropy(logits, labels, {.label_smoothing = 0.3}).item();
    CHECK(by_label == Approx(softmax_cross_entropy(logits, smoothed).item()).epsilon(1e-14));
    const Tensor one_hot_labels = one_hot(labels, 3, DType::f64).value();
    CHECK(by_label ==
          Approx(softmax_cross_entropy(logits, one_hot_labels, {.label_smoothing = 0.3}).item()).epsilon(1e-14));
  }
}

TEST_CASE("losses: softmax cross entropy of extreme logits, f32 and f64") {
  const Function none = [](Inputs x) { return softmax_cross_entropy(x[0], x[1], {.reduction = Reduction::none}); };
  const Tensor labels{2, 0};
  expect(none, {Tensor{{1e4, 0., -1e4}, {1e8, 1e8, -1e8}}, labels}, Tensor{20000., 0.6931472},
         {Tensor{{1., 0., -1.}, {-0.5, 0.5, 0.}}}, 1e-6);
  expect(none, {doubles({{1e300, 0., -1e300}, {-infinity, 0., 0.}}), labels}, doubles({2e300, infinity}),
         {doubles({{1., 0., -1.}, {-1., 0.5, 0.5}})});
}

TEST_CASE("losses: a probability target of exactly 0 removes its term") {
  expect([](Inputs x) { return softmax_cross_entropy(x[0], x[1]); }, {doubles({{-infinity, 0.}}), doubles({{0., 1.}})},
         number(0), {doubles({{0., 0.}})});
  expect([](Inputs x) { return kl_divergence(x[0], x[1]); }, {doubles({-infinity, -0.5}), doubles({0., 1.})},
         number(0.5), {doubles({0., -1.}), doubles({0., 1.5})});
  expect([](Inputs x) { return kl_divergence(x[0], x[1], {.logarithmic_target = true}); },
         {doubles({-infinity, -0.5}), doubles({-infinity, 0.})}, number(0.5), {doubles({0., -1.})});
  const Function binary = [](Inputs x) {
    return binary_cross_entropy_with_logits(x[0], x[1], {.reduction = Reduction::none});
  };
  expect(binary, {doubles({-infinity, infinity, infinity, -infinity}), doubles({0., 1., 0., 1.})},
         doubles({0., 0., infinity, infinity}), {doubles({0., 0., 1., -1.})});
}

TEST_CASE("losses: a weight of exactly 0 removes its term") {
  expect(
      [](Inputs x) {
        return binary_cross_entropy_with_logits(x[0], 1, {.weights = x[1], .reduction = Reduction::sum});
      },
      {doubles({-infinity, 0.}), doubles({0., 1.})}, number(0.6931471805599453), {doubles({0., -0.5})});
  expect(
      [](Inputs x) {
        return binary_cross_entropy_with_logits(x[0], 1, {.positive_weight = x[1], .reduction = Reduction::sum});
      },
      {doubles({-infinity, 0.}), doubles({0., 2.})}, number(1.3862943611198906), {doubles({0., -1.})});
  const Tensor logits = doubles({{-infinity, 0., 0.}, {1., 1., 1.}}), labels{0, 1}, weights = doubles({0., 2., 4.});
  expect(
      [&](Inputs x) {
        return softmax_cross_entropy(x[0], labels, {.class_weights = weights, .reduction = Reduction::none});
      },
      {logits}, doubles({0., 2.1972245773362196}),
      {doubles({{0., 0., 0.}, {0.6666666666666666, -1.3333333333333333, 0.6666666666666666}})});
  expect(
      [&](Inputs x) {
        return softmax_cross_entropy(x[0], doubles({{1., 0., 0.}, {0., 1., 0.}}), {.class_weights = weights});
      },
      {logits}, number(1.0986122886681098),
      {doubles({{0., 0., 0.}, {0.3333333333333333, -0.6666666666666666, 0.3333333333333333}})});
}

TEST_CASE("losses: an ignored row has no loss and no gradient and does not count, whatever its logits are") {
  const Tensor logits = doubles({{nan_value, 1.}, {0., 0.}, {infinity, -infinity}}), labels{-100, 1, -100};
  const auto loss = [&](Reduction reduction, double smoothing) {
    return [&labels, reduction, smoothing](Inputs x) {
      return softmax_cross_entropy(x[0], labels,
                                   {.label_smoothing = smoothing, .ignored_index = -100, .reduction = reduction});
    };
  };
  const Tensor gradient = doubles({{0., 0.}, {0.5, -0.5}, {0., 0.}});
  expect(loss(Reduction::mean, 0), {logits}, number(0.6931471805599453), {gradient});
  expect(loss(Reduction::sum, 0), {logits}, number(0.6931471805599453), {gradient});
  expect(loss(Reduction::none, 0), {logits}, doubles({0., 0.6931471805599453, 0.}), {gradient});
  expect(loss(Reduction::mean, 0.5), {logits}, number(0.6931471805599453),
         {doubles({{0., 0.}, {0.25, -0.25}, {0., 0.}})});
  // Of ignored rows alone: a mean of nothing, which moves nothing.
  expect(
      [](Inputs x) {
        return softmax_cross_entropy(x[0], Tensor{1, 1}, {.ignored_index = 1});
      },
      {doubles({{1., 2.}, {3., 4.}})}, number(nan_value), {doubles({{0., 0.}, {0., 0.}})});
}

TEST_CASE("losses: binary cross entropy is accurate at both ends") {
  const double tail = 4.248354255291589e-18;  // ln(1 + e⁻⁴⁰), and sigmoid(−40)
  const Function loss = [](Inputs x) {
    return binary_cross_entropy_with_logits(x[0], x[1], {.reduction = Reduction::none});
  };
  expect(loss, {doubles({40., -40., 1000., -1000., 0.}), doubles({1., 0., 1., 0., 0.25})},
         doubles({tail, tail, 0., 0., 0.6931471805599453}), {doubles({-tail, tail, 0., 0., 0.25})});
  expect(loss, {Tensor{1e4, -1e4, 1e8}, Tensor{0., 1., 1.}}, Tensor{1e4, 1e4, 0.}, {Tensor{1., -1., 0.}}, 1e-6);
  expect(
      [](Inputs x) {
        return binary_cross_entropy_with_logits(x[0], Tensor{true, false});
      },
      {doubles({0., 0.})}, number(0.6931471805599453), {doubles({-0.25, 0.25})});
  check_second_order([](Inputs x) { return binary_cross_entropy_with_logits(x[0], x[1], {.positive_weight = x[2]}); },
                     {doubles({0., 1.5, -3.}), doubles({0.5, 0.2, 0.9}), doubles({2., 1., 0.5})});
}

TEST_CASE("losses: kinks, and what is far off") {
  expect([](Inputs x) { return mean_absolute_error(x[0], 1, {.reduction = Reduction::sum}); }, {doubles({1., 2., 0.})},
         number(2), {doubles({0., 1., -1.})});
  expect([](Inputs x) { return huber(x[0], 0, {.delta = 2, .reduction = Reduction::none}); },
         {doubles({0., 2., -2., 3., infinity, -1e300, nan_value})},
         doubles({0., 2., 2., 4., infinity, 2e300, nan_value}), {doubles({0., 2., -2., 2., 2., -2., nan_value})});
  expect([](Inputs x) { return hinge(x[0], x[1], {.reduction = Reduction::none}); },
         {doubles({1., 0.5, -2., infinity}), doubles({1., 1., 1., -1.})}, doubles({0., 0.5, 3., infinity}),
         {doubles({0., -1., -1., 1.})});
}

TEST_CASE("losses: cosine similarity neither over- nor underflows, and of 0 is 0") {
  const Function similarity = [](Inputs x) { return cosine_similarity(x[0], x[1]); };
  expect(similarity, {Tensor{3e19, 4e19}, Tensor{4e30, 3e30}}, Tensor(0.96), {}, 1e-6);
  expect(similarity, {doubles({3e200, 4e200}), doubles({-3e-5, -4e-5})}, number(-1), {});
  expect(similarity, {doubles({0., 0.}), doubles({3., 4.})}, number(0), {doubles({0.6e8, 0.8e8}), doubles({0., 0.})},
         1e-9);
  check_second_order(similarity, {doubles({{1., -2., 0.5}, {3., 1., 1.}}), doubles({{0.5, 1., 2.}, {-1., 2., 0.25}})});
}

TEST_CASE("losses: a number or a bool tensor is a target; of nothing the sum is 0 and the mean NaN") {
  const Tape tape;
  CHECK(mean_squared_error(doubles({1., 3.}), 2).item() == 1);
  CHECK(mean_squared_error(Tensor{1., 0.}, Tensor{true, true}).item() == 0.5);
  CHECK(mean_squared_error(Tensor{1., 0.}, 0.5).dtype() == DType::f32);
  const Tensor none = Tensor::zeros({0, 3}, DType::f64), no_labels = Tensor::zeros({0}, DType::i64);
  CHECK(softmax_cross_entropy(none, no_labels, {.reduction = Reduction::sum}).item() == 0);
  CHECK(std::isnan(softmax_cross_entropy(none, no_labels).item()));
  CHECK(softmax_cross_entropy(none, no_labels, {.reduction = Reduction::none}).shape() == Shape{0});
  CHECK(std::isnan(mean_absolute_error(none, none).item()));
  CHECK(kl_divergence(none, none, {.axis = 0, .reduction = Reduction::none}).shape() == Shape{3});
  CHECK(softmax_cross_entropy(doubles({1., 1.}), number(0).to(DType::i64)).item() == Approx(0.6931471805599453));
}

TEST_CASE("losses: every reduction has gradients of second order") {
  const Tensor p = noise({2, 3}, 1, DType::f64), t = noise({2, 3}, 2, DType::f64), labels{2, 0};
  const Tensor q = doubles({{0.2, 0.5, 0.3}, {0.6, 0.1, 0.3}}), weights = doubles({0.5, 2., 1.});
  for (const Reduction r : reductions) {
    check_second_order([r](Inputs x) { return mean_squared_error(x[0], x[1], {.reduction = r}); }, {p, t});
    check_second_order([r](Inputs x) { return huber(x[0], x[1], {.delta = 0.4, .reduction = r}); }, {p, t});
    check_second_order([r](Inputs x) { return kl_divergence(x[0], x[1], {.reduction = r}); }, {p, q});
    check_second_order(
        [r](Inputs x) { return kl_divergence(x[0], x[1], {.axis = 0, .logarithmic_target = true, .reduction = r}); },
        {p, t});
    check_second_order(
        [&](Inputs x) {
          return softmax_cross_entropy(
              x[0], labels, {.label_smoothing = 0.1, .class_weights = x[1], .ignored_index = 1, .reduction = r});
        },
        {p, weights});
    check_second_order(
        [&](Inputs x) { return softmax_cross_entropy(x[0], labels, {.class_weights = x[1], .reduction = r}); },
        {p, weights});
    check_second_order(
        [&](Inputs x) { return softmax_cross_entropy(x[0], x[1], {.class_weights = x[2], .reduction = r}); },
        {p, q, weights});
    check_second_order(
        [&](Inputs x) {
          return softmax_cross_entropy(x[0], x[1], {.axis = 0, .label_smoothing = 0.1, .reduction = r});
        },
        {p, q});
  }
}

TEST_CASE("losses: errors name the loss, what does not fit, and the line") {
  using Catch::Contains;
  const Tape tape;
  const Var column = Tensor::zeros({3, 1}), row = Tensor::zeros({3}), wide = Tensor::zeros({3, 4});
  const std::string differ = error_of<ShapeError>([&] { mean_squared_error(column, row); });
  CHECK_THAT(differ,
             Contains("[mean_squared_error] prediction (3, 1) and target (3,) differ in shape" + at(__LINE__ - 2)));
  CHECK_THAT(error_of<DtypeError>([&] { huber(row, Tensor::zeros({3}, DType::f64)); }),
             Contains("[huber]") && Contains("f32") && Contains("f64"));
  CHECK_THAT(error_of<DtypeError>([&] {
               hinge(Tensor{1, 2}, Tensor{1, 1});
             }),
             Contains("[hinge] i64") && Contains("cast"));
  CHECK_THAT(error_of<ShapeError>([&] { binary_cross_entropy_with_logits(wide, wide, {.weights = row}); }),
             Contains("[binary_cross_entropy_with_logits]") && Contains("(3,)"));
  CHECK_THAT(error_of<ShapeError>([&] {
               softmax_cross_entropy(wide, Tensor{0, 1});
             }),
             Contains("[softmax_cross_entropy] targets i64 (2,)") && Contains("(3,)"));
  CHECK_THAT(error_of<ShapeError>([&] { softmax_cross_entropy(wide, row); }),
             Contains("probabilities (3, 4) are wanted"));
  CHECK_THAT(error_of<ShapeError>([&] {
               softmax_cross_entropy(wide, Tensor{0, 1, 2}, {.class_weights = row});
             }),
             Contains("class weights (3,) must be (4,)"));
  CHECK_THAT(error_of<IndexError>([&] {
               softmax_cross_entropy(wide, Tensor{0, 1, 2}, {.axis = 2});
             }),
             Contains("axis 2"));
  CHECK_THAT(error_of<IndexError>([&] {
               softmax_cross_entropy(wide, Tensor{0, -100, 4}, {.ignored_index = -100}).item();
             }),
             Contains("label 4 at place 2 is out of range for 4 classes"));
  CHECK_THAT(error_of<IndexError>([&] {
               softmax_cross_entropy(wide, Tensor{0, -100, 3}).item();
             }),
             Contains("label -100"));
  CHECK_THAT(error_of<ValueError>([&] { softmax_cross_entropy(wide, wide, {.ignored_index = 0}); }),
             Contains("probabilities"));
  for (const double smoothing : {-0.1, 1.1, nan_value})
    CHECK_THAT(error_of<ValueError>([&] {
                 softmax_cross_entropy(wide, Tensor{0, 1, 2}, {.label_smoothing = smoothing});
               }),
               Contains("label_smoothing is"));
  for (const double setting : {0., -1., nan_value, infinity}) {
    CHECK_THAT(error_of<ValueError>([&] { huber(row, row, {.delta = setting}); }), Contains("[huber] delta is"));
    CHECK_THAT(error_of<ValueError>([&] { cosine_similarity(row, row, {.epsilon = setting}); }),
               Contains("epsilon is"));
  }
  CHECK_THAT(error_of<ValueError>([&] { hinge(row, row, {.margin = nan_value}); }), Contains("[hinge] margin is nan"));
  ParameterRegistry registry;
  const Parameter weight = registry.add("weight", ones({2}));
  for (const double lambda : {-1., nan_value, infinity}) {
    CHECK_THAT(error_of<ValueError>([&] { l1_penalty({weight}, lambda); }), Contains("[l1_penalty] lambda is"));
    CHECK_THAT(error_of<ValueError>([&] { l2_penalty({weight}, lambda); }), Contains("[l2_penalty] lambda is"));
  }
  CHECK_THAT(error_of<ValueError>([&] { l1_penalty(std::span<const Parameter>(), 1); }), Contains("no parameters"));
}

TEST_CASE("losses: penalties, also of weights that are infinite where lambda is 0") {
  ParameterRegistry registry({.dtype = DType::f64});
  const Parameter weight = registry.add("weight", doubles({{1., -2.}, {3., 0.}})),
                  bias = registry.add("bias", ones({2}));
  for (const Engine engine : {Engine::planned, Engine::eager}) {
    const Tape tape({.engine = engine});
    const Var l1 = l1_penalty({weight}, 0.5), l2 = l2_penalty({weight}, 0.1);
    CHECK(l1.item() == 3);
    CHECK(l2.item() == Approx(0.7).epsilon(1e-14));
    backward(l1 + l2 * 0);
    CHECK(identical(weight.gradient(), doubles({{0.5, -0.5}, {0.5, 0.}})));
    CHECK(identical(bias.gradient(), doubles({0., 0.})));
  }
  Parameter far = registry.add("far", doubles({infinity, nan_value}));
  for (const Engine engine : {Engine::planned, Engine::eager}) {
    const Tape tape({.engine = engine});
    const Var loss = sum(bias) + l2_penalty({far, weight}, 0) + l1_penalty({far, weight}, 0);
    backward(loss);
    CHECK(loss.item() == 2);
    CHECK(identical(far.gradient(), doubles({0., 0.})));
  }
}

TEST_CASE("losses: steps that repeat each other have their own values, axes, labels and errors") {
  for (std::int64_t step = 0; step < 4; ++step) {
    const Tape tape;
    const Var logits = noise({3, 4}, 1 + static_cast<unsigned>(step));
    const Tensor labels{step, (step + 1) % 4, std::int64_t{2}};
    const Var by_row = log_softmax(logits, 1), rows = take_along_axis(by_row, labels.reshape({3, 1}), 1);
    CHECK(softmax_cross_entropy(logits, labels).item() == Approx(-mean(rows).item()));
    const Var probabilities = softmax(noise({3, 4}, 11 + static_cast<unsigned>(step)), 0);
    const Var by_column = -sum(probabilities * log_softmax(logits, 0));
    CHECK(softmax_cross_entropy(logits, probabilities, {.axis = 0, .reduction = Reduction::sum}).item() ==
          Approx(by_column.item()));
    CHECK(kl_divergence(by_row, softmax(logits, 1)).item() == Approx(0).margin(1e-6));
    CHECK(kl_divergence(by_row, by_row, {.logarithmic_target = true}).item() == 0);
    CHECK(binary_cross_entropy_with_logits(logits, sigmoid(logits)).item() ==
          Approx(mean(softplus(logits) - sigmoid(logits) * logits).item()));
    CHECK(all_close(logsumexp(logits, 1).value(), log(sum(exp(logits), 1)).value()));
  }
  const Tape tape;
  const Var logits = noise({3, 4}, 9);
  const Var wrong = softmax_cross_entropy(logits, Tensor{0, 4, 1});
  CHECK_THAT(error_of<IndexError>([&] { wrong.value(); }),
             Catch::Contains("[softmax_cross_entropy] label 4 at place 1") && Catch::Contains(at(__LINE__ - 2)));
}
