// Every optimizer, with and without each of its options, against paths that references/optimizers.py computes.
#include <cmath>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include <catch2/catch.hpp>

#include <thalweg/thalweg.hpp>

using namespace thalweg;

namespace {

struct ReferencePath {
  const char* name;
  double sums[8];
};
constexpr ReferencePath reference_paths[] = {
#include "tests/optim/reference_paths.inc"
};

constexpr int steps = 120;

/// The noisy bowl of references/optimizers.py.
struct Bowl {
  ParameterRegistry registry{{.dtype = f64}};
  std::vector<Parameter> parameters;

  Bowl() {
    for (const Shape& shape : {Shape{3}, Shape{4, 5}, Shape{2, 3, 2}}) {
      Tensor value = Tensor::empty(shape, f64);
      for (std::int64_t i = 0; i < shape.size(); ++i)
        value.mutable_data<double>()[static_cast<std::size_t>(i)] = static_cast<double>(i * 7 % 13) / 6 - 1;
      parameters.push_back(registry.add("w" + std::to_string(parameters.size()), value));
    }
  }

  void fill_gradients(std::int64_t step) {
    Tape tape;
    Var loss = 0.;
    for (const Parameter& parameter : parameters) {
      const Tensor value = parameter.value();
      Tensor gradient = Tensor::empty(value.shape(), f64);
      for (std::int64_t i = 0; i < value.size(); ++i) {
        const auto at = static_cast<std::size_t>(i);
        const double curvature = 0.25 + static_cast<double>(i * 5 % 7) / 8;
        const double target = static_cast<double>(i * 3 % 11) / 10 - 0.4;
        gradient.mutable_data<double>()[at] =
            curvature * (value.data<double>()[at] - target) + (static_cast<double>((step * 7 + i * 3) % 11) - 5) / 12;
      }
      loss = loss + sum(Var(parameter) * gradient);
    }
    backward(loss);
  }

  /// Of all values.
  double sum_of_all() const {
    double total = 0;
    for (const Parameter& parameter : parameters) {
      const Tensor values = parameter.value();
      for (const double value : values.data<double>()) total += value;
    }
    return total;
  }
};

using Make = std::function<std::unique_ptr<Optimizer>(ParameterRegistry&)>;

Schedule falling(double rate) { return schedules::polynomial({.from = rate, .to = rate / 2, .steps = 200}); }

/// Adds the case `name`, and one for each of the options that all optimizers have.
template <class Type, class Options>
void add(std::map<std::string, Make>& cases, const std::string& name, double rate, Options options,
         bool with_common_options = true) {
  options.learning_rate = falling(rate);
  const auto add_one = [&](const std::string& full_name, const Options& its) {
    cases[full_name] = [its](ParameterRegistry& registry) { return std::make_unique<Type>(registry, its); };
  };
  add_one(name, options);
  if (!with_common_options) return;
  Options coupled = options, decoupled = options, maximize = options, clip_value = options, clip_norm = options;
  coupled.weight_decay = decoupled.weight_decay = 0.05;
  coupled.weight_decay_form = WeightDecayForm::coupled;
  decoupled.weight_decay_form = WeightDecayForm::decoupled;
  maximize.maximize = true;
  clip_value.gradient.clip_value = 0.3;
  clip_norm.gradient.clip_norm = 0.5;
  add_one(name + "/coupled", coupled);
  add_one(name + "/decoupled", decoupled);
  add_one(name + "/maximize", maximize);
  add_one(name + "/clip_value", clip_value);
  add_one(name + "/clip_norm", clip_norm);
}

std::map<std::string, Make> all_cases() {
  std::map<std::string, Make> cases;
  add<SGD>(cases, "sgd", 0.1, SGDOptions{});
  add<Momentum>(cases, "momentum", 0.05, MomentumOptions{});
  add<Momentum>(cases, "momentum/dampening", 0.05, MomentumOptions{.dampening = 0.3}, false);
  add<Momentum>(cases, "momentum/without_rate", 0.05, MomentumOptions{.velocity = VelocityForm::without_rate}, false);
  add<Momentum>(cases, "momentum/without_rate_dampening", 0.05,
                MomentumOptions{.dampening = 0.3, .velocity = VelocityForm::without_rate}, false);
  add<NAG>(cases, "nag", 0.05, NAGOptions{});
  add<NAG>(cases, "nag/without_rate", 0.05, NAGOptions{.form = NesterovForm::without_rate}, false);
  add<NAG>(cases, "nag/printed", 0.05, NAGOptions{.form = NesterovForm::printed}, false);
  add<AdaGrad>(cases, "adagrad", 0.3, AdaGradOptions{});
  add<AdaGrad>(cases, "adagrad/initial", 0.3, AdaGradOptions{.initial_sum = 0.5}, false);
  add<AdaGrad>(cases, "adagrad/rate_decay", 0.3, AdaGradOptions{.rate_decay = 0.01}, false);
  add<RMSProp>(cases, "rmsprop", 0.02, RMSPropOptions{});
  add<RMSProp>(cases, "rmsprop/inside", 0.02, RMSPropOptions{.epsilon_place = EpsilonPlace::inside_root}, false);
  add<RMSProp>(cases, "rmsprop/momentum", 0.02, RMSPropOptions{.momentum = 0.9}, false);
  add<RMSProp>(cases, "rmsprop/centered", 0.02, RMSPropOptions{.epsilon = 1e-2, .centered = true}, false);
  add<RMSProp>(cases, "rmsprop/centered_momentum", 0.02,
               RMSPropOptions{.epsilon = 1e-2, .momentum = 0.5, .centered = true}, false);
  add<AdaDelta>(cases, "adadelta", 1, AdaDeltaOptions{});
  add<AdaDelta>(cases, "adadelta/rho", 1, AdaDeltaOptions{.rho = 0.8}, false);
  add<Adam>(cases, "adam", 0.05, AdamOptions{});
  add<Adam>(cases, "adam/betas", 0.05, AdamOptions{.beta1 = 0, .beta2 = 0.9}, false);
  add<Adam>(cases, "adam/epsilon", 0.05, AdamOptions{.epsilon = 1e-3}, false);
  add<Adam>(cases, "adam_paper", 0.05, AdamOptions{.form = AdamForm::paper});
  add<Adam>(cases, "adam_paper/epsilon", 0.05, AdamOptions{.epsilon = 1e-3, .form = AdamForm::paper}, false);
  add<AdamW>(cases, "adamw", 0.05, AdamWOptions{});
  add<AMSGrad>(cases, "amsgrad", 0.05, AMSGradOptions{});
  add<AMSGrad>(cases, "amsgrad/uncorrected", 0.05, AMSGradOptions{.bias_correction = false}, false);
  add<NAdam>(cases, "nadam", 0.05, NAdamOptions{});
  add<NAdam>(cases, "nadam/decay0", 0.05, NAdamOptions{.momentum_decay = 0}, false);
  add<RAdam>(cases, "radam", 0.05, RAdamOptions{});
  add<AdaMax>(cases, "adamax", 0.05, AdaMaxOptions{});
  add<Lion>(cases, "lion", 0.01, LionOptions{});
  add<ASGD>(cases, "asgd", 0.1, ASGDOptions{});
  add<ASGD>(cases, "asgd/averaging", 0.1, ASGDOptions{.decay = 0.01, .power = 0.5, .start = 20}, false);
  add<Rprop>(cases, "rprop", 0.01, RpropOptions{});
  add<Rprop>(cases, "rprop/factors", 0.01, RpropOptions{.shrink = 0.3, .grow = 1.1, .shortest = 1e-3, .longest = 0.05},
             false);
  add<LAMB>(cases, "lamb", 0.02, LAMBOptions{});
  add<LAMB>(cases, "lamb/uncorrected", 0.02, LAMBOptions{.bias_correction = false}, false);
  return cases;
}

void check_close(double found, double expected) { CHECK(found == Approx(expected).epsilon(1e-10).margin(1e-10)); }

}  // namespace

TEST_CASE("optimizers: paths of 120 steps are those of the papers", "[optim]") {
  const std::map<std::string, Make> cases = all_cases();
  std::size_t compared = 0;
  for (const ReferencePath& reference : reference_paths) {
    CAPTURE(reference.name);
    const auto found = cases.find(reference.name);
    REQUIRE(found != cases.end());
    ++compared;
    Bowl bowl;
    const std::unique_ptr<Optimizer> optimizer = found->second(bowl.registry);
    for (int step = 0; step < steps; ++step) {
      bowl.fill_gradients(step);
      optimizer->step();
      if (step == 0) check_close(bowl.sum_of_all(), reference.sums[0]);
      if (step == 6) check_close(bowl.sum_of_all(), reference.sums[1]);
    }
    for (std::size_t k = 0; k < 3; ++k) {
      const Tensor value = bowl.parameters[k].value();
      double plain = 0, weighted = 0;
      for (std::size_t i = 0; i < value.data<double>().size(); ++i) {
        plain += value.data<double>()[i];
        weighted += value.data<double>()[i] * static_cast<double>(i + 1);
      }
      check_close(plain, reference.sums[2 + 2 * k]);
      check_close(weighted, reference.sums[3 + 2 * k]);
    }
  }
  CHECK(compared == cases.size());
}
