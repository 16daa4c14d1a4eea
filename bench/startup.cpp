// A whole process: a net of 2-16-16-1, tanh, makes one training step on a batch of 32 and ends.

#include <cstdio>
#include <string>
#include <vector>

#include <thalweg/thalweg.hpp>

namespace tw = thalweg;

int main() {
  tw::ParameterRegistry registry;
  std::vector<tw::Parameter> weights, biases;
  for (const tw::Shape& shape : {tw::Shape{2, 16}, tw::Shape{16, 16}, tw::Shape{16, 1}}) {
    const std::string number = std::to_string(weights.size());
    weights.push_back(registry.add("weight" + number, tw::lecun_normal(shape)));
    biases.push_back(registry.add("bias" + number, tw::zeros({shape[1]})));
  }
  tw::SGD optimizer(registry, {.learning_rate = 0.01});
  tw::Tape tape;
  tw::Var x = tw::Tensor::ones({32, 2}, tw::f32);
  for (std::size_t i = 0; i < weights.size(); ++i) {
    x = tw::matmul(x, weights[i]) + biases[i];
    if (i + 1 < weights.size()) x = tw::tanh(x);
  }
  const tw::Var loss = tw::mean_squared_error(x, tw::Tensor::ones({32, 1}, tw::f32));
  tw::backward(loss);
  const double value = loss.item();
  optimizer.step();
  std::printf("%g\n", value);
}
