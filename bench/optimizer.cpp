// The step of an optimizer alone, for parameters of a whole net, and what memory allows at most.

#include <cmath>
#include <memory>

#include <thalweg/thalweg.hpp>

#include "bench/rows.hpp"
#include "src/registry/core.hpp"

namespace bench {

namespace tw = thalweg;

namespace {

struct YogiOptions {
  tw::Schedule learning_rate = 0.001;
  double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-3;
};

/// One that the library does not have, as a user would write it. Zaheer et al., Adaptive Methods for Nonconvex
/// Optimization, 2018.
class Yogi : public tw::OptimizerOf<YogiOptions> {
 public:
  explicit Yogi(const tw::OptimizedParameters& parameters, const YogiOptions& options = {})
      : OptimizerOf(parameters, "yogi", options, nullptr) {}

 private:
  void update(tw::Update& u, const YogiOptions& o) override {
    const tw::Var gradient = u.gradient(), square = gradient * gradient, before = u.state("second_moment");
    const tw::Var first = o.beta1 * u.state("first_moment") + (1 - o.beta1) * gradient;
    const tw::Var second = before - (1 - o.beta2) * tw::sign(before - square) * square;
    u.set_state("first_moment", first);
    u.set_state("second_moment", second);
    u.set_value(u.value() - u.learning_rate() * first / (tw::sqrt(second) + o.epsilon));
  }
};

std::unique_ptr<tw::Optimizer> make_optimizer(const std::string& name, tw::ParameterRegistry& registry) {
  if (name == "sgd") return std::make_unique<tw::SGD>(registry);
  if (name == "momentum") return std::make_unique<tw::Momentum>(registry);
  if (name == "adam") return std::make_unique<tw::Adam>(registry, tw::AdamOptions{.form = tw::AdamForm::paper});
  if (name == "adamw") return std::make_unique<tw::AdamW>(registry);
  return std::make_unique<Yogi>(registry);
}

/// The parameters of a net of affine layers, and gradients without a pattern.
void fill(tw::ParameterRegistry& registry, const std::vector<std::int64_t>& sizes) {
  for (std::size_t i = 0; i + 1 < sizes.size(); ++i) {
    registry.add("weight" + std::to_string(i), tw::he_normal({sizes[i], sizes[i + 1]}));
    registry.add("bias" + std::to_string(i), tw::zeros({sizes[i + 1]}));
  }
  tw::Gradients gradients(registry);
  const auto count = static_cast<std::size_t>(registry.core()->trainable_elements);
  tw::fill_normal(std::span<float>(static_cast<float*>(gradients.data()), count), {.seed = 1});
  gradients.store();
}

/// As many streams as the optimizer's step has, with next to no arithmetic: `written` buffers are read and written, one
/// more is read.
#if defined(__x86_64__) && defined(__clang__)
#define BENCH_CLONES __attribute__((target_clones("avx512f", "avx2", "default")))
#elif defined(__x86_64__) && defined(__GNUC__)
#define BENCH_CLONES __attribute__((target_clones("avx512f", "avx2", "default"), optimize("O3")))
#else
#define BENCH_CLONES
#endif
BENCH_CLONES void stream(float* a, float* b, float* c, const float* read, std::size_t count, int written) {
  if (written == 1)
    for (std::size_t i = 0; i < count; ++i) a[i] += read[i];
  else if (written == 2)
    for (std::size_t i = 0; i < count; ++i) {
      const float value = read[i];
      a[i] += value;
      b[i] += value;
    }
  else
    for (std::size_t i = 0; i < count; ++i) {
      const float value = read[i];
      a[i] += value;
      b[i] += value;
      c[i] += value;
    }
}

/// The updates as loops written by hand, everything in one: what is left to the engine to lose.
BENCH_CLONES void momentum_by_hand(float* value, float* velocity, const float* gradient, std::size_t count,
                                   float rate) {
  for (std::size_t i = 0; i < count; ++i) {
    velocity[i] = 0.9F * velocity[i] - rate * gradient[i];
    value[i] += velocity[i];
  }
}
BENCH_CLONES void adam_by_hand(float* value, float* first, float* second, const float* gradient, std::size_t count,
                               float rate, float inverse_root) {
  for (std::size_t i = 0; i < count; ++i) {
    first[i] = 0.9F * first[i] + 0.1F * gradient[i];
    second[i] = 0.999F * second[i] + 0.001F * gradient[i] * gradient[i];
    value[i] -= rate * first[i] / (std::sqrt(second[i]) * inverse_root + 1e-8F);
  }
}

void update_by_hand(const std::string& name, float* a, float* b, float* c, const float* gradient, std::size_t count) {
  constexpr float rate = 1e-3F, inverse_root = 1.5F;
  if (name == "sgd")
    stream(a, b, c, gradient, count, 1);
  else if (name == "momentum")
    momentum_by_hand(a, b, gradient, count, rate);
  else
    adam_by_hand(a, b, c, gradient, count, rate, inverse_root);
}

}  // namespace

Measurement run_optimizer(const Spec& spec) {
  const std::vector<std::int64_t> sizes = spec.integers("sizes");
  tw::ParameterRegistry registry;
  fill(registry, sizes);
  const auto count = static_cast<double>(registry.element_count());
  constexpr double nanoseconds = 1e9;
  const std::string& name = spec.text("opt");
  const auto elements = static_cast<std::size_t>(registry.core()->trainable_elements);
  if (spec.integer("limit") != 0) {
    const int written = name == "sgd" ? 1 : name == "momentum" ? 2 : 3;
    const tw::Tensor numbers = tw::Tensor::zeros({4, static_cast<std::int64_t>(elements)});
    auto* const data = static_cast<float*>(const_cast<void*>(numbers.raw()));
    float* const gradient = data + 3 * elements;
    const bool by_hand = spec.integer("limit") == 2;
    return measure_calls(
        spec,
        [&] {
          if (by_hand)
            update_by_hand(name, data, data + elements, data + 2 * elements, gradient, elements);
          else
            stream(data, data + elements, data + 2 * elements, gradient, elements, written);
        },
        count, nanoseconds);
  }
  const std::unique_ptr<tw::Optimizer> optimizer = make_optimizer(name, registry);
  return measure_calls(
      spec,
      [&] {
        registry.core()->note_gradients();
        optimizer->step();
      },
      count, nanoseconds);
}

}  // namespace bench
