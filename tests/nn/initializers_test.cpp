#include <thalweg/nn/initializers.hpp>

#include <cmath>
#include <limits>

#include <catch2/catch.hpp>

#include <thalweg/compute.hpp>
#include <thalweg/ops/matmul.hpp>
#include <thalweg/ops/shape.hpp>

#include "tests/registry/thrown.hpp"

using namespace thalweg;
using test::thrown;

namespace {

struct Moments {
  double mean = 0, deviation = 0, largest = 0;
};

Moments moments(const Tensor& tensor) {
  Moments m;
  const auto values = tensor.data<double>();
  const auto count = static_cast<double>(values.size());
  for (const double value : values) m.mean += value / count;
  for (const double value : values) m.deviation += (value - m.mean) * (value - m.mean) / count;
  for (const double value : values) m.largest = std::max(m.largest, std::abs(value));
  m.deviation = std::sqrt(m.deviation);
  return m;
}

Tensor made(const Initializer& initializer, std::uint64_t seed = 0, const char* name = "w") {
  ParameterRegistry registry({.seed = seed, .dtype = f64});
  return registry.add(name, initializer).value();
}

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

}  // namespace

TEST_CASE("initializers: zeros, ones, constant") {
  CHECK(identical(made(zeros({2})), Tensor({0., 0.}, f64)));
  CHECK(identical(made(ones({2})), Tensor({1., 1.}, f64)));
  CHECK(identical(zeros({2}, i64), Tensor{0, 0}));  // tensors, of use without a registry too
  CHECK(identical(ones({2}), Tensor{1., 1.}));
  CHECK(identical(made(constant({2, 1}, -0.5)), Tensor({{-0.5}, {-0.5}}, f64)));
  CHECK(identical(made(Tensor{{1, 2}, {3, 4}}), Tensor({{1., 2.}, {3., 4.}}, f64)));
}

TEST_CASE("initializers: deviations are those of the formulas") {
  // 78,400 numbers: the deviation of a sample deviates by about 0.3 %, its mean by 0.4 % of the deviation.
  const Shape shape{784, 100};
  struct Row {
    const char* name;
    Initializer initializer;
    double deviation;
    double bound;  // 0: none
  };
  const Row rows[] = {
      {"normal", normal(shape, 3), 3, 0},
      {"uniform", uniform(shape, -2, 2), 2 / std::sqrt(3.), 2},
      {"he_normal", he_normal(shape), 0.050507627, 0},
      {"he_uniform", he_uniform(shape), std::sqrt(2 / 784.), std::sqrt(6 / 784.)},
      {"lecun_normal", lecun_normal(shape), std::sqrt(1 / 784.), 0},
      {"lecun_uniform", lecun_uniform(shape), std::sqrt(1 / 784.), std::sqrt(3 / 784.)},
      {"xavier_normal", xavier_normal(shape), std::sqrt(2 / 884.), 0},
      {"xavier_uniform", xavier_uniform(shape), std::sqrt(2 / 884.), std::sqrt(6 / 884.)},
      {"he_normal, out", he_normal(shape, Fan::out), std::sqrt(2 / 100.), 0},
      {"he_uniform, average", he_uniform(shape, Fan::average), std::sqrt(2 / 442.), std::sqrt(6 / 442.)},
      {"xavier_normal, in", xavier_normal(shape, Fan::in), std::sqrt(1 / 784.), 0},
      {"lecun_uniform, out", lecun_uniform(shape, Fan::out), std::sqrt(1 / 100.), std::sqrt(3 / 100.)},
      {"truncated_normal", truncated_normal(shape, 3), 3 * 0.8796256610342398, 6},
      {"truncated_normal, 1", truncated_normal(shape, 1, 1), 0.5395600938, 1},
      {"orthogonal", orthogonal(shape, 2), 2 / std::sqrt(784.), 0},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    const Moments m = moments(made(row.initializer));
    CHECK(m.deviation == Approx(row.deviation).epsilon(0.015));
    CHECK(std::abs(m.mean) < 0.02 * row.deviation);
    if (row.bound > 0) {
      CHECK(m.largest <= row.bound);
      CHECK(m.largest > 0.99 * row.bound);
    }
  }
}

TEST_CASE("edge case 52: fan-based initializers", "[optim]") {
  CHECK(moments(made(he_normal({784, 100}))).deviation == Approx(0.050507627).epsilon(0.015));
  CHECK_THROWS_AS(he_normal({100}), ShapeError);
  CHECK(made(he_normal({0, 5})).shape() == Shape{0, 5});
}

TEST_CASE("initializers: identity and orthogonal matrices", "[optim]") {
  CHECK(identical(made(identity({2, 3}, 2)), Tensor({{2., 0., 0.}, {0., 2., 0.}}, f64)));
  CHECK(identical(made(identity({2, 1})), Tensor({{1.}, {0.}}, f64)));
  for (const Shape& shape : {Shape{5, 5}, Shape{7, 3}, Shape{3, 7}, Shape{1, 4}, Shape{4, 1}, Shape{40, 30}}) {
    CAPTURE(to_string(shape));
    const Tensor q = made(orthogonal(shape, 3));
    const std::int64_t least = std::min(shape[0], shape[1]);
    const Tensor product =
        compute([&] { return shape[0] < shape[1] ? matmul(q, transpose(q)) : matmul(transpose(q), q); });
    const Tensor expected = made(identity({least, least}, 9));
    CHECK(all_close(product, expected, 1e-12, 1e-12));
  }
  // Uniform over all orthogonal matrices: the sign of no element is fixed.
  int positive = 0;
  for (std::uint64_t seed = 0; seed < 200; ++seed)
    positive += made(orthogonal({2, 2}), seed).data<double>()[0] > 0 ? 1 : 0;
  CHECK(positive > 70);
  CHECK(positive < 130);
  for (const Shape& shape : {Shape{0, 5}, Shape{5, 0}}) {
    CHECK(made(orthogonal(shape)).shape() == shape);
    CHECK(made(identity(shape)).shape() == shape);
  }
  CHECK_THROWS_AS(identity({3}), ShapeError);
  CHECK_THROWS_AS(orthogonal({2, 3, 4}), ShapeError);
  CHECK_THROWS_AS(orthogonal({2, 3}, infinity), ValueError);
  CHECK_THROWS_AS(truncated_normal({3}, -1), ValueError);
  CHECK_THROWS_AS(truncated_normal({3}, 1, 0), ValueError);
  CHECK_THROWS_AS(truncated_normal({3}, 1, not_a_number), ValueError);
}

TEST_CASE("initializers: the numbers depend on seed and name, not on the order of making or the dtype") {
  ParameterRegistry first({.seed = 7, .dtype = f64}), second({.seed = 7});
  first.add("a", normal({3, 5}, 1));
  first.add("b", normal({3, 5}, 1));
  second.add("b", normal({3, 5}, 1));
  second.add("a", normal({3, 5}, 1));
  CHECK(identical(first["a"].value().to(f32), second["a"].value()));
  CHECK_FALSE(identical(first["a"].value(), first["b"].value()));
  CHECK_FALSE(identical(made(normal({3, 5}, 1), 0, "a"), first["a"].value()));
  CHECK(identical(made(normal({3, 5}, 1), 0), made(normal({3, 5}, 1), 0)));
  CHECK(moments(made(normal({1000}, 1), 0)).deviation == Approx(1).epsilon(0.1));  // 0 is a seed like any other
}

TEST_CASE("initializers: empty weights have no numbers, and none is divided by zero") {
  for (const Shape& shape : {Shape{0, 5}, Shape{5, 0}, Shape{0, 0}})
    for (const auto& make : {he_normal, he_uniform, lecun_normal, xavier_normal, xavier_uniform})
      CHECK(made(make(shape, Fan::average, {})).shape() == shape);
}

TEST_CASE(
    "initializers: a filter of a convolution has channels·kernel inputs, an element of the image filters·kernel "
    "outputs") {
  const Shape shape{32, 16, 5, 4};
  CHECK(moments(made(he_normal(shape))).deviation == Approx(std::sqrt(2. / (16 * 20))).epsilon(.02));
  CHECK(moments(made(he_normal(shape, Fan::out))).deviation == Approx(std::sqrt(2. / (32 * 20))).epsilon(.02));
  CHECK(moments(made(xavier_normal(shape))).deviation == Approx(std::sqrt(2. / (48 * 20))).epsilon(.02));
  CHECK(moments(made(he_uniform({8, 6, 7}))).largest == Approx(std::sqrt(6. / (6 * 7))).epsilon(.02));
}

TEST_CASE("initializers: fan-based ones want weights of shape (in, out) or (filters, channels, …)") {
  CHECK(thrown<ShapeError>([] {
          he_normal({100}, Fan::in, {"model.cpp", 7});
        }) == "[he_normal] weights have shape (in, out) or (filters, channels, …), not (100,) at model.cpp:7");
  for (const auto& make : {he_normal, he_uniform, lecun_normal, lecun_uniform, xavier_normal, xavier_uniform}) {
    CHECK_THROWS_AS(make({100}, Fan::in, {}), ShapeError);
    CHECK_THROWS_AS(make({}, Fan::in, {}), ShapeError);
  }
}

TEST_CASE("initializers: settings without meaning are rejected") {
  CHECK(thrown<ValueError>([] {
          normal({2}, -1, {"model.cpp", 7});
        }) == "[normal] standard_deviation -1 is not a finite number of at least 0 at model.cpp:7");
  CHECK_THROWS_AS(normal({2}, not_a_number), ValueError);
  CHECK_THROWS_AS(normal({2}, infinity), ValueError);
  CHECK(moments(made(normal({2}, 0))).largest == 0);
  CHECK(thrown<ValueError>([] {
          uniform({2}, 1, -1, {"model.cpp", 7});
        }) == "[uniform] low 1 and high -1 are not the bounds of a range at model.cpp:7");
  CHECK_THROWS_AS(uniform({2}, not_a_number, 1), ValueError);
  CHECK_THROWS_AS(uniform({2}, 0, infinity), ValueError);
}
