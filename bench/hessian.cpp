// A product of the Hessian of a net's loss with a vector.

#include <cmath>
#include <string>
#include <vector>

#include <thalweg/thalweg.hpp>

#include "bench/rows.hpp"

namespace bench {

namespace tw = thalweg;

Measurement run_hessian_product(const Spec& spec) {
  const std::vector<std::int64_t> sizes = spec.integers("sizes");
  const std::int64_t batch = spec.integer("batch");
  const tw::Tensor inputs = spec.numbers("x", {batch, sizes.front()}), labels = spec.indices("y", {batch});
  tw::ParameterRegistry registry;
  std::vector<tw::Parameter> parameters;
  std::vector<float> direction;
  for (std::size_t i = 0; i + 1 < sizes.size(); ++i)
    for (const char* kind : {"w", "b"}) {
      const std::string file = kind + std::to_string(i);
      const tw::Shape shape = *kind == 'w' ? tw::Shape{sizes[i], sizes[i + 1]} : tw::Shape{sizes[i + 1]};
      parameters.push_back(registry.add(file, spec.numbers(file, shape)));
      const tw::Tensor along = spec.numbers("v" + file, shape);
      const auto values = along.data<float>();
      direction.insert(direction.end(), values.begin(), values.end());
    }
  const tw::Tensor flat = tw::Tensor::from(direction, {static_cast<std::int64_t>(direction.size())});

  tw::Tensor product;
  const auto call = [&] {
    tw::Tape tape;
    tw::Var x = inputs;
    for (std::size_t i = 0; i < parameters.size(); i += 2) {
      x = tw::matmul(x, parameters[i]) + parameters[i + 1];
      if (i + 2 < parameters.size()) x = tw::relu(x);
    }
    product = tw::hessian_vector_product(tw::softmax_cross_entropy(x, labels), registry, flat).value();
  };
  Measurement result = measure_calls(spec, call, 1, 1e6);
  double squares = 0;
  for (const float value : product.data<float>().first(static_cast<std::size_t>(parameters[0].shape().size())))
    squares += static_cast<double>(value) * value;
  result.check = {std::sqrt(squares)};
  return result;
}

}  // namespace bench
