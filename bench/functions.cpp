// Value and gradient of functions that are all elementwise work and reductions, written as on paper.

#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

#include <thalweg/thalweg.hpp>

#include "bench/rows.hpp"

namespace bench {

namespace tw = thalweg;

namespace {

/// e^(−x²)·sin x + log(1 + x²) / (1 + |x|), summed.
tw::Var chain(const tw::Var& x) { return tw::sum(tw::exp(-x * x) * tw::sin(x) + tw::log1p(x * x) / (1 + tw::abs(x))); }

/// Σ weights · ((x − mean)/√(variance + ε)·scale + shift), normalized along `axis`.
tw::Var normalized(const tw::Var& x, const tw::Var& scale, const tw::Var& shift, const tw::Tensor& weights, int axis) {
  constexpr double epsilon = 1e-5;
  const tw::Var centered = x - tw::mean(x, axis, true);
  const tw::Var variance = tw::mean(centered * centered, axis, true);
  return tw::sum((centered / tw::sqrt(variance + epsilon) * scale + shift) * weights);
}

class Function {
 public:
  explicit Function(const Spec& spec) : registry_({.dtype = spec.text("fn") == "logsumexp" ? tw::f64 : tw::f32}) {
    const std::string& name = spec.text("fn");
    const std::int64_t n = spec.integer("n"), m = spec.has("m") ? spec.integer("m") : 0;
    const auto add = [&](const char* file, const tw::Shape& shape) {
      return registry_.add(file, spec.numbers(file, shape, registry_.dtype()));
    };
    if (name == "chain") {
      function_ = [x = add("d0", {n})] { return chain(x); };
    } else if (name == "logsumexp") {
      function_ = [x = add("d0", {n})] { return tw::logsumexp(x); };
    } else if (name == "softmax_ce") {
      function_ = [x = add("d0", {n, m}), labels = spec.indices("d1", {n})] {
        return tw::softmax_cross_entropy(x, labels);
      };
    } else if (name == "layernorm" || name == "batchnorm") {
      function_ = [x = add("d0", {n, m}), scale = add("d1", {m}), shift = add("d2", {m}),
                   weights = spec.numbers("d3", {n, m}),
                   axis = name == "layernorm" ? 1 : 0] { return normalized(x, scale, shift, weights, axis); };
    } else if (name == "layernorm_fused" || name == "batchnorm_fused") {
      function_ = [x = add("d0", {n, m}), scale = add("d1", {m}), shift = add("d2", {m}),
                   weights = spec.numbers("d3", {n, m}), is_layer = name == "layernorm_fused"] {
        return tw::sum((is_layer ? tw::layer_norm(x, scale, shift, {.epsilon = 1e-5})
                                 : tw::batch_norm(x, scale, shift, {.epsilon = 1e-5})) *
                       weights);
      };
    } else {
      throw std::runtime_error("no function " + name + " here");
    }
  }

  /// Computes value and gradients; returns the value.
  double operator()() const {
    tw::Tape tape;
    const tw::Var value = function_();
    tw::backward(value);
    return value.item();
  }

  double first_gradient() const {
    const tw::Tensor gradient = registry_["d0"].gradient();
    return registry_.dtype() == tw::f64 ? gradient.data<double>()[0] : static_cast<double>(gradient.data<float>()[0]);
  }

 private:
  tw::ParameterRegistry registry_;
  std::function<tw::Var()> function_;
};

}  // namespace

Measurement run_function(const Spec& spec) {
  const Function function(spec);
  double value = 0;
  const bool per_element = spec.flag("per_element");
  const double units = per_element ? spec.real("n") : 1;
  Measurement result = measure_calls(
      spec, [&] { value = function(); }, units, per_element ? 1e9 : 1e6);
  result.check = {value, function.first_gradient()};
  return result;
}

}  // namespace bench
