// Every entry of docs/coming_from_pytorch.md stands here, compiled and run; the last test case sees to that.
#include <catch2/catch.hpp>

#include <cmath>
#include <filesystem>
#include <iostream>
#include <map>
#include <string>
#include <vector>

#include <thalweg/check_gradients.hpp>
#include <thalweg/thalweg.hpp>

#include "tests/docs/page.hpp"

namespace tw = thalweg;

namespace {

bool is(const tw::Var& value, const tw::Tensor& wanted) {
  const tw::Tensor found = value.value();
  return found.dtype() == wanted.dtype() && tw::all_close(found, wanted);
}

template <class... Values>
void ignore(const Values&... /*unused*/) {}

const tw::Tensor x{{1., 2., 3.}, {4., 5., 7.}};

}  // namespace

TEST_CASE("coming from PyTorch: tensors") {
  CHECK(tw::identical(tw::Tensor{{1., 2.}, {3., 4.}}, tw::Tensor({{1, 2}, {3, 4}}, tw::f32)));
  const std::vector<float> values{1, 2, 3, 4, 5, 7};
  CHECK(tw::identical(tw::Tensor::from(values, {2, 3}), x));
  CHECK(tw::identical(tw::Tensor::from(values), tw::Tensor{1., 2., 3., 4., 5., 7.}));
  CHECK(tw::Tensor::zeros({2, 3}, tw::f64).dtype() == tw::f64);
  CHECK(tw::identical(tw::zeros_like(x), tw::Tensor::zeros({2, 3})));
  CHECK(tw::identical(tw::Tensor::full({2, 3}, 0.5), tw::Tensor{{0.5, 0.5, 0.5}, {0.5, 0.5, 0.5}}));
  CHECK(tw::identical(tw::Tensor::arange(5), tw::Tensor{0, 1, 2, 3, 4}));
  CHECK(tw::identical(tw::Tensor::arange(2, 10, 3), tw::Tensor{2, 5, 8}));
  CHECK(tw::identical(tw::Tensor::linspace(0, 1, 5), tw::Tensor{0., 0.25, 0.5, 0.75, 1.}));
  CHECK(tw::Tensor::eye(3).at<float>({2, 2}) == 1);
  const auto owner = std::make_shared<std::vector<float>>(6, 2.F);
  float* const memory = owner->data();
  CHECK(tw::Tensor::borrow(memory, {2, 3}, owner).raw() == memory);
  ignore(x.shape(), x.dtype());
  CHECK(x.size() == 6);
  tw::Random random(0);
  CHECK(tw::Tensor::uniform({2, 3}, random).size() == 6);
  CHECK(tw::Tensor::normal({2, 3}, random).size() == 6);
  CHECK(random.uniform() < 1);
  CHECK(std::isfinite(random.normal()));
  CHECK(random.index(5) < 5);
  CHECK(x.to(tw::f64).dtype() == tw::f64);
  CHECK(x.at<float>({0, 1}) == 2);
  CHECK(tw::compute([&] { return tw::argmax(tw::sum(x, 0), 0); }).item<std::int64_t>() == 2);
  CHECK(x.data<float>()[5] == 7);
  const tw::Tensor a = x, b = x;
  CHECK(tw::all_close(a, b));
  if (false) fmt::print("{}\n", x);
  if (false) std::cout << x;
}

TEST_CASE("coming from PyTorch: ops") {
  const tw::Tensor w{{1., 0.}, {0., 1.}, {-1., 1.}}, a{{1., 2.}}, b{{3., 4.}}, rows{1, 0, 1}, places{{2, 0}, {1, 1}};
  const auto net = [&](const tw::Var& in) { return tw::matmul(in, w); };
  CHECK(tw::all_close(tw::compute([&] { return net(x); }), tw::Tensor{{-2., 5.}, {-3., 12.}}));

  const tw::Tape tape;
  tw::Random random(0);
  {
    const tw::Tensor b{0., 1.};
    CHECK(is(tw::relu(tw::matmul(x, w) + b), {{0., 6.}, {0., 13.}}));
  }
  CHECK(is(tw::stop_gradient(x), x));
  CHECK(is(tw::power(x, 3), {{1., 8., 27.}, {64., 125., 343.}}));
  CHECK(is(tw::Var(x) > 6, {{false, false, false}, {false, false, true}}));
  {
    const tw::Var x = a;
    CHECK(is(x > 0, {{true, true}}));
    CHECK(is(tw::logical_and(x > 1, x < 5), {{false, true}}));
    CHECK(is(tw::logical_not(x > 1), {{true, false}}));
    const tw::Var y = 2 * x, loss = tw::mean(y);
    if (false) fmt::print("{}\n", y);
    if (false) std::cout << y;
    CHECK(fmt::format("{:.4f}", loss) == "3.0000");
  }
  CHECK(is(tw::remainder(x, 2), {{1., 0., 1.}, {0., 1., 1.}}));
  CHECK(is(tw::floor_divide(x, 2), {{0., 1., 1.}, {2., 2., 3.}}));
  CHECK(is(tw::cast(x, tw::f64), x.to(tw::f64)));
  CHECK(is(tw::clamp(x, 0, 1), tw::Tensor::ones({2, 3})));
  const tw::Tensor c{{true, false}};
  CHECK(is(tw::where(c, a, b), {{1., 4.}}));
  CHECK(is(tw::sum(x), 22.));
  CHECK(is(tw::sum(x, 1, true), {{6.}, {16.}}));
  CHECK(is(tw::mean(x, {0, 1}), 22. / 6));
  const std::vector<int> axes{0, 1};
  CHECK(is(tw::mean(x, axes), 22. / 6));
  CHECK(is(tw::variance(x, {.axes = 0, .ddof = 1}), {4.5, 4.5, 8.}));
  CHECK(is(tw::sort(x, 1).values, x));
  CHECK(is(tw::top_k(x, 2, 1).values, {{3., 2.}, {7., 5.}}));
  CHECK(is(tw::max(x, 1), {3., 7.}));
  CHECK(is(tw::argmax(x, 1), {2, 2}));
  CHECK(is(tw::reshape(x, {3, -1}), {{1., 2.}, {3., 4.}, {5., 7.}}));
  CHECK(is(tw::transpose(x), {{1., 4.}, {2., 5.}, {3., 7.}}));
  CHECK(is(tw::einsum("...ij,jk->...ik", x, w), {{-2., 5.}, {-3., 12.}}));
  {
    const tw::Tensor m{{4., 2.}, {2., 5.}}, v{6., 7.}, b{{2.}, {5.}}, y{1., 1.};
    const tw::Var l = tw::cholesky(m);
    CHECK(is(l, {{2., 0.}, {1., 2.}}));
    CHECK(is(16 * tw::inverse(m), {{5., -2.}, {-2., 4.}}));
    CHECK(is(tw::solve(m, v), {1., 1.}));
    CHECK(is(tw::solve_triangular(l, b), {{1.}, {2.}}));
    CHECK(is(tw::solve_triangular(l, b, {.lower = false, .transposed = true}), {{1.}, {2.5}}));
    CHECK(is(tw::matmul(m, tw::solve_triangular(l, tw::solve_triangular(l, b), {.transposed = true})), b));
    CHECK(is(tw::log_determinant(m), std::log(16.)));
    CHECK(is(tw::diagonal(m), {4., 5.}));
    {
      const tw::Var v = tw::Tensor{6., 7.};
      CHECK(is(v * tw::Tensor::eye(2), {{6., 0.}, {0., 7.}}));
    }
    const tw::Tensor x{{1., 0.}, {0., 2.}};
    CHECK(is(tw::solve(tw::matmul(tw::transpose(x), x), tw::matmul(tw::transpose(x), y)), {1., 0.5}));
  }
  CHECK(is(tw::cumulative_sum(x, 1), {{1., 3., 6.}, {4., 9., 16.}}));
  CHECK(is(tw::logsumexp(x, 1), {3.4076059644443806, 7.169846019556}));
  CHECK(is(tw::norm(x, {.axes = 1}), {std::sqrt(14.), std::sqrt(90.)}));
  CHECK(tw::unsqueeze(x, 0).shape() == tw::Shape{1, 2, 3});
  CHECK(is(tw::mean(tw::broadcast_to(x, {4, 2, 3}), 0), x));
  {
    const tw::Var q = tw::normal({2, 6, 8}, random), k = tw::normal({2, 6, 8}, random), v = tw::ones_like(k);
    CHECK(is(tw::matmul(tw::softmax(tw::matmul(q, tw::transpose(k, -2, -1)) / std::sqrt(8)), v), v.value()));
    const tw::Var scores = tw::Tensor::zeros({2, 6, 6});
    const tw::Var masked = tw::masked_fill(scores, tw::triu(tw::Tensor::ones({6, 6}, tw::boolean), 1), -INFINITY);
    CHECK(is(tw::slice(tw::softmax(masked), {{0, 1}, {1, 2}, {}}), {{{0.5, 0.5, 0., 0., 0., 0.}}}));
  }
  CHECK(is(tw::split(x, 2)[1], {{4., 5., 7.}}));
  CHECK(is(tw::split(x, {1, 2}, 1)[1], {{2., 3.}, {5., 7.}}));
  CHECK(is(tw::tile(x, {2, 1}), {{1., 2., 3.}, {4., 5., 7.}, {1., 2., 3.}, {4., 5., 7.}}));
  CHECK(is(tw::repeat(x, 2, 0), {{1., 2., 3.}, {1., 2., 3.}, {4., 5., 7.}, {4., 5., 7.}}));
  const tw::Var y = tw::reshape(x, {1, 2, 3});
  CHECK(tw::all_close(y.value(), x.reshape({1, 2, 3})));
  CHECK(is(tw::transpose(y, 1, 2), tw::Tensor{{{1., 4.}, {2., 5.}, {3., 7.}}}));
  CHECK(is(tw::permute(y, {0, 2, 1}), tw::Tensor{{{1., 4.}, {2., 5.}, {3., 7.}}}));
  CHECK(is(tw::slice(x, 1, 1, 3), {{2., 3.}, {5., 7.}}));
  CHECK(is(tw::slice(x, 0, {.step = 2}), {{1., 2., 3.}}));
  CHECK(is(tw::gather(x, 1), {4., 5., 7.}));
  CHECK(is(tw::gather(x, 1, 1), {2., 5.}));
  CHECK(is(tw::concatenate({a, b}, 1), {{1., 2., 3., 4.}}));
  CHECK(is(tw::stack({a, b}), tw::Tensor{{{1., 2.}}, {{3., 4.}}}));
  CHECK(is(tw::gather(x, rows), {{4., 5., 7.}, {1., 2., 3.}, {4., 5., 7.}}));
  CHECK(is(tw::take_along_axis(x, places, 1), {{3., 1.}, {5., 5.}}));
  const tw::Tensor u = tw::Tensor::ones({3, 3});
  CHECK(is(tw::scatter_add(x, rows, u), {{2., 3., 4.}, {6., 7., 9.}}));
  {
    const tw::Tensor rows{1}, u{{8., 9., 6.}};
    CHECK(is(tw::scatter_max(x, rows, u), {{1., 2., 3.}, {8., 9., 7.}}));
    CHECK(is(tw::scatter(x, rows, u), {{1., 2., 3.}, {8., 9., 6.}}));
  }
  {
    const tw::Tensor u{{8., 9.}, {6., 5.}};
    CHECK(is(tw::scatter(x, tw::Tensor::arange(1, 3), u, 1), {{1., 8., 9.}, {4., 6., 5.}}));
    CHECK(is(tw::scatter_max_along_axis(x, places, u, 1), {{9., 2., 8.}, {4., 6., 7.}}));
    CHECK(is(tw::scatter_along_axis(x, places, u, 1), {{9., 2., 8.}, {4., 5., 7.}}));
  }
  {
    const tw::Var i = tw::Tensor{0, 1}, j = tw::Tensor{2, 0};
    const tw::Tensor u{8., 9.};
    CHECK(is(tw::reshape(tw::scatter(tw::flatten(x), i * 3 + j, u), x.shape()), {{1., 2., 8.}, {9., 5., 7.}}));
    CHECK(is(tw::gather(tw::flatten(x), i * 3 + j), {3., 4.}));
  }
  CHECK(is(tw::tril(x), {{1., 0., 0.}, {4., 5., 0.}}));
  CHECK(is(tw::triu(x, 1), {{0., 2., 3.}, {0., 0., 7.}}));
  {
    const tw::Tensor img = tw::Tensor::ones({1, 2, 4, 6}), w = tw::Tensor::ones({3, 2, 3, 3}), b{0., 1., 2.};
    CHECK(tw::conv2d(img, w, b, {.stride = 2, .padding = 1}).shape() == tw::Shape{1, 3, 2, 3});
    CHECK(tw::conv2d(img, w, {.padding = tw::same_padding}).shape() == tw::Shape{1, 3, img.shape()[2], img.shape()[3]});
    CHECK(is(tw::max_pool2d(img, 2), tw::Tensor::ones({1, 2, 2, 3})));
    CHECK(tw::max_pool2d(img, 3, {.stride = 2, .ceil_mode = true}).shape() == tw::Shape{1, 2, 2, 3});
    CHECK(tw::average_pool2d(img, 3, {.stride = 1, .padding = 1}).shape() == img.shape());
    CHECK(is(tw::mean(img, {.axes = {2, 3}, .keep_dimensions = true}), tw::Tensor::ones({1, 2, 1, 1})));
    CHECK(tw::pad(img, {{}, {}, {2, 2}, {1, 1}}).shape() == tw::Shape{1, 2, 8, 8});
    CHECK(is(tw::upsample2d(img, 2), tw::Tensor::ones({1, 2, 8, 12})));
    CHECK(
        is(tw::resize2d(img, {8, 9}, {.interpolation = tw::Interpolation::bilinear}), tw::Tensor::ones({1, 2, 8, 9})));
  }
  const tw::Tensor mask{true, false, false};
  CHECK(is(tw::masked_fill(x, mask, 0), {{0., 2., 3.}, {0., 5., 7.}}));
  {
    const tw::Tensor mask{false, true};
    CHECK(tw::identical(tw::nonzero(mask), tw::Tensor{{1}}));
    CHECK(is(tw::gather(x, tw::flatten(tw::nonzero(mask))), {{4., 5., 7.}}));
    const tw::Var m = mask;
    CHECK(tw::identical(tw::nonzero(m.value()), tw::Tensor{{1}}));
  }
  CHECK(is(tw::norm(tw::normalize(x), {.axes = -1}), {1., 1.}));
  {
    tw::Random random(0);
    const tw::Tensor p{{0., 0., 1.}, {1., 0., 0.}};
    CHECK(is(tw::categorical(tw::log(p), random), tw::Tensor{2, 0}));
    CHECK(tw::categorical(x, random).shape() == tw::Shape{2});
  }
  const tw::Tensor labels{2, 0};
  CHECK(is(tw::one_hot(labels, 3), {{0., 0., 1.}, {1., 0., 0.}}));
  CHECK(is(tw::sum(tw::softmax(x), -1), {1., 1.}));
  const tw::Tensor g{1., 1., 1.}, h{0., 0., 0.};
  CHECK(is(tw::layer_norm(x, g, h), tw::layer_norm(x).value()));
  CHECK(tw::uniform({2, 3}, random).value().shape() == tw::Shape{2, 3});
  CHECK(tw::normal({2, 3}, random).value().shape() == tw::Shape{2, 3});
}

TEST_CASE("coming from PyTorch: gradients") {
  tw::ParameterRegistry registry;
  const tw::Parameter w = registry.add("affine1.weight", tw::Tensor{1., 2.});
  {
    const tw::Tape tape;
    const tw::Var loss = tw::sum(tw::square(w));
    tw::backward(loss);
    CHECK(tw::all_close(w.gradient(), tw::Tensor{2., 4.}));
    CHECK(w.size() == 2);
    tw::Gradients sum(registry), part(registry);
    for (int micro_batch = 0; micro_batch < 2; ++micro_batch) {
      tw::backward(loss, part);
      sum += part;
    }
    sum.store();
    CHECK(tw::all_close(w.gradient(), tw::Tensor{4., 8.}));
  }
  {
    const tw::Tape tape;
    const tw::Var x = tw::Tensor{1., 2.}, y = tw::sum(tw::power(x, 3)), v = tw::Tensor{1., 0.};
    CHECK(is(tw::gradients(y, x), {3., 12.}));
    const tw::Var a = x, b = v;
    CHECK(is(tw::gradients(y, {a, b})[0], {3., 12.}));
    CHECK(is(tw::jacobian(y, x), {3., 12.}));
    CHECK(is(tw::hessian(y, x), {{6., 0.}, {0., 12.}}));
    CHECK(is(tw::jacobian_vector_product(y, x, v), 3.));
    CHECK(is(tw::hessian_vector_product(y, x, v), {6., 0.}));
  }
  {
    const tw::Tape tape;
    const tw::Tensor t{1., 2.};
    const auto f = [](const tw::Var& x) { return tw::sum(tw::power(x, 3)); };
    // clang-format off
    tw::Var x = t; tw::gradients(f(x), x);
    // clang-format on
    CHECK(is(tw::gradients(f(x), x), {3., 12.}));
  }
  const auto f = [](std::span<const tw::Var> inputs) { return tw::power(inputs[0], 3); };
  CHECK(tw::check_gradients(f, {x}).ok);
  registry.set_trainable("affine1.*", false);
  CHECK_FALSE(w.trainable());
  {
    tw::Tape tape({.detect_anomaly = true});
    CHECK_THROWS_AS(tw::log(tw::Var(x) - 10).value(), tw::AnomalyError);
  }
}

TEST_CASE("coming from PyTorch: layers and losses") {
  tw::ParameterRegistry registry({.seed = 0});
  tw::Random random(0);
  const auto layer = tw::Affine(registry, "affine1", tw::he_normal({784, 100}));
  ignore(tw::Conv2d(registry, "conv1", tw::he_normal({16, 1, 5, 5}), {.padding = 2}));
  ignore(tw::ConvTranspose2d(registry, "up1", tw::he_normal({16, 8, 4, 4}), {.stride = 2, .padding = 1}));
  ignore(tw::LayerNorm(registry, "norm2", 64), tw::LayerNorm(registry, "norm3", {8, 8}));
  ignore(tw::RMSNorm(registry, "norm4", 64), tw::GroupNorm(registry, "norm5", 4, 64));
  ignore(tw::MaxPool2d(2), tw::AveragePool2d(2), tw::Flatten());
  ignore(tw::BatchNorm(registry, "norm1", 100), tw::Dropout(0.5, random));
  const auto net = tw::Sequential(layer, tw::relu);
  ignore(tw::Sequential(layer, [](const tw::Var& h) { return tw::gelu(h); }));
  registry.add("shift", tw::zeros({3}));
  registry.add("scale", tw::Tensor{1., 2.});
  registry.add("mean", tw::zeros({3}), {.trainable = false});
  CHECK(registry.parameters().size() == 20);
  CHECK(registry.select("affine1.*").indices().size() == 2);
  {
    tw::Tape tape({.phase = tw::Phase::evaluation});
    CHECK(net(tw::Tensor::zeros({5, 784})).shape() == tw::Shape{5, 100});
    const bool is_training = tw::current_phase() == tw::Phase::training;
    CHECK_FALSE(is_training);
    const tw::Tensor rows{4, 0}, x{{1., 2., 6.}};
    const tw::Embedding embedding = tw::Embedding(registry, "embedding", tw::normal({5, 3}, 1));
    CHECK(embedding(rows).shape() == tw::Shape{2, 3});
    CHECK(tw::Embedding(registry, "words", tw::normal({5, 3}, 1), {.padding_index = 0})(rows).shape() ==
          tw::Shape{2, 3});
    CHECK(tw::sum(x).item() == 9);
  }
  {
    tw::ParameterRegistry registry;
    const tw::LSTM lstm = tw::LSTM(registry, "lstm", 2, 3);
    const std::map<std::string, tw::Tensor> d{{"bias_ih_l0", tw::Tensor::ones({12})}};
    for (const auto& [name, tensor] : d) registry["lstm." + name].set_value(tensor);
    const tw::MultiheadAttention attention = tw::MultiheadAttention(registry, "attention", 8, 2);
    const tw::Tensor x = tw::Tensor::normal({4, 5, 2}, random), lengths{5, 1, 2, 3};
    const tw::Tensor z = tw::Tensor::normal({1, 5, 8}, random), y = tw::Tensor::normal({1, 3, 8}, random);
    const tw::Tape tape;
    const auto [output, hidden, cell] = lstm(x);
    CHECK(output.shape() == tw::Shape{4, 5, 3});
    CHECK(cell.shape() == tw::Shape{1, 4, 3});
    CHECK(lstm(x, {.hidden = hidden, .cell = cell}).output.shape() == tw::Shape{4, 5, 3});
    CHECK(tw::sum(tw::gather(lstm(x, {.lengths = lengths}).output, 4, 1) != 0).item<std::int64_t>() == 3);
    ignore(tw::GRU(registry, "gru", 2, 3, {.layers = 2, .bidirectional = true, .dropout = tw::Dropout(0.2, random)}));
    ignore(tw::TransformerEncoderLayer(registry, "block1", 8, 2, 32, {.dropout = tw::Dropout(0.1, random)}));
    CHECK(attention(z, y).shape() == tw::Shape{1, 5, 8});
    {
      const tw::Tensor mask = tw::compute([] { return tw::tril(tw::Tensor::ones({5, 5}, tw::boolean)); });
      CHECK(is(attention(z, {.causal = true}), attention(z, {.mask = mask}).value()));
    }
    const tw::Tensor mask = tw::Tensor::ones({1, 5}, tw::boolean);
    CHECK(is(attention(z, {.key_mask = mask}), attention(z).value()));
  }
  {
    const tw::Tensor x{{0., 1.}, {1., 0.}}, labels{1, 1};
    CHECK(tw::accuracy(x, labels) == 0.5);
    const tw::Dataset test(x, labels);
    const auto net = [](const tw::Var& images) { return images; };
    CHECK(tw::accuracy(net, test.all()) == 0.5);
  }
  ignore(tw::he_normal({784, 100}), tw::xavier_uniform({784, 100}));

  const tw::Tape tape;
  const tw::Tensor logits{{0., 0.}, {0., 0.}}, labels{0, 1}, a{{0., 1.}}, b{{1., 1.}};
  const double ln_2 = 0.6931471805599453;
  CHECK(is(tw::softmax_cross_entropy(logits, labels), ln_2));
  CHECK(is(tw::softmax_cross_entropy(logits, labels, {.label_smoothing = 0.1}), ln_2));
  CHECK(is(tw::mean_squared_error(a, b), 0.5));
  CHECK(is(tw::mean_absolute_error(a, b), 0.5));
  CHECK(is(tw::huber(a, b), 0.25));
  {
    const tw::Var y = tw::log_softmax(logits);
    CHECK(is(-tw::mean(tw::take_along_axis(y, tw::unsqueeze(labels, 1), 1)), ln_2));
  }
  CHECK(is(tw::binary_cross_entropy_with_logits(a, b), (ln_2 + 0.31326168751822286) / 2));
  CHECK(is(tw::kl_divergence(a, b), -1.));  // Σ p(ln p − ln q) with p = (1, 1), ln q = (0, 1)
}

TEST_CASE("coming from PyTorch: a recurrent layer") {
  const auto sines = [](int count, double step, const tw::Shape& shape) {
    std::vector<double> values;
    for (int i = 0; i < count; ++i) values.push_back(std::sin(step * i));
    return tw::Tensor::from(values, shape);
  };
  tw::ParameterRegistry registry({.dtype = tw::f64});
  const tw::Parameter input_weight = registry.add("input_weight", sines(24, 0.7, {2, 12})),
                      hidden_weight = registry.add("hidden_weight", sines(36, 0.3, {3, 12})),
                      bias = registry.add("bias", sines(12, 0.1, {12}));
  const tw::Tensor x = sines(8, 0.9, {2, 2, 2});
  const tw::Tape tape;
  tw::Var hidden = tw::Tensor::zeros({2, 3}, tw::f64), cell = hidden;
  for (int time = 0; time < 2; ++time) {
    const auto gates =
        tw::split(tw::matmul(tw::gather(x, time, 1), input_weight) + tw::matmul(hidden, hidden_weight) + bias, 4, 1);
    cell = tw::sigmoid(gates[1]) * cell + tw::sigmoid(gates[0]) * tw::tanh(gates[2]);
    hidden = tw::sigmoid(gates[3]) * tw::tanh(cell);
  }
  // From torch.nn.LSTM in f64, with the weights transposed and bias_hh 0.
  const tw::Tensor wanted({{0.1183901213910046, 0.2678123525127428, 0.4515746250033986},
                           {0.3291778287079380, 0.2444538384296801, 0.1648637966478977}},
                          tw::f64);
  CHECK(tw::all_close(hidden.value(), wanted, 1e-14, 1e-15));
}

TEST_CASE("coming from PyTorch: optimizers and training") {
  tw::ParameterRegistry registry({.seed = 0});
  registry.add("affine1.weight", tw::he_normal({3, 2}));
  registry.add("affine1.bias", tw::zeros({2}));
  { tw::SGD(registry, {.learning_rate = 0.1}); }
  { tw::Momentum(registry, {.learning_rate = 0.1, .velocity = tw::VelocityForm::without_rate}); }
  { tw::Adam(registry, {.form = tw::AdamForm::paper}); }
  { tw::RMSProp(registry, {.epsilon = 1e-8}); }
  { tw::AdaGrad(registry, {.epsilon = 1e-10}); }
  { tw::AdamW(registry, {.weight_decay = 0.01}); }
  {
    tw::AdamW(registry, {.groups = {{"*.bias", [](auto& o) { o.weight_decay = 0; }}}});
  }
  {
    tw::ParameterRegistry registry;
    const tw::Parameter weight = registry.add("weight", tw::ones({2}));
    tw::LBFGS lbfgs(registry);
    const auto closure = [&] {
      const tw::Tape tape;
      const tw::Var loss = tw::sum(tw::square(weight));
      tw::backward(loss);
      return loss.item();
    };
    CHECK(lbfgs.step(closure) == 2);
    CHECK(closure() < 1e-6);
  }
  { tw::SGD(registry, {.gradient = {.clip_norm = 1.0}}); }
  { tw::SGD(registry, {.learning_rate = tw::schedules::cosine({.from = 0.1, .steps = 1000})}); }

  tw::Random random(0);
  const tw::Dataset train(std::vector<std::uint8_t>(600, 1), std::vector<std::uint8_t>(200, 1), 3);
  CHECK(tw::batches(train, {.size = 100, .random = random}).size() == 2);
  CHECK(random.split("dropout").seed() == 0);
  const tw::Tensor inputs = tw::Tensor::zeros({4, 2}), targets = tw::Tensor::zeros({4, 1});
  CHECK(tw::Dataset(inputs, targets).size() == 4);

  const std::filesystem::path before = std::filesystem::current_path();
  const std::filesystem::path folder = std::filesystem::temp_directory_path() / "thalweg_coming_from_pytorch";
  std::filesystem::create_directories(folder);
  std::filesystem::current_path(folder);
  {
    tw::AdamW optimizer(registry, {});
    tw::Checkpoint(registry).add(optimizer).save("run.safetensors");
    tw::Checkpoint(registry).add(optimizer).load("run.safetensors");
    CHECK(tw::load_safetensors("run.safetensors").contains("parameter/affine1.weight"));
    tw::save_safetensors("other.safetensors", {{"w", x}});
    CHECK(tw::identical(tw::load_safetensors("other.safetensors").at("w"), x));
    CHECK(tw::gradient_norm(registry) == 0);
    optimizer.set_learning_rate(0.01);
    CHECK(optimizer.learning_rate() == 0.01);
  }
  std::filesystem::current_path(before);
  std::filesystem::remove_all(folder);

  const int threads = tw::thread_count();
  tw::set_thread_count(1);
  CHECK(tw::thread_count() == 1);
  tw::set_thread_count(threads);

  tw::FlushSubnormals flush;
}

TEST_CASE("coming from PyTorch: the program at the top of the page") {
  const tw::Dataset train(std::vector<std::uint8_t>(784 * 200, 1), std::vector<std::uint8_t>(200, 1), 784);
  tw::ParameterRegistry registry({.seed = 0});
  const tw::Sequential net(tw::Affine(registry, "affine1", tw::he_normal({784, 100})), tw::relu,
                           tw::Affine(registry, "affine2", tw::he_normal({100, 10})));
  tw::AdamW optimizer(registry, {.learning_rate = 0.001});
  tw::Random random(0);
  for (const auto& [images, labels] : tw::batches(train, {.size = 100, .random = random})) {
    tw::Tape tape;
    const tw::Var loss = tw::softmax_cross_entropy(net(images), labels);
    tw::backward(loss);
    optimizer.step();
  }
  CHECK(optimizer.step_count() == 2);
}

TEST_CASE("coming from PyTorch: every entry of the page is compiled here") {
  const std::string page = docs::text_of("docs/coming_from_pytorch.md");
  const std::string source = docs::text_of("tests/docs/coming_from_pytorch_test.cpp");
  const std::vector<std::string> entries = docs::second_column(page);
  CHECK(entries.size() > 80);
  CHECK(docs::missing(entries, source) == std::vector<std::string>());
  CHECK(docs::missing(docs::code_blocks(page), source) == std::vector<std::string>());
}
