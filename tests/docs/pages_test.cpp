// The programs of README.md and of the pages in docs/, compiled and run; those of docs/coming_from_pytorch.md and docs/graph.md
// have tests of their own.
#include <catch2/catch.hpp>

#include <filesystem>
#include <string>
#include <vector>

#include <thalweg/thalweg.hpp>

#include "examples/custom_ops/ops.hpp"
#include "tests/docs/page.hpp"

namespace tw = thalweg;

namespace {

using Missing = std::vector<std::string>;

class Residual {
 public:
  Residual(tw::ParameterRegistry& registry, const std::string& name, std::int64_t features)
      : inner_(registry, name, tw::he_normal({features, features})) {}

  tw::Var operator()(const tw::Operand& x) const {
    const tw::Scope scope("residual", x.line());
    const tw::Var value = tw::as_var(x);
    return value + tw::relu(inner_(value));
  }

 private:
  tw::Affine inner_;
};

class GaussianNoise {
 public:
  GaussianNoise(double deviation, tw::Random& random) : deviation_(deviation), random_(&random) {}

  tw::Var operator()(const tw::Operand& x) const {
    const tw::Scope scope("gaussian_noise", x.line());
    const tw::Var value = tw::as_var(x);
    if (tw::current_phase() == tw::Phase::evaluation) return value;
    return value + deviation_ * tw::normal(value.shape(), *random_, value.dtype());
  }

 private:
  double deviation_;
  tw::Random* random_;
};

/// The text without a word that only one of two places needs.
std::string without(std::string text, const std::string& word) {
  for (std::size_t at = text.find(word); at != std::string::npos; at = text.find(word, at)) text.erase(at, word.size());
  return text;
}

}  // namespace

TEST_CASE("docs: the program of README.md") {
  tw::ParameterRegistry registry({.seed = 0});
  auto weight1 = registry.add("affine1.weight", tw::he_normal({784, 100}));
  auto bias1 = registry.add("affine1.bias", tw::zeros({100}));
  auto weight2 = registry.add("affine2.weight", tw::he_normal({100, 10}));
  auto bias2 = registry.add("affine2.bias", tw::zeros({10}));
  tw::Adam optimizer(registry);
  tw::Random random(0);

  const auto [train, test] = tw::load_mnist("data/mnist");
  for (const auto& [images, labels] : tw::batches(train, {.size = 100, .random = random})) {
    tw::Tape tape;
    tw::Var hidden = tw::relu(tw::matmul(images, weight1) + bias1);
    tw::Var loss = tw::softmax_cross_entropy(tw::matmul(hidden, weight2) + bias2, labels);
    tw::backward(loss);
    optimizer.step();
  }

  const auto net = [&](const tw::Tensor& images) {
    return tw::matmul(tw::relu(tw::matmul(images, weight1) + bias1), weight2) + bias2;
  };
  CHECK(tw::accuracy(net, test.all()) > 0.93);
  CHECK(docs::missing(
            docs::code_blocks(docs::text_of("README.md")),
            "#include <thalweg/thalweg.hpp>\nnamespace tw = thalweg;\n" + [] {
              const std::string source = docs::text_of("tests/docs/pages_test.cpp");
              return source.substr(source.find("tw::ParameterRegistry registry({.seed = 0})"));
            }()) == Missing());
}

TEST_CASE("docs: a layer of one's own") {
  tw::ParameterRegistry registry({.seed = 0});
  const tw::Sequential net(Residual(registry, "residual1", 3), tw::relu, Residual(registry, "residual2", 3));
  CHECK(registry.parameters().size() == 4);
  const tw::Tape tape;
  tw::backward(tw::mean(tw::square(net(tw::Tensor{{1., 2., 3.}}))));
  CHECK_FALSE(tw::identical(registry["residual1.weight"].gradient(), tw::Tensor::zeros({3, 3})));
  tw::Random random(0);
  const GaussianNoise noise(0.1, random);
  const tw::Tensor rows = tw::Tensor::zeros({100, 100});
  CHECK(tw::identical(tw::compute([&] { return noise(rows); }), rows));
  CHECK(tw::standard_deviation(noise(rows)).item() == Approx(0.1).epsilon(0.02));
  const std::string sources = without(docs::text_of("examples/custom_ops/ops.hpp"), "inline ");
  CHECK(docs::missing(docs::code_blocks(docs::text_of("docs/custom_ops.md")),
                      sources + docs::text_of("tests/docs/pages_test.cpp")) == Missing());
}

TEST_CASE("docs: derivatives") {
  const tw::Tensor points{1., 2., 3.}, direction{1., 0., 0.};
  tw::Tape tape;
  tw::Var x = points;
  tw::Var energy = tw::sum(tw::log(1 + tw::square(x)));
  tw::Tensor curvature = tw::hessian(energy, x).value();
  tw::Tensor along = tw::hessian_vector_product(energy, x, direction).value();
  // d²/dx² ln(1 + x²) = 2(1 − x²)/(1 + x²)²
  CHECK(tw::all_close(curvature, tw::Tensor{{0., 0., 0.}, {0., -0.24, 0.}, {0., 0., -0.16}}, 1e-5, 1e-6));
  CHECK(tw::all_close(along, tw::Tensor{0., 0., 0.}, 1e-5, 1e-6));
  CHECK(docs::missing(docs::code_blocks(docs::text_of("docs/derivatives.md")),
                      docs::text_of("tests/docs/pages_test.cpp")) == Missing());
}

TEST_CASE("docs: optimizers") {
  tw::ParameterRegistry registry({.seed = 0});
  const tw::Parameter weight = registry.add("embedding.weight", tw::he_normal({3, 2}));
  const tw::Parameter bias = registry.add("affine1.bias", tw::zeros({2}));
  const tw::Dataset samples(std::vector<std::uint8_t>(30, 1), std::vector<std::uint8_t>(10, 1), 3);
  const auto batches = tw::batches(samples, {.size = 5});
  const auto loss = [&](const tw::Tensor& images, const tw::Tensor& labels) {
    return tw::softmax_cross_entropy(tw::matmul(images, weight) + bias, labels);
  };
  tw::AdamW optimizer(registry, {.learning_rate = tw::schedules::warm_up(
                                     {.steps = 100}, tw::schedules::cosine({.from = 1e-3, .steps = 5000})),
                                 .gradient = {.clip_norm = 1.0},
                                 .groups = {{"*.bias", [](auto& o) { o.weight_decay = 0; }},
                                            {"embedding.*", [](auto& o) { o.learning_rate = 1e-4; }}}});

  for (const auto& [images, labels] : batches) {
    tw::Tape tape;
    tw::backward(loss(images, labels));
    optimizer.step();
  }
  CHECK(optimizer.step_count() == 2);
}

TEST_CASE("docs: two optimizers of one net") {
  tw::ParameterRegistry registry({.seed = 0});
  const tw::Affine hidden(registry, "hidden1", tw::he_normal({3, 4}));
  tw::Muon muon(registry.select("hidden*.weight"));
  tw::AdamW rest(registry.select("*.bias"));
  const tw::Tensor weight = hidden.weight().value(), bias = hidden.bias().value();
  const tw::Tape tape;
  const tw::Var loss = tw::mean(tw::square(hidden(tw::Tensor{{1., 2., 3.}})));
  tw::backward(loss);
  muon.step();
  rest.step();
  CHECK_FALSE(tw::identical(hidden.weight().value(), weight));
  CHECK_FALSE(tw::identical(hidden.bias().value(), bias));
}

TEST_CASE("docs: L-BFGS, and a checkpoint") {
  tw::ParameterRegistry registry({.seed = 0, .dtype = tw::f64});
  const tw::Parameter weight = registry.add("weight", tw::zeros({1, 1})), bias = registry.add("bias", tw::zeros({1}));
  const tw::Tensor x({{0.}, {1.}, {2.}}, tw::f64), y({{1.}, {3.}, {5.}}, tw::f64);
  tw::LBFGS lbfgs(registry);
  lbfgs.step([&] {
    tw::Tape tape;
    tw::Var loss = tw::mean_squared_error(tw::matmul(x, weight) + bias, y);
    tw::backward(loss);
    return loss.item();
  });
  CHECK(tw::all_close(weight.value(), tw::Tensor({{2.}}, tw::f64), 1e-4));
  CHECK(tw::all_close(bias.value(), tw::Tensor({1.}, tw::f64), 1e-4));

  tw::Optimizer& optimizer = lbfgs;
  tw::Random random(0);
  std::int64_t epoch = 3;
  const std::filesystem::path before = std::filesystem::current_path();
  const std::filesystem::path folder = std::filesystem::temp_directory_path() / "thalweg_pages";
  std::filesystem::create_directories(folder);
  std::filesystem::current_path(folder);
  {
    tw::Checkpoint checkpoint(registry);
    checkpoint.add(optimizer).add("dropout", random).add("epoch", epoch);
    checkpoint.save("run.safetensors");
    checkpoint.load("run.safetensors");
  }
  std::filesystem::current_path(before);
  std::filesystem::remove_all(folder);
  CHECK(epoch == 3);
}

TEST_CASE("docs: a training step, and products in bf16") {
  tw::ParameterRegistry registry({.seed = 0});
  const tw::Parameter weight = registry.add("weight", tw::ones({3, 1})), bias = registry.add("bias", tw::zeros({1}));
  tw::SGD optimizer(registry, {.learning_rate = 0.1});
  const tw::Tensor x{{1., 0., 1.}}, y{{1.}};
  {
    tw::Tape tape;
    tw::Var loss = tw::mean_squared_error(tw::matmul(x, weight) + bias, y);  // record
    tw::backward(loss);                                                      // differentiate, plan, run
    optimizer.step();                                                        // record, plan, run
    CHECK(loss.item() == 1);
  }
  CHECK(bias.value().item() == Approx(-0.2));
  const tw::Tape tape;
  tw::matmul(x, weight, tw::Precision::medium);
  tw::MatmulPrecision precision(tw::Precision::medium);  // for this scope, unless a call names its own
  CHECK(tw::matmul(x, weight).value().item() == Approx(1.6).epsilon(0.02));
}

TEST_CASE("docs: every program of these pages is compiled") {
  const std::string sources = docs::text_of("tests/docs/pages_test.cpp") +
                              docs::text_of("examples/own_optimizer/main.cpp") + docs::text_of("ops/special.cpp") +
                              docs::text_of("tests/ops/table/special_rows.cpp");
  for (const char* const page : {"docs/optimizers.md", "docs/precision.md", "docs/engine.md"})
    CHECK(docs::missing(docs::code_blocks(docs::text_of(page)), sources) == Missing());
}
