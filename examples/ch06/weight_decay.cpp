// 6.4.1–6.4.2: a deep net learns 300 samples by heart; weight decay holds it back, and narrows the gap to the test set.

#include "examples/ch06/network.hpp"
#include "examples/ch06/sections.hpp"

namespace ch06 {

namespace {

constexpr int epochs = 201;
constexpr double decays[] = {0, 0.1};
const std::vector<std::string> names = {"no decay", "decay 0.1"};

struct Outcome {
  tw::History history;
  double train = 0, test = 0, penalty = 0;
};

report::Panel panel(std::size_t which, const Outcome& outcome) {
  report::Panel panel{.title = names[which], .x = {"epoch"}, .y = {"accuracy", {{0, 1.05}}}};
  int style = 0;
  for (const char* metric : {"train", "test"}) {
    const std::vector<double>& accuracy = outcome.history[metric];
    panel.curves.push_back({.label = metric, .x = report::counted(accuracy.size()), .y = accuracy, .style = style++});
  }
  return panel;
}

}  // namespace

void weight_decay(const report::Run& run, report::Results& results) {
  const tw::Dataset samples = run.mnist->train.first(300);
  const tw::Batch train = samples.all(), test = run.mnist->test.all();
  tw::Progress progress("6.4.2", static_cast<std::int64_t>(run.seeds.size() * 2) * (3 * (epochs - 1) + 1));
  // [excerpt]
  const auto seeds = run.trials(2, results, [&](std::uint64_t seed, std::size_t which) {
    MultiLayerNet net({.sizes = mnist_sizes(6), .seed = seed, .weight_decay = decays[which]});
    tw::SGD optimizer(net.registry, {.learning_rate = 0.01});
    tw::Random random(seed);
    tw::Trainer trainer(
        net.registry, optimizer, [&](const tw::Batch& batch) { return net.loss(batch); },
        as_in_the_book(epochs, random, progress));
    if (seed == run.seeds.front()) {  // the curves; of the others the end counts
      trainer.measure("train", [&] { return tw::accuracy(net, train); });
      trainer.measure("test", [&] { return tw::accuracy(net, test); });
    }
    const double penalty = tw::compute([&] { return tw::l2_penalty(net.weights, 0.1); }).item();
    tw::History history = trainer.fit(samples);
    return Outcome{std::move(history), tw::accuracy(net, train), tw::accuracy(net, test), penalty};
  });
  // [/excerpt]
  const auto mean = [&](std::size_t v, const auto& number_of) {
    return report::mean_over(seeds, [&](const std::vector<Outcome>& seed) { return number_of(seed[v]); });
  };
  for (std::size_t v = 0; v < 2; ++v) {
    results.add(names[v], "train", mean(v, [](const Outcome& o) { return o.train; }));
    results.add(names[v], "test", mean(v, [](const Outcome& o) { return o.test; }));
    results.add(names[v], "gap", mean(v, [](const Outcome& o) { return o.train - o.test; }));
  }
  results.add("penalty at first", "", mean(1, [](const Outcome& o) { return o.penalty; }));
  results.add("total loss at the end, decay 0.1", "",
              mean(1, [](const Outcome& o) { return o.history.losses.back(); }));
  results.add_statement("seeds in which decay narrows the gap",
                        report::count_of(seeds,
                                         [](const std::vector<Outcome>& seed) {
                                           return seed[1].train - seed[1].test < seed[0].train - seed[0].test;
                                         }),
                        seeds.size());
  results.add_figure("accuracy", {.panels = {panel(0, seeds[0][0]), panel(1, seeds[0][1])},
                                  .columns = 2,
                                  .caption = "Accuracy on the 300 training samples and on the test set, by epoch",
                                  .panel_width = 520,
                                  .panel_height = 380,
                                  .legend = "bottom right"});
}

}  // namespace ch06
