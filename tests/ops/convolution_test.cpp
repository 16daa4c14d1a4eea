// Convolutions and pooling of random sizes and options beside plain loops.
#include <catch2/catch.hpp>

#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include <thalweg/differentiate.hpp>
#include <thalweg/ops/ops.hpp>
#include <thalweg/precision.hpp>

using namespace thalweg;

namespace {

class Draws {
 public:
  explicit Draws(unsigned seed) : engine_(seed) {}
  std::int64_t from(std::int64_t low, std::int64_t high) {
    return std::uniform_int_distribution<std::int64_t>(low, high)(engine_);
  }
  Tensor numbers(const Shape& shape) {
    Tensor result = Tensor::empty(shape, DType::f64);
    std::uniform_real_distribution<double> number(-1, 1);
    for (double& x : result.mutable_data<double>()) x = static_cast<float>(number(engine_));
    return result;
  }

 private:
  std::mt19937 engine_;
};

struct Sizes {
  std::int64_t images, groups, channels, filters;
  std::int64_t image[2], kernel[2], stride[2], padding[2], dilation[2];

  std::int64_t count(int axis) const {
    return (image[axis] + 2 * padding[axis] - dilation[axis] * (kernel[axis] - 1) - 1) / stride[axis] + 1;
  }
  Shape image_shape() const { return {images, groups * channels, image[0], image[1]}; }
  Shape weight_shape() const { return {groups * filters, channels, kernel[0], kernel[1]}; }
  Shape result_shape() const { return {images, groups * filters, count(0), count(1)}; }
  Conv2dOptions options() const {
    return {{stride[0], stride[1]}, {padding[0], padding[1]}, {dilation[0], dilation[1]}, groups};
  }
};

Sizes random_sizes(Draws& draws) {
  Sizes sizes{draws.from(0, 3), draws.from(1, 3), draws.from(1, 5), draws.from(1, 20), {}, {}, {}, {}, {}};
  for (int axis = 0; axis < 2; ++axis) {
    sizes.kernel[axis] = draws.from(1, axis == 0 ? 3 : 18);
    sizes.dilation[axis] = draws.from(0, 2) == 0 ? 2 : 1;
    sizes.stride[axis] = draws.from(0, 1) == 0 ? 1 : draws.from(2, 3);
    sizes.padding[axis] = draws.from(0, 1) == 0 ? 0 : draws.from(1, 4);
    const std::int64_t least = (sizes.kernel[axis] - 1) * sizes.dilation[axis] + 1 - 2 * sizes.padding[axis];
    sizes.image[axis] = std::max<std::int64_t>(1, least) + draws.from(0, axis == 0 ? 6 : 40);
  }
  return sizes;
}

/// body(place in x, place in the weight, place in the result) for each product of the convolution.
template <class Body>
void for_each_product(const Sizes& s, const Body& body) {
  const std::int64_t rows = s.count(0), columns = s.count(1);
  for (std::int64_t n = 0; n < s.images; ++n)
    for (std::int64_t o = 0; o < s.groups * s.filters; ++o)
      for (std::int64_t i = 0; i < rows; ++i)
        for (std::int64_t j = 0; j < columns; ++j)
          for (std::int64_t c = 0; c < s.channels; ++c)
            for (std::int64_t u = 0; u < s.kernel[0]; ++u)
              for (std::int64_t v = 0; v < s.kernel[1]; ++v) {
                const std::int64_t a = i * s.stride[0] + u * s.dilation[0] - s.padding[0];
                const std::int64_t b = j * s.stride[1] + v * s.dilation[1] - s.padding[1];
                if (a < 0 || b < 0 || a >= s.image[0] || b >= s.image[1]) continue;
                const std::int64_t channel = o / s.filters * s.channels + c;
                body(((n * s.groups * s.channels + channel) * s.image[0] + a) * s.image[1] + b,
                     ((o * s.channels + c) * s.kernel[0] + u) * s.kernel[1] + v,
                     ((n * s.groups * s.filters + o) * rows + i) * columns + j);
              }
}

}  // namespace

TEST_CASE("convolutions: random sizes and options have the values and gradients of plain loops") {
  Draws draws(1);
  for (int round = 0; round < 400; ++round) {
    Sizes s = random_sizes(draws);
    if (round >= 300) s.channels = 1, s.filters = draws.from(1, 4);  // depthwise
    const Tensor x = draws.numbers(s.image_shape()), weight = draws.numbers(s.weight_shape()),
                 seed = draws.numbers(s.result_shape());
    Tensor y = Tensor::zeros(s.result_shape(), DType::f64), x_gradient = Tensor::zeros(x.shape(), DType::f64),
           weight_gradient = Tensor::zeros(weight.shape(), DType::f64);
    {
      const auto result = y.mutable_data<double>(), of_x = x_gradient.mutable_data<double>(),
                 of_weight = weight_gradient.mutable_data<double>();
      const auto image = x.data<double>(), filters = weight.data<double>(), cotangent = seed.data<double>();
      for_each_product(s, [&](std::int64_t in_x, std::int64_t in_weight, std::int64_t in_y) {
        const auto a = static_cast<std::size_t>(in_x), b = static_cast<std::size_t>(in_weight),
                   c = static_cast<std::size_t>(in_y);
        result[c] += image[a] * filters[b];
        of_x[a] += filters[b] * cotangent[c];
        of_weight[b] += image[a] * cotangent[c];
      });
    }
    INFO("round " << round << ": image " << to_string(x.shape()) << ", weight " << to_string(weight.shape())
                  << ", result " << to_string(y.shape()));
    for (const DType dtype : {DType::f64, DType::f32}) {
      const double tolerance = dtype == DType::f64 ? 1e-13 : 1e-4;
      const Tape tape;
      const Var image = x.to(dtype), filters = weight.to(dtype), result = conv2d(image, filters, s.options());
      const std::vector<Var> found = gradients(result, {image, filters}, seed.to(dtype));
      const auto is_close = [&](const Var& a, const Tensor& b) {
        return all_close(a.value().to(DType::f64), b, tolerance, tolerance);
      };
      CHECK(is_close(result, y));
      CHECK(is_close(found[0], x_gradient));
      CHECK(is_close(found[1], weight_gradient));
    }
  }
}

TEST_CASE("convolutions: products have the precision in effect, and so have those of gradients") {
  Draws draws(2);
  const Tensor x = draws.numbers({2, 8, 9, 9}).to(DType::f32), weight = draws.numbers({16, 8, 3, 3}).to(DType::f32);
  const auto run = [&](Precision precision) {
    const Tape tape;
    const Var image = x, filters = weight;
    const Var y = [&] {
      const MatmulPrecision guard(precision);
      return conv2d(image, filters, {.padding = 1});
    }();
    const std::vector<Var> found = gradients(y, {image, filters}, Tensor::full(y.shape(), 0.3F));
    return std::vector{y.value(), found[0].value(), found[1].value()};
  };
  const std::vector<Tensor> exact = run(Precision::highest), rounded = run(Precision::medium);
  for (std::size_t i = 0; i < exact.size(); ++i) {
    CHECK_FALSE(all_close(rounded[i], exact[i], 1e-6, 1e-6));
    CHECK(all_close(rounded[i], exact[i], 2e-2, 0.3));
  }
}

TEST_CASE("pooling: random sizes and options have the values and gradients of plain loops") {
  Draws draws(3);
  for (int round = 0; round < 300; ++round) {
    Sizes s = random_sizes(draws);
    s.groups = 1, s.filters = s.channels;
    for (int axis = 0; axis < 2; ++axis) {
      if (draws.from(0, 1) == 0) s.stride[axis] = s.kernel[axis] = 2, s.dilation[axis] = 1;
      s.padding[axis] = draws.from(0, 1) == 0 ? 0 : ((s.kernel[axis] - 1) * s.dilation[axis] + 1) / 2;
      s.image[axis] = std::max(s.image[axis], (s.kernel[axis] - 1) * s.dilation[axis] + 1);
    }
    const std::int64_t size = s.image[0] * s.image[1], rows = s.count(0), columns = s.count(1);
    const Tensor x = draws.numbers(s.image_shape()), seed = draws.numbers({s.images, s.channels, rows, columns});
    Tensor largest = Tensor::zeros(seed.shape(), DType::f64), gradient = Tensor::zeros(x.shape(), DType::f64);
    {
      const auto image = x.data<double>(), cotangent = seed.data<double>();
      const auto result = largest.mutable_data<double>(), of_x = gradient.mutable_data<double>();
      for (std::int64_t w = 0; w < seed.size(); ++w) {
        const std::int64_t plane = w / (rows * columns), i = w / columns % rows, j = w % columns;
        std::int64_t place = -1;
        for (std::int64_t u = 0; u < s.kernel[0]; ++u)
          for (std::int64_t v = 0; v < s.kernel[1]; ++v) {
            const std::int64_t a = i * s.stride[0] + u * s.dilation[0] - s.padding[0];
            const std::int64_t b = j * s.stride[1] + v * s.dilation[1] - s.padding[1];
            if (a < 0 || b < 0 || a >= s.image[0] || b >= s.image[1]) continue;
            const std::int64_t at = plane * size + a * s.image[1] + b;
            if (place < 0 || image[static_cast<std::size_t>(at)] > image[static_cast<std::size_t>(place)]) place = at;
          }
        const auto at = static_cast<std::size_t>(w);
        result[at] = place < 0 ? -std::numeric_limits<double>::infinity() : image[static_cast<std::size_t>(place)];
        if (place >= 0) of_x[static_cast<std::size_t>(place)] += cotangent[at];
      }
    }
    INFO("round " << round << ": image " << to_string(x.shape()) << ", kernel " << s.kernel[0] << "x" << s.kernel[1]
                  << ", result " << to_string(seed.shape()));
    const Conv2dOptions o = s.options();
    for (const DType dtype : {DType::f64, DType::f32}) {
      const Tape tape;
      const Var image = x.to(dtype);
      const Var y = max_pool2d(image, {s.kernel[0], s.kernel[1]}, {o.stride, o.padding, o.dilation});
      CHECK(identical(y.value().to(DType::f64), largest));
      CHECK(all_close(gradients(y, image, seed.to(dtype)).value().to(DType::f64), gradient, 1e-6, 1e-6));
    }
    // An average is a convolution of each channel with equal numbers.
    if (o.dilation.height > 1 || o.dilation.width > 1) continue;
    const Tape tape;
    const Var image = x;
    const double part = 1. / static_cast<double>(s.kernel[0] * s.kernel[1]);
    const Var weight = Tensor::full({s.channels, 1, s.kernel[0], s.kernel[1]}, part, DType::f64);
    const Var wanted = conv2d(image, weight, {o.stride, o.padding, 1, s.channels});
    const Var ones = conv2d(ones_like(image), weight, {o.stride, o.padding, 1, s.channels});
    const HeightWidth kernel(s.kernel[0], s.kernel[1]);
    const Var with = average_pool2d(image, kernel, {o.stride, o.padding}),
              without = average_pool2d(image, kernel, {o.stride, o.padding, false});
    CHECK(all_close(with.value(), wanted.value(), 1e-12, 1e-12));
    CHECK(all_close(without.value(), (wanted / ones).value(), 1e-12, 1e-12));
    CHECK(all_close(gradients(with, image, seed).value(), gradients(wanted, image, seed).value(), 1e-12, 1e-12));
    CHECK(all_close(gradients(without, image, seed).value(), gradients(wanted / ones, image, seed).value(), 1e-12,
                    1e-12));
  }
}
