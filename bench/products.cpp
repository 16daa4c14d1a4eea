// One op at a time: a product of square matrices, and an addition of two numbers.

#include <cmath>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>

#include <thalweg/thalweg.hpp>

#include "bench/rows.hpp"

namespace bench {

namespace tw = thalweg;

Measurement run_matmul(const Spec& spec) {
  const std::int64_t n = spec.integer("n");
  const std::string& type = spec.text("dtype");
  if (type != "f32" && type != "f64" && type != "bf16")
    throw std::runtime_error("no matrix products in " + type + " here");
  const tw::MatmulPrecision precision(type == "bf16" ? tw::Precision::medium : tw::Precision::highest);
  tw::Random random(0);
  const auto matrix = [&] {
    return tw::compute([&] { return tw::normal({n, n}, random, type == "f64" ? tw::f64 : tw::f32); });
  };
  const tw::Tensor a = matrix(), b = matrix();
  Measurement result = measure_calls(
      spec, [&] { tw::compute([&] { return tw::matmul(a, b); }); }, 1, 1);
  const double billions = 2 * std::pow(static_cast<double>(n), 3) * 1e-9;
  result.value = billions / result.value;
  std::tie(result.min, result.max) = std::pair(billions / result.max, billions / result.min);
  return result;
}

Measurement run_addition(const Spec& spec) {
  const std::int64_t count = spec.integer("n");
  const tw::Tensor a = tw::Tensor::ones({1}, tw::f32), b = tw::Tensor::ones({1}, tw::f32);
  tw::Tensor sum;
  const auto call = [&] {
    for (std::int64_t i = 0; i < count; ++i) sum = tw::compute([&] { return a + b; });
  };
  Measurement result = measure_calls(spec, call, static_cast<double>(count), 1e9);
  result.check = {static_cast<double>(sum.data<float>()[0])};
  return result;
}

}  // namespace bench
