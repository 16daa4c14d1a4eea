// 6.2.4: first weights of standard deviation 0.01, Xavier and He, on MNIST: the network of 6.1.8 and its batches, SGD.

#include <algorithm>

#include "examples/ch06/comparison.hpp"
#include "examples/ch06/sections.hpp"

namespace ch06 {

namespace {

constexpr int iterations = 2000;

}  // namespace

void weights_mnist(const report::Run& run, report::Results& results) {
  const std::vector<std::string> names = {"std 0.01", "Xavier", "He"};
  const std::int64_t trainings = 2 * std::ssize(run.seeds) + run.open_trials(sgd_from_he);
  tw::Progress progress("6.2.4", trainings * iterations);
  // [excerpt]
  const tw::Batch test = run.mnist->test.all();
  const std::vector<Weight> weights = {deviation(0.01), xavier, he};
  const auto train = [&](std::uint64_t seed, std::size_t which) {
    MultiLayerNet net({.sizes = mnist_sizes(4), .seed = seed, .weight = weights[which]});
    tw::SGD optimizer(net.registry, {.learning_rate = 0.01});
    tw::Trainer trainer(net, optimizer, on_drawn_batches(seed, iterations, progress));
    trainer.measure_accuracy(net, {{"test", test}});
    return trainer.fit(run.mnist->train);
  };
  const auto seeds = run.trials(weights.size(), results, train, {{2, sgd_from_he}});  // 6.1.8 has trained it already
  // [/excerpt]
  for (std::size_t v = 0; v < names.size(); ++v) add_row(results, names[v], seeds, v, {4, 19});
  const auto [lowest, highest] = std::minmax_element(seeds.begin(), seeds.end(), [](const auto& a, const auto& b) {
    return block_loss(a[1], 4) < block_loss(b[1], 4);
  });
  results.add("Xavier, 400–499: lowest seed", "", block_loss((*lowest)[1], 4));
  results.add("Xavier, 400–499: highest seed", "", block_loss((*highest)[1], 4));
  results.add_statement("seeds in which std 0.01 never learns (loss above 2.29) and He is best",
                        report::count_of(seeds,
                                         [](const Histories& seed) {
                                           return block_loss(seed[0], 19) > 2.29 &&
                                                  block_loss(seed[2], 19) < block_loss(seed[1], 19);
                                         }),
                        seeds.size());
  results.add_figure("loss_curves",
                     {.panels = {loss_panel("Training loss with three scales of first weights", names, seeds[0], 3)},
                      .caption = "Training loss with first weights of std 0.01, Xavier and He"});
}

}  // namespace ch06
