#include "examples/ch06/comparison.hpp"

#include <chrono>
#include <cmath>
#include <numeric>

namespace ch06 {

// [excerpt]
Training train(Net& net, tw::Optimizer& optimizer, const tw::Dataset& samples, std::uint64_t seed, int iterations,
               tw::Progress& progress, int first_loss) {
  Training training;
  tw::Random random(seed);
  for (const tw::Batch& batch :
       tw::batches(samples, {.size = 128, .random = random, .replacement = true, .count = iterations})) {
    const auto start = std::chrono::steady_clock::now();
    {
      const tw::Tape tape;
      tw::backward(net.loss(batch));
      optimizer.step();
    }
    training.step_seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    if (--first_loss < 0) training.losses.push_back(tw::compute([&] { return net.loss(batch); }).item());
    progress.tick({{"loss", training.losses.empty() ? NAN : training.losses.back()}});
    if (tw::Interrupt::asked()) break;
  }
  return training;
}
// [/excerpt]

double block_loss(const Training& training, int block) {
  constexpr int size = 100;
  const auto begin = training.losses.begin() + block * size;
  return std::accumulate(begin, begin + size, 0.0) / size;
}

void add_row(report::Results& results, const std::string& name, const std::vector<Trainings>& seeds, std::size_t v,
             const std::vector<int>& blocks) {
  for (const int block : blocks) {
    results.add(name, fmt::format("{}–{}", 100 * block, 100 * block + 99),
                report::mean_over(seeds, [&](const Trainings& seed) { return block_loss(seed[v], block); }));
  }
  results.add(name, "test", report::mean_over(seeds, [&](const Trainings& seed) { return seed[v].accuracy; }));
}

report::Panel loss_panel(const std::string& title, const std::vector<std::string>& names, const Trainings& trainings,
                         double highest) {
  report::Panel panel{.title = title, .x = {"iteration"}, .y = {"loss", {{0, highest}}}};
  for (std::size_t v = 0; v < names.size(); ++v) {
    const std::vector<double>& losses = trainings[v].losses;
    panel.curves.push_back({.label = names[v], .x = report::counted(losses.size()), .y = report::smoothed(losses)});
  }
  return panel;
}

}  // namespace ch06
