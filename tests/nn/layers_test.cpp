#include <catch2/catch.hpp>

#include <cmath>
#include <string>
#include <vector>

#include <thalweg/check_gradients.hpp>
#include <thalweg/thalweg.hpp>

namespace tw = thalweg;

namespace {

const tw::Tensor two_rows{{1., -2.}, {3., 0.5}};

}  // namespace

TEST_CASE("Affine: x·weight + bias, registered under its name") {
  tw::ParameterRegistry registry({.dtype = tw::f64});
  const tw::Affine affine(registry, "affine1", tw::Tensor{{1., 2., 3.}, {4., 5., 6.}});
  registry["affine1.bias"].set_value(tw::Tensor({10., 20., 30.}, tw::f64));
  const tw::Tensor y = tw::compute([&] { return affine(two_rows.to(tw::f64)); });
  CHECK(tw::identical(y, tw::Tensor({{3., 12., 21.}, {15., 28.5, 42.}}, tw::f64)));
  CHECK(affine.weight().name() == "affine1.weight");
  CHECK(affine.bias().name() == "affine1.bias");
}

TEST_CASE("Affine: without a bias, and what it refuses") {
  tw::ParameterRegistry registry;
  const tw::Affine affine(registry, "a", tw::ones({2, 1}), {.bias = false});
  CHECK(affine.bias().empty());
  CHECK(registry.size() == 1);
  CHECK(tw::identical(tw::compute([&] { return affine(two_rows); }), tw::Tensor{{-1.}, {3.5}}));
  CHECK_THROWS_WITH(tw::Affine(registry, "b", tw::ones({3})),
                    Catch::StartsWith("[Affine] the weight has shape (in, out), not (3,) at layers_test.cpp:"));
  registry.add("c.bias", tw::zeros({1}));
  CHECK_THROWS_WITH(tw::Affine(registry, "c", tw::ones({2, 1})),
                    Catch::StartsWith("[Affine] the registry has a parameter \"c.bias\" already at layers_test.cpp:"));
  CHECK_THROWS_AS(tw::Affine(registry, "", tw::ones({2, 1})), tw::ValueError);
  CHECK(registry.size() == 2);
}

TEST_CASE("Conv2d: conv2d with the weight and bias registered under its name") {
  tw::ParameterRegistry registry({.dtype = tw::f64});
  const tw::Conv2d conv(registry, "conv1", tw::he_normal({4, 1, 3, 2}), {.stride = {1, 2}, .padding = 1, .groups = 2});
  registry["conv1.bias"].set_value(tw::Tensor({1., 2., 3., 4.}, tw::f64));
  tw::Random random(0);
  const tw::Tensor x = tw::Tensor::normal({2, 2, 5, 6}, random, tw::f64);
  CHECK(tw::identical(tw::compute([&] { return conv(x); }), tw::compute([&] {
                        return tw::conv2d(x, conv.weight(), conv.bias(), {.stride = {1, 2}, .padding = 1, .groups = 2});
                      })));
  CHECK(conv.weight().name() == "conv1.weight");
  CHECK(conv.bias().name() == "conv1.bias");
  const tw::Conv2d plain(registry, "conv2", tw::he_normal({4, 2, 3, 2}), {.bias = false});
  CHECK(plain.bias().empty());
  CHECK(registry.size() == 3);
  CHECK(tw::compute([&] { return plain(x); }).shape() == tw::Shape{2, 4, 3, 5});
}

TEST_CASE("Conv2d: what it refuses") {
  tw::ParameterRegistry registry;
  CHECK_THROWS_WITH(
      tw::Conv2d(registry, "c", tw::ones({3, 2})),
      Catch::StartsWith(
          "[Conv2d] the weight has shape (filters, channels, height, width), not (3, 2) at layers_test.cpp:"));
  registry.add("c.bias", tw::zeros({1}));
  CHECK_THROWS_WITH(tw::Conv2d(registry, "c", tw::ones({1, 1, 2, 2})),
                    Catch::StartsWith("[Conv2d] the registry has a parameter \"c.bias\" already at layers_test.cpp:"));
  CHECK(registry.size() == 1);
  const tw::Conv2d conv(registry, "conv1", tw::ones({1, 1, 3, 3}));
  const tw::Tape tape;
  const std::string here = " at layers_test.cpp:" + std::to_string(__LINE__ + 1);
  const auto call = [&] { conv(tw::Tensor::zeros({1, 2, 4, 4})); };
  CHECK_THROWS_WITH(call(), Catch::StartsWith("[conv1/conv2d]") && Catch::EndsWith(here));
}

TEST_CASE("ConvTranspose2d: conv_transpose2d with the weight and bias registered under its name") {
  tw::ParameterRegistry registry({.dtype = tw::f64});
  const tw::ConvTranspose2dOptions options{.stride = {2, 1}, .padding = 1, .output_padding = {1, 0}, .groups = 2};
  const tw::ConvTranspose2d up(registry, "up1", tw::he_normal({4, 3, 3, 2}),
                               {.stride = {2, 1}, .padding = 1, .output_padding = {1, 0}, .groups = 2});
  registry["up1.bias"].set_value(tw::Tensor({1., 2., 3., 4., 5., 6.}, tw::f64));
  tw::Random random(0);
  const tw::Tensor x = tw::Tensor::normal({2, 4, 5, 6}, random, tw::f64);
  const tw::Tensor y = tw::compute([&] { return up(x); });
  CHECK(y.shape() == tw::Shape{2, 6, 10, 5});
  CHECK(tw::identical(y, tw::compute([&] { return tw::conv_transpose2d(x, up.weight(), up.bias(), options); })));
  CHECK(up.weight().name() == "up1.weight");
  CHECK(up.bias().name() == "up1.bias");
  const tw::ConvTranspose2d plain(registry, "up2", tw::he_normal({4, 1, 2, 2}), {.bias = false});
  CHECK(plain.bias().empty());
  CHECK(tw::compute([&] { return plain(x); }).shape() == tw::Shape{2, 1, 6, 7});
  CHECK(registry.size() == 3);
  CHECK_THROWS_WITH(
      tw::ConvTranspose2d(registry, "up3", tw::ones({3, 2})),
      Catch::StartsWith(
          "[ConvTranspose2d] the weight has shape (channels, filters/groups, height, width), not (3, 2)"));
  CHECK_THROWS_AS(tw::ConvTranspose2d(registry, "up3", tw::ones({2, 2, 2, 2}), {.groups = 0}), tw::ValueError);
  CHECK_THROWS_AS(tw::ConvTranspose2d(registry, "up1", tw::ones({2, 2, 2, 2})), tw::ValueError);
  CHECK(registry.size() == 3);
}

TEST_CASE("Embedding: rows of its weight, whose gradient adds up repeated ones") {
  tw::ParameterRegistry registry({.dtype = tw::f64});
  const tw::Embedding embedding(registry, "embedding", tw::Tensor{{1., 2.}, {3., 4.}, {5., 6.}});
  const tw::Tensor indices{{2, 0}, {2, -2}};
  const tw::Tape tape;
  const tw::Var y = embedding(indices);
  CHECK(tw::identical(y.value(), tw::Tensor({{{5., 6.}, {1., 2.}}, {{5., 6.}, {3., 4.}}}, tw::f64)));
  tw::backward(tw::sum(y));
  CHECK(tw::identical(embedding.weight().gradient(), tw::Tensor({{1., 1.}, {1., 1.}, {2., 2.}}, tw::f64)));
  CHECK_THROWS_WITH(embedding(tw::Tensor{3}).value(), Catch::StartsWith("[embedding/gather] index 3"));
  CHECK_THROWS_WITH(embedding(tw::Tensor{3.}), Catch::StartsWith("[embedding/gather] indices must be i64"));
  CHECK_THROWS_WITH(tw::Embedding(registry, "e", tw::ones({3})),
                    Catch::StartsWith("[Embedding] the weight has shape (rows, features), not (3,)"));
  CHECK_THROWS_AS(tw::Embedding(registry, "embedding", tw::ones({3, 1})), tw::ValueError);
  CHECK(registry.size() == 1);
}

TEST_CASE("Embedding: the row of the padding index starts at zero and gets no gradient") {
  const std::int64_t padding_index = GENERATE(1, -3);
  tw::ParameterRegistry registry({.dtype = tw::f64});
  const tw::Embedding embedding(registry, "embedding", tw::Tensor{{1., 2.}, {3., 4.}, {5., 6.}, {7., 8.}},
                                {.padding_index = padding_index});
  const tw::Tensor indices{{2, 1}, {-3, 2}};
  const tw::Tape tape;
  const tw::Var y = embedding(indices);
  CHECK(tw::identical(y.value(), tw::Tensor({{{5., 6.}, {0., 0.}}, {{0., 0.}, {5., 6.}}}, tw::f64)));
  tw::backward(tw::sum(y));
  CHECK(tw::identical(embedding.weight().gradient(), tw::Tensor({{0., 0.}, {0., 0.}, {2., 2.}, {0., 0.}}, tw::f64)));
  CHECK(embedding(-3).shape() == tw::Shape{2});
  CHECK_THROWS_WITH(embedding(tw::Tensor{4}).value(), Catch::StartsWith("[embedding/gather] index 4"));
  CHECK_THROWS_WITH(tw::Embedding(registry, "e", tw::ones({3, 1}), {.padding_index = 3}),
                    Catch::StartsWith("[Embedding] padding_index 3 is out of range for 3 rows at layers_test.cpp:"));
  CHECK(registry.size() == 1);
}

TEST_CASE("LayerNorm, RMSNorm, GroupNorm: the ops with their parameters") {
  tw::ParameterRegistry registry({.dtype = tw::f64});
  const tw::LayerNorm rows(registry, "rows", 6), planes(registry, "planes", {4, 6}, {.epsilon = 1e-3});
  const tw::RMSNorm mean_squares(registry, "mean_squares", 6), planes_of_squares(registry, "squares", {4, 6});
  const tw::GroupNorm groups(registry, "groups", 2, 4);
  tw::Random random(0);
  const tw::Tensor x = tw::Tensor::normal({3, 4, 6}, random, tw::f64);
  {
    const tw::Tape tape;
    CHECK(tw::identical(rows(x).value(), tw::layer_norm(x).value()));
    CHECK(tw::identical(planes(x).value(), tw::layer_norm(x, {.axes = {1, 2}, .epsilon = 1e-3}).value()));
    CHECK(tw::identical(mean_squares(x).value(), tw::rms_norm(x).value()));
    CHECK(tw::identical(planes_of_squares(x).value(), tw::rms_norm(x, {.axes = {1, 2}}).value()));
    CHECK(tw::identical(groups(x).value(), tw::group_norm(x, 2).value()));
  }
  for (const tw::Parameter& parameter : registry.parameters())
    parameter.set_value(tw::Tensor::normal(parameter.shape(), random, tw::f64));
  const tw::Tape tape;
  CHECK(tw::identical(rows(x).value(), tw::layer_norm(x, rows.gamma(), rows.beta()).value()));
  CHECK(tw::identical(mean_squares(x).value(), tw::rms_norm(x, mean_squares.gamma()).value()));
  CHECK(tw::identical(groups(x).value(), tw::group_norm(x, 2, groups.gamma(), groups.beta()).value()));
  CHECK(planes.gamma().name() == "planes.gamma");
  CHECK(planes.beta().shape() == tw::Shape{4, 6});
  CHECK(groups.beta().shape() == tw::Shape{4});
  const std::string here = " at layers_test.cpp:" + std::to_string(__LINE__ + 1);
  const auto call = [&] { rows(tw::Tensor::ones({3, 5}, tw::f64)); };
  CHECK_THROWS_WITH(call(), Catch::StartsWith("[rows/layer_norm] gamma (6,) must be (5,)") && Catch::EndsWith(here));
}

TEST_CASE("LayerNorm, RMSNorm, GroupNorm: what they refuse") {
  tw::ParameterRegistry registry;
  CHECK_THROWS_WITH(tw::LayerNorm(registry, "n", 0),
                    Catch::StartsWith("[LayerNorm] features must be at least 1, got 0 at layers_test.cpp:"));
  CHECK_THROWS_WITH(tw::LayerNorm(registry, "n", tw::Shape{}),
                    Catch::StartsWith("[LayerNorm] a layer needs at least one element to normalize, not the shape ()"));
  CHECK_THROWS_AS(tw::RMSNorm(registry, "n", {2, 0}), tw::ShapeError);
  CHECK_THROWS_WITH(tw::GroupNorm(registry, "n", 3, 4),
                    Catch::StartsWith("[GroupNorm] 4 channels do not make 3 groups at layers_test.cpp:"));
  CHECK_THROWS_AS(tw::GroupNorm(registry, "n", 0, 4), tw::ValueError);
  registry.add("n.beta", tw::zeros({4}));
  CHECK_THROWS_AS(tw::LayerNorm(registry, "n", 4), tw::ValueError);
  CHECK_THROWS_AS(tw::GroupNorm(registry, "n", 2, 4), tw::ValueError);
  CHECK(registry.size() == 1);
}

TEST_CASE("layers: a convolutional network of them") {
  tw::ParameterRegistry registry;
  const tw::Sequential net(tw::Conv2d(registry, "conv1", tw::he_normal({3, 1, 3, 3}), {.padding = 1}), tw::relu,
                           tw::MaxPool2d(2), tw::AveragePool2d(3, {.stride = 1, .padding = 1}), tw::Flatten(),
                           tw::Affine(registry, "affine1", tw::he_normal({3 * 4 * 4, 5})));
  const tw::Tape tape;
  const tw::Tensor x = tw::Tensor::ones({2, 1, 8, 8});
  CHECK(net(x).shape() == tw::Shape{2, 5});
  tw::backward(tw::sum(tw::square(net(x))));
  CHECK(registry["conv1.weight"].gradient().shape() == tw::Shape{3, 1, 3, 3});
}

TEST_CASE("layers: an error inside one names the line that called it") {
  tw::ParameterRegistry registry;
  const tw::Affine affine(registry, "affine1", tw::ones({3, 1}));
  const tw::Sequential net(affine, tw::relu);
  const tw::Tape tape;
  const std::string here = " at layers_test.cpp:" + std::to_string(__LINE__ + 1);
  const auto call = [&] { net(two_rows); };
  CHECK_THROWS_WITH(call(), Catch::StartsWith("[affine1/matmul] inner dimensions differ") && Catch::EndsWith(here));
}

TEST_CASE("layers: an error names the layers around the op, whenever it is found") {
  tw::ParameterRegistry registry;
  const tw::Parameter table = registry.add("table", tw::ones({4, 2}));
  const tw::BatchNorm norm(registry, "norm1", 3);
  tw::Var dead;
  {
    const tw::Tape ended;
    dead = two_rows;
  }
  const tw::Engine engine = GENERATE(tw::Engine::planned, tw::Engine::eager);
  const tw::Tape tape({.engine = engine});
  const auto embed = [&](const tw::Var& rows) {
    const tw::Scope encoder("encoder");
    const tw::Scope embedding("embedding");
    return tw::gather(table, rows).value();
  };
  CHECK_THROWS_WITH(
      embed(tw::Tensor{{1, 3}, {4, 0}}),
      Catch::StartsWith("[encoder/embedding/gather] index 4 at place (1, 0) is out of range for axis 0 of size 4"));
  CHECK_THROWS_WITH(embed(tw::Tensor{1., 3.}),
                    Catch::StartsWith("[encoder/embedding/gather] indices must be i64, they are f32"));
  CHECK_THROWS_WITH(norm(tw::Tensor::ones({2, 4})), Catch::StartsWith("[norm1/batch_norm] gamma (3,) must be (4,)"));
  CHECK_THROWS_WITH(norm(dead), Catch::StartsWith("[norm1/batch_norm] a Var cannot be used here"));
  CHECK_THROWS_WITH(tw::Sequential(norm)(dead), Catch::StartsWith("[Sequential] a Var cannot be used here"));
}

TEST_CASE("layers: a layer may end before the tape that it recorded on") {
  tw::ParameterRegistry registry;
  const tw::Tape tape;
  tw::Var y;
  {
    const tw::Affine layer(registry, "of this name", tw::ones({2, 1}));
    y = layer(two_rows);
  }
  CHECK(tw::identical(y.value(), tw::Tensor{{-1.}, {3.5}}));
  CHECK_THAT(tw::explain_plan(tape), Catch::Contains("of this name"));
}

TEST_CASE("BatchNorm: statistics of the batch in training, running ones in evaluation") {
  tw::ParameterRegistry registry({.dtype = tw::f64});
  const tw::BatchNorm norm(registry, "norm1", 1, {.form = {.epsilon = 1e-5}});
  const tw::Tensor column({{1.}, {2.}, {3.}, {6.}}, tw::f64);
  const auto training = tw::TapeOptions{.phase = tw::Phase::training};
  const tw::Tensor y = tw::compute([&] { return norm(column) * 2 + 0.5; }, training);
  CHECK(tw::all_close(
      y, tw::Tensor({{-1.638086880891747}, {-0.5690434404458735}, {0.5}, {3.7071303213376203}}, tw::f64), 1e-12, 0));
  CHECK(norm.running_mean().value().item() == Approx(0.3).epsilon(1e-12));
  CHECK(norm.running_variance().value().item() == Approx(1.25).epsilon(1e-12));
  const tw::Tensor later = tw::compute([&] { return norm(column); });
  CHECK(later.at<double>({0, 0}) == Approx((1 - 0.3) / std::sqrt(1.25 + 1e-5)).epsilon(1e-12));
  CHECK(norm.running_mean().value().item() == Approx(0.3).epsilon(1e-12));
  CHECK(registry.element_count() == 2);
}

TEST_CASE("BatchNorm: the book's form starts both running statistics at 0") {
  tw::ParameterRegistry registry;
  const tw::BatchNorm norm(registry, "norm1", 3, tw::book_batch_norm);
  CHECK(tw::identical(norm.running_variance().value(), tw::Tensor{0., 0., 0.}));
  CHECK_THROWS_AS(tw::BatchNorm(registry, "norm2", 0), tw::ValueError);
  CHECK_THROWS_AS(tw::BatchNorm(registry, "norm2", 3, {.initial_running_variance = -1}), tw::ValueError);
  CHECK_THROWS_AS(tw::BatchNorm(registry, "norm1", 3), tw::ValueError);
  CHECK(registry.size() == 4);
}

TEST_CASE("Dropout: another mask at each call, none in evaluation") {
  tw::Random random(1);
  const tw::Dropout drop(0.5, random), book(0.25, random, tw::DropoutForm::book);
  const tw::Tensor x = tw::Tensor::ones({1000});
  {
    const tw::Tape tape;
    const tw::Tensor a = drop(x).value(), b = drop(x).value();
    CHECK_FALSE(tw::identical(a, b));
    const double kept = tw::sum(tw::Var(a)).item() / 2;
    CHECK((kept > 400 && kept < 600));
  }
  CHECK(tw::identical(tw::compute([&] { return drop(x); }), x));
  CHECK(tw::compute([&] { return book(x); }).at<float>({0}) == 0.75F);
  CHECK_THROWS_AS(tw::Dropout(1.5, random), tw::ValueError);
}

TEST_CASE("Sequential: layers, ops, lambdas and other sequences, in turn") {
  tw::ParameterRegistry registry;
  tw::Sequential net(tw::Affine(registry, "affine1", tw::ones({2, 2})), tw::relu);
  net.add([](tw::Var x) { return x * 2; }).add(tw::Sequential(tw::relu));
  CHECK(net.size() == 4);
  CHECK(tw::identical(tw::compute([&] { return net(two_rows); }), tw::Tensor{{0., 0.}, {7., 7.}}));
  const tw::Sequential copy = net;
  registry["affine1.weight"].set_value(tw::Tensor::zeros({2, 2}));
  CHECK(tw::identical(tw::compute([&] { return copy(two_rows); }), tw::Tensor::zeros({2, 2})));
  CHECK(tw::identical(tw::compute([&] { return tw::Sequential()(two_rows); }), two_rows));
}

TEST_CASE("layers: gradients of a net of them all agree with differences") {
  const std::vector<tw::Tensor> inputs = {tw::Tensor({{0.3, -1.2}, {0.7, 0.4}, {-0.5, 2.}, {1.5, 0.1}, {0.2, -0.6}})};
  tw::ParameterRegistry registry({.dtype = tw::f64});
  const tw::Affine affine1(registry, "affine1", tw::he_normal({2, 4})),
      affine2(registry, "affine2", tw::he_normal({4, 2}));
  const tw::BatchNorm norm(registry, "norm1", 4);
  const auto report = tw::check_gradients(
      [&](std::span<const tw::Var> x) {
        tw::Random random(0);
        return tw::Sequential(affine1, norm, tw::tanh, tw::Dropout(0.3, random), affine2)(x[0]);
      },
      inputs);
  CHECK(report.ok);
  INFO(tw::to_string(report));
  CHECK(report.checked > 0);
}
