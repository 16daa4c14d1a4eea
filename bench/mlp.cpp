#include <memory>
#include <string>

#include <thalweg/thalweg.hpp>

#include "bench/rows.hpp"

namespace bench {

namespace tw = thalweg;

namespace {

struct Layer {
  tw::Parameter weight, bias;
  tw::Parameter scale, shift, running_mean, running_variance;  // with batch norm only
};

/// With PyTorch's conventions, to which the peers keep.
tw::Var normalized(const tw::Var& x, const Layer& layer) {
  return tw::batch_norm(x, layer.scale, layer.shift, layer.running_mean, layer.running_variance,
                        {.momentum = 0.1, .epsilon = 1e-5, .unbiased_running_variance = true});
}

/// Affine → batch norm → activation → dropout, and nothing after the last affine.
class Network {
 public:
  explicit Network(const Spec& spec)
      : has_batch_norm_(spec.flag("bn")), dropout_(spec.real("drop")), is_relu_(spec.text("act") == "relu") {
    const std::vector<std::int64_t> sizes = spec.integers("sizes");
    for (std::size_t i = 0; i + 1 < sizes.size(); ++i) {
      const std::string number = std::to_string(i), name = "layer" + number;
      Layer layer;
      layer.weight = registry_.add(name + ".weight", spec.numbers("w" + number, {sizes[i], sizes[i + 1]}));
      layer.bias = registry_.add(name + ".bias", spec.numbers("b" + number, {sizes[i + 1]}));
      if (has_batch_norm_ && i + 2 < sizes.size()) {
        const tw::Shape shape{sizes[i + 1]};
        layer.scale = registry_.add(name + ".scale", tw::ones(shape));
        layer.shift = registry_.add(name + ".shift", tw::zeros(shape));
        layer.running_mean = registry_.add(name + ".running_mean", tw::zeros(shape), {.trainable = false});
        layer.running_variance = registry_.add(name + ".running_variance", tw::ones(shape), {.trainable = false});
      }
      layers_.push_back(layer);
      weights_.push_back(layer.weight);
    }
  }

  tw::Var operator()(tw::Var x, tw::Random& random) const {
    for (std::size_t i = 0; i < layers_.size(); ++i) {
      const Layer& layer = layers_[i];
      x = tw::matmul(x, layer.weight) + layer.bias;
      if (i + 1 == layers_.size()) break;
      if (has_batch_norm_) x = normalized(x, layer);
      x = is_relu_ ? tw::relu(x) : tw::tanh(x);
      if (dropout_ > 0) x = tw::dropout(x, dropout_, random);
    }
    return x;
  }

  tw::Var penalty(double decay) const { return tw::l2_penalty(weights_, decay); }

  tw::ParameterRegistry& registry() { return registry_; }

 private:
  bool has_batch_norm_;
  double dropout_;
  bool is_relu_;
  tw::ParameterRegistry registry_;
  std::vector<Layer> layers_;
  std::vector<tw::Parameter> weights_;
};

/// The batches of a row: rows of the data by a table of indices, or the data in order.
class Data {
 public:
  explicit Data(const Spec& spec) : is_in_order_(spec.text("data") == "seq") {
    const std::vector<std::int64_t> sizes = spec.integers("sizes");
    const std::int64_t samples = spec.integer("n"), batch = spec.integer("batch"), count = spec.integer("nb");
    inputs_ = spec.numbers("x", {samples, sizes.front()});
    targets_ = spec.text("loss") == "ce" ? spec.indices("y", {samples}) : spec.numbers("y", {samples, sizes.back()});
    const tw::Tensor table = spec.indices("t", {count, batch});
    const auto rows = table.data<std::int64_t>();
    for (std::int64_t i = 0; i < count; ++i) {
      const auto indices = rows.subspan(static_cast<std::size_t>(i * batch), static_cast<std::size_t>(batch));
      indices_.push_back(tw::Tensor::from(indices, {batch}));
    }
  }

  /// The batch of a step, recorded on the tape: inputs and targets.
  std::pair<tw::Var, tw::Var> operator()(std::int64_t step) const {
    const tw::Tensor& indices = indices_[static_cast<std::size_t>(step) % indices_.size()];
    if (!is_in_order_) return {tw::gather(inputs_, indices), tw::gather(targets_, indices)};
    const std::int64_t first = indices.data<std::int64_t>()[0], count = indices.size();
    return {tw::slice(inputs_, 0, first, first + count), tw::slice(targets_, 0, first, first + count)};
  }

 private:
  bool is_in_order_;
  tw::Tensor inputs_, targets_;
  std::vector<tw::Tensor> indices_;
};

std::unique_ptr<tw::Optimizer> make_optimizer(const Spec& spec, tw::ParameterRegistry& registry) {
  const std::string& name = spec.text("opt");
  const double rate = spec.real("lr");
  if (name == "sgd") return std::make_unique<tw::SGD>(registry, tw::SGDOptions{.learning_rate = rate});
  if (name == "momentum") return std::make_unique<tw::Momentum>(registry, tw::MomentumOptions{.learning_rate = rate});
  if (name == "adagrad") return std::make_unique<tw::AdaGrad>(registry, tw::AdaGradOptions{.learning_rate = rate});
  return std::make_unique<tw::Adam>(registry, tw::AdamOptions{.learning_rate = rate, .form = tw::AdamForm::paper});
}

}  // namespace

/// A setting that the rows do not have: precision=medium.
Measurement run_mlp(const Spec& spec) {
  const bool is_medium = spec.has("precision") && spec.text("precision") == "medium";
  const tw::MatmulPrecision precision(is_medium ? tw::Precision::medium : tw::Precision::highest);
  const Data data(spec);
  Network network(spec);
  const std::unique_ptr<tw::Optimizer> optimizer = make_optimizer(spec, network.registry());
  const bool is_classifier = spec.text("loss") == "ce", reads_every_loss = spec.flag("every");
  const double decay = spec.real("wd");
  tw::Random random(0);
  std::int64_t step = 0;

  return measure_training(spec, [&](std::int64_t count) {
    double last = 0;
    for (std::int64_t i = 1; i <= count; ++i) {
      tw::Tape tape;
      const auto [inputs, targets] = data(step++);
      const tw::Var outputs = network(inputs, random);
      tw::Var loss =
          is_classifier ? tw::softmax_cross_entropy(outputs, targets) : tw::mean_squared_error(outputs, targets);
      if (decay > 0) loss = loss + network.penalty(decay);
      tw::backward(loss);
      if (reads_every_loss || i == count) last = loss.item();
      optimizer->step();
    }
    return last;
  });
}

}  // namespace bench
