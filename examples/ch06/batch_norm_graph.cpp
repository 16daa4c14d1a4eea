// 6.3.1: batch normalization as a graph, drawn from the tape that ran it, with its gradients checked.

#include <algorithm>
#include <cmath>

#include <thalweg/check_gradients.hpp>
#include <thalweg/draw.hpp>
#include <thalweg/thalweg.hpp>

#include "examples/ch06/sections.hpp"

namespace tw = thalweg;

namespace ch06 {

namespace {

constexpr std::int64_t samples = 5, features = 4;
constexpr double epsilon = 1e-6;

// [excerpt]
/// The same formula written out, whose gradient the engine derives step by step.
tw::Var normalize(const tw::Var& x, const tw::Var& gamma, const tw::Var& beta) {
  tw::Var mean = tw::mean(x, 0, true);
  tw::Var centered = x - mean;
  tw::Var variance = tw::mean(centered * centered, 0, true);
  tw::Var normalized = centered / tw::sqrt(variance + epsilon);
  return gamma * normalized + beta;
}
// [/excerpt]

tw::Tensor draw_normal(const tw::Shape& shape, std::uint64_t seed) {
  tw::Random random(seed);
  return tw::compute([&] { return tw::normal(shape, random, tw::f64); });
}

/// Draws the tape of one training step, and what it is without its backward pass.
void draw_graphs(const std::filesystem::path& folder, const tw::Tensor& x) {
  tw::ParameterRegistry registry({.dtype = tw::f64});
  const tw::Parameter input = registry.add("x", x);
  const tw::Parameter gamma = registry.add("gamma", tw::ones({features}));
  const tw::Parameter beta = registry.add("beta", tw::zeros({features}));
  const tw::Tape tape;
  tw::Var y = tw::batch_norm(input, gamma, beta, {.epsilon = epsilon});
  for (const char* extension : {".svg", ".png"}) tw::write_graph(tape, folder / ("forward" + std::string(extension)));
  tw::backward(y, tw::Tensor::ones({samples, features}, tw::f64));
  for (const char* extension : {".svg", ".png"})
    tw::write_graph(tape, folder / ("forward_and_backward" + std::string(extension)));
}

/// Of the entries that are furthest apart, relative to the larger of gradient and difference.
double largest_error(const tw::GradientReport& report) {
  double largest = 0;
  for (const tw::GradientEntry& entry : report.worst) {
    const double size = std::max({std::abs(entry.gradient), std::abs(entry.difference), 1e-3});
    largest = std::max(largest, std::abs(entry.gradient - entry.difference) / size);
  }
  return largest;
}

/// The largest difference between the gradients of batch_norm, which has a rule of its own, and of the formula.
double rule_from_formula(const std::vector<tw::Tensor>& inputs, const tw::Tensor& seed) {
  const auto gradients_of = [&](const auto& function) {
    const tw::Tape tape;
    const tw::Var x = inputs[0], gamma = inputs[1], beta = inputs[2];
    std::vector<tw::Tensor> values;
    for (const tw::Var& gradient : tw::gradients(function(x, gamma, beta), {x, gamma, beta}, tw::Var(seed)))
      values.push_back(gradient.value());
    return values;
  };
  const auto by_rule = gradients_of([](const tw::Var& x, const tw::Var& gamma, const tw::Var& beta) {
    return tw::batch_norm(x, gamma, beta, {.epsilon = epsilon});
  });
  const auto by_formula = gradients_of(normalize);
  double largest = 0;
  for (std::size_t i = 0; i < by_rule.size(); ++i)
    largest =
        std::max(largest, tw::compute([&] { return tw::max(tw::abs(by_rule[i] - tw::Var(by_formula[i]))); }).item());
  return largest;
}

}  // namespace

void batch_norm_graph(const report::Run& run, report::Results& results) {
  const auto exact = [](double bound) { return report::Band{0, bound, report::Band::Kind::exact}; };
  double checked = 0, error = 0, second_error = 0, difference = 0;
  for (const std::uint64_t seed : run.seeds) {
    const std::vector<tw::Tensor> inputs = {draw_normal({samples, features}, seed),
                                            draw_normal({features}, seed + 1000), draw_normal({features}, seed + 2000)};
    const auto function = [](std::span<const tw::Var> v) {
      return tw::batch_norm(v[0], v[1], v[2], {.epsilon = epsilon});
    };
    const tw::GradientReport first = tw::check_gradients(function, inputs, {.seed = seed, .second_order = false});
    const tw::GradientReport both = tw::check_gradients(function, inputs, {.seed = seed});
    checked += static_cast<double>(both.checked);
    error = std::max(error, largest_error(first));
    second_error = std::max(second_error, largest_error(both));
    difference = std::max(difference, rule_from_formula(inputs, draw_normal({samples, features}, seed + 3000)));
  }
  results.add("elements of gradients checked", "", checked);
  results.add({.row = "largest relative error, first order", .column = "", .value = error, .band = exact(1e-6)});
  results.add({.row = "largest relative error, first and second order",
               .column = "",
               .value = second_error,
               .band = exact(1e-6)});
  results.add({.row = "largest difference of the rule from the formula's gradients",
               .column = "",
               .value = difference,
               .band = exact(1e-12)});
  draw_graphs(run.folder, draw_normal({samples, features}, run.seeds.front()));
  results.add_picture("forward",
                      "The graph of batch normalization, forward: mean, variance, normalize, scale and shift");
  results.add_picture(
      "forward_and_backward",
      "The same with its backward pass, as the tape has recorded both; dashed: what the backward pass is given");
}

}  // namespace ch06
