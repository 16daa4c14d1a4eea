// Rule 5: optimizers are formulas, planned into one pass over the flat buffers.
#include "tests/tape/helpers.hpp"

#include <functional>

using namespace thalweg;
using namespace thalweg::testing;

namespace {

/// A user's own: v ← ρv + (1 − ρ)g; w ← w − η·tanh(v)·√|g|.
struct HomemadeOptions {
  Schedule learning_rate = 0.1;
  double rho = 0.9;
};
class Homemade : public OptimizerOf<HomemadeOptions> {
 public:
  explicit Homemade(const OptimizedParameters& parameters) : OptimizerOf(parameters, "homemade", {}, nullptr) {}

 private:
  void update(Update& u, const HomemadeOptions& o) override {
    const Var velocity = o.rho * u.state("velocity") + (1 - o.rho) * u.gradient();
    u.set_state("velocity", velocity);
    u.set_value(u.value() - u.learning_rate() * tanh(velocity) * sqrt(abs(u.gradient())));
  }
};

}  // namespace

TEST_CASE("rule 5: a step of any optimizer is one pass over the flat buffers") {
  using Make = std::function<std::unique_ptr<Optimizer>(ParameterRegistry&)>;
  const Make make = GENERATE(
      Make([](ParameterRegistry& r) { return std::make_unique<SGD>(r); }),
      Make([](ParameterRegistry& r) { return std::make_unique<Momentum>(r); }),
      Make([](ParameterRegistry& r) { return std::make_unique<NAG>(r); }),
      Make([](ParameterRegistry& r) { return std::make_unique<AdaGrad>(r); }),
      Make([](ParameterRegistry& r) { return std::make_unique<RMSProp>(r); }), Make([](ParameterRegistry& r) {
        return std::make_unique<RMSProp>(r, RMSPropOptions{.momentum = 0.9, .centered = true});
      }),
      Make([](ParameterRegistry& r) { return std::make_unique<AdaDelta>(r); }),
      Make([](ParameterRegistry& r) { return std::make_unique<Adam>(r); }),
      Make([](ParameterRegistry& r) { return std::make_unique<Adam>(r, AdamOptions{.form = AdamForm::paper}); }),
      Make([](ParameterRegistry& r) { return std::make_unique<AdamW>(r); }),
      Make([](ParameterRegistry& r) { return std::make_unique<AMSGrad>(r); }),
      Make([](ParameterRegistry& r) { return std::make_unique<NAdam>(r); }),
      Make([](ParameterRegistry& r) { return std::make_unique<RAdam>(r); }),
      Make([](ParameterRegistry& r) { return std::make_unique<AdaMax>(r); }),
      Make([](ParameterRegistry& r) { return std::make_unique<Lion>(r); }),
      Make([](ParameterRegistry& r) { return std::make_unique<ASGD>(r); }),
      Make([](ParameterRegistry& r) { return std::make_unique<Rprop>(r); }),
      Make([](ParameterRegistry& r) { return std::make_unique<Homemade>(r); }));
  Network network({7, 5, 3}, true);
  const std::unique_ptr<Optimizer> optimizer = make(network.registry);
  Random random;
  for (int step = 0; step < 4; ++step) {
    Tape tape;
    backward(softmax_cross_entropy(network.logits(noise({6, 7}, 1), 0, random), some_labels(6, 3, 2)));
    const std::string before = bits_of(network.registry);
    const Since since;
    optimizer->step();
    CAPTURE(optimizer->name(), explain_plan(tape));
    CHECK(since.sweeps() == 1);
    CHECK(since.others() == 0);
    CHECK(since.matmuls() == 0);
    CHECK(bits_of(network.registry) != before);
  }
}

TEST_CASE("rule 5: the pass gives what the formula says") {
  const Engine engine = GENERATE(Engine::planned, Engine::eager);
  ParameterRegistry registry({.dtype = f64});
  const Parameter a = registry.add("a", Tensor({1., -2., 3.}, f64));
  const Parameter frozen = registry.add("frozen", Tensor({5.}, f64), {.trainable = false});
  const Parameter b = registry.add("b", Tensor({0.5}, f64));
  Homemade optimizer(registry);
  double value[2] = {-2, 0.5}, velocity[2] = {0, 0};
  for (int step = 0; step < 5; ++step) {
    Tape tape({.engine = engine});
    backward(sum(square(a)) + sum(square(b) * b));
    optimizer.step();
    const double gradient[2] = {2 * value[0], 3 * value[1] * value[1]};
    for (int i = 0; i < 2; ++i) {
      velocity[i] = 0.9 * velocity[i] + 0.1 * gradient[i];
      value[i] -= 0.1 * std::tanh(velocity[i]) * std::sqrt(std::abs(gradient[i]));
    }
    CHECK(a.value().at<double>({1}) == Approx(value[0]).epsilon(1e-13));
    CHECK(b.value().item() == Approx(value[1]).epsilon(1e-13));
    CHECK(registry.state("homemade.velocity/a").at<double>({1}) == Approx(velocity[0]).epsilon(1e-13));
    CHECK(frozen.value().item() == 5);
  }
}
