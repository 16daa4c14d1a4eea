// 6.1.8: SGD, Momentum, AdaGrad and Adam, with their default rates, train the same network (784-100-100-100-100-10,
// ReLU) from the same weights on the same batches of MNIST.

#include <algorithm>
#include <chrono>
#include <memory>
#include <numeric>

#include <fmt/format.h>
#include <thalweg/thalweg.hpp>

#include "examples/ch06/sections.hpp"

namespace tw = thalweg;

namespace ch06 {

namespace {

constexpr int iterations = 2000, batch_size = 128;

/// Affine layers with ReLU between them. Equal seeds give equal weights.
class Network {
 public:
  explicit Network(std::uint64_t seed) : registry_({.seed = seed}) {
    const std::vector<std::int64_t> sizes = {784, 100, 100, 100, 100, 10};
    for (std::size_t i = 0; i + 1 < sizes.size(); ++i) {
      weights_.push_back(registry_.add(fmt::format("affine{}.weight", i + 1), tw::he_normal({sizes[i], sizes[i + 1]})));
      biases_.push_back(registry_.add(fmt::format("affine{}.bias", i + 1), tw::zeros({sizes[i + 1]})));
    }
  }

  tw::Var operator()(tw::Var x) const {
    for (std::size_t i = 0; i < weights_.size(); ++i) {
      if (i > 0) x = tw::relu(x);
      x = tw::matmul(x, weights_[i]) + biases_[i];
    }
    return x;
  }

  tw::ParameterRegistry& registry() { return registry_; }

 private:
  tw::ParameterRegistry registry_;
  std::vector<tw::Parameter> weights_, biases_;
};

using MakeOptimizer = std::unique_ptr<tw::Optimizer> (*)(tw::ParameterRegistry&);

template <class Optimizer>
std::unique_ptr<tw::Optimizer> with_defaults(tw::ParameterRegistry& registry) {
  return std::make_unique<Optimizer>(registry);
}

/// A network with the optimizer that trains it, and what has come of it.
struct Trial {
  std::string name;
  Network network;
  std::unique_ptr<tw::Optimizer> optimizer;
  std::vector<double> losses;
  double accuracy = 0;

  Trial(std::string name_, std::uint64_t seed, MakeOptimizer make)
      : name(std::move(name_)), network(seed), optimizer(make(network.registry())) {}

  void train(const tw::Batch& batch) {
    tw::Tape tape;
    tw::backward(loss(batch));
    optimizer->step();
  }

  /// As the book does, the loss is that of the batch after it has been learned from.
  void note_loss(const tw::Batch& batch) {
    losses.push_back(tw::compute([&] { return loss(batch); }).item());
  }

  void test(const tw::Batch& samples) {
    const tw::Tensor logits = tw::compute([&] { return network(samples.images); });
    accuracy = tw::accuracy(logits, samples.labels);
  }

 private:
  tw::Var loss(const tw::Batch& batch) const { return tw::softmax_cross_entropy(network(batch.images), batch.labels); }
};

using Trials = std::vector<std::unique_ptr<Trial>>;

Trials make_trials(std::uint64_t seed) {
  Trials trials;
  trials.push_back(std::make_unique<Trial>("SGD", seed, with_defaults<tw::SGD>));
  trials.push_back(std::make_unique<Trial>("Momentum", seed, with_defaults<tw::Momentum>));
  trials.push_back(std::make_unique<Trial>("AdaGrad", seed, with_defaults<tw::AdaGrad>));
  trials.push_back(std::make_unique<Trial>("Adam", seed, with_defaults<tw::Adam>));
  return trials;
}

struct Outcome {
  Trials trials;
  double step_seconds = 0;  // of the training steps alone
};

Outcome train_all(const tw::Dataset& samples, std::uint64_t seed) {
  using Clock = std::chrono::steady_clock;
  Outcome outcome{.trials = make_trials(seed)};
  Clock::duration step_time{};
  tw::Random random(seed);
  tw::Progress progress(fmt::format("seed {}", seed), iterations);
  for (const tw::Batch& batch :
       tw::batches(samples, {.size = batch_size, .random = random, .replacement = true, .count = iterations})) {
    const Clock::time_point start = Clock::now();
    for (auto& trial : outcome.trials) trial->train(batch);
    step_time += Clock::now() - start;
    for (auto& trial : outcome.trials) trial->note_loss(batch);
    progress.tick({{"SGD", outcome.trials[0]->losses.back()}, {"Adam", outcome.trials[3]->losses.back()}});
  }
  outcome.step_seconds = std::chrono::duration<double>(step_time).count();
  return outcome;
}

// The book's numbers: mean losses of blocks of 100 iterations, and accuracies on the test set.

constexpr int block_size = 100;
constexpr int blocks[] = {0, 1, 4, 9, 19};

struct BookRow {
  const char* name;
  report::Band losses[std::size(blocks)];
  report::Band accuracy;
};
constexpr auto accuracy_band = report::Band::Kind::accuracy;
constexpr BookRow book[] = {
    {"SGD", {{1.93, 2.03}, {1.00, 1.19}, {.400, .443}, {.284, .292}, {.199, .206}}, {.9326, .9333, accuracy_band}},
    {"Momentum", {{.854, .890}, {.280, .320}, {.154, .169}, {.106, .110}, {.062, .066}}, {.9635, .9727, accuracy_band}},
    {"AdaGrad", {{.397, .469}, {.127, .143}, {.075, .082}, {.048, .055}, {.029, .032}}, {.9706, .9732, accuracy_band}},
    {"Adam", {{.610, .620}, {.223, .242}, {.122, .124}, {.071, .073}, {.038, .042}}, {.9670, .9712, accuracy_band}},
};

double block_loss(const Trial& trial, int block) {
  const auto begin = trial.losses.begin() + block * block_size;
  return std::accumulate(begin, begin + block_size, 0.0) / block_size;
}

/// What one number of trial `t` is on average over the seeds.
template <class NumberOf>
double mean_over(const std::vector<Trials>& seeds, std::size_t t, const NumberOf& number_of) {
  std::vector<double> values;
  values.reserve(seeds.size());
  for (const Trials& trials : seeds) values.push_back(number_of(*trials[t]));
  return report::mean(values);
}

/// The last block from best to worst is AdaGrad, Adam, Momentum, SGD.
bool has_the_books_order(const Trials& trials) {
  const auto last = [&](int t) {
    return block_loss(*trials[static_cast<std::size_t>(t)], blocks[std::size(blocks) - 1]);
  };
  return last(2) < last(3) && last(3) < last(1) && last(1) < last(0);
}

void add_numbers(const std::vector<Trials>& seeds, report::Results& results) {
  for (std::size_t t = 0; t < std::size(book); ++t) {
    for (std::size_t b = 0; b < std::size(blocks); ++b) {
      const int first = blocks[b] * block_size;
      results.add({.row = book[t].name,
                   .column = fmt::format("{}–{}", first, first + block_size - 1),
                   .value = mean_over(seeds, t, [&](const Trial& trial) { return block_loss(trial, blocks[b]); }),
                   .band = book[t].losses[b]});
    }
    results.add({.row = book[t].name,
                 .column = "test",
                 .value = mean_over(seeds, t, [](const Trial& trial) { return trial.accuracy; }),
                 .band = book[t].accuracy});
  }
  const auto in_order = std::count_if(seeds.begin(), seeds.end(), has_the_books_order);
  results.add_statement("seeds with the order AdaGrad, Adam, Momentum, SGD", static_cast<std::size_t>(in_order),
                        seeds.size());
}

report::Figure loss_curves(const Trials& trials) {
  report::Panel panel{.title = "Training loss on MNIST, 784-100-100-100-100-10",
                      .x = {"iteration"},
                      .y = {"loss", {{0, 1}}},
                      .curves = {}};
  std::vector<double> iteration(iterations);
  std::iota(iteration.begin(), iteration.end(), 0);
  panel.curves.reserve(trials.size());
  for (const auto& trial : trials)
    panel.curves.push_back({.label = trial->name, .x = iteration, .y = report::smoothed(trial->losses)});
  return {.panels = {panel}};
}

}  // namespace

void optimizers_mnist(const report::Run& run, report::Results& results) {
  const auto [train, test] = tw::load_mnist(run.data);
  const tw::Batch test_samples = test.all();
  std::vector<Trials> seeds;
  std::vector<double> seconds;
  for (const std::uint64_t seed : run.seeds) {
    Outcome outcome = train_all(train, seed);
    for (auto& trial : outcome.trials) trial->test(test_samples);
    seconds.push_back(outcome.step_seconds);
    seeds.push_back(std::move(outcome.trials));
  }
  add_numbers(seeds, results);
  results.add({.row = fmt::format("seconds for a seed's {} training steps", 4 * iterations),
               .column = "",
               .value = report::mean(seconds)});
  results.add_figure("loss_curves", loss_curves(seeds.front()));
}

}  // namespace ch06
