// What all optimizers share: groups, frozen and new parameters, clipping, gradients that are not finite.
#include <cmath>
#include <limits>

#include <catch2/catch.hpp>

#include <thalweg/thalweg.hpp>

#include "src/registry/core.hpp"
#include "tests/registry/thrown.hpp"

using namespace thalweg;
using test::thrown;

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

/// Gives a parameter's gradient these numbers, row-major; the others stay as they are.
void set_gradient(Gradients& gradients, const Parameter& parameter, const std::vector<double>& values) {
  const internal::RegistryCore& core = *parameter.core();
  const std::int64_t offset = core.entries[static_cast<std::size_t>(parameter.index())].offset;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto at = offset + static_cast<std::int64_t>(i);
    if (core.dtype == f64)
      static_cast<double*>(gradients.data())[at] = values[i];
    else
      static_cast<float*>(gradients.data())[at] = static_cast<float>(values[i]);
  }
}

void give(const ParameterRegistry& registry, double gradient) {
  Gradients gradients(registry);
  for (const Parameter& parameter : registry.parameters())
    if (parameter.trainable())
      set_gradient(gradients, parameter,
                   std::vector<double>(static_cast<std::size_t>(parameter.shape().size()), gradient));
  gradients.store();
}

double first(const Parameter& parameter) { return parameter.value().to(f64).data<double>()[0]; }

std::int64_t sweeps_of(const std::function<void()>& work) {
  const Statistics before = statistics();
  work();
  CHECK(statistics().other_kernels == before.other_kernels);
  return statistics().sweeps - before.sweeps;
}

}  // namespace

TEST_CASE("Optimizer: an epsilon that is 0 in the parameters' dtype is refused", "[optim]") {
  ParameterRegistry single({.dtype = f32}), twice({.dtype = f64});
  single.add("w", ones({1}));
  const Parameter w = twice.add("w", ones({1}));
  CHECK_THROWS_WITH(
      Adam(single, {.epsilon = 1e-50}),
      Catch::StartsWith("[adam] epsilon = 1e-50: is 0 in f32, the parameters' dtype at options_test.cpp"));
  CHECK_THROWS_AS(RMSProp(single, {.epsilon = 1e-50}), ValueError);
  CHECK_THROWS_AS(Adam(single, {.groups = {{"w", [](AdamOptions& o) { o.epsilon = 1e-50; }}}}), ValueError);
  const auto step = [](ParameterRegistry& registry, double epsilon) {
    Adam adam(registry, {.epsilon = epsilon});
    give(registry, 0);
    adam.step();
    return first(registry.parameters()[0]);
  };
  CHECK(step(twice, 1e-50) == 1);
  CHECK(step(single, 1e-44) == 1);  // a denormal number
}

TEST_CASE("edge case 48: weight decay, decoupled and coupled", "[optim]") {
  const auto value = [](WeightDecayForm form) {
    ParameterRegistry registry({.dtype = f64});
    const Parameter w = registry.add("w", ones({1}));
    Adam adam(registry,
              {.learning_rate = 0.001, .form = AdamForm::paper, .weight_decay = 0.1, .weight_decay_form = form});
    give(registry, 0);
    adam.step();
    return first(w);
  };
  CHECK(value(WeightDecayForm::decoupled) == Approx(0.9999).epsilon(1e-12));
  CHECK(value(WeightDecayForm::coupled) == Approx(0.9990000001).epsilon(1e-12));
}

TEST_CASE("edge case 46: RMSProp of gradients whose squares do not fit f32", "[optim]") {
  ParameterRegistry registry;
  const Parameter w = registry.add("w", ones({1}));
  RMSProp rmsprop(registry, {.learning_rate = 0.01, .rho = 0.99});
  for (const double expected : {0.9, 0.829112, 0.771087}) {
    give(registry, 1e20);
    rmsprop.step();
    CHECK(first(w) == Approx(expected).epsilon(1e-5));
  }
}

TEST_CASE("groups: other options for parameters by name, in as many passes as there are runs of neighbors", "[optim]") {
  ParameterRegistry registry({.dtype = f64});
  const Parameter w1 = registry.add("affine1.weight", ones({3})), w2 = registry.add("affine2.weight", ones({2}));
  const Parameter b1 = registry.add("affine1.bias", ones({1})), b2 = registry.add("affine2.bias", ones({1}));
  SGD sgd(registry, {.learning_rate = 0.1,
                     .weight_decay = 0.5,
                     .groups = {{"*.bias", [](auto& o) { o.weight_decay = 0; }},
                                {"affine2.*", [](auto& o) { o.learning_rate = 0.01; }}}});
  for (int i = 0; i < 2; ++i) {
    give(registry, 1);
    // Four sets of options: one for each parameter here, though w2 and b1 are neighbors.
    const std::int64_t sweeps = sweeps_of([&] { sgd.step(); });
    CHECK(sweeps <= 4);
  }
  const auto twice = [](double rate, double decay) {
    double w = 1;
    for (int i = 0; i < 2; ++i) w -= rate * (1 + decay * w);
    return w;
  };
  CHECK(first(w1) == Approx(twice(0.1, 0.5)).epsilon(1e-13));
  CHECK(first(w2) == Approx(twice(0.01, 0.5)).epsilon(1e-13));
  CHECK(first(b1) == Approx(twice(0.1, 0)).epsilon(1e-13));
  CHECK(first(b2) == Approx(twice(0.01, 0)).epsilon(1e-13));
}

TEST_CASE("groups: those with a rate of their own keep it when the rate is set", "[optim]") {
  ParameterRegistry registry({.dtype = f64});
  const Parameter a = registry.add("a", zeros({1})), b = registry.add("b", zeros({1}));
  SGD sgd(registry, {.learning_rate = 0.1, .groups = {{"b", [](auto& o) { o.learning_rate = 1; }}}});
  sgd.set_learning_rate(0.5);
  give(registry, 1);
  sgd.step();
  CHECK(first(a) == -0.5);
  CHECK(first(b) == -1);
}

TEST_CASE("groups: one with all parameters in it is one pass", "[optim]") {
  ParameterRegistry registry;
  registry.add("a", ones({3}));
  registry.add("b", ones({5}));
  Adam adam(registry, {.groups = {{"*", [](auto& o) { o.weight_decay = 0.1; }}}});
  for (int i = 0; i < 3; ++i) {
    give(registry, 1);
    CHECK(sweeps_of([&] { adam.step(); }) == 1);
  }
}

TEST_CASE("groups: unknown patterns and options without meaning are rejected before anything changes", "[optim]") {
  ParameterRegistry registry;
  registry.add("affine1.weight", ones({3}));
  registry.add("affine1.bias", ones({3}));
  registry.set_state("sgd.nothing/affine1.bias", Tensor::ones({3}));
  const SourceLine line{"main.cpp", 3};
  CHECK(thrown<ValueError>([&] {
          SGD(registry, {.groups = {{"affine1.bais", [](auto&) {}}}}, line);
        }) ==
        "[sgd] groups: no parameter's name matches \"affine1.bais\"; the closest is \"affine1.bias\" at main.cpp:3");
  CHECK(thrown<ValueError>([&] {
          SGD(registry, {.groups = {{"*.bias", [](auto& o) { o.learning_rate = -1; }}}}, line);
        }) == "[sgd] learning_rate = -1: must be finite and at least 0 at main.cpp:3");
  CHECK_THROWS_AS(SGD(registry, {.groups = {{"*", [](auto& o) { o.gradient.clip_norm = 1; }}}}), ValueError);
  CHECK(identical(registry.state("sgd.nothing/affine1.bias"), Tensor::ones({3})));
  const SGD sgd(registry);
}

TEST_CASE("parameters added later or unfrozen begin with zero state and their own count of steps", "[optim]") {
  ParameterRegistry registry({.dtype = f64});
  const Parameter a = registry.add("a", zeros({1}));
  Adam adam(registry, {.learning_rate = 0.1, .form = AdamForm::paper});
  const auto step = [&] {
    give(registry, 1);
    adam.step();
  };
  step();
  step();
  const Parameter b = registry.add("b", zeros({1}));
  step();
  // Adam's first step is as long as the rate.
  CHECK(first(b) == Approx(-0.1).epsilon(1e-7));
  CHECK(first(a) == Approx(-0.3).epsilon(1e-7));
  CHECK(adam.step_count() == 3);
  registry.set_trainable("a", false);
  step();
  CHECK(first(a) == Approx(-0.3).epsilon(1e-7));
  CHECK(thrown<ValueError>([&] { registry.state("adam.first_moment/a"); }).find("not trainable") != std::string::npos);
  registry.set_trainable("a", true);
  CHECK(identical(registry.state("adam.first_moment/a"), Tensor::zeros({1}, f64)));
  step();
  CHECK(first(a) == Approx(-0.4).epsilon(1e-7));
  CHECK(first(b) == Approx(-0.3).epsilon(1e-7));
}

TEST_CASE("frozen parameters cost neither gradient nor state", "[optim]") {
  ParameterRegistry registry;
  registry.add("frozen", ones({1000}), {.trainable = false});
  registry.add("w", ones({16}));
  Adam adam(registry);
  give(registry, 1);
  adam.step();
  const internal::RegistryCore& core = *registry.core();
  CHECK(core.trainable_elements == 16);
  CHECK(core.states.size() == 2);
}

TEST_CASE("two optimizers share a registry when each has its own selection", "[optim]") {
  ParameterRegistry registry({.dtype = f64});
  const Parameter g = registry.add("generator.w", zeros({3})), d = registry.add("discriminator.w", zeros({2}));
  Adam generator(registry.select("generator.*"), {.learning_rate = 0.1, .form = AdamForm::paper});
  Adam discriminator(registry.select("discriminator.*"), {.learning_rate = 0.2, .form = AdamForm::paper});
  CHECK_THROWS_AS(Adam(registry.select("*")), ValueError);
  CHECK_THROWS_AS(Adam(registry), ValueError);
  give(registry, 1);
  generator.step();
  CHECK(first(g) == Approx(-0.1).epsilon(1e-7));
  CHECK(first(d) == 0);
  CHECK_THROWS_AS(generator.step(), TapeError);
  discriminator.step();  // of the same gradients
  CHECK(first(d) == Approx(-0.2).epsilon(1e-7));
  CHECK(first(g) == Approx(-0.1).epsilon(1e-7));

  Tape tape;
  const Var of_generator = sum(Var(g) * 2), of_discriminator = sum(Var(d) * 2);
  const Var asked_too_late = sum(Var(d) * 3);
  backward(of_discriminator, registry.select("discriminator.*"));
  discriminator.step();
  CHECK(of_generator.item() == Approx(-0.6).epsilon(1e-7));  // not changed by the other's step
  CHECK_THROWS_AS(asked_too_late.value(), TapeError);
}

TEST_CASE("edge case 47: rejected options; beta 0 works; at rate 0 parameters stay, state and count advance",
          "[optim]") {
  ParameterRegistry registry({.dtype = f64});
  registry.add("w", ones({2}));
  const auto rejects = [&]<class Type, class Options>(Options options, double Options::*member) {
    for (const double value : {1., -0.1, not_a_number}) {
      options.*member = value;
      CHECK_THROWS_AS(Type(registry, options), ValueError);
    }
  };
  const auto rejects_rates = [&]<class Type, class Options>(Options options) {
    for (const double rate : {-1., not_a_number, infinity}) {
      options.learning_rate = rate;
      CHECK_THROWS_AS(Type(registry, options), ValueError);
    }
    options.learning_rate = 0.1;
    for (const double decay : {-1., not_a_number, infinity}) {
      options.weight_decay = decay;
      CHECK_THROWS_AS(Type(registry, options), ValueError);
    }
    options.weight_decay = 0;
    for (const double limit : {0., -1., not_a_number}) {
      options.gradient.clip_norm = limit;
      CHECK_THROWS_AS(Type(registry, options), ValueError);
    }
    options.gradient.clip_norm = std::nullopt;
    const Type accepted(registry, options);
  };
  rejects_rates.operator()<SGD>(SGDOptions{});
  rejects_rates.operator()<Momentum>(MomentumOptions{});
  rejects_rates.operator()<NAG>(NAGOptions{});
  rejects_rates.operator()<AdaGrad>(AdaGradOptions{});
  rejects_rates.operator()<RMSProp>(RMSPropOptions{});
  rejects_rates.operator()<AdaDelta>(AdaDeltaOptions{});
  rejects_rates.operator()<Adam>(AdamOptions{});
  rejects_rates.operator()<AdamW>(AdamWOptions{});
  rejects_rates.operator()<AMSGrad>(AMSGradOptions{});
  rejects_rates.operator()<NAdam>(NAdamOptions{});
  rejects_rates.operator()<RAdam>(RAdamOptions{});
  rejects_rates.operator()<AdaMax>(AdaMaxOptions{});
  rejects_rates.operator()<Lion>(LionOptions{});
  rejects_rates.operator()<ASGD>(ASGDOptions{});
  rejects_rates.operator()<Rprop>(RpropOptions{});
  rejects_rates.operator()<LAMB>(LAMBOptions{});
  rejects.operator()<Momentum>(MomentumOptions{}, &MomentumOptions::momentum);
  rejects.operator()<Momentum>(MomentumOptions{}, &MomentumOptions::dampening);
  rejects.operator()<NAG>(NAGOptions{}, &NAGOptions::momentum);
  rejects.operator()<RMSProp>(RMSPropOptions{}, &RMSPropOptions::rho);
  rejects.operator()<AdaDelta>(AdaDeltaOptions{}, &AdaDeltaOptions::rho);
  rejects.operator()<AdamW>(AdamWOptions{}, &AdamWOptions::beta1);
  rejects.operator()<AMSGrad>(AMSGradOptions{}, &AMSGradOptions::beta2);
  rejects.operator()<NAdam>(NAdamOptions{}, &NAdamOptions::beta1);
  rejects.operator()<RAdam>(RAdamOptions{}, &RAdamOptions::beta2);
  rejects.operator()<AdaMax>(AdaMaxOptions{}, &AdaMaxOptions::beta2);
  rejects.operator()<Lion>(LionOptions{}, &LionOptions::beta1);
  rejects.operator()<Rprop>(RpropOptions{}, &RpropOptions::shrink);
  CHECK(thrown<ValueError>([&] {
          SGD(registry, {.learning_rate = -0.5}, {"main.cpp", 3});
        }) == "[sgd] learning_rate = -0.5: must be finite and at least 0 at main.cpp:3");
  CHECK_THAT(thrown<ValueError>([&] { Adam(registry, {.beta1 = 1}); }),
             Catch::Contains("beta1") && Catch::Contains("1"));
  CHECK_THAT(thrown<ValueError>([&] { Adam(registry, {.beta2 = not_a_number}); }),
             Catch::Contains("beta2") && Catch::Contains("nan"));
  for (const double rate : {0., 0.1}) {
    ParameterRegistry trained({.dtype = f64});
    const Parameter w = trained.add("w", constant({3}, 0.1));
    Adam adam(trained, {.learning_rate = rate, .beta1 = 0, .beta2 = 0});
    give(trained, 4);
    adam.step();
    if (rate == 0) CHECK(first(w) == 0.1);
    if (rate > 0) CHECK(first(w) == Approx(0).margin(1e-7));
    CHECK(adam.step_count() == 1);
    CHECK(identical(trained.state("adam.first_moment/w"), Tensor::full({3}, 4, f64)));
  }
}

TEST_CASE("edge case 44: a zero gradient on the first step leaves the parameter exactly; epsilon 0 is rejected",
          "[optim]") {
  const auto stays = []<class Type, class Options>(const Options& options) {
    ParameterRegistry registry({.dtype = f64});
    const Parameter w = registry.add("w", constant({3}, 0.1));
    Type optimizer(registry, options);
    give(registry, 0);
    optimizer.step();
    CHECK(identical(w.value(), Tensor::full({3}, 0.1, f64)));
  };
  stays.operator()<SGD>(SGDOptions{});
  stays.operator()<NAG>(NAGOptions{});
  stays.operator()<AdaGrad>(AdaGradOptions{});
  stays.operator()<RMSProp>(RMSPropOptions{});
  stays.operator()<RMSProp>(RMSPropOptions{.momentum = 0.9, .centered = true});
  stays.operator()<AdaDelta>(AdaDeltaOptions{});
  stays.operator()<Adam>(AdamOptions{});
  stays.operator()<AMSGrad>(AMSGradOptions{});
  stays.operator()<NAdam>(NAdamOptions{});
  stays.operator()<RAdam>(RAdamOptions{});
  stays.operator()<AdaMax>(AdaMaxOptions{});
  stays.operator()<Lion>(LionOptions{});
  stays.operator()<Rprop>(RpropOptions{});
  stays.operator()<LAMB>(LAMBOptions{});
  ParameterRegistry registry;
  registry.add("w", ones({2}));
  CHECK_THROWS_AS(RMSProp(registry, {.epsilon = 0}), ValueError);
  CHECK_THROWS_AS(AdaDelta(registry, {.epsilon = 0}), ValueError);
  CHECK_THROWS_AS(AdaMax(registry, {.epsilon = 0}), ValueError);
}

TEST_CASE("edge case 50: clipping by norm", "[optim]") {
  const auto clipped = [](DType dtype, const std::vector<double>& gradient, double limit) {
    ParameterRegistry registry({.dtype = dtype});
    const Parameter w = registry.add("w", zeros({2}));
    SGD sgd(registry, {.learning_rate = 1, .gradient = {.clip_norm = limit}});
    Gradients gradients(registry);
    set_gradient(gradients, w, gradient);
    gradients.store();
    sgd.step();
    const Tensor value = w.value().to(f64);
    return std::vector<double>{-value.data<double>()[0], -value.data<double>()[1]};
  };
  CHECK(clipped(f64, {0, 0}, 1) == std::vector<double>{0, 0});
  CHECK(clipped(f64, {3, 4}, 5) == std::vector<double>{3, 4});
  CHECK(clipped(f32, {3, 4}, 5) == std::vector<double>{3, 4});
  CHECK(clipped(f64, {3, 4}, 1)[0] == Approx(0.6).epsilon(1e-15));
  CHECK(clipped(f32, {3e19, 4e19}, 1)[0] == Approx(0.6).epsilon(1e-6));
  CHECK(clipped(f32, {3e19, 4e19}, 1)[1] == Approx(0.8).epsilon(1e-6));
  for (const double size : {1e19, 1e-25, 6e37}) {  // squares that overflow or vanish in f32, and a norm that does
    CAPTURE(size);
    const double limit = size < 1 ? 1e-28 : 1;
    const std::vector<double> found = clipped(f32, {3 * size, 4 * size}, limit);
    CHECK(found[0] == Approx(0.6 * limit).epsilon(1e-6));
    CHECK(found[1] == Approx(0.8 * limit).epsilon(1e-6));
  }
  CHECK(clipped(f64, {3e300, 4e300}, 1)[1] == Approx(0.8).epsilon(1e-12));
  CHECK(clipped(f64, {3e-200, 4e-200}, 1e-200)[1] == Approx(0.8e-200).epsilon(1e-12));

  ParameterRegistry registry;
  const Parameter a = registry.add("a", ones({2})), w = registry.add("affine1.weight", ones({2, 3}));
  SGD sgd(registry, {.gradient = {.clip_norm = 1}});
  Gradients gradients(registry);
  set_gradient(gradients, w, {0, 0, 0, 0, 0, infinity});
  gradients.store();
  CHECK(thrown<ValueError>([&] {
          sgd.step({"main.cpp", 3});
        }) == "[sgd] the gradient of \"affine1.weight\" is inf at (1, 2) at main.cpp:3");
  CHECK(identical(w.value(), Tensor::ones({2, 3})));
  CHECK(sgd.step_count() == 0);
  CHECK(gradient_norm(registry) == infinity);
}

TEST_CASE("clipping: the norm is of all parameters together, and of each group's too", "[optim]") {
  ParameterRegistry registry({.dtype = f64});
  const Parameter a = registry.add("a", zeros({1})), b = registry.add("b", zeros({1}));
  SGD sgd(registry, {.learning_rate = 1,
                     .gradient = {.clip_value = 0.55, .clip_norm = 1},
                     .groups = {{"b", [](auto& o) { o.learning_rate = 2; }}}});
  Gradients gradients(registry);
  set_gradient(gradients, a, {3});
  set_gradient(gradients, b, {-4});
  gradients.store();
  CHECK(gradient_norm(registry) == 5);
  sgd.step();
  CHECK(first(a) == Approx(-0.55).epsilon(1e-12));  // by its value, after the norm
  CHECK(first(b) == Approx(1.1).epsilon(1e-12));
}

TEST_CASE("gradients that are not finite: passed on, thrown or skipped", "[optim]") {
  for (const double bad : {not_a_number, infinity, -infinity}) {
    CAPTURE(bad);
    const auto make = [&](NonFinite policy) {
      return [=](ParameterRegistry& registry) {
        return std::make_unique<Adam>(registry, AdamOptions{.gradient = {.non_finite = policy}});
      };
    };
    const auto give_bad = [&](const ParameterRegistry& registry) {
      Gradients gradients(registry);
      set_gradient(gradients, registry["w"], {1, bad, 1});
      gradients.store();
    };
    {
      ParameterRegistry registry;
      registry.add("w", ones({3}));
      const auto adam = make(NonFinite::pass_on)(registry);
      give_bad(registry);
      adam->step();
      CHECK(adam->step_count() == 1);
      CHECK(std::isnan(registry["w"].value().data<float>()[1]));
    }
    ParameterRegistry registry;
    registry.add("w", ones({3}));
    {
      const auto adam = make(NonFinite::throw_error)(registry);
      give_bad(registry);
      const std::string error = thrown<ValueError>([&] { adam->step({"main.cpp", 3}); });
      CHECK(error.find("the gradient of \"w\" is") != std::string::npos);
      CHECK(error.find("-nan") == std::string::npos);
      CHECK(adam->step_count() == 0);
    }
    const auto adam = make(NonFinite::skip_step)(registry);
    give_bad(registry);
    adam->step();
    CHECK(adam->step_count() == 0);
    CHECK(adam->skipped_count() == 1);
    CHECK_THROWS_AS(adam->step(), TapeError);
    CHECK(identical(registry["w"].value(), Tensor::ones({3})));
    give(registry, 1);
    adam->step();
    CHECK(adam->step_count() == 1);
    CHECK(adam->skipped_count() == 1);
  }
}

TEST_CASE("a schedule with a rate without meaning is named with its step", "[optim]") {
  ParameterRegistry registry;
  registry.add("w", ones({3}));
  SGD sgd(registry, {.learning_rate = [](std::int64_t n) { return n < 1 ? 0.1 : -0.1; }});
  give(registry, 1);
  sgd.step();
  CHECK(sgd.learning_rate() == -0.1);
  give(registry, 1);
  CHECK(thrown<ValueError>([&] {
          sgd.step({"main.cpp", 3});
        }) == "[sgd] learning_rate = -0.1 at step 1: must be finite and at least 0 at main.cpp:3");
  CHECK(sgd.step_count() == 1);
}

TEST_CASE("micro-batches: gradients add up to those of the batch", "[optim]") {
  const Tensor x = Tensor({{1., 2.}, {3., 4.}, {5., 6.}, {7., 8.}}, f64), y = Tensor({{1.}, {0.}, {2.}, {1.}}, f64);
  const auto loss_of = [&](const Parameter& w, std::int64_t begin, std::int64_t end) {
    return mean_squared_error(matmul(slice(x, 0, begin, end), w), slice(y, 0, begin, end));
  };
  const auto trained = [&](bool in_parts) {
    ParameterRegistry registry({.dtype = f64});
    const Parameter w = registry.add("w", constant({2, 1}, 0.5));
    SGD sgd(registry, {.learning_rate = 0.01});
    for (int step = 0; step < 3; ++step) {
      if (!in_parts) {
        Tape tape;
        backward(loss_of(w, 0, 4));
      } else {
        Gradients total(registry), part(registry);
        for (const std::int64_t begin : {0, 2}) {
          Tape tape;
          backward(loss_of(w, begin, begin + 2), part);
          total += part;
        }
        total *= 0.5;
        total.store();
      }
      sgd.step();
    }
    return w.value();
  };
  CHECK(all_close(trained(true), trained(false), 1e-13));
}

TEST_CASE("ParameterAverage: an exponential moving average that can be swapped in", "[optim]") {
  ParameterRegistry registry({.dtype = f64});
  const Parameter w = registry.add("w", ones({1}));
  SGD sgd(registry, {.learning_rate = 0.5});
  ParameterAverage average(registry, {.decay = 0.9});
  CHECK_THROWS_AS(average.swap(), TapeError);
  double expected = 0;
  for (int step = 0; step < 4; ++step) {
    give(registry, 1);
    sgd.step();
    average.step();
    expected = step == 0 ? 0.5 : 0.9 * expected + (1 - 0.9) * first(w);
    CHECK(registry.state("parameter_average.average/w").item() == Approx(expected).epsilon(1e-14));
  }
  CHECK(first(w) == -1);
  average.swap();
  CHECK(first(w) == Approx(expected).epsilon(1e-14));
  average.swap();
  CHECK(first(w) == -1);
  CHECK(average.step_count() == 4);
  CHECK_THROWS_AS(ParameterAverage(registry.select("w"), {.decay = 1}), ValueError);

  ParameterRegistry other({.dtype = f64});
  const Parameter v = other.add("v", zeros({1}));
  ParameterAverage warm(other, {.decay = 0.9, .warm_up = true});
  warm.step();
  Parameter(v).set_value(Tensor::ones({1}, f64));
  warm.step();
  CHECK(other.state("parameter_average.average/v").item() == Approx(1 - 2 / 11.).epsilon(1e-14));
}
