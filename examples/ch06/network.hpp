#pragma once
// The chapter's two networks, and the first weights it compares.

#include <functional>
#include <vector>

#include <fmt/format.h>
#include <thalweg/thalweg.hpp>

namespace ch06 {

namespace tw = thalweg;

using Weight = std::function<tw::Initializer(const tw::Shape&)>;
using Activation = std::function<tw::Var(const tw::Operand&)>;

inline tw::Initializer he(const tw::Shape& shape) { return tw::he_normal(shape); }
inline tw::Initializer xavier(const tw::Shape& shape) { return tw::lecun_normal(shape); }  // as the book has it: 1/in
inline Weight deviation(double standard_deviation) {
  return [=](const tw::Shape& shape) { return tw::normal(shape, standard_deviation); };
}

using Sizes = std::vector<std::int64_t>;
/// 784, 100 `hidden` times, 10.
inline Sizes mnist_sizes(std::size_t hidden) {
  Sizes sizes(hidden + 2, 100);
  sizes.front() = 784;
  sizes.back() = 10;
  return sizes;
}

struct DropoutOptions {
  double ratio = 0;
  tw::DropoutForm form = tw::DropoutForm::book;
};

struct NetOptions {
  Sizes sizes;
  std::uint64_t seed = 0;
  Weight weight = he;
  Activation activation = tw::relu;
  double weight_decay = 0;
  // Of the extended network:
  bool batch_norm = false;
  DropoutOptions dropout = {};
  tw::DType dtype = tw::f32;
};

/// What both networks are: layers, their parameters, a loss.
struct Net {
  explicit Net(const NetOptions& options)
      : registry({.seed = options.seed, .dtype = options.dtype}), options(options) {}
  Net(const Net&) = delete;  // the layers refer to it
  Net& operator=(const Net&) = delete;

  tw::Var operator()(const tw::Operand& images) const { return layers(images); }

  /// Softmax cross entropy, and ½λ Σ W² over all weights.
  tw::Var loss(const tw::Batch& batch) const {
    const tw::Var loss = tw::softmax_cross_entropy(layers(batch.images), batch.labels);
    return options.weight_decay > 0 ? loss + tw::l2_penalty(weights, options.weight_decay) : loss;
  }

  tw::ParameterRegistry registry;
  std::vector<tw::Parameter> weights;
  tw::Sequential layers;

 protected:
  /// Affine layer `i`, from 1; whether another follows.
  bool add_affine(std::size_t i) {
    const tw::Affine affine(registry, fmt::format("affine{}", i),
                            options.weight({options.sizes[i - 1], options.sizes[i]}));
    weights.push_back(affine.weight());
    layers.add(affine);
    return i + 1 < options.sizes.size();
  }

  NetOptions options;
};

// [excerpt]
/// Affine layers with an activation between them.
struct MultiLayerNet : Net {
  explicit MultiLayerNet(const NetOptions& options) : Net(options) {
    for (std::size_t i = 1; add_affine(i); ++i) layers.add(options.activation);
  }
};

/// The same with batch normalization before each activation and dropout after it.
struct MultiLayerNetExtend : Net {
  explicit MultiLayerNetExtend(const NetOptions& options)
      : Net(options), random(tw::Random(options.seed).split("dropout")) {
    for (std::size_t i = 1; add_affine(i); ++i) {
      if (options.batch_norm)
        layers.add(tw::BatchNorm(registry, fmt::format("norm{}", i), options.sizes[i], tw::book_batch_norm));
      layers.add(options.activation);
      if (options.dropout.ratio > 0) layers.add(tw::Dropout(options.dropout.ratio, random, options.dropout.form));
    }
  }
  tw::Random random;
};
// [/excerpt]

}  // namespace ch06
