// An optimizer that the library does not have. It consists of the paper's formula alone; groups, weight decay,
// clipping, schedules, checkpoints and fusion into one pass over memory come for free.

#include <cmath>
#include <cstdio>
#include <span>
#include <vector>

#include <thalweg/thalweg.hpp>

namespace tw = thalweg;

struct YogiOptions {
  tw::Schedule learning_rate = 0.01;
  double beta1 = 0.9;     // in [0, 1)
  double beta2 = 0.999;   // in [0, 1)
  double epsilon = 1e-3;  // above 0
  // The library handles these; an optimizer may leave out any of them.
  double weight_decay = 0;
  tw::WeightDecayForm weight_decay_form = tw::WeightDecayForm::decoupled;
  tw::GradientOptions gradient = {};
  tw::Groups<YogiOptions> groups = {};
};

/// Adam with an additive instead of a multiplicative update of the second moment. Zaheer et al., Adaptive Methods for
/// Nonconvex Optimization, 2018.
class Yogi : public tw::OptimizerOf<YogiOptions> {
 public:
  explicit Yogi(const tw::OptimizedParameters& parameters, const YogiOptions& options = {},
                tw::SourceLine line = tw::SourceLine::here())
      : OptimizerOf(parameters, "yogi", options, check, line) {}

 private:
  static void check(const YogiOptions& o, const tw::OptionCheck& check) {
    check.fraction("beta1", o.beta1);
    check.fraction("beta2", o.beta2);
    check.positive("epsilon", o.epsilon);
  }

  void update(tw::Update& u, const YogiOptions& o) override {
    const tw::Var gradient = u.gradient(), before = u.state("second_moment");
    const tw::Var squared = tw::square(gradient);
    const tw::Var first = o.beta1 * u.state("first_moment") + (1 - o.beta1) * gradient;
    const tw::Var second = before - (1 - o.beta2) * tw::sign(before - squared) * squared;
    u.set_state("first_moment", first);
    u.set_state("second_moment", second);
    u.set_value(u.value() - u.learning_rate() * first / (tw::sqrt(second) + o.epsilon));
  }
};

int main() {
  tw::ParameterRegistry registry({.seed = 1});
  const tw::Parameter weight1 = registry.add("affine1.weight", tw::xavier_normal({1, 20}));
  const tw::Parameter bias1 = registry.add("affine1.bias", tw::zeros({20}));
  const tw::Parameter weight2 = registry.add("affine2.weight", tw::xavier_normal({20, 1}));
  const tw::Parameter bias2 = registry.add("affine2.bias", tw::zeros({1}));
  Yogi yogi(registry, {.learning_rate = tw::schedules::cosine({.from = 0.03, .to = 0, .steps = 1500}),
                       .weight_decay = 1e-4,
                       .groups = {{"*.bias", [](YogiOptions& o) { o.weight_decay = 0; }}}});

  // Not symmetric about 0: otherwise the net would remain an odd function with zero biases, up to rounding.
  std::vector<double> x, y;
  for (int i = 0; i < 64; ++i) {
    x.push_back(-2 + 6 * i / 63.);
    y.push_back(std::sin(x.back()));
  }
  const tw::Tensor inputs = tw::Tensor::from(std::span<const double>(x), {64, 1}).to(tw::f32);
  const tw::Tensor targets = tw::Tensor::from(std::span<const double>(y), {64, 1}).to(tw::f32);

  double loss_value = 0;
  for (int step = 0; step < 1500; ++step) {
    tw::Tape tape;
    const tw::Var hidden = tw::tanh(tw::matmul(inputs, weight1) + bias1);
    const tw::Var loss = tw::mean_squared_error(tw::matmul(hidden, weight2) + bias2, targets);
    tw::backward(loss);
    loss_value = loss.item();
    yogi.step();
  }
  std::puts(loss_value < 1e-4 ? "the sine is learned" : "the sine is not learned");
  std::printf("steps %lld, state of %zu kinds\n", static_cast<long long>(yogi.step_count()),
              registry.state_names().size());
  return loss_value < 1e-4 ? 0 : 1;
}
