// Reductions and running sums: values over every choice of axes against plain loops, gradients, edges.
#include "tests/ops/expect.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <span>

#include <thalweg/compute.hpp>
#include <thalweg/statistics.hpp>

using namespace thalweg;
using namespace thalweg::tests;

namespace {

const std::vector<Shape> shapes = {Shape{2, 3, 4}, Shape{1, 5, 2}, Shape{3, 1, 1}, Shape{4, 2, 3}};
const std::vector<Axes> choices = {Axes(),     Axes{0},    Axes{-1},   Axes{1},
                                   Axes{0, 2}, Axes{1, 2}, Axes{0, 1}, Axes{0, 1, 2}};

using Reduce = double (*)(const std::vector<double>&);

/// `reduce` of the elements that make each one of the result, in row-major order.
Tensor reduced_by_loops(const Tensor& x, const Axes& axes, bool keep, Reduce reduce) {
  bool chosen[Shape::max_rank] = {};
  for (int axis = 0; axis < x.rank(); ++axis) chosen[axis] = axes.all();
  if (!axes.all())
    for (const int axis : axes) chosen[axis < 0 ? axis + x.rank() : axis] = true;
  std::vector<std::int64_t> dimensions;
  std::int64_t results = 1;
  for (int axis = 0; axis < x.rank(); ++axis) {
    if (!chosen[axis]) results *= x.shape()[axis];
    if (!chosen[axis] || keep) dimensions.push_back(chosen[axis] ? 1 : x.shape()[axis]);
  }
  std::vector<std::vector<double>> groups(static_cast<std::size_t>(results));
  for (std::int64_t i = 0; i < x.size(); ++i) {
    std::int64_t rest = i, place = 0, stride = 1;
    for (int axis = x.rank(); axis-- > 0; rest /= x.shape()[axis])
      if (!chosen[axis]) {
        place += rest % x.shape()[axis] * stride;
        stride *= x.shape()[axis];
      }
    groups[static_cast<std::size_t>(place)].push_back(x.data<double>()[static_cast<std::size_t>(i)]);
  }
  Tensor result = Tensor::empty(Shape(std::span<const std::int64_t>(dimensions)), DType::f64);
  for (std::size_t i = 0; i < groups.size(); ++i) result.mutable_data<double>()[i] = reduce(groups[i]);
  return result;
}

double mean_of(const std::vector<double>& x) {
  double sum = 0;
  for (const double value : x) sum += value;
  return sum / static_cast<double>(x.size());
}
double squares_around_mean(const std::vector<double>& x) {
  double sum = 0;
  for (const double value : x) sum += (value - mean_of(x)) * (value - mean_of(x));
  return sum;
}
double sum_of_powers(const std::vector<double>& x, double p) {
  double sum = 0;
  for (const double value : x) sum += std::pow(std::abs(value), p);
  return sum;
}

void compare(const char* name, Var (*op)(const Var&, const ReductionOptions&), Reduce reduce, double relative = 1e-13) {
  for (const Shape& shape : shapes)
    for (const Axes& axes : choices)
      for (const bool keep : {false, true}) {
        const Tensor x = spread_values(shape, -2, 2, 1), wanted = reduced_by_loops(x, axes, keep, reduce);
        for (const Engine engine : {Engine::planned, Engine::eager}) {
          const Tape tape({.engine = engine});
          const Tensor value = op(x, {axes, keep}).value().to(DType::f64);
          INFO(name << " " << to_string(shape) << ": " << to_string(value) << ", wanted " << to_string(wanted));
          CHECK(close(value, wanted, relative));
        }
      }
}

VarianceOptions with(const ReductionOptions& options, int ddof) {
  return {options.axes, options.keep_dimensions, ddof};
}
NormOptions of_p(const ReductionOptions& options, double p) { return {p, options.axes, options.keep_dimensions}; }

}  // namespace

TEST_CASE("reductions over every choice of axes equal plain loops") {
  compare(
      "product", [](const Var& x, const ReductionOptions& o) { return product(x, o); },
      [](const std::vector<double>& x) {
        double result = 1;
        for (const double value : x) result *= value;
        return result;
      });
  compare(
      "min", [](const Var& x, const ReductionOptions& o) { return min(x, o); },
      [](const std::vector<double>& x) { return *std::min_element(x.begin(), x.end()); });
  compare(
      "argmax", [](const Var& x, const ReductionOptions& o) { return argmax(x, o); },
      [](const std::vector<double>& x) {
        return static_cast<double>(std::max_element(x.begin(), x.end()) - x.begin());
      });
  compare(
      "argmin", [](const Var& x, const ReductionOptions& o) { return argmin(x, o); },
      [](const std::vector<double>& x) {
        return static_cast<double>(std::min_element(x.begin(), x.end()) - x.begin());
      });
  compare(
      "any", [](const Var& x, const ReductionOptions& o) { return any(x > 1.2, o); },
      [](const std::vector<double>& x) {
        return std::any_of(x.begin(), x.end(), [](double value) { return value > 1.2; }) ? 1.0 : 0.0;
      });
  compare(
      "all", [](const Var& x, const ReductionOptions& o) { return all(maximum(x, -0.9) + 0.9, o); },
      [](const std::vector<double>& x) {
        return std::all_of(x.begin(), x.end(), [](double value) { return value > -0.9; }) ? 1.0 : 0.0;
      });
  compare(
      "variance", [](const Var& x, const ReductionOptions& o) { return variance(x, with(o, 0)); },
      [](const std::vector<double>& x) { return squares_around_mean(x) / static_cast<double>(x.size()); });
  compare(
      "standard_deviation of a sample",
      [](const Var& x, const ReductionOptions& o) { return standard_deviation(x, with(o, 1)); },
      [](const std::vector<double>& x) {
        return std::sqrt(squares_around_mean(x) / static_cast<double>(x.size() - 1));
      });
  compare(
      "norm 1", [](const Var& x, const ReductionOptions& o) { return norm(x, of_p(o, 1)); },
      [](const std::vector<double>& x) { return sum_of_powers(x, 1); });
  compare(
      "norm 2", [](const Var& x, const ReductionOptions& o) { return norm(x, of_p(o, 2)); },
      [](const std::vector<double>& x) { return std::sqrt(sum_of_powers(x, 2)); });
  compare(
      "norm 3.5", [](const Var& x, const ReductionOptions& o) { return norm(x, of_p(o, 3.5)); },
      [](const std::vector<double>& x) { return std::pow(sum_of_powers(x, 3.5), 1 / 3.5); });
  compare(
      "norm inf", [](const Var& x, const ReductionOptions& o) { return norm(x, of_p(o, infinity)); },
      [](const std::vector<double>& x) {
        return std::abs(
            *std::max_element(x.begin(), x.end(), [](double a, double b) { return std::abs(a) < std::abs(b); }));
      });
}

TEST_CASE("gradients of products, deviations and norms over every choice of axes") {
  for (const Axes& axes : choices)
    for (const Shape& shape : shapes) {
      const ReductionOptions options{axes, axes.all()};
      expect_gradients("product", [&](auto x) { return product(x[0], options); }, {shape});
      expect_gradients("variance", [&](auto x) { return variance(x[0], with(options, 0)); }, {shape});
      expect_gradients("norm 1", [&](auto x) { return norm(x[0], of_p(options, 1)); }, {shape});
      expect_gradients("norm 2", [&](auto x) { return norm(x[0], of_p(options, 2)); }, {shape});
      expect_gradients("norm 2.5", [&](auto x) { return norm(x[0], of_p(options, 2.5)); }, {shape});
      expect_gradients("norm inf", [&](auto x) { return norm(x[0], of_p(options, infinity)); }, {shape});
      bool one_each = true;  // a deviation of one element is a singular point
      for (int axis = 0; axis < 3; ++axis)
        if (axes.all() || std::any_of(axes.begin(), axes.end(), [&](int a) { return (a < 0 ? a + 3 : a) == axis; }))
          one_each = one_each && shape[axis] == 1;
      if (!one_each)
        expect_gradients("standard_deviation", [&](auto x) { return standard_deviation(x[0], with(options, 1)); },
                         {shape});
    }
  expect_gradients("product of zeros", [](auto x) { return product(x[0], 1); },
                   {doubles({{2., 0., 3., 4.}, {0., 0., 5., 1.}, {1., 2., 3., -1.}})});
}

TEST_CASE("running sums and products, from either end, with and without the element itself") {
  const Tensor x = doubles({{1., 2., 3.}, {4., 5., 6.}});
  expect([](auto v) { return cumulative_sum(v[0], 1); }, {x}, doubles({{1., 3., 6.}, {4., 9., 15.}}),
         {doubles({{3., 2., 1.}, {3., 2., 1.}})});
  expect([](auto v) { return cumulative_sum(v[0], 0); }, {x}, doubles({{1., 2., 3.}, {5., 7., 9.}}));
  expect([](auto v) { return cumulative_sum(v[0], 1, {.reverse = true}); }, {x},
         doubles({{6., 5., 3.}, {15., 11., 6.}}));
  expect([](auto v) { return cumulative_sum(v[0], 1, {.exclusive = true}); }, {x},
         doubles({{0., 1., 3.}, {0., 4., 9.}}));
  expect([](auto v) { return cumulative_product(v[0], -1); }, {x}, doubles({{1., 2., 6.}, {4., 20., 120.}}));
  expect([](auto v) { return cumulative_product(v[0], 1, {.reverse = true}); }, {x},
         doubles({{6., 6., 3.}, {120., 30., 6.}}));
  expect([](auto v) { return cumulative_product(v[0], 1, {.reverse = true, .exclusive = true}); }, {x},
         doubles({{6., 3., 1.}, {30., 6., 1.}}));
  expect([](auto v) { return cumulative_product(v[0], 0); }, {doubles({2., 0., 3., 4.})}, doubles({2., 0., 0., 0.}),
         {doubles({1., 32., 0., 0.})});
  expect_error<IndexError>([](auto v) { return cumulative_sum(v[0], 2); }, {x},
                           {"[cumulative_sum]", "axis 2", "(2, 3)", "reduction_test.cpp"});
  for (const Shape& shape : shapes)
    for (const int axis : {0, 1, -1})
      for (const bool reverse : {false, true})
        for (const bool exclusive : {false, true}) {
          const CumulativeOptions options{reverse, exclusive};
          expect_gradients("cumulative_sum", [&](auto v) { return square(cumulative_sum(v[0], axis, options)); },
                           {shape});
          expect_gradients("cumulative_product", [&](auto v) { return cumulative_product(v[0], axis, options); },
                           {shape});
        }
  expect_gradients("cumulative_product of zeros", [](auto v) { return cumulative_product(v[0], 1); },
                   {doubles({{2., 0., 3., 4.}, {0., 0., 5., 1.}})});
  expect_gradients("cumulative_product of nothing", [](auto v) { return cumulative_product(v[0], 1); }, {Shape{2, 0}});
}

TEST_CASE("running sums of integers, bools and long f32") {
  const Tape tape;
  CHECK(identical(cumulative_sum(Tensor{true, false, true}, 0).value(), Tensor{1, 1, 2}));
  CHECK(identical(cumulative_sum(Tensor{std::numeric_limits<std::int64_t>::max(), std::int64_t{1}}, 0).value(),
                  Tensor{std::numeric_limits<std::int64_t>::max(), std::numeric_limits<std::int64_t>::min()}));
  CHECK(identical(cumulative_product(Tensor{3, 4, 5}, 0).value(), Tensor{3, 12, 60}));
  const Tensor tenths = Tensor::full({1000000}, 0.1F, DType::f32);
  CHECK(std::abs(cumulative_sum(tenths, 0).value().data<float>().back() - 100000.0015) < 0.01);
}

TEST_CASE("edge case 9: the extremes of several equal elements share the gradient in norms too") {
  expect([](auto x) { return norm(x[0], {.p = infinity}); }, {doubles({3., 1., -3.})}, number(3),
         {doubles({0.5, 0., -0.5})});
}

TEST_CASE("edge case 13: the product's gradient where there are zeros") {
  expect([](auto x) { return product(x[0]); }, {doubles({2., 0., 3., 4.})}, number(0), {doubles({0., 24., 0., 0.})});
  expect([](auto x) { return product(x[0]); }, {doubles({2., 0., 0., 4.})}, number(0), {doubles({0., 0., 0., 0.})});
}

TEST_CASE("edge case 16: argmax and argmin give the first NaN, and the first of equals") {
  for (const std::int64_t length : {4, 5, 9, 64, 1000}) {
    Tensor x = Tensor::zeros({length}, DType::f64);
    x.set<double>({0}, 3);
    x.set<double>({2}, 1);
    x.set<double>({3}, 5);
    expect([](auto v) { return argmax(v[0]); }, {x}, Tensor(3));
    x.set<double>({1}, nan_value);
    x.set<double>({length - 1}, nan_value);
    for (const DType dtype : {DType::f32, DType::f64}) {
      expect([](auto v) { return argmax(v[0]); }, {x.to(dtype)}, Tensor(1));
      expect([](auto v) { return argmin(v[0]); }, {x.to(dtype)}, Tensor(1));
    }
  }
  expect([](auto x) { return argmax(x[0], 1); }, {Tensor{{1, 7, 7}, {2, 2, 2}}}, Tensor{1, 0});
  expect([](auto x) { return argmin(x[0], 0, true); }, {Tensor{{true, false}, {false, false}}}, Tensor{{1, 0}});
}

TEST_CASE("argmax and argmin find what a search does, with zeros of both signs, infinities, NaN and many equals") {
  std::mt19937 engine(5);
  constexpr double inf = std::numeric_limits<double>::infinity();
  const double choices[] = {-0.0, 0.0, 1, -1, 2, -2.5, inf, -inf, nan_value};
  const auto place_of = [](std::span<const double> line, bool largest) {
    std::size_t at = 0;
    for (std::size_t i = 1; i < line.size(); ++i) {
      if (std::isnan(line[at])) break;
      if (std::isnan(line[i]) || (largest ? line[i] > line[at] : line[i] < line[at])) at = i;
    }
    return static_cast<std::int64_t>(at);
  };
  for (const DType dtype : {DType::f32, DType::f64, DType::i64, DType::boolean})
    for (const std::int64_t count : {1, 2, 7, 8, 16, 17, 40})
      for (const std::int64_t inner : {1, 2, 9, 70}) {
        std::vector<double> values(static_cast<std::size_t>(3 * count * inner));
        // Without NaN as often as with it, and of whole numbers alone where these are asked for.
        const std::size_t kinds = is_floating(dtype) ? (engine() % 2 == 0 ? 9 : 8) : 5;
        for (double& value : values) value = choices[engine() % kinds];
        if (dtype == DType::boolean)
          for (double& value : values) value = value != 0 ? 1 : 0;
        const Tensor x = Tensor::from(values, {3, count, inner}).to(dtype);
        for (const bool largest : {false, true}) {
          std::vector<std::int64_t> wanted;
          for (std::int64_t outer = 0; outer < 3; ++outer)
            for (std::int64_t k = 0; k < inner; ++k) {
              std::vector<double> line;
              for (std::int64_t i = 0; i < count; ++i)
                line.push_back(values[static_cast<std::size_t>((outer * count + i) * inner + k)]);
              wanted.push_back(place_of(line, largest));
            }
          CAPTURE(static_cast<int>(dtype), count, inner, largest);
          CHECK(identical(compute([&] { return largest ? argmax(x, 1) : argmin(x, 1); }),
                          Tensor::from(wanted, {3, inner})));
        }
      }
}

TEST_CASE("edge case 18: products, truths and extremes of nothing") {
  const Tensor x = Tensor::zeros({0, 3}, DType::f64);
  expect([](auto v) { return product(v[0], 0); }, {x}, doubles({1., 1., 1.}));
  expect([](auto v) { return product(v[0], 1); }, {x}, Tensor::zeros({0}, DType::f64));
  expect([](auto v) { return all(v[0], 0); }, {x}, Tensor{true, true, true});
  expect([](auto v) { return any(v[0], 0); }, {x}, Tensor{false, false, false});
  expect([](auto v) { return variance(v[0], 0); }, {x}, doubles({nan_value, nan_value, nan_value}));
  expect([](auto v) { return standard_deviation(v[0]); }, {x}, number(nan_value));
  expect([](auto v) { return norm(v[0]); }, {x}, number(0), {x});
  expect([](auto v) { return argmax(v[0], 1); }, {x}, Tensor::zeros({0}, DType::i64));
  expect_error<ShapeError>([](auto v) { return argmax(v[0], 0); }, {x}, {"[argmax]", "(0, 3)"});
  expect_error<ShapeError>([](auto v) { return argmin(v[0]); }, {x}, {"[argmin]", "(0, 3)"});
}

TEST_CASE("edge case 21: reductions of 0-d") {
  expect([](auto x) { return product(x[0]); }, {number(2.5)}, number(2.5), {number(1)});
  expect([](auto x) { return norm(x[0]); }, {number(-2.5)}, number(2.5), {number(-1)});
  expect([](auto x) { return variance(x[0]); }, {number(2.5)}, number(0), {number(0)});
  expect([](auto x) { return argmax(x[0]); }, {number(2.5)}, Tensor(0));
  expect([](auto x) { return any(x[0]); }, {number(2.5)}, Tensor(true));
}

TEST_CASE("edge case 27: variance in two passes") {
  const Tensor x = doubles({1e8 + 4, 1e8 + 7, 1e8 + 13, 1e8 + 16});
  expect([](auto v) { return variance(v[0]); }, {x}, number(22.5), {}, {}, 0);
  expect([](auto v) { return variance(v[0], {.ddof = 1}); }, {x}, number(30), {}, {}, 0);
  expect([](auto v) { return variance(v[0]); }, {doubles({3.})}, number(0), {doubles({0.})});
  expect([](auto v) { return standard_deviation(v[0]); }, {doubles({3., 3.})}, number(0), {doubles({0., 0.})});
  expect([](auto v) { return variance(v[0], {.ddof = 1}); }, {doubles({3.})}, number(nan_value));
  expect_error<ValueError>([](auto v) { return variance(v[0], {.ddof = -1}); }, {x},
                           {"[variance]", "-1", "reduction_test.cpp"});
  expect_error<DtypeError>([](auto v) { return variance(v[0]); }, {Tensor{1, 2}}, {"[variance]", "i64", "cast"});
}

TEST_CASE("a sum of bools counts them in one pass, without a copy of them in i64") {
  Random random(5);
  const Tensor x = Tensor::normal({300, 400}, random, f64);
  std::int64_t positive = 0;
  for (const double value : x.data<double>()) positive += value > 0 ? 1 : 0;
  const Tape tape;
  const Tensor holds = (Var(x) > 0).value();
  const Tensor all = sum(holds).value();
  CHECK_THAT(explain_plan(tape), Catch::Contains("arena 64 bytes"));
  CHECK(identical(all, Tensor(positive)));
  const Tensor columns = sum(holds, 0).value();
  CHECK(columns.dtype() == i64);
  CHECK(identical(sum(columns).value(), all));
  CHECK(identical(sum(sum(holds, 1, true)).value(), all));
  CHECK(identical(sum(Tensor::empty({0, 2}, boolean), 0).value(), Tensor{0, 0}));
}

TEST_CASE("edge case 29: products of integers wrap, of bools are counted in i64") {
  const Tape tape;
  CHECK(identical(product(Tensor{std::int64_t{1} << 62, std::int64_t{2}, std::int64_t{3}}).value(),
                  Tensor(std::numeric_limits<std::int64_t>::min())));
  CHECK(identical(product(Tensor{true, true, false}).value(), Tensor(0)));
  CHECK(identical(max(Tensor{true, false}).value(), Tensor(1)));
}

TEST_CASE("rule R4: the gradient of a norm is 0 at the origin, of second order too") {
  for (const double p : {1.0, 1.5, 2.0, 3.0, infinity})
    expect([p](auto x) { return norm(x[0], {.p = p}); }, {doubles({0., 0., -0.})}, number(0), {doubles({0., 0., 0.})});
  const Function singular[] = {[](auto x) { return norm(x[0]); }, [](auto x) { return standard_deviation(x[0]); }};
  for (const Function& function : singular)
    expect([&](auto x) { return gradients(function(x), {x[0]})[0]; }, {doubles({0., 0.})}, doubles({0., 0.}),
           {doubles({0., 0.})});
}

TEST_CASE("rule R7: norms and deviations overflow and underflow only where the result does") {
  const Function two = [](auto x) { return norm(x[0]); }, deviation = [](auto x) { return standard_deviation(x[0]); };
  expect(two, {doubles({3., 4.})}, number(5), {doubles({0.6, 0.8})}, {}, 0);
  for (const double scale : {1e300, 1e160, 1e-160, 1e-300, 5e-309})
    expect(two, {doubles({3 * scale, 4 * scale})}, number(5 * scale), {doubles({0.6, 0.8})}, {}, 1e-14);
  for (const double scale : {3e37, 1e20, 1e-20, 1e-37})
    expect(two, {doubles({3 * scale, 4 * scale}).to(DType::f32)}, Tensor(5 * scale), {Tensor{0.6, 0.8}}, {}, 1e-6);
  expect(two, {Tensor::full({1 << 18}, 3e16, DType::f32)}, Tensor(3e16 * 512), {}, {}, 1e-6);
  expect(deviation, {doubles({1e200, -1e200})}, number(1e200), {doubles({0.5, -0.5})});
  expect(deviation, {doubles({1e-200, -1e-200})}, number(1e-200), {doubles({0.5, -0.5})});
  expect([](auto x) { return norm(x[0], {.p = 3}); }, {doubles({3e200, 4e200, 5e200})}, number(6e200),
         {doubles({0.25, 16. / 36, 25. / 36})});
  expect(two, {doubles({infinity, 1.})}, number(infinity));
  expect(two, {doubles({nan_value, 1.})}, number(nan_value));
}

TEST_CASE("rule R7: means, variances and products of numbers whose sums, squares and parts leave the range") {
  const Function average = [](auto x) { return mean(x[0]); }, of_rows = [](auto x) { return mean(x[0], 1); };
  expect(average, {doubles({1.5e308, 1.7e308})}, number(1.6e308), {doubles({0.5, 0.5})});
  expect(average, {Tensor{3e38, 3.2e38, 3.1e38}}, Tensor(3.1e38), {}, {}, 1e-6);
  expect(of_rows, {doubles({{-1e308, -1e308}, {1., 2.}, {infinity, 1.}, {infinity, -infinity}, {nan_value, 1.}})},
         doubles({-1e308, 1.5, infinity, nan_value, nan_value}));
  expect(average, {doubles({5e-324, 5e-324})}, number(5e-324), {}, {}, 0);
  expect(average, {Tensor::full({100000}, 3e38, DType::f32)}, Tensor(3e38), {}, {}, 1e-6);

  const Function spread = [](auto x) { return variance(x[0]); };
  expect(spread, {doubles({1.5e154, -1.5e154, 0., 0.})}, number(1.125e308), {doubles({0.75e154, -0.75e154, 0., 0.})});
  expect(spread, {Tensor{1.5e19, -1.5e19, 0., 0.}}, Tensor(1.125e38), {}, {}, 1e-6);
  expect([](auto x) { return variance(x[0], {.axes = 0}); }, {Tensor{{2e19, 1.}, {2e19, 3.}}}, Tensor{0., 1.});
  expect(spread, {doubles({1e200, -1e200})}, number(infinity));

  const Function all = [](auto x) { return product(x[0]); };
  expect(all, {doubles({1e200, 1e200, 1e-200, 1e-200, -3.})}, number(-3));
  expect(all, {doubles({1e-200, 1e-200, 1e200, 1e200, 0.5})}, number(0.5));
  expect(all, {Tensor{1e30, 1e30, 1e-30, 1e-30, 7.}}, Tensor(7.), {}, {}, 1e-6);
  expect(all, {doubles({1e-200, 1e-120})}, number(1e-320), {}, {}, 1e-3);
  expect(all, {doubles({1e300, 1e300, 2.})}, number(infinity));
  expect(all, {doubles({infinity, 1e-300, 1e-300})}, number(infinity));
  expect(all, {doubles({1e300, 1e300, nan_value})}, number(nan_value));
  expect(all, {doubles({1e300, 1e300, 0.})}, number(0));
  expect([](auto x) { return cumulative_product(x[0], 0); }, {doubles({1e200, 1e200, 1e-200, 1e-100})},
         doubles({1e200, infinity, 1e200, 1e100}));
}

TEST_CASE("rule R7: normalizations and cosines of numbers whose squares leave the range") {
  const Tensor steps = doubles({{1., 2., 3., 6.}, {-1., 5., 2., 2.}});
  const auto scaled = [&](double scale, DType dtype) {
    Tensor x = steps;
    for (double& element : x.mutable_data<double>()) element *= scale;
    return x.to(dtype);
  };
  const Function functions[] = {[](auto x) { return layer_norm(x[0], {.epsilon = 1e-30}); },
                                [](auto x) { return rms_norm(x[0], {.epsilon = 1e-30}); },
                                [](auto x) { return group_norm(x[0], 2, {.epsilon = 1e-30}); },
                                [](auto x) { return cosine_similarity(x[0], x[0] * 2); }};
  for (const Function& function : functions) {
    const Tensor seed = doubles({{1., -2., 0.5, 0.}, {0.3, 0., 1., 1.}});
    const bool is_cosine = &function == &functions[3];
    const Outcome wanted = run(function, {steps}, Engine::planned, is_cosine ? doubles({1., 2.}) : seed);
    for (const double scale : {1e160, 1e300}) {
      Tensor gradient = wanted.gradients[0];
      for (double& element : gradient.mutable_data<double>()) element /= scale;
      const Outcome large =
          run(function, {scaled(scale, DType::f64)}, Engine::planned, is_cosine ? doubles({1., 2.}) : seed);
      CHECK(close(large.value, wanted.value, 1e-12));
      CHECK(all_close(large.gradients[0], gradient, 1e-11, 1e-12 / scale));
    }
    for (const double scale : {1e19, 1e20, 2e37})
      for (const Engine engine : {Engine::planned, Engine::eager})
        CHECK(all_close(run(function, {scaled(scale, DType::f32)}, engine).value, wanted.value, 2e-6, 1e-6));
  }
}

TEST_CASE("rule R11: a norm of no meaning") {
  for (const double p : {0.0, -1.0, nan_value})
    expect_error<ValueError>([p](auto x) { return norm(x[0], {.p = p}); }, {doubles({1.})},
                             {"[norm]", "p is", "above 0"});
}

template <class Axis>
concept CanReduceBy = requires(Var x, Axis axis) {
  sum(x, axis);
  mean(x, axis);
  argmax(x, axis);
  variance(x, axis);
};

TEST_CASE("reductions: a bool is no axis") {
  STATIC_REQUIRE(CanReduceBy<int>);
  STATIC_REQUIRE(CanReduceBy<std::int64_t>);
  STATIC_REQUIRE_FALSE(CanReduceBy<bool>);
}

TEST_CASE("reductions: axes in braces, as options or alone") {
  Tape tape;
  const Var x = Tensor::arange(24, f64).reshape({2, 3, 4});
  const auto alike = [](const Var& a, const Var& b) { return identical(a.value(), b.value()); };
  const ReductionOptions options{.axes = {0, 1}}, kept{.axes = {0, 2}, .keep_dimensions = true};
  const VarianceOptions variance_options{.axes = {0, 1}};
  CHECK(sum(x, {0, 1}).shape() == Shape{4});  // not axis 0 with keep_dimensions
  CHECK(alike(sum(x, {0, 1}), sum(x, options)));
  CHECK(alike(mean(x, {0, 1}), mean(x, options)));
  CHECK(alike(max(x, {0, 1}), max(x, options)));
  CHECK(alike(min(x, {0, 1}), min(x, options)));
  CHECK(alike(product(x, {0, 1}), product(x, options)));
  CHECK(alike(any(x, {0, 1}), any(x, options)));
  CHECK(alike(all(x, {0, 1}), all(x, options)));
  CHECK(alike(argmax(x, {0, 1}), argmax(x, options)));
  CHECK(alike(argmin(x, {0, 1}), argmin(x, options)));
  CHECK(alike(logsumexp(x, {0, 1}), logsumexp(x, options)));
  CHECK(alike(variance(x, {0, 1}), variance(x, variance_options)));
  CHECK(alike(standard_deviation(x, {0, 1}), standard_deviation(x, variance_options)));
  CHECK(alike(sum(x, {0, 2}, true), sum(x, kept)));
  CHECK(alike(sum(x, {-1}), sum(x, 2)));
  CHECK(alike(sum(x, {0, true}), sum(x, 0, true)));  // the options, in their order
  CHECK(sum(x, {}).shape() == Shape{});
  const std::vector<int> chosen{0, 1};  // at run time
  CHECK(alike(sum(x, {.axes = chosen}), sum(x, options)));
  CHECK(alike(sum(x, chosen), sum(x, options)));
  CHECK(alike(sum(x, std::array{0, 2}, true), sum(x, kept)));
  CHECK(alike(mean(x, std::span<const int>(chosen)), mean(x, options)));
  CHECK(alike(max(x, chosen), max(x, options)));
  CHECK(alike(argmax(x, chosen), argmax(x, options)));
  CHECK(alike(logsumexp(x, chosen), logsumexp(x, options)));
  CHECK(alike(variance(x, chosen), variance(x, variance_options)));
}
