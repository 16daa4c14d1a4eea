#include <cmath>
#include <future>
#include <limits>
#include <memory>
#include <thread>

#include <catch2/catch.hpp>

#include <thalweg/differentiate.hpp>
#include <thalweg/nn/initializers.hpp>
#include <thalweg/op.hpp>
#include <thalweg/ops/arithmetic.hpp>
#include <thalweg/ops/reduction.hpp>
#include <thalweg/optim/adagrad.hpp>
#include <thalweg/optim/adam.hpp>
#include <thalweg/optim/momentum.hpp>
#include <thalweg/optim/nag.hpp>
#include <thalweg/optim/rmsprop.hpp>
#include <thalweg/optim/sgd.hpp>

#include "src/registry/core.hpp"
#include "tests/registry/thrown.hpp"

using namespace thalweg;
using test::thrown;

namespace {

#include "tests/optim/trajectories.inc"

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

/// Gives every trainable parameter the gradient `gradient`, as backward would.
void give_gradients(const ParameterRegistry& registry, double gradient) {
  Gradients gradients(registry);
  const internal::RegistryCore& core = *registry.core();
  for (const auto& entry : core.entries) {
    if (!entry.trainable) continue;
    for (std::int64_t i = entry.offset; i < entry.offset + entry.shape.size(); ++i) {
      if (core.dtype == f64)
        static_cast<double*>(gradients.data())[i] = gradient;
      else
        static_cast<float*>(gradients.data())[i] = static_cast<float>(gradient);
    }
  }
  gradients.store();
}

template <class MakeOptimizer>
void check_trajectory(const double (&expected)[31][2], MakeOptimizer&& make_optimizer) {
  for (const Engine engine : {Engine::planned, Engine::eager}) {
    ParameterRegistry registry({.dtype = f64});
    const Parameter x = registry.add("x", constant({}, -7)), y = registry.add("y", constant({}, 2));
    const std::unique_ptr<Optimizer> optimizer = make_optimizer(registry);
    for (int step = 0; step < 30; ++step) {
      Tape tape({.engine = engine});
      backward(square(x) / 20 + square(y));
      optimizer->step();
      CAPTURE(step, engine);
      CHECK(x.value().item() == Approx(expected[step + 1][0]).epsilon(1e-12).margin(1e-13));
      CHECK(y.value().item() == Approx(expected[step + 1][1]).epsilon(1e-12).margin(1e-13));
    }
    CHECK(optimizer->step_count() == 30);
  }
}

/// The value of a parameter that was 1 and got one step with `gradient`.
template <class OptimizerType, class Options>
double after_one_step(double start, double gradient, const Options& options) {
  ParameterRegistry registry({.dtype = f64});
  const Parameter w = registry.add("w", constant({}, start));
  OptimizerType optimizer(registry, options);
  give_gradients(registry, gradient);
  optimizer.step();
  return w.value().item();
}

/// value ← value − gradient, then throws where it is told to.
struct FaultyOptions {
  Schedule learning_rate = 1;
};
class Faulty : public OptimizerOf<FaultyOptions> {
 public:
  enum class Fault { none, exception, shape, dtype };
  explicit Faulty(ParameterRegistry& registry) : OptimizerOf(registry, "faulty", {}, nullptr) {}
  Fault fault = Fault::none;
  std::int64_t seen_step = 0;

 private:
  void update(Update& u, const FaultyOptions&) override {
    seen_step = u.step_number();
    u.set_state("count", u.state("count") + 1);
    u.set_value(u.value() - u.gradient());
    if (fault == Fault::exception) throw ValueError("faulty");
    if (fault == Fault::shape) u.set_value(sum(u.gradient()));
    if (fault == Fault::dtype) u.set_value(cast(u.gradient(), f32));
  }
};

/// x, or an error.
bool is_failing = false;
const Op failing_op{.name = "failing",
                    .kind = Kind::opaque,
                    .shape_rule = elementwise_shape,
                    .opaque_kernel =
                        [](const OpaqueCall& call) {
                          if (is_failing) throw ValueError("failing");
                          *static_cast<double*>(call.output) = *static_cast<const double*>(call.inputs[0]);
                        },
                    .can_fail = true};

}  // namespace

TEST_CASE("SGD: trajectory on x²/20 + y²") {
  check_trajectory(sgd_trajectory, [](ParameterRegistry& registry) {
    return std::make_unique<SGD>(registry, SGDOptions{.learning_rate = 0.95});
  });
}

TEST_CASE("Momentum: trajectory on x²/20 + y²") {
  check_trajectory(momentum_trajectory, [](ParameterRegistry& registry) {
    return std::make_unique<Momentum>(registry, MomentumOptions{.learning_rate = 0.1, .momentum = 0.9});
  });
}

TEST_CASE("AdaGrad: trajectory on x²/20 + y²") {
  check_trajectory(adagrad_trajectory, [](ParameterRegistry& registry) {
    return std::make_unique<AdaGrad>(registry, AdaGradOptions{.learning_rate = 1.5});
  });
}

TEST_CASE("NAG: trajectory on x²/20 + y²") {
  check_trajectory(nag_trajectory, [](ParameterRegistry& registry) {
    return std::make_unique<NAG>(registry, NAGOptions{.learning_rate = 0.1});
  });
  check_trajectory(nag_printed_trajectory, [](ParameterRegistry& registry) {
    return std::make_unique<NAG>(registry, NAGOptions{.learning_rate = 0.1, .form = NesterovForm::printed});
  });
}

TEST_CASE("NAG: value − momentum · velocity is the point of the original algorithm") {
  ParameterRegistry registry({.dtype = f64});
  const Parameter x = registry.add("x", constant({}, -7)), y = registry.add("y", constant({}, 2));
  NAG nag(registry, {.learning_rate = 0.1});
  for (int step = 0; step < 30; ++step) {
    Tape tape;
    backward(square(x) / 20 + square(y));
    nag.step();
    const double base_x = x.value().item() - 0.9 * registry.state("nag.velocity/x").item();
    const double base_y = y.value().item() - 0.9 * registry.state("nag.velocity/y").item();
    CHECK(base_x == Approx(nag_base_point_trajectory[step + 1][0]).epsilon(1e-12).margin(1e-13));
    CHECK(base_y == Approx(nag_base_point_trajectory[step + 1][1]).epsilon(1e-12).margin(1e-13));
  }
}

TEST_CASE("RMSProp: trajectory on x²/20 + y²") {
  check_trajectory(rmsprop_trajectory, [](ParameterRegistry& registry) {
    return std::make_unique<RMSProp>(registry, RMSPropOptions{.learning_rate = 0.1});
  });
  check_trajectory(rmsprop_rho_09_trajectory, [](ParameterRegistry& registry) {
    return std::make_unique<RMSProp>(registry, RMSPropOptions{.learning_rate = 0.3, .rho = 0.9});
  });
}

TEST_CASE("Adam: trajectory on x²/20 + y², the book's form") {
  check_trajectory(adam_book_trajectory, [](ParameterRegistry& registry) {
    return std::make_unique<Adam>(registry, AdamOptions{.learning_rate = 0.3});
  });
}

TEST_CASE("Adam: trajectory on x²/20 + y², the paper's form") {
  check_trajectory(adam_paper_trajectory, [](ParameterRegistry& registry) {
    return std::make_unique<Adam>(registry, AdamOptions{.learning_rate = 0.3, .form = AdamForm::paper});
  });
}

TEST_CASE("edge case 45: Adam's first step with a tiny gradient, where the forms differ", "[optim]") {
  const auto moved = [](AdamForm form) {
    return after_one_step<Adam>(0, 1e-6, AdamOptions{.learning_rate = 0.001, .form = form});
  };
  CHECK(moved(AdamForm::book) == Approx(-2.4025307335204227e-4).epsilon(1e-12));
  CHECK(moved(AdamForm::paper) == Approx(-9.900990099009901e-4).epsilon(1e-12));
}

TEST_CASE("AdaGrad: the first step is as long as the learning rate") {
  CHECK(after_one_step<AdaGrad>(1, 123, AdaGradOptions{.learning_rate = 0.01}) == Approx(0.99).epsilon(1e-9));
}

TEST_CASE("optimizers: a zero gradient leaves parameters exactly as they were") {
  CHECK(after_one_step<SGD>(0.1, 0, SGDOptions{}) == 0.1);
  CHECK(after_one_step<Momentum>(0.1, 0, MomentumOptions{}) == 0.1);
  CHECK(after_one_step<AdaGrad>(0.1, 0, AdaGradOptions{}) == 0.1);
  CHECK(after_one_step<Adam>(0.1, 0, AdamOptions{}) == 0.1);
  CHECK(after_one_step<Adam>(0.1, 0, AdamOptions{.form = AdamForm::paper}) == 0.1);
}

TEST_CASE("Adam: a rate of 0 leaves parameters exactly, while state and step count advance") {
  ParameterRegistry registry({.dtype = f64});
  const Parameter w = registry.add("w", constant({3}, 0.1));
  Adam adam(registry, {.learning_rate = 0});
  give_gradients(registry, 2);
  adam.step();
  CHECK(identical(w.value(), Tensor::full({3}, 0.1, f64)));
  CHECK(adam.step_count() == 1);
  CHECK(all_close(registry.state("adam.first_moment/w"), Tensor::full({3}, 0.2, f64), 1e-12));
  CHECK(all_close(registry.state("adam.second_moment/w"), Tensor::full({3}, 0.004, f64), 1e-12));
}

TEST_CASE("Adam: beta 0 works") {
  CHECK(after_one_step<Adam>(1, 4, AdamOptions{.learning_rate = 0.1, .beta1 = 0, .beta2 = 0}) ==
        Approx(0.9).epsilon(1e-7));
}

TEST_CASE("Adam: a gradient whose square does not fit f32 makes a finite step") {
  ParameterRegistry registry;
  const Parameter w = registry.add("w", ones({1}));
  Adam adam(registry, {.learning_rate = 0.01});
  give_gradients(registry, 1e20);
  adam.step();
  CHECK(w.value().item() == Approx(0.99).epsilon(1e-5));
}

TEST_CASE("optimizers: options without meaning are rejected with name and value") {
  ParameterRegistry registry;
  const SourceLine line{"main.cpp", 3};
  CHECK(thrown<ValueError>([&] { SGD(registry, {.learning_rate = -0.1}, line); }) ==
        "[sgd] learning_rate = -0.1: must be finite and at least 0 at main.cpp:3");
  CHECK(thrown<ValueError>([&] { Momentum(registry, {.momentum = 1}, line); }) ==
        "[momentum] momentum = 1: must be in [0, 1) at main.cpp:3");
  CHECK(thrown<ValueError>([&] { AdaGrad(registry, {.epsilon = 0}, line); }) ==
        "[adagrad] epsilon = 0: must be finite and above 0 at main.cpp:3");
  CHECK(thrown<ValueError>([&] { Adam(registry, {.beta1 = -0.5}, line); }) ==
        "[adam] beta1 = -0.5: must be in [0, 1) at main.cpp:3");
  CHECK(thrown<ValueError>([&] { Adam(registry, {.beta2 = not_a_number}, line); }) ==
        "[adam] beta2 = nan: must be in [0, 1) at main.cpp:3");
  for (const double rate : {-1., not_a_number, infinity}) {
    CHECK_THROWS_AS(SGD(registry, {.learning_rate = rate}), ValueError);
    CHECK_THROWS_AS(Momentum(registry, {.learning_rate = rate}), ValueError);
    CHECK_THROWS_AS(AdaGrad(registry, {.learning_rate = rate}), ValueError);
    CHECK_THROWS_AS(Adam(registry, {.learning_rate = rate}), ValueError);
  }
  CHECK_THROWS_AS(Adam(registry, {.beta2 = 1}), ValueError);
  CHECK_THROWS_AS(Adam(registry, {.epsilon = 0}), ValueError);
  CHECK_THROWS_AS(Momentum(registry, {.momentum = not_a_number}), ValueError);

  SGD sgd(registry);  // none of the above has stayed
  CHECK_THROWS_AS(sgd.set_learning_rate(not_a_number), ValueError);
  CHECK_THROWS_AS(sgd.set_step_count(-1), ValueError);
  CHECK(sgd.learning_rate() == 0.01);
  sgd.set_learning_rate(0.5);
  CHECK(sgd.learning_rate() == 0.5);
}

TEST_CASE("Optimizer: a step with nothing to train is a TapeError") {
  ParameterRegistry registry;
  SGD optimizer(registry);
  const char* const expected = "[step] the registry has no trainable parameter at main.cpp:3";
  CHECK(thrown<TapeError>([&] { optimizer.step({"main.cpp", 3}); }) == expected);
  registry.add("frozen", ones({2}), {.trainable = false});
  CHECK(thrown<TapeError>([&] { optimizer.step({"main.cpp", 3}); }) == expected);
}

TEST_CASE("Optimizer: a step without new gradients is a TapeError") {
  ParameterRegistry registry({.dtype = f64});
  const Parameter w = registry.add("w", ones({}));
  SGD sgd(registry, {.learning_rate = 0.5});
  const char* const expected = "[step] there are no new gradients; call backward() before each step() at main.cpp:3";
  CHECK(thrown<TapeError>([&] { sgd.step({"main.cpp", 3}); }) == expected);
  give_gradients(registry, 1);
  sgd.step();
  CHECK(thrown<TapeError>([&] { sgd.step({"main.cpp", 3}); }) == expected);
  CHECK(w.value().item() == 0.5);
  CHECK(sgd.step_count() == 1);
}

TEST_CASE("Optimizer: steps on the current tape, or on one of its own") {
  ParameterRegistry registry({.dtype = f64});
  const Parameter w = registry.add("w", ones({}));
  SGD sgd(registry, {.learning_rate = 0.25});
  give_gradients(registry, 1);
  sgd.step();
  CHECK(w.value().item() == 0.75);
  Tape tape;
  give_gradients(registry, 1);
  sgd.step();
  CHECK(w.value().item() == 0.5);
  CHECK(tape.size() > 0);
}

TEST_CASE("Optimizer: updates trainable parameters only, and the padding stays zero") {
  ParameterRegistry registry({.dtype = f64});
  const Parameter a = registry.add("a", ones({3})), b = registry.add("b", constant({9}, 2));
  const Parameter mean = registry.add("mean", ones({3}), {.trainable = false});
  const internal::RegistryCore& core = *registry.core();
  Adam adam(registry, {.learning_rate = 0.5});
  for (int i = 0; i < 3; ++i) {
    give_gradients(registry, 1);
    adam.step();
  }
  CHECK(identical(mean.value(), Tensor::ones({3}, f64)));
  CHECK(all_close(a.value(), Tensor::full({3}, -0.5, f64), 1e-5));
  CHECK(all_close(b.value(), Tensor::full({9}, 0.5, f64), 1e-5));
  CHECK(reinterpret_cast<const double*>(core.value_data(0))[3] == 0);

  registry.set_trainable("a", false);
  give_gradients(registry, 1);
  adam.step();
  CHECK(all_close(a.value(), Tensor::full({3}, -0.5, f64), 1e-5));
  CHECK(all_close(b.value(), Tensor::zeros({9}, f64), 1e-5, 1e-5));
}

TEST_CASE("Optimizer: a formula that throws changes nothing, and the next step is made once") {
  for (const auto fault : {Faulty::Fault::exception, Faulty::Fault::shape, Faulty::Fault::dtype}) {
    CAPTURE(static_cast<int>(fault));
    ParameterRegistry registry({.dtype = f64});
    const Parameter w = registry.add("w", constant({2}, 5));
    Faulty optimizer(registry);
    Tape tape;
    give_gradients(registry, 1);
    optimizer.fault = fault;
    CHECK_THROWS_AS(optimizer.step(), Error);
    CHECK(identical(w.value(), Tensor::full({2}, 5, f64)));
    CHECK(optimizer.step_count() == 0);
    optimizer.fault = Faulty::Fault::none;
    optimizer.step();
    CHECK(optimizer.seen_step == 1);
    CHECK(identical(w.value(), Tensor::full({2}, 4, f64)));
    CHECK(identical(registry.state("faulty.count/w"), Tensor::ones({2}, f64)));
    CHECK(optimizer.step_count() == 1);
  }
}

TEST_CASE("Optimizer: updates that do not fit are named") {
  ParameterRegistry registry({.dtype = f64});
  registry.add("w", ones({2}));
  Faulty optimizer(registry);
  give_gradients(registry, 1);
  optimizer.fault = Faulty::Fault::shape;
  CHECK(thrown<ShapeError>([&] {
          optimizer.step({"main.cpp", 3});
        }) == "[faulty] the update of a buffer of 8 elements has shape () at main.cpp:3");
  optimizer.fault = Faulty::Fault::dtype;
  CHECK(thrown<DtypeError>([&] {
          optimizer.step({"main.cpp", 3});
        }) == "[faulty] the update of parameters in f64 is f32 at main.cpp:3");
}

TEST_CASE("Optimizer: a step while another thread's tape has read the registry is a TapeError, and made later once") {
  ParameterRegistry registry({.dtype = f64});
  const Parameter w = registry.add("w", constant({2}, 5));
  SGD sgd(registry, {.learning_rate = 1});
  Tape tape;
  give_gradients(registry, 1);
  std::promise<void> has_read, may_end;
  std::thread reader([&] {
    const Tape reading;
    [[maybe_unused]] const Var read = w;
    has_read.set_value();
    may_end.get_future().wait();
  });
  has_read.get_future().wait();
  CHECK(thrown<TapeError>([&] {
          sgd.step({"main.cpp", 3});
        }) ==
        "[step] a tape of another thread has read this registry; write when it has ended, or give each thread a "
        "registry "
        "of its own at main.cpp:3");
  CHECK(identical(w.value(), Tensor::full({2}, 5, f64)));
  may_end.set_value();
  reader.join();
  tape.run();  // the step that failed has left nothing to be done
  CHECK(identical(w.value(), Tensor::full({2}, 5, f64)));
  sgd.step();
  CHECK(identical(w.value(), Tensor::full({2}, 4, f64)));
  CHECK(sgd.step_count() == 1);
}

TEST_CASE("Optimizer: a step whose request fails leaves nothing to the next request") {
  ParameterRegistry registry({.dtype = f64});
  const Parameter w = registry.add("w", constant({2}, 5)), mean = registry.add("mean", zeros({}), {.trainable = false});
  SGD sgd(registry, {.learning_rate = 1});
  Tape tape;
  give_gradients(registry, 1);
  assign(mean, record(failing_op, Tensor(1.).to(f64)));
  is_failing = true;
  CHECK_THROWS_AS(sgd.step(), ValueError);
  is_failing = false;
  tape.run();
  CHECK(mean.value().item() == 1);
  CHECK(identical(w.value(), Tensor::full({2}, 5, f64)));
  CHECK(sgd.step_count() == 0);
  sgd.step();
  CHECK(identical(w.value(), Tensor::full({2}, 4, f64)));
}

TEST_CASE("Optimizer: two of a name on one registry would share their state") {
  ParameterRegistry registry, other;
  registry.add("w", ones({2}));
  {
    const SGD first(registry);
    const Momentum momentum(registry);
    const SGD elsewhere(other);
    CHECK(thrown<ValueError>([&] {
            SGD(registry, {}, {"main.cpp", 3});
          }) ==
          "[sgd] the registry has an optimizer of this name already; the two would share their state at main.cpp:3");
  }
  const SGD after(registry);
}

TEST_CASE("Optimizer: its state starts at zero, an earlier optimizer's or not, unless its options are rejected") {
  ParameterRegistry registry;
  registry.add("w", ones({2}));
  registry.set_state("momentum.velocity/w", Tensor{3., 4.});
  CHECK_THROWS_AS(Momentum(registry, {.momentum = 2}), ValueError);
  CHECK(identical(registry.state("momentum.velocity/w"), Tensor{3., 4.}));
  const Momentum momentum(registry);
  CHECK(identical(registry.state("momentum.velocity/w"), Tensor{0., 0.}));
}
