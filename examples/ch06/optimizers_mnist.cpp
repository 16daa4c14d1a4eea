// 6.1.8: SGD, Momentum, AdaGrad and Adam, with their default rates, train the same network (784-100-100-100-100-10,
// ReLU) from the same weights on the same batches of MNIST.

#include "examples/ch06/comparison.hpp"
#include "examples/ch06/sections.hpp"

namespace ch06 {

namespace {

constexpr int iterations = 2000;
const std::vector<std::string> names = {"SGD", "Momentum", "AdaGrad", "Adam"};

/// The last block from best to worst is AdaGrad, Adam, Momentum, SGD.
bool has_the_books_order(const Histories& seed) {
  const auto last = [&](std::size_t v) { return block_loss(seed[v], 19); };
  return last(2) < last(3) && last(3) < last(1) && last(1) < last(0);
}

}  // namespace

void optimizers_mnist(const report::Run& run, report::Results& results) {
  const std::int64_t trainings = 3 * std::ssize(run.seeds) + run.open_trials(sgd_from_he);
  tw::Progress progress("6.1.8", trainings * iterations);
  // [excerpt]
  const tw::Batch test = run.mnist->test.all();
  const auto train = [&](std::uint64_t seed, std::size_t which) {
    MultiLayerNet net({.sizes = mnist_sizes(4), .seed = seed});
    std::unique_ptr<tw::Optimizer> optimizer;
    if (which == 0) optimizer = std::make_unique<tw::SGD>(net.registry);
    if (which == 1) optimizer = std::make_unique<tw::Momentum>(net.registry);
    if (which == 2) optimizer = std::make_unique<tw::AdaGrad>(net.registry);
    if (which == 3) optimizer = std::make_unique<tw::Adam>(net.registry);
    tw::Trainer trainer(net, *optimizer, on_drawn_batches(seed, iterations, progress));  // the same for all four
    trainer.measure_accuracy(net, {{"test", test}});
    return trainer.fit(run.mnist->train);
  };
  const auto seeds = run.trials(names.size(), results, train, {{0, sgd_from_he}});
  // [/excerpt]
  for (std::size_t v = 0; v < names.size(); ++v) add_row(results, names[v], seeds, v, {0, 1, 4, 9, 19});
  results.add_statement("seeds with the order AdaGrad, Adam, Momentum, SGD",
                        report::count_of(seeds, has_the_books_order), seeds.size());
  results.add_seconds("a seed's 8000 training steps", report::mean_over(seeds, [](const Histories& seed) {
                        double sum = 0;
                        for (const tw::History& training : seed) sum += training.step_seconds;
                        return sum;
                      }));
  results.add_figure("loss_curves",
                     {.panels = {loss_panel("Training loss, 784-100-100-100-100-10", names, seeds[0], 1)},
                      .caption = "Training loss of the four optimizers on the same batches"});
}

}  // namespace ch06
