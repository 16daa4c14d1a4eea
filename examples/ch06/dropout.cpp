// 6.4.3: dropout against overfitting, in the book's form and in today's; and what it imitates: five nets, averaged.

#include <algorithm>

#include "examples/ch06/overfitting.hpp"
#include "examples/ch06/sections.hpp"

namespace ch06 {

namespace {

constexpr std::int64_t epochs = overfitting_epochs, last = epochs - 1;

struct Variant {
  std::string name;
  DropoutOptions dropout;
};
const std::vector<Variant> variants = {{"no dropout", {}},
                                       {"p = 0.15", {0.15}},
                                       {"p = 0.2", {0.2}},
                                       {"p = 0.15, inverted", {0.15, tw::DropoutForm::inverted}}};

constexpr std::size_t members = 5;
/// Seeds of the nets of the ensemble: those of the run, and further ones if these are fewer.
std::vector<std::uint64_t> member_seeds(const std::vector<std::uint64_t>& seeds) {
  std::vector<std::uint64_t> all(seeds.begin(), seeds.begin() + std::min(seeds.size(), members));
  for (std::uint64_t next = 1000 * (seeds.front() + 1); all.size() < members; ++next) all.push_back(next);
  return all;
}

/// How good five nets are on average, and how good their average is.
void add_ensemble(const std::vector<std::vector<Overfitted>>& nets, const tw::Tensor& labels,
                  report::Results& results) {
  const tw::Tensor average = tw::compute([&] {
    tw::Var sum = nets[0][0].probabilities;
    for (std::size_t i = 1; i < nets.size(); ++i) sum += nets[i][0].probabilities;
    return sum;
  });
  results.add("one of five nets", "test",
              report::mean_over(nets, [](const auto& net) { return net[0].history.at("test", last); }));
  results.add("five nets averaged", "test", tw::accuracy(average, labels));
}

}  // namespace

void dropout(const report::Run& run, report::Results& results) {
  const report::Run ensemble{.seeds = member_seeds(run.seeds), .common = run.common};
  const std::int64_t trainings = 3 * std::ssize(run.seeds) + ensemble.open_trials(nothing_against_overfitting);
  tw::Progress progress("6.4.3", trainings * (3 * last + 1));
  // [excerpt]
  const tw::Dataset samples = run.mnist->train.first(300);
  const tw::Batch all = samples.all(), test = run.mnist->test.all();
  const auto train = [&](std::uint64_t seed, std::size_t v) {
    MultiLayerNetExtend net({.sizes = mnist_sizes(6), .seed = seed, .dropout = variants[v].dropout});
    tw::SGD optimizer(net.registry, {.learning_rate = 0.01});
    tw::Trainer trainer(net, optimizer, as_in_the_book(seed, epochs, run.is_first(seed) ? 1 : 100, progress));
    trainer.measure_accuracy(net, {{"train", all}, {"test", test}});
    return Overfitted{trainer.fit(samples), tw::compute([&] { return tw::softmax(net(test.images)); })};
  };
  const auto seeds = run.trials(variants.size(), results, train, {{0, nothing_against_overfitting}});
  // [/excerpt]
  report::Figure figure{.panels = {},
                        .columns = 2,
                        .caption = "Accuracy by epoch without dropout and with it, in the book's form and inverted",
                        .panel_width = 520,
                        .panel_height = 360,
                        .legend = "bottom right"};
  for (std::size_t v = 0; v < variants.size(); ++v) {
    add_accuracies(results, variants[v].name, seeds, v, last);
    figure.panels.push_back(accuracy_panel(variants[v].name, seeds.front()[v], last));
  }
  results.add_statement(
      "seeds in which p = 0.2 narrows the gap",
      report::count_of(seeds, [](const auto& seed) { return gap(seed[2], last) < gap(seed[0], last); }), seeds.size());
  results.add_figure("accuracy", std::move(figure));
  if (!results.is_complete()) return;
  const auto nets = ensemble.trials(1, results, train, {{0, nothing_against_overfitting}});
  if (results.is_complete()) add_ensemble(nets, test.labels, results);
}

}  // namespace ch06
