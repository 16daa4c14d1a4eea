// same_padding and ceil_mode beside PyTorch (padding="same", ceil_mode) and JAX (lax.conv_general_dilated and
// lax.reduce_window with "SAME"), run with arange(n) mod 11 − 4 as images, arange(n) mod 5 − 2 as weights, in f64. Of each
// result the shape, the sum, and the sum weighted with 1 + arange(n) mod 7 were recorded.
#include <catch2/catch.hpp>

#include <thalweg/check_gradients.hpp>
#include <thalweg/compute.hpp>
#include <thalweg/ops/ops.hpp>

using namespace thalweg;

namespace {

Tensor numbers(const Shape& shape, std::int64_t modulus, std::int64_t shift) {
  Tensor result = Tensor::empty(shape, DType::f64);
  std::int64_t i = 0;
  for (double& x : result.mutable_data<double>()) x = static_cast<double>(i++ % modulus + shift);
  return result;
}

const Tensor image = numbers({1, 2, 7, 8}, 11, -4), weight = numbers({2, 2, 4, 3}, 5, -2);

using Function = std::function<Var(const Var&)>;

void expect(const Function& function, const Tensor& x, const Shape& shape, double sum_of_all, double weighted) {
  for (const Engine engine : {Engine::planned, Engine::eager}) {
    const Tape tape({.engine = engine});
    const Var y = function(x);
    CHECK(y.shape() == shape);
    CHECK(sum(y).item() == Approx(sum_of_all));
    CHECK(sum(y * numbers(shape, 7, 1)).item() == Approx(weighted));
  }
}

void expect(const Function& function, const Shape& shape, double sum_of_all, double weighted) {
  expect(function, image, shape, sum_of_all, weighted);
}

Function max_pool(const HeightWidth& kernel, const MaxPool2dOptions& options) {
  return [=](const Var& x) { return max_pool2d(x, kernel, options); };
}
Function average_pool(const HeightWidth& kernel, const AveragePool2dOptions& options) {
  return [=](const Var& x) { return average_pool2d(x, kernel, options); };
}

void check(const std::function<Var(std::span<const Var>)>& function, const std::vector<Tensor>& inputs) {
  const GradientReport report = check_gradients(function, inputs);
  INFO(report.message);
  CHECK(report.ok);
}

std::string text_of(const std::function<void()>& body) {
  const Tape tape;
  try {
    body();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("convolutions with same_padding are those of PyTorch and JAX") {
  expect([](const Var& x) { return conv2d(x, weight, {.padding = same_padding}); }, {1, 2, 7, 8}, -107, -176);
  expect(
      [](const Var& x) {
        return conv2d(x, weight, {.padding = same_padding, .dilation = {1, 2}});
      },
      {1, 2, 7, 8}, -133, -448);
  expect([](const Var& x) { return conv2d(x, weight, {.stride = 2, .padding = same_padding}); }, {1, 2, 4, 4}, -39,
         -436);
  expect(
      [](const Var& x) {
        return conv2d(x, weight, {.stride = {3, 1}, .padding = same_padding});
      },
      {1, 2, 3, 8}, -179, -1501);
  const auto first_column = [](const Tensor& x) { return compute([&] { return gather(x, 0, 3); }); };
  const Tensor kernel = first_column(weight);
  expect([&](const Var& x) { return conv1d(x, kernel, {.padding = same_padding}); }, first_column(image), {1, 2, 7}, -6,
         -16);
}

TEST_CASE("same_padding may be given for one axis") {
  const Tape tape;
  CHECK(conv2d(image, weight, {.padding = {same_padding, 0}}).shape() == Shape{1, 2, 7, 6});
  CHECK(conv2d(image, weight, {.padding = {2, same_padding}}).shape() == Shape{1, 2, 8, 8});
}

TEST_CASE("pooling with same_padding is JAX's") {
  expect(max_pool({4, 3}, {.stride = 2, .padding = same_padding}), {1, 2, 4, 4}, 179, 677);
  expect(max_pool({4, 3}, {.stride = {3, 1}, .padding = same_padding}), {1, 2, 3, 8}, 268, 1057);
  const auto average = [](const HeightWidth& stride) {
    return average_pool({4, 3}, {.stride = stride, .padding = same_padding, .count_include_padding = false});
  };
  expect(average(2), {1, 2, 4, 4}, 30.375, 116.7638888888889);
  expect(average({3, 1}), {1, 2, 3, 8}, 49.375, 208.88888888888889);
}

TEST_CASE("pooling in ceil mode is PyTorch's") {
  struct Row {
    HeightWidth kernel, stride, padding;
    Shape shape;
    double max[2], average[2], without_padding[2];
  };
  const Row rows[] = {
      {3,
       2,
       0,
       {1, 2, 3, 4},
       {132, 502},
       {19.72222222222222, 82.55555555555554},
       {19.72222222222222, 82.55555555555554}},
      {3,
       2,
       1,
       {1, 2, 4, 5},
       {197, 758},
       {27.22222222222222, 113.27777777777777},
       {39.16666666666667, 151.11111111111111}},
      {2, 2, 0, {1, 2, 4, 4}, {117, 398}, {33.5, 109.75}, {33.5, 109.75}},
      {{2, 4}, 3, {1, 2}, {1, 2, 3, 4}, {81, 309}, {17.208333333333332, 70.875}, {21.875, 85.25}},
      {3, 3, 1, {1, 2, 3, 3}, {90, 317}, {11.444444444444443, 44.66666666666667}, {16.555555555555557, 60.5}}};
  for (const auto& [kernel, stride, padding, shape, max, average, without] : rows) {
    expect(max_pool(kernel, {.stride = stride, .padding = padding, .ceil_mode = true}), shape, max[0], max[1]);
    expect(average_pool(kernel, {.stride = stride, .padding = padding, .ceil_mode = true}), shape, average[0],
           average[1]);
    expect(
        average_pool(kernel, {.stride = stride, .padding = padding, .count_include_padding = false, .ceil_mode = true}),
        shape, without[0], without[1]);
  }
}

TEST_CASE("same_padding and ceil_mode: gradients") {
  Random random(3);
  const Tensor x = Tensor::normal({2, 2, 5, 6}, random, f64);
  for (const std::int64_t kernel : {2, 3, 4})
    for (const std::int64_t stride : {1, 2, 3}) {
      const Tensor filters = Tensor::normal({3, 2, kernel, kernel}, random, f64);
      check([&](auto v) { return conv2d(v[0], v[1], {.stride = stride, .padding = same_padding}); }, {x, filters});
      check([&](auto v) { return max_pool2d(v[0], kernel, {.stride = stride, .padding = same_padding}); }, {x});
      check([&](auto v) { return max_pool2d(v[0], kernel, {.stride = stride, .ceil_mode = true}); }, {x});
      for (const bool include : {true, false})
        check(
            [&](auto v) {
              return average_pool2d(
                         v[0], kernel,
                         {.stride = stride, .padding = 1, .count_include_padding = include, .ceil_mode = true}) +
                     sum(average_pool2d(v[0], kernel, {stride, same_padding, include}));
            },
            {x});
    }
}

TEST_CASE("a transposed convolution has no same_padding") {
  CHECK(text_of([] {
          conv_transpose2d(image, weight, {.padding = same_padding});
        }).find("[conv_transpose2d] padding is") == 0);
}
