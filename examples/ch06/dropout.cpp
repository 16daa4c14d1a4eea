// 6.4.3: dropout against overfitting, in the book's form and in today's; and what it imitates: five nets, averaged.

#include <algorithm>
#include <iterator>

#include "examples/ch06/network.hpp"
#include "examples/ch06/sections.hpp"

namespace ch06 {

namespace {

constexpr int epochs = 301;
constexpr std::int64_t steps = 3 * (epochs - 1) + 1;

struct Variant {
  std::string name;
  double dropout;
  tw::DropoutForm form = tw::DropoutForm::book;
};
const std::vector<Variant> variants = {
    {"no dropout", 0}, {"p = 0.15", 0.15}, {"p = 0.2", 0.2}, {"p = 0.15, inverted", 0.15, tw::DropoutForm::inverted}};

struct Outcome {
  tw::History history;
  double train = 0, test = 0;
  tw::Tensor probabilities = {};  // on the test set
};

struct Samples {
  tw::Dataset dataset;
  tw::Batch train, test;
};

// [excerpt]
Outcome train(const NetOptions& options, const Samples& samples, bool is_drawn, tw::Progress& progress) {
  MultiLayerNetExtend net(options);
  tw::SGD optimizer(net.registry, {.learning_rate = 0.01});
  tw::Random random(options.seed);
  tw::Trainer trainer(
      net.registry, optimizer, [&](const tw::Batch& batch) { return net.loss(batch); },
      as_in_the_book(epochs, random, progress));
  if (is_drawn) {
    trainer.measure("train", [&] { return tw::accuracy(net, samples.train); });
    trainer.measure("test", [&] { return tw::accuracy(net, samples.test); });
  }
  tw::History history = trainer.fit(samples.dataset);
  return {std::move(history), tw::accuracy(net, samples.train), tw::accuracy(net, samples.test),
          tw::compute([&] { return tw::softmax(net(samples.test.images)); })};
}
// [/excerpt]

report::Panel panel(const Variant& variant, const Outcome& outcome) {
  report::Panel panel{.title = variant.name, .x = {"epoch"}, .y = {"accuracy", {{0, 1.05}}}};
  int style = 0;
  for (const char* metric : {"train", "test"}) {
    const std::vector<double>& accuracy = outcome.history[metric];
    panel.curves.push_back({.label = metric, .x = report::counted(accuracy.size()), .y = accuracy, .style = style++});
  }
  return panel;
}

constexpr std::size_t members = 5;
/// Of the ensemble that are not the seeds' own nets.
std::size_t more_members(std::size_t seeds) { return members - std::min(seeds, members); }

/// Five nets without dropout, one for each seed, and more if there are fewer seeds: how good they are on average, and how
/// good their average is.
void add_ensemble(const report::Run& run, const Samples& samples, std::vector<Outcome> nets, report::Results& results,
                  tw::Progress& progress) {
  const std::size_t more = more_members(nets.size());
  nets.resize(members - more);
  const report::Run first{.seeds = {run.seeds.front()}};
  std::vector<Outcome> others = first.trials(more, results, [&](std::uint64_t seed, std::size_t member) {
    return train({.sizes = mnist_sizes(6), .seed = 1000 * (seed + 1) + member}, samples, false, progress);
  })[0];
  std::move(others.begin(), others.end(), std::back_inserter(nets));
  const tw::Tensor average = tw::compute([&] {
    tw::Var sum = nets[0].probabilities;
    for (std::size_t i = 1; i < nets.size(); ++i) sum += nets[i].probabilities;
    return sum;
  });
  results.add("one of five nets", "test", report::mean_over(nets, [](const Outcome& net) { return net.test; }));
  results.add("five nets averaged", "test", tw::accuracy(average, samples.test.labels));
}

}  // namespace

void dropout(const report::Run& run, report::Results& results) {
  const tw::Dataset dataset = run.mnist->train.first(300);
  const Samples samples{dataset, dataset.all(), run.mnist->test.all()};
  const std::size_t trials = run.seeds.size() * variants.size() + more_members(run.seeds.size());
  tw::Progress progress("6.4.3", static_cast<std::int64_t>(trials) * steps);
  const auto seeds = run.trials(variants.size(), results, [&](std::uint64_t seed, std::size_t v) {
    const NetOptions options{
        .sizes = mnist_sizes(6), .seed = seed, .dropout = variants[v].dropout, .dropout_form = variants[v].form};
    return train(options, samples, seed == run.seeds.front(), progress);
  });
  report::Figure figure{.panels = {},
                        .columns = 2,
                        .caption = "Accuracy by epoch without dropout and with it, in the book's form and inverted",
                        .panel_width = 520,
                        .panel_height = 360,
                        .legend = "bottom right"};
  const auto gap = [](const Outcome& o) { return o.train - o.test; };
  for (std::size_t v = 0; v < variants.size(); ++v) {
    const auto mean = [&](const auto& number_of) {
      return report::mean_over(seeds, [&](const std::vector<Outcome>& seed) { return number_of(seed[v]); });
    };
    results.add(variants[v].name, "train", mean([](const Outcome& o) { return o.train; }));
    results.add(variants[v].name, "test", mean([](const Outcome& o) { return o.test; }));
    results.add(variants[v].name, "gap", mean(gap));
    figure.panels.push_back(panel(variants[v], seeds[0][v]));
  }
  results.add_statement("seeds in which p = 0.2 narrows the gap",
                        report::count_of(seeds, [&](const auto& seed) { return gap(seed[2]) < gap(seed[0]); }),
                        seeds.size());
  results.add_figure("accuracy", std::move(figure));
  std::vector<Outcome> plain;
  for (const std::vector<Outcome>& seed : seeds) plain.push_back(seed[0]);
  if (results.is_complete()) add_ensemble(run, samples, std::move(plain), results, progress);
}

}  // namespace ch06
