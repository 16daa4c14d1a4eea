// What a training holds at most: 784-100×4-10 with Adam on MNIST's training images, four epochs of batches of 128. Prints the
// process's peak in MB, and the megabytes of it that are images.

#include <cstdio>
#include <string>
#include <vector>

#include <sys/resource.h>

#include <thalweg/thalweg.hpp>

namespace tw = thalweg;

int main(int argc, char** argv) {
  const std::string folder = argc > 1 ? argv[1] : "data/mnist";
  const tw::Dataset train =
      tw::load_idx_dataset(folder + "/train-images-idx3-ubyte.gz", folder + "/train-labels-idx1-ubyte.gz");
  tw::ParameterRegistry registry;
  std::vector<tw::Parameter> weights, biases;
  for (const tw::Shape& shape : {tw::Shape{784, 100}, {100, 100}, {100, 100}, {100, 100}, {100, 10}}) {
    const std::string number = std::to_string(weights.size());
    weights.push_back(registry.add("weight" + number, tw::he_normal(shape)));
    biases.push_back(registry.add("bias" + number, tw::zeros({shape[1]})));
  }
  tw::Adam optimizer(registry);
  tw::Random random(0);
  double value = 0;
  for (int epoch = 0; epoch < 4; ++epoch) {
    for (const auto& [images, labels] : tw::batches(train, {.size = 128, .random = random, .drop_last = true})) {
      tw::Tape tape;
      tw::Var x = images;
      for (std::size_t i = 0; i < weights.size(); ++i) {
        x = tw::matmul(x, weights[i]) + biases[i];
        if (i + 1 < weights.size()) x = tw::relu(x);
      }
      const tw::Var loss = tw::softmax_cross_entropy(x, labels);
      tw::backward(loss);
      value = loss.item();
      optimizer.step();
    }
  }
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  constexpr double megabyte = 1 << 20;
  std::printf("{\"loss\": %.4f, \"peak_mb\": %.1f, \"images_mb\": %.1f}\n", value,
              static_cast<double>(usage.ru_maxrss) * 1024 / megabyte,
              static_cast<double>(train.size() * train.features()) / megabyte);
}
