#pragma once
// Helpers for the tests of the rules.

#include <catch2/catch.hpp>

#include <string>
#include <vector>

#include <fmt/format.h>

#include <thalweg/thalweg.hpp>

namespace thalweg::testing {

/// The text of the error of exactly type E that `function` throws, or what happened instead.
template <class E, class Function>
std::string error_of(Function&& function) {
  try {
    function();
  } catch (const Error& error) {
    return typeid(error) == typeid(E) ? error.what() : fmt::format("another type of error: {}", error.what());
  } catch (const std::exception& error) {
    return fmt::format("not an Error: {}", error.what());
  }
  return "no error";
}

/// " at rule_1_test.cpp:12"
inline std::string at(unsigned line, const char* file = __builtin_FILE()) {
  return error_text("", "", SourceLine{file, line}).substr(3);
}

/// Differences of the engine's statistics since a reading.
class Since {
 public:
  Since() : before_(statistics()) {}
  std::int64_t matmuls() const { return statistics().matmuls - before_.matmuls; }
  std::int64_t sweeps() const { return statistics().sweeps - before_.sweeps; }
  std::int64_t others() const { return statistics().other_kernels - before_.other_kernels; }
  std::int64_t passes() const { return matmuls() + sweeps() + others(); }
  std::int64_t plans() const { return statistics().plans_made - before_.plans_made; }
  std::int64_t requests() const { return statistics().requests - before_.requests; }

 private:
  Statistics before_;
};

/// Numbers without a pattern, in [−1, 1).
inline Tensor noise(const Shape& shape, std::uint64_t seed, DType dtype = DType::f32) {
  std::vector<double> values(static_cast<std::size_t>(shape.size()));
  fill_uniform(std::span(values), {.seed = seed});
  for (double& value : values) value = 2 * value - 1;
  return Tensor::from(std::span<const double>(values), shape).to(dtype);
}

inline Tensor some_labels(std::int64_t count, std::int64_t classes, std::uint64_t seed) {
  std::vector<std::int64_t> values(static_cast<std::size_t>(count));
  fill_indices(values, classes, {.seed = seed});
  return Tensor::from(std::span<const std::int64_t>(values), {count});
}

/// Affine layers with relu between them, optionally with batch normalization.
struct Network {
  Network(std::vector<std::int64_t> widths, bool normalize, DType dtype = DType::f32)
      : registry({.seed = 1, .dtype = dtype}), normalizes(normalize) {
    for (std::size_t i = 0; i + 1 < widths.size(); ++i) {
      const std::int64_t out = widths[i + 1];
      weights.push_back(registry.add(fmt::format("affine{}.weight", i + 1), he_normal({widths[i], out})));
      biases.push_back(registry.add(fmt::format("affine{}.bias", i + 1), zeros({out})));
      if (!normalize || i + 2 == widths.size()) continue;
      gammas.push_back(registry.add(fmt::format("norm{}.gamma", i + 1), ones({out})));
      betas.push_back(registry.add(fmt::format("norm{}.beta", i + 1), zeros({out})));
      means.push_back(registry.add(fmt::format("norm{}.mean", i + 1), zeros({out}), {.trainable = false}));
      variances.push_back(registry.add(fmt::format("norm{}.variance", i + 1), ones({out}), {.trainable = false}));
    }
  }

  Var logits(Var x, double dropout_ratio, Random& random) const {
    for (std::size_t i = 0; i < weights.size(); ++i) {
      x = matmul(x, weights[i]) + biases[i];
      if (i + 1 == weights.size()) return x;
      if (normalizes) x = batch_norm(x, gammas[i], betas[i], means[i], variances[i]);
      x = relu(x);
      if (dropout_ratio > 0) x = dropout(x, dropout_ratio, random);
    }
    return x;
  }

  ParameterRegistry registry;
  bool normalizes;
  std::vector<Parameter> weights, biases, gammas, betas, means, variances;
};

/// Every value of a registry, as one text of their bits.
inline std::string bits_of(const ParameterRegistry& registry, bool gradients = false) {
  std::string bits;
  for (const Parameter& parameter : registry.parameters()) {
    if (gradients && !parameter.trainable()) continue;
    const Tensor values = gradients ? parameter.gradient() : parameter.value();
    bits.append(static_cast<const char*>(values.raw()), values.bytes());
  }
  return bits;
}

}  // namespace thalweg::testing
