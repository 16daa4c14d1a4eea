#pragma once
// Expectations for tests of ops: values, gradients and errors, both planned and eager.

#include <catch2/catch.hpp>

#include <cmath>
#include <functional>
#include <limits>

#include <thalweg/check_gradients.hpp>
#include <thalweg/differentiate.hpp>
#include <thalweg/ops/ops.hpp>

namespace thalweg::tests {

using Catch::Matchers::Contains;

constexpr double nan_value = std::numeric_limits<double>::quiet_NaN(),
                 infinity = std::numeric_limits<double>::infinity();

inline Tensor doubles(std::initializer_list<internal::Literal> values) { return Tensor(values, DType::f64); }
inline Tensor number(double value) { return Tensor::full(Shape{}, value, DType::f64); }

inline bool close(const Tensor& a, const Tensor& b, double relative) {
  if (!(a.shape() == b.shape())) return false;
  const Tensor x = a.to(DType::f64), y = b.to(DType::f64);
  for (std::size_t i = 0; i < static_cast<std::size_t>(x.size()); ++i) {
    const double left = x.data<double>()[i], right = y.data<double>()[i];
    const bool same = std::isnan(right) ? std::isnan(left) : left == right;
    // Nothing finite is close to an infinity, however large the bound relative to that is.
    const bool near = std::isfinite(right) && std::abs(left - right) <= relative * std::abs(right);
    if (!same && !near) return false;
  }
  return true;
}

using Function = std::function<Var(std::span<const Var>)>;

struct Outcome {
  Tensor value;
  std::vector<Tensor> gradients;
};

/// Value and gradients of `function`, its result multiplied by `seed` (ones where empty) and summed.
inline Outcome run(const Function& function, const std::vector<Tensor>& inputs, Engine engine,
                   const Tensor& seed = {}) {
  const Tape tape({.engine = engine});
  std::vector<Var> vars;
  for (const Tensor& input : inputs) vars.emplace_back(input);
  const Var y = function(std::span<const Var>(vars));
  Outcome outcome;
  if (is_floating(y.dtype())) {
    const Var cotangent = seed.size() == 0 ? Var(Tensor::ones(y.shape(), y.dtype())) : Var(seed.to(y.dtype()));
    for (const Var& gradient : gradients(y, std::span<const Var>(vars), cotangent))
      outcome.gradients.push_back(gradient.value());
  }
  outcome.value = y.value();
  return outcome;
}

/// Expects the same value and gradients from both engines; an expected gradient of shape (0,) is not compared.
inline void expect(const Function& function, const std::vector<Tensor>& inputs, const Tensor& value,
                   const std::vector<Tensor>& gradients = {}, const Tensor& seed = {}, double relative = 1e-12) {
  for (const Engine engine : {Engine::planned, Engine::eager}) {
    const Outcome outcome = run(function, inputs, engine, seed);
    INFO((engine == Engine::planned ? "planned" : "eager"));
    INFO("value " << to_string(outcome.value) << ", wanted " << to_string(value));
    CHECK(close(outcome.value, value, relative));
    for (std::size_t i = 0; i < gradients.size(); ++i) {
      INFO("gradient " << i << " " << to_string(outcome.gradients[i]) << ", wanted " << to_string(gradients[i]));
      CHECK(close(outcome.gradients[i], gradients[i], relative));
    }
  }
}

template <class Type>
void expect_error(const Function& function, const std::vector<Tensor>& inputs, const std::vector<const char*>& words) {
  for (const Engine engine : {Engine::planned, Engine::eager}) {
    std::string text;
    try {
      run(function, inputs, engine);
    } catch (const Type& error) {
      text = error.what();
    }
    for (const char* word : words) CHECK_THAT(text, Contains(word));
  }
}

/// Distinct values between `low` and `high`, in no order, none within 1/100 of 0.
inline Tensor spread_values(const Shape& shape, double low, double high, int seed) {
  Tensor result = Tensor::empty(shape, DType::f64);
  const std::span<double> elements = result.mutable_data<double>();
  for (std::size_t i = 0; i < elements.size(); ++i) {
    const double golden = (static_cast<double>(i) + 0.37 * seed + 0.21) * 0.6180339887498949;
    const double x = low + (high - low) * (golden - std::floor(golden));
    elements[i] = std::abs(x) < 0.01 ? 0.02 : x;
  }
  return result;
}

/// Gradients of first and second order against differences, planned and eager.
inline void expect_gradients(const std::string& name, const Function& function, const std::vector<Tensor>& inputs) {
  for (const Engine engine : {Engine::planned, Engine::eager}) {
    const GradientReport report = check_gradients(function, inputs, {.engine = engine});
    INFO(name << "\n" << to_string(report));
    CHECK(report.ok);
  }
}
inline void expect_gradients(const std::string& name, const Function& function, const std::vector<Shape>& shapes,
                             double low = -2, double high = 2) {
  std::vector<Tensor> inputs;
  std::string text = name;
  for (const Shape& shape : shapes) {
    inputs.push_back(spread_values(shape, low, high, static_cast<int>(inputs.size())));
    text += " " + to_string(shape);
  }
  expect_gradients(text, function, inputs);
}

}  // namespace thalweg::tests
