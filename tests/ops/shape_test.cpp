// Slices, flips, paddings, rolls, joins and copies: values, gradients of first and second order, errors.
#include <array>
#include <cmath>
#include <vector>

#include <thalweg/compare.hpp>
#include <thalweg/statistics.hpp>

#include "tests/ops/expect.hpp"

using namespace thalweg;
using namespace thalweg::tests;

namespace {

const Tensor matrix = doubles({{0., 1., 2., 3., 4.}, {10., 11., 12., 13., 14.}, {20., 21., 22., 23., 24.}});

/// The value, and that the gradient is right at the matrix and at shapes of three dimensions.
void expect_op(const char* name, const Function& function, const Tensor& value, const std::vector<Shape>& more = {}) {
  INFO(name);
  expect(function, {matrix}, value);
  expect_gradients(name, [&](auto x) { return square(function(x)); }, {matrix.shape()});
  for (const Shape& shape : more) expect_gradients(name, [&](auto x) { return square(function(x)); }, {shape});
}

}  // namespace

TEST_CASE("lists of any length at run time: vectors, arrays and spans as well as braces") {
  const std::vector<std::int64_t> sizes{2, 3}, times{2, 1};
  const std::array<std::int64_t, 2> dimensions{5, 3};
  const std::vector<SliceRange> ranges{{.start = 1}, {.step = 2}};
  const std::vector<int> order{1, 0};
  const std::array<int, 2> axes{0, 1};
  const auto same = [](const Var& a, const Var& b) { return identical(a.value(), b.value()); };
  const Tape tape;
  const Var x = matrix;
  CHECK(same(reshape(x, dimensions), reshape(x, {5, 3})));
  CHECK(same(slice(x, ranges), slice(x, {{.start = 1}, {.step = 2}})));
  CHECK(same(split(x, sizes, 1)[1], split(x, {2, 3}, 1)[1]));
  CHECK(same(split(x, std::span(sizes), 1)[0], split(x, {2, 3}, 1)[0]));
  CHECK(same(tile(x, times), tile(x, {2, 1})));
  CHECK(same(repeat(x, std::array<std::int64_t, 3>{1, 0, 2}, 0), repeat(x, {1, 0, 2}, 0)));
  CHECK(same(permute(x, order), transpose(x)));
  CHECK(same(transpose(x, order), transpose(x)));
  CHECK(same(transpose(x, axes), x));
  CHECK(same(sum(x, {.axes = axes}), sum(x)));
  CHECK(same(flip(x, axes), flip(x)));
  CHECK(same(sort(x, 0, true).values, sort(x, {.axis = 0, .descending = true}).values));
  CHECK(same(argsort(x, 1), argsort(x)));
  CHECK(same(top_k(x, 2, 0, false).indices, top_k(x, 2, {.axis = 0, .largest = false}).indices));
}

TEST_CASE("sizes and repetitions in braces are integers of any type") {
  const std::vector<float> words(3);
  const std::size_t count = words.size();
  const auto same = [](const Var& a, const Var& b) { return identical(a.value(), b.value()); };
  const Tape tape;
  const Var x = matrix;
  CHECK(same(split(x, {count, 2}, 1)[1], slice(x, 1, 3, 5)));
  CHECK(same(split(x, count)[1], slice(x, 0, 1, 2)));
  CHECK(split(x, {count}).size() == 1);  // one size, not three parts
  CHECK(split(x, {3}).size() == 1);
  CHECK(same(tile(x, {count, 1}), concatenate({x, x, x})));
  CHECK(same(tile(x, {count}), concatenate({x, x, x}, 1)));
  CHECK(same(repeat(x, {1, 0, count}, 0), gather(x, Tensor{0, 2, 2, 2})));
  CHECK(same(repeat(x, count, 0), gather(x, Tensor{0, 0, 0, 1, 1, 1, 2, 2, 2})));
  CHECK(same(pad(x, {{1, count}, {}}), pad(x, 0, 1, 3)));
  CHECK(max_pool2d(Tensor::ones({1, 1, 6, 6}), {count, 1}).shape() == Shape{1, 1, 2, 6});
  CHECK_THROWS_WITH(repeat(x, {count}, 0), Catch::StartsWith("[repeat] 1 counts are given for axis 0"));
}

TEST_CASE("slices by steps and from the back") {
  expect_op("every other column", [](auto x) { return slice(x[0], 1, {.step = 2}); },
            doubles({{0., 2., 4.}, {10., 12., 14.}, {20., 22., 24.}}), {Shape{2, 6, 3}});
  expect_op("rows backwards", [](auto x) { return slice(x[0], 0, {.step = -1}); },
            doubles({{20., 21., 22., 23., 24.}, {10., 11., 12., 13., 14.}, {0., 1., 2., 3., 4.}}), {Shape{3, 1, 2}});
  expect_op(
      "columns 4 and 1", [](auto x) { return slice(x[0], 1, {.start = -1, .stop = 0, .step = -3}); },
      doubles({{4., 1.}, {14., 11.}, {24., 21.}}));
  expect_op(
      "columns 1 to 3", [](auto x) { return slice(x[0], 1, {.start = 1, .stop = -1}); },
      doubles({{1., 2., 3.}, {11., 12., 13.}, {21., 22., 23.}}));
  expect_op("ranges of both axes",
            [](auto x) {
              return slice(x[0], {{.start = 1}, {.start = 3, .stop = 0, .step = -2}});
            },
            doubles({{13., 11.}, {23., 21.}}), {Shape{2, 4, 3}});
  expect_op(
      "a range of the first axis", [](auto x) { return slice(x[0], {{.stop = 1}}); }, doubles({{0., 1., 2., 3., 4.}}));
  expect_op(
      "nothing", [](auto x) { return slice(x[0], 1, {.start = 2, .stop = 2, .step = 2}); },
      Tensor::zeros({3, 0}, DType::f64));
  expect_op(
      "nothing of nothing", [](auto x) { return slice(slice(x[0], 0, 1, 1), 0, {.step = -1}); },
      Tensor::zeros({0, 5}, DType::f64));
  expect_error<ValueError>([](auto x) { return slice(x[0], 1, {.step = 0}); }, {matrix}, {"[slice]", "step is 0"});
  expect_error<IndexError>([](auto x) { return slice(x[0], 1, {.start = 6}); }, {matrix},
                           {"[slice]", "6", "axis 1", "size 5", "shape_test.cpp"});
  expect_error<IndexError>([](auto x) { return slice(x[0], 1, {.start = 1, .stop = 3, .step = -1}); }, {matrix},
                           {"[slice]", "1 to 3"});
  expect_error<IndexError>([](auto x) { return slice(x[0], 1, 3, 2); }, {matrix},
                           {"[slice]", "3 to 2", "axis 1", "size 5"});
  expect_error<IndexError>(
      [](auto x) {
        return slice(x[0], {{}, {}, {}});
      },
      {matrix}, {"[slice]", "3 ranges", "(3, 5)"});
}

TEST_CASE("the gradient of slices is each one's own, where they fill the whole, leave gaps or overlap") {
  // Pieces (start, length) in the order they are read; piece k has the gradient k + 1.
  const std::vector<std::vector<std::pair<std::int64_t, std::int64_t>>> readings = {
      {{0, 2}, {2, 3}, {5, 1}}, {{4, 2}, {1, 3}, {0, 1}}, {{2, 2}, {0, 2}, {4, 2}}, {{0, 2}, {4, 2}, {2, 2}},
      {{0, 2}, {3, 3}},         {{1, 2}, {3, 3}},         {{0, 4}, {2, 4}},         {{0, 6}, {0, 6}}};
  for (const Engine engine : {Engine::planned, Engine::eager})
    for (const auto& pieces : readings) {
      const Tape tape({.engine = engine});
      const Var x = Tensor::ones({6, 3});
      Var total = 0.0;
      std::vector<float> expected(6, 0);
      for (std::size_t k = 0; k < pieces.size(); ++k) {
        const auto [start, length] = pieces[k];
        total = total + sum(slice(x, 0, start, start + length)) * static_cast<double>(k + 1);
        for (std::int64_t i = start; i < start + length; ++i)
          expected[static_cast<std::size_t>(i)] += static_cast<float>(k + 1);
      }
      const Tensor gradient = gradients(total, {x})[0].value();
      for (std::int64_t i = 0; i < 6; ++i)
        for (std::int64_t j = 0; j < 3; ++j) CHECK(gradient.at<float>({i, j}) == expected[static_cast<std::size_t>(i)]);
    }
}

TEST_CASE("the gradients of slices are joined before they are added to those of other reads") {
  const Tensor x = spread_values({4, 6}, -1, 1, 1), a = spread_values({4, 6}, -1, 1, 2),
               b = spread_values({4, 6}, -1, 1, 3);
  const auto turned = [&](const Var& v) {
    return v * a + concatenate({-slice(v, 1, 3, 6), slice(v, 1, 0, 3)}, 1) * b + slice(v, 1, 2, 3);
  };
  for (const Engine engine : {Engine::planned, Engine::eager}) {
    Tape tape({.engine = engine});
    const Var v = x;
    const Tensor gradient = gradients(sum(turned(v)), {v})[0].value();
    for (std::int64_t i = 0; i < 4; ++i)
      for (std::int64_t j = 0; j < 6; ++j) {
        const double turn = j < 3 ? b.at<double>({i, j + 3}) : -b.at<double>({i, j - 3});
        CHECK(std::abs(gradient.at<double>({i, j}) - (a.at<double>({i, j}) + turn + (j == 2 ? 6 : 0))) < 1e-14);
      }
    if (engine == Engine::eager) continue;
    const std::string plan = explain_plan(tape);
    CHECK(plan.find("unslice") != std::string::npos);
    CHECK(plan.find("unslice") == plan.rfind("unslice"));
  }
  const GradientReport report = check_gradients(
      [](std::span<const Var> v) { return square(slice(v[0], 1, 0, 4)) * slice(v[0], 1, 2, 6) + sum(exp(v[0])); }, {x},
      {.step = 1e-5});
  INFO(to_string(report));
  CHECK(report.ok);
}

TEST_CASE("the start and the step of a slice are data: other ones make no new plan") {
  const auto run = [](std::int64_t start, std::int64_t step) {
    const Tape tape;
    return slice(Var(matrix), 1, {.start = start, .stop = start + 2 * step, .step = step}).value();
  };
  run(0, 2);
  const std::int64_t plans = statistics().plans_made;
  CHECK(identical(run(1, 2), doubles({{1., 3.}, {11., 13.}, {21., 23.}})));
  CHECK(identical(run(0, 2), doubles({{0., 2.}, {10., 12.}, {20., 22.}})));
  CHECK(statistics().plans_made == plans);
}

TEST_CASE("split into equal parts and into sizes") {
  for (const int part : {0, 1, 2})
    expect_op(
        "rows", [part](auto x) { return split(x[0], 3)[static_cast<std::size_t>(part)]; },
        doubles({{10. * part, 10. * part + 1, 10. * part + 2, 10. * part + 3, 10. * part + 4}}));
  expect_op(
      "columns",
      [](auto x) {
        return split(x[0], {2, 0, 3}, -1)[2];
      },
      doubles({{2., 3., 4.}, {12., 13., 14.}, {22., 23., 24.}}));
  expect_op(
      "columns",
      [](auto x) {
        return split(x[0], {2, 0, 3}, -1)[1];
      },
      Tensor::zeros({3, 0}, DType::f64));
  expect_error<ShapeError>([](auto x) { return split(x[0], 2)[0]; }, {matrix}, {"[split]", "(3, 5)", "2 equal parts"});
  expect_error<ShapeError>([](auto x) { return split(x[0], 0)[0]; }, {matrix}, {"[split]", "0 equal parts"});
  expect_error<ShapeError>([](auto x) { return split(x[0], {2, 2}, 1)[0]; }, {matrix}, {"[split]", "2, 2", "(3, 5)"});
}

TEST_CASE("flip, roll and pad") {
  expect_op("flip all", [](auto x) { return flip(x[0]); },
            doubles({{24., 23., 22., 21., 20.}, {14., 13., 12., 11., 10.}, {4., 3., 2., 1., 0.}}),
            {Shape{2, 1, 3}, Shape{0, 2}});
  expect_op(
      "flip columns", [](auto x) { return flip(x[0], -1); },
      doubles({{4., 3., 2., 1., 0.}, {14., 13., 12., 11., 10.}, {24., 23., 22., 21., 20.}}));
  for (const std::int64_t shift : {2, -3, 7})
    expect_op("roll columns", [shift](auto x) { return roll(x[0], shift, 1); },
              doubles({{3., 4., 0., 1., 2.}, {13., 14., 10., 11., 12.}, {23., 24., 20., 21., 22.}}), {Shape{2, 3, 2}});
  expect_op(
      "roll rows", [](auto x) { return roll(x[0], 1, 0); },
      doubles({{20., 21., 22., 23., 24.}, {0., 1., 2., 3., 4.}, {10., 11., 12., 13., 14.}}));
  expect_op("roll all", [](auto x) { return roll(x[0], 1); },
            doubles({{24., 0., 1., 2., 3.}, {4., 10., 11., 12., 13.}, {14., 20., 21., 22., 23.}}), {Shape{0}, Shape{}});
  expect_op(
      "pad columns", [](auto x) { return pad(slice(x[0], 0, 0, 1), 1, 1, 2, 0.1); },
      doubles({{0.1, 0., 1., 2., 3., 4., 0.1, 0.1}}));
  expect_op(
      "pad both",
      [](auto x) {
        return pad(slice(x[0], {{.stop = 2}, {.stop = 2}}), {{1, 0}, {0, 1}}, -1);
      },
      doubles({{-1., -1., -1.}, {0., 1., -1.}, {10., 11., -1.}}));
  expect_gradients("pad three axes",
                   [](auto x) {
                     return square(pad(x[0], {{1, 0}, {0, 2}, {0, 0}}, 2));
                   },
                   {Shape{3, 2, 2}});
  expect_op(
      "pad nothing", [](auto x) { return pad(slice(x[0], 1, 0, 0), 1, 1, 0, 3); }, doubles({{3.}, {3.}, {3.}}));
  expect([](auto x) { return pad(x[0], {{1, 1}}, 1); }, {Tensor{false, false}}, Tensor{true, false, false, true});
  expect([](auto x) { return pad(x[0], {{0, 1}}, 7); }, {Tensor{1, 2}}, Tensor{1, 2, 7});
  expect_error<ValueError>([](auto x) { return pad(x[0], 0, -1, 0); }, {matrix}, {"[pad]", "(-1, 0)", "axis 0"});
  expect_error<ShapeError>([](auto x) { return pad(x[0], {{1, 1}}); }, {matrix}, {"[pad]", "1 paddings", "(3, 5)"});
  expect_error<IndexError>([](auto x) { return roll(x[0], 1, 2); }, {matrix}, {"[roll]", "axis 2", "(3, 5)"});
  expect_error<IndexError>([](auto x) { return flip(x[0], {0, -2}); }, {matrix}, {"[flip]", "-2", "twice"});
}

TEST_CASE("concatenate and stack: vectors, arrays and braces of what makes a Var") {
  ParameterRegistry registry({.dtype = DType::f64});
  const Parameter parameter = registry.add("row", doubles({{5., 6.}}));
  const Tensor a = doubles({{1., 2.}}), b = doubles({{3., 4.}});
  const Tensor both = doubles({{1., 2.}, {3., 4.}}), stacked = doubles({{{1., 2.}}, {{3., 4.}}});
  const Engine engine = GENERATE(Engine::planned, Engine::eager);
  Tape tape({.engine = engine});
  const std::vector<Tensor> tensors{a, b};
  CHECK(identical(concatenate(tensors).value(), both));
  CHECK(identical(stack(tensors).value(), stacked));
  CHECK(identical(stack(std::array{a, b}).value(), stacked));
  CHECK(identical(concatenate({a, b}, 1).value(), doubles({{1., 2., 3., 4.}})));
  const std::vector<Var> vars{a, b};
  CHECK(identical(concatenate(vars).value(), both));
  CHECK(identical(stack(vars).value(), stacked));
  CHECK(identical(concatenate({a, vars[1], Var(parameter), parameter}).value(),
                  doubles({{1., 2.}, {3., 4.}, {5., 6.}, {5., 6.}})));
  CHECK(identical(concatenate(registry.parameters()).value(), doubles({{5., 6.}})));
  CHECK(identical(stack(std::vector<Parameter>{parameter, parameter}, 1).value(), doubles({{{5., 6.}, {5., 6.}}})));
  CHECK(identical(stack({vars[0], b}, -1).value(), doubles({{{1., 3.}, {2., 4.}}})));
}

TEST_CASE("concatenate and stack: more parts than a node has inputs") {
  const Engine engine = GENERATE(Engine::planned, Engine::eager);
  ParameterRegistry registry({.dtype = DType::f64});
  const Parameter scale = registry.add("scale", doubles({1., 1.}));
  for (const std::int64_t count : {255, 256, 511, 70000}) {
    if (count == 70000 && engine == Engine::eager) continue;
    Tape tape({.engine = engine});
    std::vector<Var> rows;
    for (std::int64_t i = 0; i < count; ++i) rows.push_back(scale * static_cast<double>(i));
    const Var table = stack(rows);
    REQUIRE(table.shape() == Shape{count, 2});
    const Tensor numbers = Tensor::arange(count, DType::f64);
    CHECK(identical(slice(table, 1, 1, 2).value(), numbers.reshape({count, 1})));
    backward(sum(table * unsqueeze(numbers, 1)));
    double squares = 0;
    for (std::int64_t i = 0; i < count; ++i) squares += static_cast<double>(i * i);
    CHECK(all_close(scale.gradient(), doubles({squares, squares})));
  }
  Tape tape({.engine = engine});
  std::vector<Tensor> parts(400, Tensor::zeros({2, 3}));
  CHECK(concatenate(parts, 1).shape() == Shape{2, 1200});
  parts[300] = Tensor::zeros({3, 3});
  CHECK_THROWS_WITH(concatenate(parts, 1), Catch::Contains("[concatenate] part 300 has shape (3, 3), part 0 (2, 3)"));
  CHECK_THROWS_WITH(stack(parts, 1), Catch::Contains("[stack] part 300 has shape (3, 3), part 0 (2, 3)"));
  parts[300] = Tensor::zeros({2, 3}, DType::i64);
  CHECK_THROWS_WITH(concatenate(parts, 1), Catch::Contains("[concatenate] part 300 is i64, part 0 f32"));
}

TEST_CASE("stack, tile and repeat") {
  const Tensor x = doubles({{1., 2.}, {3., 4.}}), y = doubles({{5., 6.}, {7., 8.}});
  expect([](auto v) { return stack({v[0], v[1]}); }, {x, y}, doubles({{{1., 2.}, {3., 4.}}, {{5., 6.}, {7., 8.}}}));
  expect([](auto v) { return stack({v[0], v[1]}, -1); }, {x, y}, doubles({{{1., 5.}, {2., 6.}}, {{3., 7.}, {4., 8.}}}));
  expect([](auto v) { return stack({sum(v[0]), sum(v[1])}); }, {x, y}, doubles({10., 26.}));
  expect([](auto v) { return stack({0.1, sum(v[0]), 2}); }, {x}, doubles({0.1, 10., 2.}));
  expect_gradients("stack of numbers", [](auto v) { return square(stack({3, sum(v[0])})); }, {x});
  expect([](auto v) { return tile(v[0], {2}); }, {doubles({1., 2.})}, doubles({1., 2., 1., 2.}));
  expect(
      [](auto v) {
        return tile(v[0], {2, 1, 2});
      },
      {x}, doubles({{{1., 2., 1., 2.}, {3., 4., 3., 4.}}, {{1., 2., 1., 2.}, {3., 4., 3., 4.}}}));
  expect([](auto v) { return tile(v[0], {3}); }, {x}, doubles({{1., 2., 1., 2., 1., 2.}, {3., 4., 3., 4., 3., 4.}}));
  expect(
      [](auto v) {
        return tile(v[0], {0, 2});
      },
      {x}, Tensor::zeros({0, 4}, DType::f64), {Tensor::zeros({2, 2}, DType::f64)});
  expect([](auto v) { return repeat(v[0], 2, 0); }, {x}, doubles({{1., 2.}, {1., 2.}, {3., 4.}, {3., 4.}}));
  expect([](auto v) { return repeat(v[0], 2, 1); }, {x}, doubles({{1., 1., 2., 2.}, {3., 3., 4., 4.}}));
  expect(
      [](auto v) {
        return repeat(v[0], {0, 3}, 1);
      },
      {x}, doubles({{2., 2., 2.}, {4., 4., 4.}}), {doubles({{0., 3.}, {0., 3.}})});
  for (const Shape& shape : {Shape{2, 3}, Shape{1, 4}, Shape{2, 3, 2}}) {
    expect_gradients("stack", [](auto v) { return square(stack({v[0], exp(v[0]), v[0]}, 1)); }, {shape});
    expect_gradients("tile", [](auto v) { return square(tile(v[0], {2, 1, 3})); }, {shape});
    expect_gradients("repeat", [](auto v) { return square(repeat(v[0], 3, -1)); }, {shape});
    expect_gradients("repeat by counts",
                     [](auto v) {
                       return square(repeat(slice(v[0], 1, 0, 2), {2, 1}, 1));
                     },
                     {shape[1] > 1 ? shape : Shape{1, 2}});
  }
  expect_error<ShapeError>(
      [](auto v) {
        return stack({v[0], sum(v[1])});
      },
      {x, y}, {"[stack]", "part 1", "()", "(2, 2)"});
  expect_error<DtypeError>(
      [](auto v) {
        return stack({v[0], v[1]});
      },
      {x, y.to(DType::f32)}, {"[stack]", "f32", "f64"});
  expect_error<ValueError>([](auto v) { return tile(v[0], {-1}); }, {x}, {"[tile]", "-1"});
  expect_error<ValueError>([](auto v) { return repeat(v[0], -1, 0); }, {x}, {"[repeat]", "-1"});
  expect_error<ShapeError>([](auto v) { return repeat(v[0], {1}, 0); }, {x}, {"[repeat]", "1 counts", "(2, 2)"});
}

TEST_CASE("edge case 20: shapes whose count or bytes exceed int64 are errors before anything is allocated") {
  constexpr std::int64_t big = std::int64_t{1} << 32;
  const Tensor one = doubles({{1.}});
  expect_error<ShapeError>([&](auto x) { return broadcast_to(x[0], Shape{big, big}); }, {one}, {"4294967296"});
  expect_error<ShapeError>([](auto x) { return broadcast_to(x[0], Shape{std::int64_t{1} << 61}); }, {doubles({1.})},
                           {"[broadcast_to]", "2305843009213693952"});
#if !defined(__SANITIZE_ADDRESS__)  // which has no 32 GiB for what the eager engine makes first
  expect_error<ShapeError>([&](auto x) { return pad(x[0], 0, big, 0) * pad(x[0], 1, big, 0); }, {one}, {"4294967297"});
  expect_error<ShapeError>([&](auto x) { return tile(x[0], {big, big}); }, {one}, {"4294967296"});
#endif
  expect_error<ShapeError>([](auto x) { return x[0] + x[1]; },
                           {Tensor::zeros({0, big, 1}, DType::f64), Tensor::zeros({0, 1, big}, DType::f64)},
                           {"[add]", "(0, 4294967296, 4294967296)", "more elements"});
  constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();
  const Tensor two = doubles({1., 2.});
  expect_error<ShapeError>([&](auto x) { return tile(x[0], {most}); }, {two},
                           {"[tile]", "9223372036854775807", "more elements"});
  expect_error<ShapeError>([&](auto x) { return repeat(x[0], most, 0); }, {two},
                           {"[repeat]", "9223372036854775807", "more elements"});
  expect_error<ShapeError>([&](auto x) { return one_hot(x[0], most); }, {Tensor{0, 1}},
                           {"[one_hot]", "9223372036854775807", "more elements"});
  expect_error<ShapeError>(
      [&](auto x) {
        return pad(x[0], {{0, big}, {0, big}});
      },
      {one}, {"[pad]", "4294967297", "more elements"});
  expect_error<ShapeError>(
      [](auto x) {
        return reshape(x[0], {-2, -1});
      },
      {two}, {"[reshape]", "(-2, -1)", "negative"});
  expect_error<ShapeError>(
      [](auto x) {
        return reshape(x[0], {-1, 0});
      },
      {Tensor::zeros({0, 3})}, {"[reshape]", "(0, 3)", "(-1, 0)"});
  const std::vector<std::int64_t> dimensions{2, -1};
  expect([&](auto x) { return reshape(x[0], dimensions); }, {two}, doubles({{1.}, {2.}}));
  expect_error<ShapeError>([&](auto x) { return reshape(x[0], {big, big, -1}); }, {one}, {"[reshape]", "int64"});
}
