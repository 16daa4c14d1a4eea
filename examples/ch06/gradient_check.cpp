// The gradients of the chapter's networks, layer by layer: what `backward` gives against differences of the loss.

#include <algorithm>
#include <cmath>

#include "examples/ch06/network.hpp"
#include "examples/ch06/sections.hpp"

namespace ch06 {

namespace {

constexpr std::int64_t samples = 8, elements = 20;  // of each parameter
constexpr double step = 1e-5;                       // small: a step across a kink of ReLU would differ

double loss_of(const Net& net, const tw::Batch& batch) {
  return tw::compute([&] { return net.loss(batch); }, {.phase = tw::Phase::training}).item();
}

// [excerpt]
/// Central differences of order 4 in one element of a parameter.
double numerical(const Net& net, const tw::Batch& batch, tw::Parameter parameter, std::int64_t element) {
  const tw::Tensor kept = parameter.value();
  const auto loss_at = [&](double offset) {
    tw::Tensor moved = kept;
    moved.mutable_data<double>()[static_cast<std::size_t>(element)] += offset;
    parameter.set_value(moved);
    return loss_of(net, batch);
  };
  const double difference =
      (8 * (loss_at(step) - loss_at(-step)) - (loss_at(2 * step) - loss_at(-2 * step))) / (12 * step);
  parameter.set_value(kept);
  return difference;
}
// [/excerpt]

/// The largest difference over some elements, relative to the parameter's largest gradient.
double error_of(const Net& net, const tw::Batch& batch, const tw::Parameter& parameter, tw::Random& random) {
  const tw::Tensor gradient = parameter.gradient();
  const std::span<const double> backward = gradient.data<double>();
  std::vector<std::int64_t> chosen(elements);
  tw::fill_indices(std::span(chosen), gradient.size(), random.next_source());
  double largest = 0, worst = 0;
  for (const double value : backward) largest = std::max(largest, std::abs(value));
  for (const std::int64_t element : chosen) {
    const double value = backward[static_cast<std::size_t>(element)];
    worst = std::max(worst, std::abs(value - numerical(net, batch, parameter, element)));
  }
  return worst / std::max(largest, 1e-3);  // a bias before batch normalization has no gradient at all
}

}  // namespace

void gradient_check(const report::Run& run, report::Results& results) {
  const tw::Batch bytes = run.mnist->train.first(samples).all();
  const tw::Batch batch{bytes.images.to(tw::f64), bytes.labels};
  const std::vector<std::string> names = {"multi-layer", "with batch norm and decay"};
  const auto seeds = run.trials(names.size(), results, [&](std::uint64_t seed, std::size_t which) {
    const NetOptions options{.sizes = mnist_sizes(2),
                             .seed = seed,
                             .activation = which == 0 ? Activation(tw::relu) : Activation(tw::sigmoid),
                             .weight_decay = which == 0 ? 0 : 0.1,
                             .batch_norm = which == 1,
                             .dtype = tw::f64};
    MultiLayerNetExtend net(options);
    {
      const tw::Tape tape;
      tw::backward(net.loss(batch));
    }
    tw::Random random(seed);
    std::vector<std::pair<std::string, double>> errors;
    for (const tw::Parameter& parameter : net.registry.parameters())
      if (parameter.trainable()) errors.emplace_back(parameter.name(), error_of(net, batch, parameter, random));
    return errors;
  });
  for (std::size_t v = 0; v < names.size(); ++v) {
    for (std::size_t p = 0; p < seeds[0][v].size(); ++p) {
      double worst = 0;
      for (const auto& seed : seeds) worst = std::max(worst, seed[v][p].second);
      results.add({.row = seeds[0][v][p].first,
                   .column = names[v],
                   .value = worst,
                   .band = report::Band{0, 1e-6, report::Band::Kind::exact}});
    }
  }
}

}  // namespace ch06
