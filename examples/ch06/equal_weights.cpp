// 6.2.1: weights that begin equal stay equal: all units of a layer compute the same, and the net is as wide as one unit.

#include <algorithm>
#include <cmath>
#include <set>

#include "examples/ch06/network.hpp"
#include "examples/ch06/sections.hpp"

namespace ch06 {

namespace {

constexpr int iterations = 300, units = 30;

struct Outcome {
  std::vector<double> losses;
  double accuracy = 0;
  std::vector<std::int64_t> different;       // units of each hidden layer that differ from all before them
  std::vector<std::vector<double>> weights;  // of the second layer
};

/// Units whose incoming weights no unit before them has.
std::int64_t different_units(const tw::Tensor& weight) {
  std::set<std::vector<float>> columns;
  for (std::int64_t unit = 0; unit < weight.shape()[1]; ++unit) {
    std::vector<float> column;
    for (std::int64_t i = 0; i < weight.shape()[0]; ++i) column.push_back(weight.at<float>({i, unit}));
    columns.insert(column);
  }
  return static_cast<std::int64_t>(columns.size());
}

Outcome train(std::uint64_t seed, const Weight& weight, const tw::Mnist& mnist, tw::Progress& progress) {
  Outcome outcome;
  // [excerpt]
  MultiLayerNet net({.sizes = {784, units, units, 10}, .seed = seed, .weight = weight});
  tw::SGD optimizer(net.registry, {.learning_rate = 0.1});
  tw::Random random(seed);
  for (const tw::Batch& batch :
       tw::batches(mnist.train, {.size = 100, .random = random, .replacement = true, .count = iterations})) {
    const tw::Tape tape;
    tw::Var loss = net.loss(batch);
    tw::backward(loss);
    optimizer.step();
    outcome.losses.push_back(loss.item());
    progress.tick({{"loss", outcome.losses.back()}});
    if (tw::Interrupt::asked()) break;
  }
  outcome.accuracy = tw::accuracy(net, mnist.test.all());
  for (const tw::Parameter& weights : net.weights) outcome.different.push_back(different_units(weights.value()));
  // [/excerpt]
  const tw::Tensor second = net.weights[1].value();
  for (std::int64_t i = 0; i < units; ++i) {
    std::vector<double>& row = outcome.weights.emplace_back();
    for (std::int64_t j = 0; j < units; ++j) row.push_back(second.at<float>({i, j}));
  }
  return outcome;
}

report::Panel weight_panel(const std::string& title, const Outcome& outcome) {
  report::HeatMap map{.columns = {}, .rows = {}, .values = outcome.weights, .unit = "weight", .range = {{-1, 1}}};
  for (int i = 0; i < units; ++i) map.columns.push_back(i % 10 == 0 ? fmt::format("{}", i) : "");
  map.rows = map.columns;
  return {.title = title, .x = {"unit of the second layer"}, .y = {"unit of the first layer"}, .heat_map = map};
}

}  // namespace

void equal_weights(const report::Run& run, report::Results& results) {
  const std::vector<std::pair<std::string, Weight>> variants = {
      {"all 0.01", [](const tw::Shape& shape) { return tw::constant(shape, 0.01); }}, {"He", he}};
  tw::Progress progress("6.2.1", static_cast<std::int64_t>(2 * run.seeds.size()) * iterations);
  const auto seeds = run.trials(2, results, [&](std::uint64_t seed, std::size_t v) {
    return train(seed, variants[v].second, *run.mnist, progress);
  });
  for (std::size_t v = 0; v < 2; ++v) {
    const auto mean = [&](auto number_of) {
      return report::mean_over(seeds, [&](const std::vector<Outcome>& seed) { return number_of(seed[v]); });
    };
    const std::string& name = variants[v].first;
    results.add(name, "different units, layer 1",
                mean([](const Outcome& o) { return static_cast<double>(o.different[0]); }));
    results.add(name, "layer 2", mean([](const Outcome& o) { return static_cast<double>(o.different[1]); }));
    results.add(name, "last loss", mean([](const Outcome& o) { return o.losses.back(); }));
    results.add(name, "test", mean([](const Outcome& o) { return o.accuracy; }));
  }
  results.add_statement("seeds in which all 30 units of both layers stayed equal",
                        report::count_of(seeds,
                                         [](const std::vector<Outcome>& seed) {
                                           return seed[0].different[0] == 1 && seed[0].different[1] == 1;
                                         }),
                        seeds.size());
  results.add_figure("weights", {.panels = {weight_panel("Second layer, all weights 0.01 at first", seeds[0][0]),
                                            weight_panel("Second layer, He at first", seeds[0][1])},
                                 .columns = 2,
                                 .caption = "Weights of the second layer after training: all equal, and all different",
                                 .panel_width = 560,
                                 .panel_height = 440});
}

}  // namespace ch06
