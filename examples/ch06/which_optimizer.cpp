// 6.1.7: which optimizer? Each with nine rates on the same problem: none is best at every rate, and the good rates of one
// are not those of another.

#include <algorithm>
#include <array>
#include <cmath>

#include "examples/ch06/comparison.hpp"
#include "examples/ch06/sections.hpp"

namespace ch06 {

namespace {

constexpr int iterations = 200, last = 50;  // the loss is the mean of the last 50
constexpr std::array rates = {1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 1.0};
const std::vector<std::string> names = {"SGD", "Momentum", "NAG", "AdaGrad", "RMSProp", "AdaDelta", "Adam"};

std::unique_ptr<tw::Optimizer> make(std::size_t which, tw::ParameterRegistry& registry, double rate) {
  switch (which) {
    case 0: return std::make_unique<tw::SGD>(registry, tw::SGDOptions{.learning_rate = rate});
    case 1: return std::make_unique<tw::Momentum>(registry, tw::MomentumOptions{.learning_rate = rate});
    case 2: return std::make_unique<tw::NAG>(registry, tw::NAGOptions{.learning_rate = rate});
    case 3: return std::make_unique<tw::AdaGrad>(registry, tw::AdaGradOptions{.learning_rate = rate});
    case 4: return std::make_unique<tw::RMSProp>(registry, tw::RMSPropOptions{.learning_rate = rate});
    case 5: return std::make_unique<tw::AdaDelta>(registry, tw::AdaDeltaOptions{.learning_rate = rate});
    default: return std::make_unique<tw::Adam>(registry, tw::AdamOptions{.learning_rate = rate});
  }
}

/// The mean of the last losses; infinite where one is not finite.
double last_loss(const tw::History& training) {
  const double mean = report::mean({training.losses.end() - last, training.losses.end()});
  return std::isfinite(mean) ? mean : INFINITY;
}

}  // namespace

void which_optimizer(const report::Run& run, report::Results& results) {
  const report::Run first{.seeds = {run.seeds.front()}, .folder = run.folder, .mnist = run.mnist};
  tw::Progress progress("6.1.7", static_cast<std::int64_t>(names.size() * rates.size()) * iterations);
  // [excerpt]
  const auto losses = first.trials(names.size() * rates.size(), results, [&](std::uint64_t seed, std::size_t trial) {
    MultiLayerNet net({.sizes = mnist_sizes(4), .seed = seed});
    const auto optimizer = make(trial / rates.size(), net.registry, rates[trial % rates.size()]);
    tw::TrainerOptions training = on_drawn_batches(seed, iterations, progress);
    training.loss_after_step = false;  // that of the step itself will do
    const tw::History history = tw::Trainer(net, *optimizer, training).fit(run.mnist->train);
    return tw::Interrupt::asked() ? NAN : last_loss(history);
  })[0];
  // [/excerpt]
  report::HeatMap map{
      .columns = {}, .rows = names, .values = {}, .unit = "loss", .range = {{0, 2.4}}, .shows_numbers = true};
  map.columns = {"1e-4", "3e-4", "0.001", "0.003", "0.01", "0.03", "0.1", "0.3", "1"};
  for (std::size_t o = 0; o < names.size(); ++o) {
    const auto row = losses.begin() + static_cast<std::ptrdiff_t>(o * rates.size());
    const auto best = std::min_element(row, row + rates.size());
    results.add(names[o], "best rate", rates[static_cast<std::size_t>(best - row)]);
    results.add(names[o], "its loss", *best);
    results.add(names[o], "rates with a loss below 0.5",
                static_cast<double>(std::count_if(row, row + rates.size(), [](double loss) { return loss < 0.5; })));
    std::vector<double>& cells = map.values.emplace_back();
    for (std::size_t r = 0; r < rates.size(); ++r)  // gray: far above the loss of guessing, or not finite
      cells.push_back(row[static_cast<std::ptrdiff_t>(r)] < 5 ? row[static_cast<std::ptrdiff_t>(r)] : NAN);
  }
  results.add_note("One seed: the first. The loss is the mean over iterations 150 to 199; gray cells diverged.");
  results.add_figure(
      "rates",
      {.panels = {{.title = "Loss on MNIST after 200 iterations", .x = {"learning rate"}, .y = {""}, .heat_map = map}},
       .caption = "Loss of seven optimizers at nine learning rates; gray: diverged",
       .panel_width = 860});
}

}  // namespace ch06
