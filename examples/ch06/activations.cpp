// 6.2.2–6.2.3: what five layers make of N(0, 1), for three activations and four scales of weights: the activations, and
// the gradients on their way back.

#include <algorithm>
#include <cmath>

#include "examples/ch06/network.hpp"
#include "examples/ch06/sections.hpp"

namespace ch06 {

namespace {

constexpr std::size_t layers = 5;
constexpr std::int64_t samples = 1000, units = 100;

const std::vector<std::pair<std::string, Activation>> activations = {
    {"sigmoid", tw::sigmoid}, {"tanh", tw::tanh}, {"ReLU", tw::relu}};
const std::vector<std::pair<std::string, Weight>> scales = {
    {"std 1", deviation(1)}, {"std 0.01", deviation(0.01)}, {"Xavier", xavier}, {"He", he}};

struct Layer {
  std::vector<double> activations, gradients;
};

std::vector<double> numbers(const tw::Tensor& tensor) {
  const tw::Tensor values = tensor.to(tw::f64);
  return {values.data<double>().begin(), values.data<double>().end()};
}

// [excerpt]
std::vector<Layer> propagate(std::uint64_t seed, const Activation& activation, const Weight& weight) {
  tw::ParameterRegistry registry({.seed = seed});
  tw::Random random(seed);
  const tw::Tape tape;
  tw::Var x = tw::normal({samples, units}, random), seed_gradient = tw::normal({samples, units}, random);
  std::vector<tw::Var> outputs;
  for (std::size_t i = 0; i < layers; ++i) {
    const tw::Affine layer(registry, fmt::format("affine{}", i + 1), weight({units, units}), {.bias = false});
    x = activation(layer(x));
    outputs.push_back(x);
  }
  const std::vector<tw::Var> gradients = tw::gradients(x, outputs, seed_gradient);
  std::vector<Layer> result;
  for (std::size_t i = 0; i < layers; ++i)
    result.push_back({numbers(outputs[i].value()), numbers(gradients[i].value())});
  return result;
}
// [/excerpt]

double deviation_of(const std::vector<double>& values) {
  const double mean = report::mean(values);
  double squares = 0;
  for (const double value : values) squares += (value - mean) * (value - mean);
  return std::sqrt(squares / static_cast<double>(values.size()));
}

/// The share below .05 or above .95: where a sigmoid is flat.
double saturated(const std::vector<double>& values) {
  const auto count = std::count_if(values.begin(), values.end(), [](double x) { return x < 0.05 || x > 0.95; });
  return static_cast<double>(count) / static_cast<double>(values.size());
}

double largest(const std::vector<double>& values) {
  double result = 0;
  for (const double value : values) result = std::max(result, std::abs(value));
  return result;
}

/// A row of histograms for each scale of weights.
report::Figure histograms(const std::string& activation, const std::vector<std::vector<Layer>>& by_scale,
                          bool of_gradients) {
  report::Figure figure{.panels = {},
                        .columns = layers,
                        .caption = fmt::format("Histograms of {} of five {} layers, a row for each scale of weights",
                                               of_gradients ? "gradients" : "activations", activation),
                        .panel_width = 290,
                        .panel_height = 210};
  const std::string unit = of_gradients ? "gradient" : "activation";
  for (std::size_t s = 0; s < scales.size(); ++s) {
    const bool is_last = s + 1 == scales.size();
    for (std::size_t i = 0; i < layers; ++i) {
      const Layer& layer = by_scale[s][i];
      const std::vector<double>& values = of_gradients ? layer.gradients : layer.activations;
      const double high = of_gradients || activation == "ReLU" ? std::max(largest(values), 1e-30) : 1;
      const double low = of_gradients || activation == "tanh" ? -high : 0;
      report::Curve bars = report::histogram(values, 30, low, high);
      bars.style = of_gradients ? 1 : 0;
      const double tallest = *std::max_element(bars.y.begin(), bars.y.end());
      figure.panels.push_back({.title = fmt::format("{}, layer {}", scales[s].first, i + 1),
                               .x = {is_last ? unit : "", {{low, high}}, false, {low, high}},
                               .y = {i == 0 ? "share" : "", {{0, 1.05 * tallest}}, false, {0, tallest}},
                               .curves = {bars}});
    }
  }
  return figure;
}

}  // namespace

void activation_histograms(const report::Run& run, report::Results& results) {
  const std::size_t variants = activations.size() * scales.size();
  const auto seeds = run.trials(variants, results, [&](std::uint64_t seed, std::size_t v) {
    return propagate(seed, activations[v / scales.size()].second, scales[v % scales.size()].second);
  });
  for (std::size_t v = 0; v < variants; ++v) {
    const std::string name = activations[v / scales.size()].first + ", " + scales[v % scales.size()].first;
    const auto add = [&](const std::string& row, const auto& number_of) {
      for (std::size_t i = 0; i < layers; ++i) {
        results.add(row, fmt::format("layer {}", i + 1),
                    report::mean_over(seeds, [&](const auto& seed) { return number_of(seed[v][i]); }));
      }
    };
    add(name, [](const Layer& layer) { return deviation_of(layer.activations); });
    add(name + ": gradient", [](const Layer& layer) { return deviation_of(layer.gradients); });
    if (v == 0) add("share below .05 or above .95", [](const Layer& layer) { return saturated(layer.activations); });
  }
  for (std::size_t a = 0; a < activations.size(); ++a) {
    const auto first = seeds[0].begin() + static_cast<std::ptrdiff_t>(a * scales.size());
    const std::vector<std::vector<Layer>> by_scale(first, first + static_cast<std::ptrdiff_t>(scales.size()));
    results.add_figure("activations_" + activations[a].first, histograms(activations[a].first, by_scale, false));
    results.add_figure("gradients_" + activations[a].first, histograms(activations[a].first, by_scale, true));
  }
}

}  // namespace ch06
