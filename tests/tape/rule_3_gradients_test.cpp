// Rule 3: gradients and their targets.
#include "tests/tape/helpers.hpp"

using namespace thalweg;
using namespace thalweg::testing;

namespace {

struct TwoRegistries {
  ParameterRegistry first, second;
  Parameter a = first.add("generator.a", Tensor{1., 2.});
  Parameter b = first.add("critic.b", Tensor{3., 4.});
  Parameter unused = first.add("critic.unused", Tensor{5.});
  Parameter c = second.add("c", Tensor{6., 7.});
};

}  // namespace

TEST_CASE("rule 3: backward overwrites the gradients of every registry it reaches; the unreached get zero") {
  const Engine engine = GENERATE(Engine::planned, Engine::eager);
  TwoRegistries r;
  for (int time = 0; time < 2; ++time) {
    Tape tape({.engine = engine});
    backward(sum(r.a * r.b * r.c));
    CHECK(identical(r.a.gradient(), Tensor{18., 28.}));
    CHECK(identical(r.b.gradient(), Tensor{6., 14.}));
    CHECK(identical(r.c.gradient(), Tensor{3., 8.}));
    backward(sum(r.unused * 3));
    CHECK(identical(r.unused.gradient(), Tensor{3.}));
    CHECK(identical(r.a.gradient(), Tensor{0., 0.}));
    CHECK(identical(r.c.gradient(), Tensor{3., 8.}));  // its registry was not reached
  }
}

TEST_CASE("rule 3: a registry as target leaves the gradients of others alone") {
  const Engine engine = GENERATE(Engine::planned, Engine::eager);
  TwoRegistries r;
  Tape tape({.engine = engine});
  backward(sum(r.a * r.b * r.c));
  backward(sum(2 * r.a * r.c), r.second);
  CHECK(identical(r.c.gradient(), Tensor{2., 4.}));
  CHECK(identical(r.a.gradient(), Tensor{18., 28.}));
}

TEST_CASE("rule 3: a selection as target leaves the other gradients alone") {
  const Engine engine = GENERATE(Engine::planned, Engine::eager);
  TwoRegistries r;
  for (int time = 0; time < 2; ++time) {
    Tape tape({.engine = engine});
    backward(sum(r.a * r.b + r.unused));
    backward(sum(10 * r.a * r.b), r.first.select("generator.*"));
    CHECK(identical(r.a.gradient(), Tensor{30., 40.}));
    CHECK(identical(r.b.gradient(), Tensor{1., 2.}));
    CHECK(identical(r.unused.gradient(), Tensor{2.}));
  }
}

TEST_CASE("rule 3: gradients that are not asked for are not computed") {
  ParameterRegistry registry;
  const Parameter first = registry.add("first", noise({5, 5}, 1));
  const Parameter second = registry.add("second", noise({5, 5}, 2));
  Tape tape;
  const Var loss = sum(matmul(matmul(noise({5, 5}, 3), first), second));
  loss.item();
  const Since since;
  backward(loss, registry.select("second"));
  CHECK(since.matmuls() == 1);
  backward(loss);
  CHECK(since.matmuls() == 4);
}

TEST_CASE("rule 3: Gradients buffers add up and become the registry's") {
  const Engine engine = GENERATE(Engine::planned, Engine::eager);
  TwoRegistries r;
  SGD optimizer(r.first, {.learning_rate = 1});
  Gradients first(r.first), second(r.first);
  {
    Tape tape({.engine = engine});
    backward(sum(r.a * r.b));
    backward(sum(r.a * r.b * 2), first);
    backward(sum(r.a * r.b * 3), second);
  }
  CHECK(identical(r.a.gradient(), Tensor{3., 4.}));
  first += second;
  CHECK(identical(first[r.a], Tensor{15., 20.}));
  first *= 2;
  first.store();
  CHECK(identical(r.a.gradient(), Tensor{30., 40.}));
  optimizer.step();
  CHECK(identical(r.a.value(), Tensor{-29., -38.}));
}

TEST_CASE("rule 3: a loss that is not a scalar needs a seed") {
  const Engine engine = GENERATE(Engine::planned, Engine::eager);
  TwoRegistries r;
  Tape tape({.engine = engine});
  const Var product = r.a * r.b;
  const std::string said = error_of<ShapeError>([&] { backward(product); });
  CHECK(said ==
        "[backward] shape (2,) is not a scalar; give a seed of that shape, or reduce it first" + at(__LINE__ - 2));
  CHECK_THAT(error_of<ShapeError>([&] {
               backward(product, Tensor{1., 2., 3.});
             }),
             Catch::Contains("the seed has shape (3,), what it seeds (2,)"));
  CHECK_THAT(error_of<DtypeError>([&] {
               backward(product, Tensor({1., 2.}, f64));
             }),
             Catch::Contains("[backward] the seed is f64, what it seeds f32"));
  backward(product, Tensor{10., 100.});
  CHECK(identical(r.a.gradient(), Tensor{30., 400.}));
}

TEST_CASE("rule 3: a loss that reaches no trainable parameter is an error") {
  const Engine engine = GENERATE(Engine::planned, Engine::eager);
  TwoRegistries r;
  Tape tape({.engine = engine});
  const Var constant_loss = sum(Var(Tensor{1., 2.}));
  const std::string said = error_of<TapeError>([&] { backward(constant_loss); });
  CHECK(said == "[backward] the loss reaches no trainable parameter" + at(__LINE__ - 1));
  CHECK_THAT(error_of<TapeError>([&] { backward(sum(stop_gradient(r.a))); }),
             Catch::Contains("no trainable parameter"));
  CHECK_THAT(error_of<TapeError>([&] { backward(sum(Var(r.a)), r.second); }),
             Catch::Contains("no trainable parameter"));
  backward(sum(Var(r.a)));
  CHECK(identical(r.a.gradient(), Tensor{1., 1.}));
}

TEST_CASE("rule 3: a loss that reaches frozen parameters only is an error that names one") {
  const Engine engine = GENERATE(Engine::planned, Engine::eager);
  ParameterRegistry registry;
  const Parameter weight = registry.add("affine1.weight", Tensor{1., 2.}),
                  bias = registry.add("affine1.bias", Tensor(0.5));
  const Parameter head = registry.add("head", Tensor(1.)), unread = registry.add("unread", Tensor(1.));
  registry.set_trainable("affine1.*", false);
  registry.set_trainable("unread", false);
  Tape tape({.engine = engine});
  const Var loss = sum(weight * weight + bias);
  const std::string of_all = error_of<TapeError>([&] { backward(loss); });
  CHECK(of_all ==
        "[backward] the loss reaches no trainable parameter; 'affine1.weight' and 1 more that it reads are not "
        "trainable (see set_trainable)" +
            at(__LINE__ - 4));
  const std::string of_biases = error_of<TapeError>([&] { backward(loss * head, registry.select("*.bias")); });
  CHECK(of_biases ==
        "[backward] the loss reaches no trainable parameter of the registry or selection given; 'affine1.bias' that it "
        "reads is not trainable (see set_trainable)" +
            at(__LINE__ - 4));
}

TEST_CASE("rule 3: a step without new gradients is an error") {
  const Engine engine = GENERATE(Engine::planned, Engine::eager);
  TwoRegistries r;
  SGD optimizer(r.first, {.learning_rate = 1});
  const std::string text = "[step] there are no new gradients; call backward() before each step()";
  CHECK(error_of<TapeError>([&] { optimizer.step(); }) == text + at(__LINE__));
  Tape tape({.engine = engine});
  backward(sum(r.a * r.b));
  optimizer.step();
  const std::string before = bits_of(r.first);
  CHECK(error_of<TapeError>([&] { optimizer.step(); }) == text + at(__LINE__));
  CHECK(bits_of(r.first) == before);
}

TEST_CASE("rule 3: a step of parameters that the last backward left out is an error") {
  const Engine engine = GENERATE(Engine::planned, Engine::eager);
  TwoRegistries r;
  const Selection generator = r.first.select("generator.*"), critic = r.first.select("critic.*");
  SGD generator_step(r.first.select("generator.*"), {.learning_rate = 1});
  SGD critic_step(r.first.select("critic.b"), {.learning_rate = 1});
  const std::string none = "[step] there are no new gradients; call backward() before each step()";
  for (int time = 0; time < 2; ++time) {
    Tape tape({.engine = engine});
    const Var loss = sum(r.a * r.b);
    backward(loss, critic);
    const std::string before = bits_of(r.first);
    CHECK(error_of<TapeError>([&] { generator_step.step(); }) == none + at(__LINE__));
    CHECK(bits_of(r.first) == before);
    backward(loss, generator);  // those of the critic stay new
    generator_step.step();
    critic_step.step();
    CHECK_THAT(error_of<TapeError>([&] { critic_step.step(); }), Catch::Contains("no new gradients"));
  }
}

TEST_CASE("rule 3: a step of more parameters than backward was asked for names one without a new gradient") {
  const Engine engine = GENERATE(Engine::planned, Engine::eager);
  TwoRegistries r;
  SGD optimizer(r.first, {.learning_rate = 1});
  Tape tape({.engine = engine});
  const Var loss = sum(r.a * r.b);
  backward(loss, r.first.select("critic.*"));
  const std::string before = bits_of(r.first);
  const std::string said = error_of<TapeError>([&] { optimizer.step(); });
  CHECK(said ==
        "[step] parameter 'generator.a' has no new gradient: backward() was asked for those of others; give the "
        "optimizer the same selection, or freeze the rest by set_trainable()" +
            at(__LINE__ - 4));
  CHECK(bits_of(r.first) == before);
  backward(loss, r.first.select("generator.*"));
  optimizer.step();
  CHECK(bits_of(r.first) != before);
}

TEST_CASE("rule 3: gradients() gives Vars, for derivatives of derivatives") {
  const Engine engine = GENERATE(Engine::planned, Engine::eager);
  for (int time = 0; time < 2; ++time) {
    Tape tape({.engine = engine});
    const Var x = Tensor({2.}, f64), y = Tensor({5.}, f64);
    const Var z = sum(x * x * x * y);
    const std::vector<Var> first = gradients(z, {x, y});
    CHECK(first[0].value().item() == 60);
    CHECK(first[1].value().item() == 8);
    const Var second = gradients(sum(first[0]), {x})[0];
    CHECK(second.value().item() == 60);
    const Var third = gradients(sum(second), {x})[0];
    CHECK(third.value().item() == 30);
    const Var unrelated = Tensor({1., 2.}, f64);
    CHECK(identical(gradients(z, {unrelated})[0].value(), Tensor::zeros({2}, f64)));
  }
}

TEST_CASE("rule 3: gradients() by one input is a Var") {
  const Engine engine = GENERATE(Engine::planned, Engine::eager);
  ParameterRegistry registry({.dtype = f64});
  const Parameter weight = registry.add("weight", Tensor({3.}, f64));
  Tape tape({.engine = engine});
  const Var x = Tensor({2.}, f64);
  const Var y = weight * x * x * x;
  const Var first = gradients(sum(y), x);
  CHECK(first.value().item() == 36);
  CHECK(gradients(sum(first), x).value().item() == 36);
  CHECK(gradients(y, weight, Tensor({0.5}, f64)).value().item() == 4);
  const std::string text = error_of<ShapeError>([&] { gradients(concatenate({y, y}), x); });
  CHECK_THAT(text, Catch::StartsWith("[gradients]") && Catch::EndsWith(at(__LINE__ - 1)));
}

template <class Input>
concept CanDifferentiateBy = requires(Var y, Input input) {
  gradients(y, input);
  gradients(y, {y, input});
  jacobian(y, input);
  hessian(y, input);
  jacobian_vector_product(y, input, y);
};

TEST_CASE("rule 3: a tensor or number is no input of gradients(): each reading of it is a constant of its own") {
  STATIC_REQUIRE(CanDifferentiateBy<Var>);
  STATIC_REQUIRE(CanDifferentiateBy<Parameter>);
  STATIC_REQUIRE_FALSE(CanDifferentiateBy<Tensor>);
  STATIC_REQUIRE_FALSE(CanDifferentiateBy<double>);
  STATIC_REQUIRE_FALSE(CanDifferentiateBy<int>);
}

TEST_CASE("rule 3: gradients() by a Var whose tensor was read itself instead is an error") {
  const Engine engine = GENERATE(Engine::planned, Engine::eager);
  const Tensor tensor({2., 3.}, f64), equal({2., 3.}, f64);
  const auto text = [](int input, unsigned line) {
    return fmt::format(
        "[gradients] y was not made from input {}, a Var of a tensor that an op has read itself ({}); compute with the "
        "Var instead: Var x = tensor; gradients(f(x), x)",
        input, at(line).substr(4));
  };
  for (int time = 0; time < 3; ++time) {  // an error does not depend on what was recorded before
    Tape tape({.engine = engine});
    const Var before = tensor;
    const Var y = sum(square(tensor));
    const unsigned read = __LINE__ - 1;
    const Var after = tensor;
    CHECK(error_of<TapeError>([&] { gradients(y, before); }) == text(0, read) + at(__LINE__));
    CHECK(error_of<TapeError>([&] { gradients(y, {y, after}); }) == text(1, read) + at(__LINE__));
    CHECK(error_of<TapeError>([&] { jacobian(y, after); }) == text(0, read) + at(__LINE__));
    CHECK(identical(gradients(sum(square(after)), after).value(), Tensor({4., 6.}, f64)));
    CHECK(y.item() == 13);
  }
  for (const bool same : {false, true, false}) {  // the same records, of which only one is a mistake
    Tape tape({.engine = engine});
    const Var x = same ? tensor : equal;
    const Var y = sum(square(tensor));
    if (same)
      CHECK_THROWS_AS(gradients(y, x), TapeError);
    else
      CHECK(identical(gradients(y, x).value(), Tensor({0., 0.}, f64)));
  }
  Tape tape({.engine = engine});
  const Var x = tensor, unrelated = Tensor({1., 2.}, f64);
  const Var y = sum(x * tensor);  // linear in x: its second derivative is 0
  CHECK(identical(hessian(y, x).value(), Tensor::zeros({2, 2}, f64)));
  CHECK(identical(gradients(y, unrelated).value(), Tensor({0., 0.}, f64)));
}

TEST_CASE("rule 3: gradients() by all parameters of a registry") {
  const Engine engine = GENERATE(Engine::planned, Engine::eager);
  ParameterRegistry registry({.dtype = f64});
  const Parameter a = registry.add("a", Tensor({3.}, f64)), b = registry.add("b", Tensor({2., 5.}, f64));
  Tape tape({.engine = engine});
  const std::vector<Var> found = gradients(sum(a * b * b), registry.parameters());
  REQUIRE(found.size() == 2);
  CHECK(identical(found[0].value(), Tensor({29.}, f64)));
  CHECK(identical(found[1].value(), Tensor({12., 30.}, f64)));
}

TEST_CASE("rule 3: a gradient can be part of a loss") {
  const Engine engine = GENERATE(Engine::planned, Engine::eager);
  ParameterRegistry registry({.dtype = f64});
  const Parameter weight = registry.add("weight", Tensor({3.}, f64));
  Tape tape({.engine = engine});
  const Var w = weight;
  const Var penalty = sum(square(gradients(sum(w * w * w), {w})[0]));  // (3w²)²
  backward(penalty);
  CHECK(weight.gradient().item() == 36 * 27);
}

TEST_CASE("rule 3: the loss may be a parameter itself, and one that was read before") {
  const Engine engine = GENERATE(Engine::planned, Engine::eager);
  ParameterRegistry registry;
  const Parameter weight = registry.add("weight", Tensor{1., 2.}), unused = registry.add("unused", Tensor{3.});
  const Tensor seed{5., 6.};
  for (int step = 0; step < 3; ++step) {
    const Tape tape({.engine = engine});
    const Var first = weight, second = weight, doubled = 2 * first;
    backward(second, seed);
    CHECK(identical(weight.gradient(), seed));
    CHECK(identical(unused.gradient(), Tensor{0.}));
    backward(first, seed);
    CHECK(identical(weight.gradient(), seed));
    CHECK(identical(gradients(second, first, seed).value(), seed));
    CHECK(identical(gradients(doubled, second, seed).value(), Tensor{10., 12.}));
  }
}

TEST_CASE("rule 3: a parameter may be added in the middle of a recording, as a layer made by its first input does") {
  const Engine engine = GENERATE(Engine::planned, Engine::eager);
  const bool asks_before = GENERATE(false, true), reads_again = GENERATE(false, true), derives = GENERATE(false, true);
  ParameterRegistry registry;
  const Parameter first = registry.add("first", Tensor{1., 2.});
  for (int step = 0; step < 4; ++step) {
    const Tape tape({.engine = engine});
    Var loss = sum(square(first));
    if (asks_before) CHECK(loss.item() == 5);
    // A step without it stands between two with one: it is matched with a step seen before anything was added.
    const bool adds = step % 2 == 1;
    Parameter late;
    if (adds) late = registry.add("late" + std::to_string(step), Tensor{3.});
    if (adds && reads_again) loss += sum(late * first);
    const Tensor gradient = adds && reads_again ? Tensor{5., 7.} : Tensor{2., 4.};
    if (derives) CHECK(identical(gradients(loss, first).value(), gradient));
    backward(loss);
    CHECK(identical(first.gradient(), gradient));
    if (adds) CHECK(identical(late.gradient(), reads_again ? Tensor{3.} : Tensor{0.}));
    SGD(registry, {.learning_rate = 0}).step();
    CHECK(identical(first.value(), Tensor{1., 2.}));
  }
}

TEST_CASE("rule 3: what the tape has read and asked for before makes no difference to a gradient") {
  const Engine engine = GENERATE(Engine::planned, Engine::eager);
  TwoRegistries r;
  for (int time = 0; time < 2; ++time) {
    Tape tape({.engine = engine});
    const Var early = r.a * r.c;
    sum(early * r.unused).item();
    backward(sum(r.a * r.a * r.b));  // read anew
    CHECK(identical(r.a.gradient(), Tensor{6., 16.}));
    CHECK(identical(r.b.gradient(), Tensor{1., 4.}));
    CHECK(identical(r.unused.gradient(), Tensor{0.}));
    backward(sum(early * r.a));  // read before and anew
    CHECK(identical(r.a.gradient(), Tensor{12., 28.}));
    CHECK(identical(r.c.gradient(), Tensor{1., 4.}));
    const Var late = early + 1;
    const Var y = sum(late * late * r.b);
    CHECK(identical(gradients(y, {late})[0].value(), Tensor{42., 120.}));
    CHECK(identical(gradients(y, {early, late})[0].value(), Tensor{42., 120.}));
    CHECK(identical(gradients(y, {late, Var(r.a)})[1].value(), Tensor{252., 840.}));
    CHECK(identical(gradients(sum(late), {y})[0].value(), Tensor::zeros({})));
  }
}
