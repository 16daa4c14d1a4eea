// 6.4.1–6.4.2: a deep net learns 300 samples by heart; weight decay holds it back, and narrows the gap to the test set.

#include "examples/ch06/overfitting.hpp"
#include "examples/ch06/sections.hpp"

namespace ch06 {

namespace {

constexpr std::int64_t last = 200;  // epoch, from 0
constexpr double decays[] = {0, 0.1};
// The net without decay goes on to where 6.4.3 ends, which takes it from here.
constexpr std::int64_t epochs[] = {overfitting_epochs, last + 1};
const std::vector<std::string> names = {"no decay", "decay 0.1"};

}  // namespace

void weight_decay(const report::Run& run, report::Results& results) {
  const auto steps = [](std::int64_t epochs) { return 3 * (epochs - 1) + 1; };
  tw::Progress progress("6.4.2", run.open_trials(nothing_against_overfitting) * steps(epochs[0]) +
                                     std::ssize(run.seeds) * steps(epochs[1]));
  // [excerpt]
  const tw::Dataset samples = run.mnist->train.first(300);
  const tw::Batch all = samples.all(), test = run.mnist->test.all();
  const auto train = [&](std::uint64_t seed, std::size_t which) {
    MultiLayerNet net({.sizes = mnist_sizes(6), .seed = seed, .weight_decay = decays[which]});
    tw::SGD optimizer(net.registry, {.learning_rate = 0.01});
    tw::Trainer trainer(net, optimizer, as_in_the_book(seed, epochs[which], run.is_first(seed) ? 1 : 100, progress));
    trainer.measure_accuracy(net, {{"train", all}, {"test", test}});
    return Overfitted{trainer.fit(samples), tw::compute([&] { return tw::softmax(net(test.images)); })};
  };
  const auto seeds = run.trials(2, results, train, {{0, nothing_against_overfitting}});
  // [/excerpt]
  for (std::size_t v = 0; v < 2; ++v) add_accuracies(results, names[v], seeds, v, last);
  results.add("penalty at first", "", report::mean_over(run.seeds, [](std::uint64_t seed) {
                const MultiLayerNet net({.sizes = mnist_sizes(6), .seed = seed});
                return tw::compute([&] { return tw::l2_penalty(net.weights, 0.1); }).item();
              }));
  results.add("total loss at the end, decay 0.1", "",
              report::mean_over(seeds, [](const auto& seed) { return seed[1].history.losses.back(); }));
  results.add_statement(
      "seeds in which decay narrows the gap",
      report::count_of(seeds, [](const auto& seed) { return gap(seed[1], last) < gap(seed[0], last); }), seeds.size());
  const std::vector<Overfitted>& first = seeds.front();
  results.add_figure("accuracy",
                     {.panels = {accuracy_panel(names[0], first[0], last), accuracy_panel(names[1], first[1], last)},
                      .columns = 2,
                      .caption = "Accuracy on the 300 training samples and on the test set, by epoch",
                      .panel_width = 520,
                      .panel_height = 380,
                      .legend = "bottom right"});
}

}  // namespace ch06
