// Every differentiable op: gradients of first and second order against differences of values, at several shapes, with
// broadcasting from either side.
#include <thalweg/check_gradients.hpp>

#include <catch2/catch.hpp>

#include <thalweg/differentiate.hpp>
#include <thalweg/ops/ops.hpp>

#include "tests/ops/expect.hpp"

using namespace thalweg;

namespace {

using Inputs = std::span<const Var>;
using Function = std::function<Var(Inputs)>;

void check(const std::string& name, const Function& function, const std::vector<Shape>& shapes, double low = -2,
           double high = 2) {
  std::vector<Tensor> inputs;
  std::string text = name;
  for (std::size_t i = 0; i < shapes.size(); ++i) {
    inputs.push_back(tests::spread_values(shapes[i], low, high, static_cast<int>(i)));
    text += " " + to_string(shapes[i]);
  }
  for (const Engine engine : {Engine::planned, Engine::eager}) {
    const GradientReport report = check_gradients(function, inputs, {.engine = engine});
    INFO(text << "\n" << to_string(report));
    CHECK(report.ok);
  }
}

struct Row {
  const char* name;
  Function function;
  double low = -2, high = 2;
};

const std::vector<Shape> one_shapes[] = {{Shape{}}, {Shape{5}}, {Shape{3, 4}}, {Shape{2, 1, 9}}, {Shape{0, 3}}};
const std::vector<Shape> two_shapes[] = {{Shape{}, Shape{}},         {Shape{3, 4}, Shape{3, 4}},
                                         {Shape{3, 4}, Shape{4}},    {Shape{4}, Shape{3, 4}},
                                         {Shape{3, 1}, Shape{1, 4}}, {Shape{}, Shape{2, 3}},
                                         {Shape{2, 3}, Shape{2, 1}}, {Shape{2, 3, 2}, Shape{3, 1}},
                                         {Shape{4, 0}, Shape{4, 1}}, {Shape{2, 1, 3}, Shape{1, 2, 3}}};

}  // namespace

TEST_CASE("gradients: ops of one operand") {
  const Row rows[] = {
      {"tanh", [](Inputs x) { return tanh(x[0]); }},
      {"sigmoid", [](Inputs x) { return sigmoid(x[0]); }},
      {"relu", [](Inputs x) { return relu(x[0]); }},
      {"negate", [](Inputs x) { return -x[0]; }},
      {"square", [](Inputs x) { return square(x[0]); }},
      {"sqrt", [](Inputs x) { return sqrt(x[0]); }, 0.3, 3},
      {"abs", [](Inputs x) { return abs(x[0]); }},
      {"sign", [](Inputs x) { return sign(x[0]) * x[0]; }},
      {"exp", [](Inputs x) { return exp(x[0]); }},
      {"expm1", [](Inputs x) { return expm1(x[0]); }},
      {"log", [](Inputs x) { return log(x[0]); }, 0.3, 3},
      {"log1p", [](Inputs x) { return log1p(x[0]); }, -0.5, 3},
      {"power of a number", [](Inputs x) { return power(x[0], 3); }},
      {"power to a number", [](Inputs x) { return power(x[0], -1.5); }, 0.3, 3},
      {"number to a power", [](Inputs x) { return power(2, x[0]); }},
      {"clamp by numbers", [](Inputs x) { return minimum(maximum(x[0], -1.005), 1.005); }},
      {"number arithmetic", [](Inputs x) { return (2 - x[0]) * 3 / (x[0] + 5) + 1 / (x[0] - 4); }},
      {"stop_gradient", [](Inputs x) { return x[0] * 2 + stop_gradient(Var(3.)); }},
      {"where", [](Inputs x) { return where(x[0] > 0, square(x[0]), exp(x[0])); }},
  };
  for (const Row& row : rows)
    for (const std::vector<Shape>& shapes : one_shapes) check(row.name, row.function, shapes, row.low, row.high);
}

TEST_CASE("gradients: ops of two operands, broadcast from either side") {
  const Row rows[] = {
      {"add", [](Inputs x) { return x[0] + x[1]; }},
      {"subtract", [](Inputs x) { return x[0] - x[1]; }},
      {"multiply", [](Inputs x) { return x[0] * x[1]; }},
      {"divide", [](Inputs x) { return x[0] / x[1]; }, 0.4, 3},
      {"maximum", [](Inputs x) { return maximum(x[0], x[1]); }},
      {"minimum", [](Inputs x) { return minimum(x[0], x[1]); }},
      {"power", [](Inputs x) { return power(x[0], x[1]); }, 0.4, 2.5},
      {"where", [](Inputs x) { return where(x[0] < x[1], x[0] * x[1], square(x[1])); }},
      {"mean_squared_error", [](Inputs x) { return mean_squared_error(x[0] + x[1], x[0] * x[1]); }},
  };
  for (const Row& row : rows)
    for (const std::vector<Shape>& shapes : two_shapes) {
      const bool is_empty = shapes[0].size() == 0;
      if (is_empty && row.name == std::string("mean_squared_error")) continue;  // NaN
      check(row.name, row.function, shapes, row.low, row.high);
    }
}

TEST_CASE("gradients: reductions over every choice of axes") {
  for (const bool keep : {false, true})
    for (const Axes& axes : {Axes(), Axes{0}, Axes{-1}, Axes{1}, Axes{0, 2}, Axes{1, 2}, Axes{0, 1, 2}}) {
      const ReductionOptions options{axes, keep};
      for (const Shape& shape : {Shape{2, 3, 4}, Shape{1, 5, 2}, Shape{3, 1, 1}}) {
        check("sum", [&](Inputs x) { return sum(square(x[0]), options); }, {shape});
        check("mean", [&](Inputs x) { return mean(exp(x[0]), options); }, {shape});
        check("max", [&](Inputs x) { return max(x[0] * x[0] * x[0], options); }, {shape});
        check("min", [&](Inputs x) { return min(x[0], options); }, {shape});
        check("logsumexp", [&](Inputs x) { return logsumexp(x[0], options); }, {shape});
      }
    }
  check("sum of nothing", [](Inputs x) { return sum(x[0], 1) * x[1]; }, {Shape{3, 0}, Shape{3}});
}

TEST_CASE("gradients: matmul and its transposed forms") {
  const Shape shapes[][3] = {
      {{1, 1}, {1, 1}, {1, 1}}, {{3, 4}, {4, 5}, {5, 3}}, {{1, 7}, {7, 2}, {2, 1}}, {{5, 1}, {1, 3}, {3, 5}}};
  for (const auto& [a, b, c] : shapes) {
    check("a b", [](Inputs x) { return matmul(x[0], x[1]); }, {a, b});
    check("a bT", [](Inputs x) { return matmul(x[0], transpose(x[1])); }, {a, Shape{b[1], b[0]}});
    check("aT b", [](Inputs x) { return matmul(transpose(x[0]), x[1]); }, {Shape{a[1], a[0]}, b});
    check("aT bT", [](Inputs x) { return matmul(transpose(x[0]), transpose(x[1])); },
          {Shape{a[1], a[0]}, Shape{b[1], b[0]}});
    check("a b c", [](Inputs x) { return matmul(matmul(x[0], x[1]), x[2]); }, {a, b, c});
    check(
        "a b + bias, tanh", [](Inputs x) { return tanh(matmul(x[0], x[1]) + x[2]); }, {a, b, Shape{b[1]}}, -0.7, 0.7);
    check("a aT", [](Inputs x) { return matmul(x[0], transpose(x[0])); }, {a});
  }
  check("(2, 0) (0, 3)", [](Inputs x) { return matmul(x[0], x[1]); }, {Shape{2, 0}, Shape{0, 3}});
}

TEST_CASE("gradients: shape ops") {
  for (const Shape& shape : {Shape{2, 3, 4}, Shape{1, 6, 2}, Shape{4, 2, 1}}) {
    check("reshape", [](Inputs x) { return square(reshape(x[0], {-1, 2})); }, {shape});
    check("flatten", [](Inputs x) { return square(flatten(x[0], 1)); }, {shape});
    check("squeeze", [](Inputs x) { return square(squeeze(x[0])); }, {shape});
    check("unsqueeze", [](Inputs x) { return square(unsqueeze(x[0], 1)); }, {shape});
    check("transpose", [](Inputs x) { return square(transpose(x[0])); }, {shape});
    check("permute", [](Inputs x) { return square(permute(x[0], {1, -1, 0})); }, {shape});
    check("broadcast_to",
          [](Inputs x) {
            return square(broadcast_to(x[0], Shape{3, x[0].shape()[0], x[0].shape()[1], x[0].shape()[2]}));
          },
          {shape});
    check("slice", [](Inputs x) { return square(slice(x[0], 1, 1, -1)) + slice(x[0], 1, 0, -2); },
          {shape[1] < 3 ? Shape{2, 3, 4} : shape});
    check("overlapping slices",
          [](Inputs x) {
            const std::int64_t size = x[0].shape()[1];
            return square(slice(x[0], 1, 0, size - 1)) * slice(x[0], 1, 1, size);
          },
          {shape});
    for (const int axis : {0, 1, 2})
      check("concatenate", [axis](Inputs x) { return square(concatenate({x[0], exp(x[0]), x[0]}, axis)); }, {shape});
  }
  check("broadcast_to of ones",
        [](Inputs x) {
          return square(broadcast_to(x[0], Shape{2, 3, 4})) * x[0];
        },
        {Shape{3, 1}});
}

TEST_CASE("gradients: indexing, with repeated rows") {
  const Tensor some{{0, 2}, {-1, 0}}, none = Tensor::zeros({0}, DType::i64);
  for (const Shape& shape : {Shape{3}, Shape{3, 2}, Shape{4, 1, 3}}) {
    check("gather", [&](Inputs x) { return square(gather(x[0], some)); }, {shape});
    check("gather nothing", [&](Inputs x) { return square(gather(x[0], none)); }, {shape});
  }
}

TEST_CASE("gradients: composites") {
  for (const Shape& shape : {Shape{3, 4}, Shape{1, 5}, Shape{6, 2}, Shape{2, 1}}) {
    for (const int axis : {0, -1}) {
      check("softmax", [axis](Inputs x) { return softmax(x[0], axis); }, {shape});
      check("log_softmax", [axis](Inputs x) { return log_softmax(x[0], axis); }, {shape});
    }
    Tensor labels = Tensor::zeros({shape[0]}, DType::i64);
    for (std::int64_t i = 0; i < shape[0]; ++i) labels.set<std::int64_t>({i}, i % shape[1]);
    check("softmax_cross_entropy of labels", [&](Inputs x) { return softmax_cross_entropy(x[0], labels); }, {shape});
    check("softmax_cross_entropy of probabilities",
          [](Inputs x) { return softmax_cross_entropy(x[0], stop_gradient(x[0] * 0 + 0.3)); }, {shape});
    check("mean_squared_error", [](Inputs x) { return mean_squared_error(x[0], x[1]); }, {shape, shape});
    if (shape[0] > 1)
      check("batch_norm", [](Inputs x) { return batch_norm(x[0], x[1], x[2], {.epsilon = 0.1}); },
            {shape, Shape{shape[1]}, Shape{shape[1]}});
  }
  check("dropout",
        [](Inputs x) {
          Random random(3);
          return square(dropout(x[0], 0.4, random));
        },
        {Shape{5, 7}});
}
