// Gathering, scattering, sorting, drawing of classes: values, gradients, repeated and wrong indices.
#include "tests/ops/expect.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include <thalweg/compute.hpp>

using namespace thalweg;
using namespace thalweg::tests;

namespace {

const Tensor matrix = doubles({{1., 2., 3.}, {4., 5., 6.}});

}  // namespace

TEST_CASE("indices and labels out of range: their place is an index into the tensor that has them") {
  const Tape tape;
  const Tensor x = Tensor::ones({4, 2});
  CHECK_THROWS_WITH(
      gather(x, Tensor{{1, 3}, {4, 0}}).value(),
      Catch::StartsWith("[gather] index 4 at place (1, 0) is out of range for axis 0 of size 4 at indexing_test"));
  CHECK_THROWS_WITH(gather(x, Tensor{0, -5}).value(),
                    Catch::StartsWith("[gather] index -5 at place 1 is out of range"));
  CHECK_THROWS_WITH(
      take_along_axis(x, Tensor{{0, 2}}, 1).value(),
      Catch::StartsWith("[take_along_axis] index 2 at place (0, 1) is out of range for axis 1 of size 2"));
  CHECK_THROWS_WITH(one_hot(Tensor{{0, 1}, {2, 3}}, 3).value(),
                    Catch::StartsWith("[one_hot] label 3 at place (1, 1) is out of range for 3 classes"));
}

TEST_CASE("gather along any axis, with indices of any shape") {
  const Tensor indices{{2, 0}, {-1, -1}};
  expect([&](auto x) { return gather(x[0], indices, 1); }, {matrix},
         doubles({{{3., 1.}, {3., 3.}}, {{6., 4.}, {6., 6.}}}), {doubles({{1., 0., 3.}, {1., 0., 3.}})});
  expect([](auto x) { return gather(x[0], Tensor(1), -1); }, {matrix}, doubles({2., 5.}));
  expect(
      [](auto x) {
        return gather(x[0], Tensor{1, 0});
      },
      {Tensor{{true, false}, {false, false}}}, Tensor{{false, false}, {true, false}});
  for (const int axis : {0, 1, -1})
    expect_gradients("gather",
                     [axis](auto x) {
                       return square(gather(x[0], Tensor{{1, 0}, {-1, 1}}, axis));
                     },
                     {Shape{2, 3, 2}});
  expect_error<IndexError>([](auto x) { return gather(x[0], Tensor{3}, 1); }, {matrix},
                           {"[gather]", "index 3", "axis 1", "size 3", "indexing_test.cpp"});
  expect_error<DtypeError>([](auto x) { return gather(x[0], x[0]); }, {matrix}, {"[gather]", "i64", "f64"});
  expect_error<ShapeError>([](auto x) { return gather(x[0], Tensor{0}); }, {number(1)}, {"[gather]", "()"});
}

TEST_CASE("scatter_max and scatter_min share the gradient among ties, and pass on NaN") {
  const Tensor places{{0, 0, 2}, {1, 1, -1}}, weights = doubles({{1., 2., 3.}, {4., 5., 6.}});
  const Tensor x = doubles({{1., 5., 2.}, {4., 4., 4.}}), updates = doubles({{7., 7., 3.}, {4., 4., 9.}});
  // Values and gradients from torch.scatter_reduce with "amax" and "amin".
  const double third = 5. / 3;
  expect([&](auto v) { return weights * scatter_max_along_axis(v[0], places, v[1], 1); }, {x, updates},
         doubles({{7., 10., 9.}, {16., 20., 54.}}),
         {doubles({{0., 2., 0.}, {4., third, 0.}}), doubles({{0.5, 0.5, 3.}, {third, third, 6.}})});
  expect([&](auto v) { return weights * scatter_min_along_axis(v[0], places, v[1], 1); }, {x, updates},
         doubles({{1., 10., 6.}, {16., 20., 24.}}),
         {doubles({{1., 2., 3.}, {4., third, 6.}}), doubles({{0., 0., 0.}, {third, third, 0.}})});
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const Tensor numbers = doubles({nan, 1., 2.}), rows{0, 1, 1};
  for (const auto& scattered : {scatter_max, scatter_min}) {
    const Tensor y = compute([&] { return scattered(numbers, rows, doubles({0., nan, 3.}), 0); });
    CHECK(std::isnan(y.at<double>({0})));
    CHECK(std::isnan(y.at<double>({1})));
    CHECK(y.at<double>({2}) == 2);
  }
  expect([&](auto v) { return scatter_max(v[0], rows, v[1]); }, {Tensor{5, -7, 1}, Tensor{4, -9, -3}},
         Tensor{5, -3, 1});
  expect([&](auto v) { return scatter_min(v[0], rows, 2); }, {Tensor{5, -7, 1}}, Tensor{2, -7, 1});
  for (const int axis : {0, 1})
    expect_gradients("scatter_max",
                     [axis](auto v) {
                       return square(scatter_max(v[0], Tensor{1, 0, 1}, v[1], axis));
                     },
                     {Shape{2, 3}, axis == 0 ? Shape{3, 3} : Shape{2, 3}});
}

TEST_CASE("scatter_add adds up where an index repeats") {
  const Tensor indices{0, -1, 0};
  expect([&](auto x) { return scatter_add(x[0], indices, x[1]); },
         {matrix, doubles({{1., 1., 1.}, {2., 2., 2.}, {10., 20., 30.}})}, doubles({{12., 23., 34.}, {6., 7., 8.}}),
         {Tensor::ones({2, 3}, DType::f64), Tensor::ones({3, 3}, DType::f64)});
  expect(
      [](auto x) {
        return scatter_add(x[0], Tensor{1, 1}, 0.5, 1);
      },
      {matrix}, doubles({{1., 3., 3.}, {4., 6., 6.}}));
  expect(
      [](auto x) {
        return scatter_add(x[0], Tensor{0, 0}, x[1]);
      },
      {Tensor{1, 2}, Tensor{std::numeric_limits<std::int64_t>::max(), std::int64_t{1}}},
      Tensor{std::numeric_limits<std::int64_t>::min() + 1, std::int64_t{2}});
  for (const int axis : {0, 1})
    expect_gradients("scatter_add",
                     [axis](auto x) {
                       return square(scatter_add(x[0], Tensor{1, 0, 1}, x[1], axis));
                     },
                     {Shape{2, 3}, axis == 0 ? Shape{3, 3} : Shape{2, 3}});
  expect_error<ShapeError>([&](auto x) { return scatter_add(x[0], indices, x[0]); }, {matrix},
                           {"[scatter_add]", "(2, 3)", "(3, 3)"});
  expect_error<IndexError>([](auto x) { return scatter_add(x[0], Tensor{2}, 1.0); }, {matrix},
                           {"[scatter_add]", "index 2", "axis 0", "size 2"});
  expect_error<DtypeError>([&](auto x) { return scatter_add(x[0], indices, x[1]); },
                           {matrix, Tensor::ones({3, 3}, DType::f32)}, {"[scatter_add]", "f32", "f64"});
}

TEST_CASE("take_along_axis and its transpose, each line by indices of its own") {
  const Tensor indices{{2, -3}, {1, 1}};
  expect([&](auto x) { return take_along_axis(x[0], indices, 1); }, {matrix}, doubles({{3., 1.}, {5., 5.}}),
         {doubles({{1., 0., 1.}, {0., 2., 0.}})});
  expect([](auto x) { return take_along_axis(x[0], Tensor{{1, 0, 1}}, 0); }, {matrix}, doubles({{4., 2., 6.}}));
  expect([](auto x) { return take_along_axis(x[0], Tensor{{2, 0}}, 1); }, {matrix}, doubles({{3., 1.}, {6., 4.}}));
  expect([&](auto x) { return scatter_add_along_axis(x[0], indices, x[1], 1); },
         {matrix, doubles({{10., 20.}, {30., 40.}})}, doubles({{21., 2., 13.}, {4., 75., 6.}}));
  expect([](auto x) { return scatter_add_along_axis(x[0], Tensor{{0}}, 1.0, 1); }, {matrix},
         doubles({{2., 2., 3.}, {5., 5., 6.}}));
  const Tensor deep{{{1, 0}, {0, 0}}};
  expect_gradients("take_along_axis", [&](auto x) { return square(take_along_axis(x[0], deep, 0)); }, {Shape{2, 2, 2}});
  expect_gradients("take_along_axis", [&](auto x) { return square(take_along_axis(x[0], deep, 1)); }, {Shape{3, 2, 2}});
  expect_gradients("scatter_add_along_axis",
                   [&](auto x) { return square(scatter_add_along_axis(x[0], deep, x[1], 1)); },
                   {Shape{1, 3, 2}, Shape{1, 2, 2}});
  expect_error<ShapeError>([](auto x) { return take_along_axis(x[0], Tensor{0}, 0); }, {matrix},
                           {"[take_along_axis]", "(2, 3)", "(1,)"});
  expect_error<ShapeError>([&](auto x) { return take_along_axis(x[0], indices, 0); }, {matrix},
                           {"[take_along_axis]", "(2, 3)", "(2, 2)", "axis 0"});
  expect_error<IndexError>(
      [](auto x) {
        return take_along_axis(x[0], Tensor{{0}, {3}}, 1);
      },
      {matrix}, {"[take_along_axis]", "index 3", "axis 1", "size 3"});
}

TEST_CASE("masked_fill") {
  const Tensor mask{{true, false, true}};
  expect([&](auto x) { return masked_fill(x[0], mask, -infinity); }, {matrix},
         doubles({{-infinity, 2., -infinity}, {-infinity, 5., -infinity}}), {doubles({{0., 1., 0.}, {0., 1., 0.}})});
  expect([&](auto x) { return masked_fill(x[0], mask, x[1]); }, {matrix, number(9)},
         doubles({{9., 2., 9.}, {9., 5., 9.}}), {doubles({{0., 1., 0.}, {0., 1., 0.}}), number(4)});
  expect_error<DtypeError>([](auto x) { return masked_fill(x[0], x[0], 0); }, {matrix},
                           {"[masked_fill]", "f64", "bool"});
}

TEST_CASE("sort, argsort and top_k") {
  const Tensor x = doubles({{3., 1., 2.}, {1., 1., 0.}});
  expect([](auto v) { return sort(v[0]).values; }, {x}, doubles({{1., 2., 3.}, {0., 1., 1.}}));
  expect([](auto v) { return sort(v[0]).indices; }, {x}, Tensor{{1, 2, 0}, {2, 0, 1}});
  expect([](auto v) { return argsort(v[0], {.descending = true}); }, {x}, Tensor{{0, 2, 1}, {0, 1, 2}});
  expect([](auto v) { return sort(v[0], {.axis = 0}).values; }, {x}, doubles({{1., 1., 0.}, {3., 1., 2.}}),
         {doubles({{4., 2., 6.}, {1., 5., 3.}})}, doubles({{1., 2., 3.}, {4., 5., 6.}}));
  expect([](auto v) { return top_k(v[0], 2).values; }, {x}, doubles({{3., 2.}, {1., 1.}}));
  expect([](auto v) { return top_k(v[0], 2).indices; }, {x}, Tensor{{0, 2}, {0, 1}});
  expect([](auto v) { return top_k(v[0], 1, {.axis = 0, .largest = false}).indices; }, {x}, Tensor{{1, 0, 1}});
  expect([](auto v) { return top_k(v[0], 0).values; }, {x}, Tensor::zeros({2, 0}, DType::f64));
  for (const Shape& shape : {Shape{7}, Shape{3, 5}, Shape{2, 4, 3}})
    for (const int axis : {0, -1}) {
      expect_gradients("sort", [axis](auto v) { return square(sort(v[0], {.axis = axis}).values); }, {shape});
      expect_gradients("sort down", [axis](auto v) { return square(sort(v[0], {axis, true}).values); }, {shape});
      expect_gradients("top_k", [axis](auto v) { return square(top_k(v[0], 2, {.axis = axis}).values); }, {shape});
    }
  expect_error<IndexError>([](auto v) { return top_k(v[0], 4).values; }, {x},
                           {"[top_k]", "k is 4", "axis -1", "size 3", "indexing_test.cpp"});
  expect_error<IndexError>([](auto v) { return sort(v[0], {.axis = 2}).values; }, {x}, {"[sort]", "axis 2", "(2, 3)"});
}

TEST_CASE("long rows sort as std::stable_sort, and the first of them are top_k") {
  for (const DType dtype : {DType::f32, DType::f64, DType::i64}) {
    const std::int64_t count = 20000;
    Tensor x = Tensor::empty({2, count}, DType::f64);
    for (std::int64_t i = 0; i < 2 * count; ++i)
      x.mutable_data<double>()[static_cast<std::size_t>(i)] =
          static_cast<double>(i * 7919 % 1009) - 500;  // many equal ones
    x = x.to(dtype);
    for (const bool descending : {false, true}) {
      std::vector<std::int64_t> places(static_cast<std::size_t>(count));
      std::iota(places.begin(), places.end(), 0);
      const Tensor row = x.to(DType::f64);
      std::stable_sort(places.begin(), places.end(), [&](std::int64_t a, std::int64_t b) {
        const double left = row.data<double>()[static_cast<std::size_t>(count + a)],
                     right = row.data<double>()[static_cast<std::size_t>(count + b)];
        return descending ? left > right : left < right;
      });
      const Tape tape;
      const Tensor order = argsort(x, {.descending = descending}).value(),
                   first = top_k(x, 100, {.largest = descending}).indices.value();
      CHECK(std::equal(places.begin(), places.end(), order.data<std::int64_t>().begin() + count));
      CHECK(std::equal(places.begin(), places.begin() + 100, first.data<std::int64_t>().begin() + 100));
    }
  }
}

TEST_CASE("edge case 16: sort puts NaN last ascending, first descending") {
  for (const DType dtype : {DType::f32, DType::f64}) {
    const Tensor x = doubles({nan_value, 2., infinity, nan_value, -1.}).to(dtype);
    expect([](auto v) { return sort(v[0]).values; }, {x}, doubles({-1., 2., infinity, nan_value, nan_value}));
    expect([](auto v) { return argsort(v[0]); }, {x}, Tensor{4, 1, 2, 0, 3});
    expect([](auto v) { return argsort(v[0], {.descending = true}); }, {x}, Tensor{0, 3, 2, 1, 4});
    expect([](auto v) { return top_k(v[0], 3).indices; }, {x}, Tensor{0, 3, 2});
    expect([](auto v) { return top_k(v[0], 3, {.largest = false}).indices; }, {x}, Tensor{4, 1, 2});
  }
}

TEST_CASE("edge case 24: scattered rows add up where they repeat") {
  expect(
      [](auto x) {
        return gather(x[0], Tensor{0, 0, 1, 0});
      },
      {doubles({0.1, 0.7})}, doubles({0.1, 0.1, 0.7, 0.1}), {doubles({1.5, 0.4})}, doubles({0.2, 0.3, 0.4, 1.}));
  expect(
      [](auto x) {
        return take_along_axis(x[0], Tensor{0, 0, 1, 0}, 0);
      },
      {doubles({0.1, 0.7})}, doubles({0.1, 0.1, 0.7, 0.1}), {doubles({1.5, 0.4})}, doubles({0.2, 0.3, 0.4, 1.}));
}

TEST_CASE("edge case 25: wrong indices are found before anything is written") {
  for (const std::int64_t index : {std::int64_t{3}, std::int64_t{-4}}) {
    const std::string text = std::to_string(index);
    expect_error<IndexError>(
        [&](auto x) {
          return gather(x[0], Tensor{std::int64_t{0}, index});
        },
        {doubles({1., 2., 3.})}, {"[gather]", text.c_str(), "axis 0", "size 3"});
    expect_error<IndexError>(
        [&](auto x) {
          return take_along_axis(x[0], Tensor{std::int64_t{0}, index}, 0);
        },
        {doubles({1., 2., 3.})}, {"[take_along_axis]", text.c_str(), "axis 0", "size 3"});
    expect_error<IndexError>(
        [&](auto x) {
          return scatter_add(x[0], Tensor{std::int64_t{0}, index}, 1.0);
        },
        {doubles({1., 2., 3.})}, {"[scatter_add]", text.c_str(), "axis 0", "size 3"});
  }
}

TEST_CASE("categorical: each class is drawn as often as its probability says, one of logit −inf never") {
  Random random(11);
  constexpr std::int64_t rows = 100'000;
  const double never = -std::numeric_limits<double>::infinity();
  const Tensor logits({std::log(0.1), std::log(0.2), never, std::log(0.7)}, f64);
  const Tensor drawn = compute([&] { return categorical(broadcast_to(logits, {rows, 4}), random); });
  REQUIRE(drawn.shape() == Shape{rows});
  std::vector<double> counts(4);
  for (const std::int64_t index : drawn.data<std::int64_t>()) ++counts[static_cast<std::size_t>(index)];
  const double expected[] = {0.1, 0.2, 0, 0.7};
  for (std::size_t i = 0; i < 4; ++i) {
    const double deviation = std::sqrt(expected[i] * (1 - expected[i]) * rows);
    CHECK(std::abs(counts[i] - expected[i] * rows) <= 4 * deviation);
  }
}
