// What the products of a plan have in common: sums of short products, parameters read transposed.
#include <functional>

#include "src/run/matmul_generate.hpp"
#include "src/run/sweep_generate.hpp"
#include "tests/tape/helpers.hpp"

using namespace thalweg;
using namespace thalweg::testing;

namespace {

/// Two gates on a state, as recurrent cells have: each product's factors are those of others too.
struct Recurrent {
  Recurrent(std::int64_t batch_size, std::int64_t width, DType dtype, double scale)
      : batch(batch_size), registry({.seed = 3, .dtype = dtype}), size(scale) {
    input = registry.add("input", xavier_normal({width, width}));
    state = registry.add("state", xavier_normal({width, width}));
    gate = registry.add("gate", xavier_normal({width, width}));
  }

  Var loss(int length) const {
    const std::int64_t width = input.shape()[0];
    const auto data = [&](int t) {
      return (relu(noise({batch, width}, static_cast<std::uint64_t>(t), registry.dtype())) * size);
    };
    Var hidden = data(0);
    for (int t = 1; t <= length; ++t) {
      const Var before = hidden;
      hidden = tanh(matmul(data(t), input) + matmul(before, state)) * sigmoid(matmul(before, gate)) + before * 0.5;
    }
    return mean(square(hidden));
  }

  std::int64_t batch;
  ParameterRegistry registry;
  Parameter input, state, gate;
  double size;
};

std::string gradients_of(Recurrent& net, int length, Engine engine) {
  std::string bits;
  for (int turn = 0; turn < 2; ++turn) {  // before it is known what is kept, and after
    Tape tape({.engine = engine});
    backward(net.loss(length));
    bits = bits_of(net.registry, true);
  }
  return bits;
}

}  // namespace

TEST_CASE("products: the gradients of recurrent nets have the bits of eager ones") {
  for (const DType dtype : {DType::f32, DType::f64})
    for (const std::int64_t batch : {1, 2, 3, 16, 40, 80})
      for (const std::int64_t width : {1, 8, 16, 48, 64})
        for (const double scale : {1.0, 1e-25})  // products of tiny numbers are −0
          for (const int length : {1, 2, 3, 7, 40}) {
            if (length == 40 && batch != 16) continue;
            Recurrent net(batch, width, dtype, scale);
            INFO(name(dtype) << " batch " << batch << " width " << width << " scale " << scale << " length " << length);
            CHECK(gradients_of(net, length, Engine::planned) == gradients_of(net, length, Engine::eager));
          }
}

TEST_CASE("products: what is added to a product, and the gradient of what it feeds, are its epilogue") {
  const auto gradients_of = [](Engine engine, auto activation, bool reads_twice) {
    ParameterRegistry registry({.seed = 4});
    const Parameter input = registry.add("input", xavier_normal({8, 24})),
                    state = registry.add("state", xavier_normal({24, 24}));
    std::string bits;
    for (int turn = 0; turn < 2; ++turn) {
      Tape tape({.engine = engine});
      const Var projected = matmul(noise({5 * 6, 8}, 7), input);
      Var hidden = activation(slice(projected, 0, 0, 6));
      for (int t = 1; t < 5; ++t) {
        const Var product = matmul(hidden, state);
        hidden = activation(slice(projected, 0, 6 * t, 6 * (t + 1)) + product);
        if (reads_twice) hidden = hidden + product;  // which is needed as it was
      }
      backward(mean(square(hidden)));
      bits = bits_of(registry, true);
      if (engine == Engine::planned && !reads_twice) {
        const std::string text = explain_plan(tape);
        INFO(text);
        CHECK_THAT(text, Catch::Contains("; add at products_test.cpp"));
        // The weight's transpose, the first activation and its gradient, the loss with its own, and unslice.
        CHECK(plan_summary(tape).other_passes == 5);
      }
    }
    return bits;
  };
  const auto check = [&](auto activation) {
    for (const bool reads_twice : {false, true})
      CHECK(gradients_of(Engine::planned, activation, reads_twice) ==
            gradients_of(Engine::eager, activation, reads_twice));
  };
  check([](const Var& x) { return tanh(x); });
  check([](const Var& x) { return relu(x); });
}

TEST_CASE("products: in a batch of one the gradient of an activation, which is the bias's too, is their epilogue") {
  const auto gradients_of = [](Engine engine, auto activation) {
    ParameterRegistry registry({.seed = 4});
    const Parameter first = registry.add("first", xavier_normal({8, 16})), first_bias = registry.add("b1", zeros({16})),
                    second = registry.add("second", xavier_normal({16, 16})),
                    second_bias = registry.add("b2", zeros({16})), last = registry.add("last", xavier_normal({16, 1}));
    std::string bits;
    for (int turn = 0; turn < 2; ++turn) {
      Tape tape({.engine = engine});
      const Var hidden = activation(matmul(noise({1, 8}, 7), first) + first_bias);
      backward(sum(square(matmul(activation(matmul(hidden, second) + second_bias), last))));
      bits = bits_of(registry, true);
      if (engine == Engine::eager) continue;
      INFO(explain_plan(tape));
      CHECK(plan_summary(tape).other_passes == 1);  // the loss with its gradient
    }
    return bits;
  };
  const auto check = [&](auto activation) {
    CHECK(gradients_of(Engine::planned, activation) == gradients_of(Engine::eager, activation));
  };
  check([](const Var& x) { return tanh(x); });
  check([](const Var& x) { return relu(x); });
}

TEST_CASE("products: what is asked for between sums, or differentiated again, has the bits of eager ones") {
  const auto values = [](Engine engine) {
    Recurrent net(16, 32, DType::f32, 1);
    Tape tape({.engine = engine});
    const Var state = net.state, x = noise({16, 32}, 5);
    Var hidden = x;
    for (int t = 0; t < 6; ++t) hidden = tanh(matmul(hidden, state));
    const Var slope = gradients(sum(square(hidden)), {state})[0];
    std::string bits;
    const auto add = [&](const Tensor& tensor) { bits.append(static_cast<const char*>(tensor.raw()), tensor.bytes()); };
    add(slope.value());
    add(gradients(sum(square(slope)), {state})[0].value());
    backward(sum(square(slope)));
    add(net.state.gradient());
    return bits;
  };
  CHECK(values(Engine::planned) == values(Engine::eager));
}

TEST_CASE("products: terms of a weight's gradient are one product for many time steps, its transpose is made once") {
  Recurrent net(16, 64, DType::f32, 1);
  constexpr int length = 33;
  std::int64_t products = 0;
  for (int turn = 0; turn < 2; ++turn) {
    Tape tape;
    const Since since;
    backward(net.loss(length));
    products = since.matmuls();
    const std::string text = explain_plan(tape);
    INFO(text);
    CHECK_THAT(text, Catch::Contains("matmul (64, 256)ᵀ · (256, 64)"));  // 16 steps of a batch of 16
    CHECK_THAT(text, Catch::Contains("copy (64, 64): parameter"));
    CHECK_THAT(text, !Catch::Contains("(64, 64)ᵀ"));
    CHECK(plan_summary(tape).matmuls == products);
  }
  // Forward 3 a step, back to the state 2 a step; of the three weights' gradients 16 terms at a time, the first of the input
  // and the states' first are constants.
  CHECK(products <= 5 * length + 3 * (length / 16 + 2) + length);
}

namespace {

/// The parameters after each of 8 steps of a small net, whose inputs lie somewhere else each time.
std::vector<std::string> training_bits(DType dtype, std::int64_t batch, Engine engine) {
  ParameterRegistry registry({.seed = 5, .dtype = dtype});
  std::vector<Parameter> weights, biases;
  for (const auto& [in, out] : {std::pair{2, 16}, {16, 16}, {16, 10}, {10, 1}}) {
    const std::string layer = std::to_string(weights.size());
    weights.push_back(registry.add("weight" + layer, he_normal({in, out})));
    biases.push_back(registry.add("bias" + layer, zeros({out})));
  }
  SGD optimizer(registry, {.learning_rate = 0.1});
  std::vector<std::string> bits;
  std::vector<Tensor> inputs;
  for (std::uint64_t step = 0; step < 8; ++step) {
    inputs.push_back(noise({batch, 2}, step, dtype));
    Tape tape({.engine = engine});
    Var x = inputs.back();
    for (std::size_t layer = 0; layer < weights.size(); ++layer) {
      x = matmul(x, weights[layer]) + biases[layer];
      if (layer == 0) x = relu(x);
      if (layer == 1) x = tanh(x);
    }
    backward(mean(square(x)));
    optimizer.step();
    bits.push_back(bits_of(registry, true));
  }
  return bits;
}

}  // namespace

TEST_CASE("products: a plan that runs again has code written for its products, with the same bits") {
  for (const DType dtype : {DType::f32, DType::f64})
    for (const std::int64_t batch : {1, 3, 32}) {
      INFO(name(dtype) << " batch " << batch);
      const std::size_t before = run::generated_forms();
      const auto planned = training_bits(dtype, batch, Engine::planned);
      CHECK((run::generated_forms() > before + 4) == run::generates_products());
      const std::size_t after = run::generated_forms();
      CHECK(planned == training_bits(dtype, batch, Engine::eager));
      CHECK(run::generated_forms() == after);  // eager ones run once
    }
}

TEST_CASE("products: code stays in use where a longer recording moves the plan's memory") {
  Recurrent net(2, 8, DType::f32, 1);
  const std::string expected = gradients_of(net, 2, Engine::eager);
  for (int turn = 0; turn < 4; ++turn) CHECK(gradients_of(net, 2, Engine::planned) == expected);
  gradients_of(net, 200, Engine::planned);
  CHECK(gradients_of(net, 2, Engine::planned) == expected);
}

TEST_CASE("products: code for products that differ in their bias alone") {
  const Tensor x = noise({3, 8}, 1), first = noise({8, 8}, 2), second = noise({8, 8}, 3), bias = noise({8}, 4);
  for (const bool bias_comes_first : {false, true}) {
    const auto values = [&](Engine engine) {
      return compute(
          [&] {
            const Var one = matmul(x, first), other = matmul(x, second);
            return bias_comes_first ? (one + bias) * other : one * (other + bias);
          },
          {.engine = engine});
    };
    const Tensor expected = values(Engine::eager);
    for (int turn = 0; turn < 4; ++turn) CHECK(identical(values(Engine::planned), expected));
  }
}
