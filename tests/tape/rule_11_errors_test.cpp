// Rule 11: errors, and what is left after one.
#include <thalweg/element_function.hpp>

#include "tests/tape/helpers.hpp"

using namespace thalweg;
using namespace thalweg::testing;

namespace {

Var layer(const Var& x, const Parameter& weight, SourceLine line = SourceLine::here()) {
  const Scope scope("affine", line);
  return matmul(x, weight) + 1;
}

}  // namespace

TEST_CASE("rule 11: += and its like name the line they stand on") {
  const Engine engine = GENERATE(Engine::planned, Engine::eager);
  Tape tape({.engine = engine});
  Var x = Tensor{1., 2.}, none;
  const Tensor three{1., 2., 3.};
  const std::string text = " shapes do not broadcast: (2,) and (3,)";
  CHECK(error_of<ShapeError>([&] { x += three; }) == "[add]" + text + at(__LINE__));
  CHECK(error_of<ShapeError>([&] { x -= three; }) == "[subtract]" + text + at(__LINE__));
  CHECK(error_of<ShapeError>([&] { x *= three; }) == "[multiply]" + text + at(__LINE__));
  CHECK(error_of<ShapeError>([&] { x /= three; }) == "[divide]" + text + at(__LINE__));
  const std::string of_none = error_of<TapeError>([&] { none += 1; });
  CHECK(of_none == "[add] a Var cannot be used here: it is empty: nothing was assigned to it" + at(__LINE__ - 1));
  CHECK(identical((x += 1).value(), Tensor{2., 3.}));
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // whose allocators end the program
TEST_CASE("rule 11: what there is no memory for is named with its op and line") {
  const Engine engine = GENERATE(Engine::planned, Engine::eager);
  const Shape large{std::int64_t{1} << 46};
  const std::string text = " (70368744177664,) f32 needs 281474976710656 bytes, more than there are";
  Tape tape({.engine = engine});
  const Var x = Tensor{1.};
  const std::string said = error_of<ShapeError>([&] { (x + broadcast_to(x, large)).value(); });
  CHECK_THAT(said, Catch::EndsWith("bytes, more than there are" + at(__LINE__ - 1)));
  CHECK_THAT(said, Catch::StartsWith(engine == Engine::eager ? "[broadcast_to]" + text : "[value] this needs "));
  const std::string asked = error_of<ShapeError>([&] { broadcast_to(x, large).value(); });
  CHECK(asked == "[broadcast_to]" + text + at(__LINE__ - 1));
  CHECK((x + 1).item() == 2);
}
#endif

TEST_CASE("rule 11: a node that could not be computed leaves no memory to the next one") {
  const Engine engine = GENERATE(Engine::planned, Engine::eager);
  Tape tape({.engine = engine});
  const Var bad = Tensor{1., std::nan("")}, good = Tensor::ones({95});
  CHECK_THROWS_AS(cast(bad, i64).value(), ValueError);
  const Tensor value = cast(good, i64).value();
  CHECK(value.shape() == Shape{95});
  CHECK(sum(value).item() == 95);
}

TEST_CASE("rule 11: every error derives from Error and is one sentence with op, shapes, file and line") {
  const Engine engine = GENERATE(Engine::planned, Engine::eager);
  ParameterRegistry registry;
  const Parameter weight = registry.add("weight", ones({2, 3}));
  Tape tape({.engine = engine});
  const auto text = [](const auto& function) {
    try {
      function();
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  const std::string product = text([&] { matmul(weight, Tensor::ones({4, 5})); });
  CHECK(product == "[matmul] inner dimensions differ: lhs (2, 3), rhs (4, 5)" + at(__LINE__ - 1));
  const std::string index = text([&] { gather(weight, Tensor{0, 5}).value(); });
  CHECK_THAT(index, Catch::StartsWith("[gather] ") && Catch::Contains("5") && Catch::EndsWith(at(__LINE__ - 1)));
  CHECK_THAT(text([&] { sum(weight, 3); }), Catch::StartsWith("[sum] ") && Catch::EndsWith(at(__LINE__)));
  CHECK_THAT(text([&] { registry["wieght"]; }), Catch::Contains("\"weight\"") && Catch::EndsWith(at(__LINE__)));
  const std::string rate = text([&] { SGD(registry, {.learning_rate = -1}); });
  CHECK_THAT(rate, Catch::Contains("learning_rate = -1") && Catch::EndsWith(at(__LINE__ - 1)));
  CHECK_THAT(text([&] { l2_penalty({weight}, -1); }), Catch::Contains("-1") && Catch::EndsWith(at(__LINE__)));
}

TEST_CASE("rule 11: a mistake inside a layer is reported at the line that called the layer") {
  const Engine engine = GENERATE(Engine::planned, Engine::eager);
  ParameterRegistry registry;
  const Parameter weight = registry.add("weight", ones({2, 3}));
  Tape tape({.engine = engine});
  CHECK_THAT(error_of<ShapeError>([&] { layer(Tensor::ones({4, 4}), weight); }), Catch::EndsWith(at(__LINE__)));
  const auto label = [&] { softmax_cross_entropy(layer(Tensor::ones({1, 2}), weight), Tensor{3}).item(); };
  const unsigned line = __LINE__ - 1;
  CHECK_THAT(error_of<IndexError>(label), Catch::EndsWith(at(line)));
}

TEST_CASE("rule 11: after a throw parameters, optimizer state and tape are as before") {
  const Engine engine = GENERATE(Engine::planned, Engine::eager);
  Network network({3, 4, 2}, true);
  Adam optimizer(network.registry);
  Random random;
  const Tensor images = noise({5, 3}, 1);
  for (int step = 0; step < 3; ++step) {
    Tape tape({.engine = engine});
    const Var logits = network.logits(images, 0, random);
    const auto state = [&] {
      std::string bits = bits_of(network.registry) + std::to_string(optimizer.step_count());
      for (const std::string& name : network.registry.state_names())
        for (const Parameter& parameter : network.registry.parameters()) {
          if (!parameter.trainable()) continue;
          const Tensor values = network.registry.state(fmt::format("{}/{}", name, parameter.name()));
          bits.append(static_cast<const char*>(values.raw()), values.bytes());
        }
      return bits;
    };
    const std::string before = state();
    Var loss;
    const auto record_loss = [&] { loss = softmax_cross_entropy(logits, Tensor{0, 1, 0, 1, 2}); };
    if (engine == Engine::planned) {
      record_loss();
      const std::int64_t size = tape.size();
      CHECK_THAT(error_of<IndexError>([&] { backward(loss); }), Catch::Contains("2"));
      CHECK(tape.size() == size);
      CHECK_THAT(error_of<IndexError>([&] { loss.item(); }), Catch::Contains("2"));
      CHECK(tape.size() == size);
    } else {  // which computes as it records
      CHECK_THAT(error_of<IndexError>(record_loss), Catch::Contains("2"));
    }
    CHECK(state() == before);
    const Var good = softmax_cross_entropy(logits, Tensor{0, 1, 0, 1, 1});
    backward(good);
    optimizer.step();
    CHECK(state() != before);
    CHECK(std::isfinite(good.item()));
  }
}

TEST_CASE("rule 11: training goes on after an error exactly as if it had not been made") {
  const auto train = [](bool with_mistakes) {
    Network network({3, 4, 2}, true);
    Adam optimizer(network.registry);
    Random random;
    for (std::uint64_t step = 0; step < 4; ++step) {
      Tape tape;
      const Var logits = network.logits(noise({5, 3}, step), 0, random);
      if (with_mistakes) {
        CHECK_THAT(error_of<ShapeError>([&] { logits + Tensor{1., 2., 3.}; }), Catch::StartsWith("[add]"));
        CHECK_THAT(error_of<IndexError>([&] { gather(logits, Tensor{17}).value(); }), Catch::StartsWith("[gather]"));
      }
      backward(softmax_cross_entropy(logits, Tensor{0, 1, 0, 1, 1}));
      optimizer.step();
    }
    return bits_of(network.registry);
  };
  CHECK(train(true) == train(false));
}

TEST_CASE("rule 11: nodes recorded after a request that threw have values of their own") {
  const Engine engine = GENERATE(Engine::planned, Engine::eager);
  ParameterRegistry registry;
  const Parameter weight = registry.add("weight", Tensor{1., 2.});
  for (int time = 0; time < 3; ++time) {
    Tape tape({.engine = engine});
    const Var loss = sum(square(weight));
    weight.set_value(Tensor{3., 4.});
    CHECK_THAT(error_of<TapeError>([&] { backward(loss); }), Catch::Contains("'weight'"));
    Var x = Tensor::ones({1000});  // the nodes from here on have the ids of those that backward had recorded
    for (int i = 1; i <= 10; ++i) {
      const Var more = Tensor::full({1000}, 10.);
      x = x + more;
      CHECK(identical(more.value(), Tensor::full({1000}, 10.)));
      CHECK(identical(x.value(), Tensor::full({1000}, 1. + 10 * i)));
    }
  }
}

namespace {

/// Asks for a value that cannot be computed.
struct NoOptions {};
class Failing : public OptimizerOf<NoOptions> {
 public:
  explicit Failing(const OptimizedParameters& parameters) : OptimizerOf(parameters, "failing", {}, nullptr) {}

 private:
  void update(Update& u, const NoOptions&) override { gather(u.gradient(), Tensor{1000}).value(); }
};

}  // namespace

TEST_CASE("rule 11: values asked for after a step that threw have memory of their own") {
  const Engine engine = GENERATE(Engine::planned, Engine::eager);
  ParameterRegistry registry;
  const Parameter weight = registry.add("weight", Tensor{1., 2.});
  Failing optimizer(registry);
  Tape tape({.engine = engine});
  backward(sum(square(weight)));
  const std::int64_t size = tape.size();
  CHECK_THAT(error_of<IndexError>([&] { optimizer.step(); }), Catch::Contains("1000"));
  CHECK(tape.size() == size);
  Var x = Tensor::ones({1000});  // the nodes from here on have the ids of those that the step had recorded
  for (int i = 1; i <= 10; ++i) {
    x = x + Tensor::ones({1000});
    CHECK(identical(x.value(), Tensor::full({1000}, 1. + i)));
  }
}

namespace {

struct Cube {
  template <class T>
  T operator()(T x) const {
    return x * x * x;
  }
};
const ElementKernel cube_kernel = element_function<Cube>("cube");

Op cube_op(PullbackRule rule) {
  return {.name = "cube",
          .kind = Kind::elementwise,
          .shape_rule = floating_shape,
          .pullbacks = {rule},
          .kernel = &cube_kernel};
}
const Op too_short = cube_op([](const Pullback& p) { return sum(p.gradient); });
const Op too_long = cube_op([](const Pullback& p) { return concatenate({p.gradient, p.gradient}); });
const Op of_another_dtype = cube_op([](const Pullback& p) { return cast(p.gradient, f64); });
const Op with_a_tensor = cube_op([](const Pullback& p) { return p.gradient * Tensor{1., 1., 2.}; });

}  // namespace

TEST_CASE("rule 11: a gradient rule that uses a tensor is an error, each time") {
  const Engine engine = GENERATE(Engine::planned, Engine::eager);
  for (int time = 0; time < 3; ++time) {
    Tape tape({.engine = engine});
    const Var x = Tensor{1., 2., 3.};
    const Var y = sum(record(with_a_tensor, x));
    const unsigned line = __LINE__ - 1;
    CHECK(error_of<TapeError>([&] { gradients(y, {x}); }) ==
          "[cube] its gradient rule uses a tensor; a rule may use the op's inputs and output, and numbers" + at(line));
    CHECK(y.item() == 36);
    CHECK(identical(gradients(sum(square(x)), {x})[0].value(), Tensor{2., 4., 6.}));
  }
}

TEST_CASE("rule 11: a gradient that does not fit its input is an error naming the op and its line") {
  const Engine engine = GENERATE(Engine::planned, Engine::eager);
  Tape tape({.engine = engine});
  const Var x = Tensor{1., 2., 3.};
  for (int time = 0; time < 2; ++time) {
    const Var first = sum(record(too_short, x)), second = sum(record(too_long, x));
    const unsigned line = __LINE__ - 1;
    CHECK(error_of<ShapeError>([&] { gradients(first, {x}); }) ==
          "[cube] the gradient rule of input 0 gives shape (), the input has (3,)" + at(line));
    CHECK(error_of<ShapeError>([&] { gradients(second, {x}); }) ==
          "[cube] the gradient rule of input 0 gives shape (6,), the input has (3,)" + at(line));
    const Var third = sum(record(of_another_dtype, x));
    CHECK(error_of<DtypeError>([&] { gradients(third, {x}); }) ==
          "[cube] the gradient rule of input 0 gives f64, the input is f32" + at(__LINE__ - 2));
  }
  CHECK(identical(gradients(sum(square(x)), {x})[0].value(), Tensor{2., 4., 6.}));
}

TEST_CASE("rule 11: an op that lacks what its kind needs, or gets another number of operands, is not recorded") {
  const Engine engine = GENERATE(Engine::planned, Engine::eager);
  const Op without_kernel{.name = "half_made", .kind = Kind::elementwise, .shape_rule = floating_shape};
  const Op without_opaque_kernel{.name = "half_made", .kind = Kind::opaque, .shape_rule = floating_shape};
  const Op without_kind{.name = "half_made", .shape_rule = floating_shape, .kernel = &cube_kernel};
  const Op without_rule{.name = "half_made", .kind = Kind::elementwise, .kernel = &cube_kernel};
  const Op cube = cube_op(nullptr);
  Tape tape({.engine = engine});
  const Var x = Tensor{1., 2., 3.};
  const std::int64_t size = tape.size();
  const std::string lacks = "[half_made] the op has no ", counts = "[cube] the kernel takes 1 operand, it is given 2";
  CHECK(error_of<ValueError>([&] { record(without_kernel, x); }) == lacks + "kernel" + at(__LINE__));
  CHECK(error_of<ValueError>([&] { record(without_opaque_kernel, x); }) == lacks + "opaque_kernel" + at(__LINE__));
  CHECK(error_of<ValueError>([&] { record(without_kind, x); }) == lacks + "opaque_kernel" + at(__LINE__));
  CHECK(error_of<ValueError>([&] { record(without_rule, x); }) == lacks + "shape_rule" + at(__LINE__));
  CHECK(error_of<ValueError>([&] { record(cube, x, x); }) == counts + at(__LINE__));
  CHECK(tape.size() == size);
}

TEST_CASE("rule 11: an error names the request that was made") {
  const Engine engine = GENERATE(Engine::planned, Engine::eager);
  ParameterRegistry registry;
  const Parameter weight = registry.add("weight", Tensor{1., 2.});
  SGD optimizer(registry, {.learning_rate = 1});
  Var lost;
  {
    Tape tape({.engine = engine});
    lost = sum(square(weight));
    const Var another = sum(weight * weight);
    const unsigned read = __LINE__ - 1;
    backward(lost);
    optimizer.step();
    const unsigned written = __LINE__ - 1;
    const std::string said = error_of<TapeError>([&] { backward(another); });
    CHECK(said == "[backward] this needs parameter 'weight' as it was when it was read" + at(read) + ", but step()" +
                      at(written) + " has changed it since; call backward() before that, or record its loss again" +
                      at(__LINE__ - 3));
  }
  const std::string said = error_of<TapeError>([&] { backward(lost); });
  CHECK_THAT(said, Catch::StartsWith("[backward]") && Catch::Contains("the Var's own has ended"));
  CHECK_THAT(said, Catch::EndsWith(at(__LINE__ - 2)));
}
