// Operands that are broadcast along a middle axis, and reductions over one: sweeps of several batches. The values of each
// batch are those of a sweep over it alone, to the last bit.
#include <functional>
#include <numeric>

#include <thalweg/check_gradients.hpp>

#include "tests/tape/helpers.hpp"

using namespace thalweg;
using namespace thalweg::testing;

namespace {

using Function = std::function<Var(std::span<const Var>)>;

struct Case {
  const char* name;
  Function function;  // of x (n, r, c), a (n, 1, c) and b (1, r, 1), for any n
};

Var standardized(const Var& x) {
  const Var variation = variance(x, {.axes = 1, .keep_dimensions = true});
  return (x - mean(x, 1, true)) / sqrt(variation + 1e-5);
}

const Case cases[] = {
    {"product", [](auto v) { return v[0] * v[1]; }},
    {"a channel's bias", [](auto v) { return relu(v[0] + v[2]); }},
    {"both", [](auto v) { return v[0] * v[1] + v[2]; }},
    {"sum", [](auto v) { return sum(v[0], 1); }},
    {"largest", [](auto v) { return max(v[0] * v[1], 1, true); }},
    {"mean", [](auto v) { return mean(v[0], 1); }},
    {"variance", [](auto v) { return variance(v[0], 1); }},
    {"softmax", [](auto v) { return softmax(v[0] + v[1], 1); }},
    {"standardized", [](auto v) { return standardized(v[0]) * v[2] + v[1]; }},
    {"of rows and columns", [](auto v) { return v[0] / (1 + abs(sum(v[0], 2, true))) + max(v[0], 1, true); }},
    {"count", [](auto v) { return sum(v[0] > v[1], 1); }},
};

std::vector<Tensor> inputs_of(const Shape& shape, DType dtype) {
  return {noise(shape, 1, dtype), noise({shape[0], 1, shape[2]}, 2, dtype), noise({1, shape[1], 1}, 3, dtype)};
}

Tensor value_of(const Function& function, std::vector<Tensor> inputs, Engine engine) {
  Tape tape({.engine = engine});
  std::vector<Var> v;
  for (const Tensor& input : inputs) v.emplace_back(input);
  return function(v).value();
}

/// y, and the gradients by x, a and b.
std::vector<Tensor> results(const Function& function, const std::vector<Tensor>& inputs, Engine engine) {
  Tape tape({.engine = engine});
  std::vector<Var> v;
  for (const Tensor& input : inputs) v.emplace_back(input);
  const Var y = function(v);
  std::vector<Tensor> all{y.value()};
  if (y.dtype() == DType::i64) return all;
  Var seed = noise(y.shape(), 4, y.dtype());
  for (const Var& gradient : gradients(sum(y * seed), {v[0], v[1], v[2]})) all.push_back(gradient.value());
  return all;
}

Tensor batch_of(const Tensor& x, std::int64_t batch) {
  return compute([&] { return slice(x, 0, batch, batch + 1); });
}

}  // namespace

TEST_CASE("batches: planned and eager, one thread and two, give the same bits") {
  for (const Shape& shape :
       {Shape{3, 40, 30}, Shape{5, 128, 64}, Shape{2, 7, 300}, Shape{4, 600, 2}, Shape{6, 3, 5}, Shape{32, 64, 128}})
    for (const DType dtype : {DType::f32, DType::f64})
      for (const Case& each : cases) {
        CAPTURE(each.name, to_string(shape), name(dtype));
        const std::vector<Tensor> inputs = inputs_of(shape, dtype);
        const std::vector<Tensor> eager = results(each.function, inputs, Engine::eager);
        for (const int threads : {1, 2}) {
          const Threads limit(threads);
          for (int step = 0; step < 3; ++step) {  // later ones run generated code
            const std::vector<Tensor> planned = results(each.function, inputs, Engine::planned);
            REQUIRE(planned.size() == eager.size());
            for (std::size_t i = 0; i < planned.size(); ++i) CHECK(identical(planned[i], eager[i]));
          }
        }
      }
}

TEST_CASE("batches: each has the bits that it has alone") {
  for (const DType dtype : {DType::f32, DType::f64})
    for (const Case& each : cases) {
      CAPTURE(each.name, name(dtype));
      const std::vector<Tensor> inputs = inputs_of({5, 40, 30}, dtype);
      const Tensor all = value_of(each.function, inputs, Engine::planned);
      for (std::int64_t batch = 0; batch < 5; ++batch)
        CHECK(identical(batch_of(all, batch),
                        value_of(each.function, {batch_of(inputs[0], batch), batch_of(inputs[1], batch), inputs[2]},
                                 Engine::planned)));
    }
}

TEST_CASE("batches: gradients against numerical differentiation") {
  for (const Case& each : cases) {
    if (std::string_view(each.name) == "count") continue;
    CAPTURE(each.name);
    const GradientReport report =
        check_gradients(each.function, inputs_of({2, 33, 32}, DType::f64), {.step = 1e-5, .second_order = false});
    INFO(to_string(report));
    CHECK(report.ok);
  }
}

TEST_CASE("batches: one pass standardizes over a middle axis, without a copy") {
  const std::vector<Tensor> inputs = inputs_of({8, 128, 64}, DType::f32);
  Tape tape;
  const Var x = inputs[0];
  (standardized(x) * inputs[2] + inputs[1]).value();
  INFO(explain_plan(tape));
  const PlanSummary summary = plan_summary(tape);
  CHECK(summary.other_passes == 1);
}

TEST_CASE("batches: of four axes, and of none") {
  const Tensor x = noise({3, 4, 20, 15}, 1), bias = noise({4, 1, 1}, 2);
  for (const Engine engine : {Engine::planned, Engine::eager}) {
    Tape tape({.engine = engine});
    const Var flat = reshape(x, {3, 4, 300});
    const Var normal_4 = (Var(x) - mean(x, {1, 2}, true)) * bias, normal_3 = sum(flat * reshape(bias, {4, 1}), 1);
    CHECK(normal_4.shape() == Shape{3, 4, 20, 15});
    CHECK(identical(sum(Var(x) * bias, 1).value().reshape({3, 300}), normal_3.value()));
    const Var nothing = Tensor::zeros({0, 40, 30});
    CHECK((nothing * Tensor::ones({0, 1, 30}) + Tensor::ones({40, 1})).value().size() == 0);
    CHECK(sum(nothing, 1).value().shape() == Shape{0, 30});
    CHECK(max(nothing, 1).value().shape() == Shape{0, 30});
    CHECK(all_close(max(normal_4, {1, 2}).value(), max(reshape(normal_4, {3, 80, 15}), 1).value()));
  }
}

TEST_CASE("batches: operands that begin anew, like the angles of a rotary embedding") {
  const auto turned = [](std::span<const Var> v) {  // x (n, t, h, d), a and b (t, 1, d)
    const Var& x = v[0];
    const std::int64_t half = x.shape()[3] / 2, end = x.shape()[3];
    return x * v[1] + concatenate({-slice(x, 3, half, end), slice(x, 3, 0, half)}, 3) * v[2];
  };
  const Case periodic[] = {
      {"product", [](auto v) { return v[0] * v[1]; }},
      {"rotary embedding", turned},
      {"with an operand without period", [](auto v) { return v[0] * v[1] + mean(v[0], 2, true); }},
      {"softmax", [](auto v) { return softmax(v[0] * v[1] + v[2], 3); }},
      {"sum",
       [](auto v) {
         return sum(relu(v[0] + v[1]) * v[2], {0, 3});
       }},
  };
  for (const Shape& shape : {Shape{3, 5, 4, 130}, Shape{4, 16, 8, 64}, Shape{2, 3, 2, 600}, Shape{8, 64, 8, 64},
                             Shape{3, 2, 3, 4}, Shape{0, 2, 8, 64}, Shape{2, 1, 8, 64}})
    for (const DType dtype : {DType::f32, DType::f64})
      for (const Case& each : periodic) {
        CAPTURE(each.name, to_string(shape), name(dtype));
        const Shape there{shape[1], 1, shape[3]};
        const std::vector<Tensor> inputs{noise(shape, 1, dtype), noise(there, 2, dtype), noise(there, 3, dtype)};
        const std::vector<Tensor> eager = results(each.function, inputs, Engine::eager);
        for (const int threads : {1, 2}) {
          const Threads limit(threads);
          for (int step = 0; step < 3; ++step) {
            const std::vector<Tensor> planned = results(each.function, inputs, Engine::planned);
            REQUIRE(planned.size() == eager.size());
            for (std::size_t i = 0; i < planned.size(); ++i) CHECK(identical(planned[i], eager[i]));
          }
        }
      }
  // Nothing is copied out: one pass.
  const Tensor x = noise({4, 16, 8, 64}, 1), angles = noise({16, 1, 64}, 2);
  Tape tape;
  const Tensor y = (Var(x) * angles).value();
  CHECK(plan_summary(tape).other_passes == 1);
  for (std::int64_t i = 0; i < x.size(); ++i)
    REQUIRE(y.data<float>()[i] == x.data<float>()[i] * angles.data<float>()[i / 512 % 16 * 64 + i % 64]);
}

TEST_CASE("batches: a buffer that is read in two ways, a draw, and a parameter that is assigned") {
  const Tensor x = noise({2, 64, 64}, 1), rows = noise({2, 64, 1}, 2);
  for (const Engine engine : {Engine::planned, Engine::eager}) {
    Tape tape({.engine = engine});
    const Var by_row = rows;  // (2, 64, 1): a number per row; (2, 1, 64): one per column of each batch
    const Var y = where(Var(x) > reshape(by_row, {2, 1, 64}), by_row, x);
    for (std::int64_t i = 0; i < 2; ++i)
      for (std::int64_t k = 0; k < 64; ++k)
        for (std::int64_t j = 0; j < 64; ++j) {
          const float here = x.at<float>({i, k, j});
          const float wanted = here > rows.at<float>({i, j, 0}) ? rows.at<float>({i, k, 0}) : here;
          REQUIRE(y.value().at<float>({i, k, j}) == wanted);
        }
  }
  const auto noisy = [&](Engine engine) {
    Random random(7);
    Tape tape({.engine = engine});
    const Var drawn = normal({2, 64, 64}, random);
    return (drawn * Var(noise({2, 1, 64}, 3)) + sum(drawn, 1, true)).value();
  };
  CHECK(identical(noisy(Engine::planned), noisy(Engine::eager)));
  const auto updated = [&](Engine engine) {
    ParameterRegistry registry({.seed = 0});
    const Parameter weight = registry.add("weight", normal({4, 64, 64}, 1));
    Tape tape({.engine = engine});
    const Var before = weight;
    assign(weight, before - 0.5 * mean(before, 1, true));
    tape.run();
    return Tensor(weight.value());
  };
  CHECK(identical(updated(Engine::planned), updated(Engine::eager)));
}
