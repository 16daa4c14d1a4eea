// 6.3.2: the effect of batch normalization: 784-100×5-10 on 1,000 samples, with and without it, over 16 scales of the first
// weights. Where these are large the plain net leaves the finite numbers; the run says where, and goes on.

#include <cmath>

#include "examples/ch06/network.hpp"
#include "examples/ch06/sections.hpp"
#include "examples/ch06/training.hpp"

namespace ch06 {

namespace {

constexpr std::size_t scales = 16;
constexpr int epochs = 20;

/// 16 numbers from 1 to 1e-4, evenly on a log scale.
double scale(std::size_t i) { return std::pow(10.0, -4.0 * static_cast<double>(i) / (scales - 1)); }

std::string name_of(std::size_t i) { return fmt::format("std {:.3g}", scale(i)); }

report::Panel panel(std::size_t i, const std::vector<tw::History>& seed) {
  report::Panel panel{.title = name_of(i),
                      .x = {i >= 12 ? "epoch" : "", {{0, epochs - 1}}, false, {0, 5, 10, 15}},
                      .y = {i % 4 == 0 ? "training accuracy" : "", {{0, 1}}}};
  const auto curve = [&](const char* label, const tw::History& history, int style) {
    const std::vector<double>& accuracy = history["train"];
    panel.curves.push_back({.label = label, .x = report::counted(accuracy.size()), .y = accuracy, .style = style});
  };
  curve("batch norm", seed[2 * i + 1], 0);
  curve("plain", seed[2 * i], 1);
  return panel;
}

}  // namespace

void batch_norm(const report::Run& run, report::Results& results) {
  tw::Progress progress("6.3.2", std::ssize(run.seeds) * 2 * scales * (10 * (epochs - 1) + 1));
  // [excerpt]
  const tw::Dataset samples = run.mnist->train.first(1000);
  const tw::Batch all = samples.all();
  const auto train = [&](std::uint64_t seed, std::size_t trial) {
    MultiLayerNetExtend net(
        {.sizes = mnist_sizes(5), .seed = seed, .weight = deviation(scale(trial / 2)), .batch_norm = trial % 2 == 1});
    tw::SGD optimizer(net.registry, {.learning_rate = 0.01});
    tw::TrainerOptions options = as_in_the_book(seed, epochs, run.is_first(seed) ? 1 : epochs, progress);
    options.detect_anomaly = true;
    tw::Trainer trainer(net, optimizer, options);
    trainer.measure_accuracy(net, {{"train", all}});
    return trainer.fit(samples);
  };
  const auto seeds = run.trials(2 * scales, results, train);
  // [/excerpt]
  report::Figure figure{.panels = {},
                        .columns = 4,
                        .caption =
                            "Training accuracy with batch normalization (solid) and without (dashed), for 16 "
                            "standard deviations of the first weights",
                        .panel_width = 330,
                        .panel_height = 250,
                        .has_one_legend = true};
  double anomalies = 0;
  for (std::size_t i = 0; i < scales; ++i) {
    for (const std::size_t variant : {0U, 1U}) {
      results.add(name_of(i), variant == 0 ? "plain" : "batch norm",
                  report::mean_over(seeds, [&](const auto& seed) { return seed[2 * i + variant]["train"].back(); }));
      const tw::History& first = seeds[0][2 * i + variant];
      if (!first.anomaly.empty()) {
        const std::string name = variant == 0 ? "plain" : "batch norm";
        results.add_note(fmt::format("{}, {}, seed {}, {}", name_of(i), name, run.seeds.front(),
                                     first.anomaly.substr(0, first.anomaly.find('\n'))));
      }
      for (const auto& seed : seeds) anomalies += seed[2 * i + variant].anomaly.empty() ? 0 : 1;
    }
    figure.panels.push_back(panel(i, seeds[0]));
  }
  results.add("runs that left the finite numbers", "", anomalies / static_cast<double>(seeds.size()));
  results.add_figure("scales", std::move(figure));
}

}  // namespace ch06
