// Jacobians, Hessians and products with them, beside what calculus says and beside each other.
#include <thalweg/derivatives.hpp>

#include "tests/tape/helpers.hpp"

using namespace thalweg;
using namespace thalweg::testing;

namespace {

Tensor doubles(std::initializer_list<internal::Literal> values) { return Tensor(values, DType::f64); }

bool close(const Tensor& a, const Tensor& b, double tolerance = 1e-12) {
  return a.shape() == b.shape() && all_close(a, b, tolerance, tolerance);
}

const Engine engines[] = {Engine::planned, Engine::eager};

/// A small net of two layers with a scalar loss, in f64.
struct Net {
  ParameterRegistry registry{{.seed = 3, .dtype = DType::f64}};
  Parameter first = registry.add("first", he_normal({3, 4})), bias = registry.add("bias", zeros({4}));
  Parameter statistic = registry.add("statistic", ones({4}), {.trainable = false});
  Parameter second = registry.add("second", he_normal({4, 2}));

  Var outputs() const { return tanh(matmul(noise({5, 3}, 1, DType::f64), first) + bias * statistic); }
  Var loss() const { return mean(square(matmul(outputs(), second) - 1)) + sum(square(first)) * 0.1; }
};

}  // namespace

TEST_CASE("jacobian: of an elementwise function, of a matrix product, and by two inputs") {
  for (const Engine engine : engines) {
    const Tape tape({.engine = engine});
    const Var x = doubles({1., 2., 3.}), y = doubles({-1., 4., 0.5});
    CHECK(close(jacobian(square(x), x).value(), doubles({{2., 0., 0.}, {0., 4., 0.}, {0., 0., 6.}})));
    const std::vector<Var> both = jacobian(x * y, {x, y});
    CHECK(close(both[0].value(), doubles({{-1., 0., 0.}, {0., 4., 0.}, {0., 0., 0.5}})));
    CHECK(close(both[1].value(), doubles({{1., 0., 0.}, {0., 2., 0.}, {0., 0., 3.}})));
    // d(AB)[i, j] / dA[k, l] = [i = k]·B[l, j]
    const Var a = noise({2, 3}, 1, DType::f64), b = noise({3, 4}, 2, DType::f64);
    const Tensor by_a = jacobian(matmul(a, b), a).value(), factor = b.value();
    REQUIRE(by_a.shape() == Shape{2, 4, 2, 3});
    for (std::int64_t i = 0; i < 2; ++i)
      for (std::int64_t j = 0; j < 4; ++j)
        for (std::int64_t k = 0; k < 2; ++k)
          for (std::int64_t l = 0; l < 3; ++l)
            CHECK(by_a.at<double>({i, j, k, l}) == (i == k ? factor.at<double>({l, j}) : 0));
  }
}

TEST_CASE("jacobian: tall ones come from forward derivatives, wide ones from backward passes, with the same numbers") {
  for (const Engine engine : engines) {
    const Tape tape({.engine = engine});
    const Var x = doubles({0.3, -0.7}), w = noise({2, 7}, 5, DType::f64);
    const Var tall = tanh(matmul(unsqueeze(x, 0), w)), wide = matmul(tall, transpose(w));
    const Tensor slope = (1 - square(tall)).value(), factor = w.value();
    const Tensor columns = jacobian(tall, x).value();  // by columns: 2 < 7
    REQUIRE(columns.shape() == Shape{1, 7, 2});
    for (std::int64_t j = 0; j < 7; ++j)
      for (std::int64_t i = 0; i < 2; ++i)
        CHECK(columns.at<double>({0, j, i}) ==
              Approx(slope.at<double>({0, j}) * factor.at<double>({i, j})).epsilon(1e-13));
    const Tensor rows = jacobian(wide, w).value();  // by rows: 2 < 14
    CHECK(rows.shape() == Shape{1, 2, 2, 7});
  }
}

TEST_CASE("jacobian: of what is empty, a scalar, or not depended on") {
  for (const Engine engine : engines) {
    const Tape tape({.engine = engine});
    const Var x = doubles({1., 2.}), none = Tensor::zeros({0}, DType::f64), scalar = Tensor::full({}, 3., DType::f64);
    CHECK(jacobian(square(none), none).shape() == Shape{0, 0});
    CHECK(jacobian(sum(none), none).shape() == Shape{0});
    CHECK(close(jacobian(sum(square(x)), x).value(), doubles({2., 4.})));
    CHECK(close(jacobian(scalar * scalar, scalar).value(), Tensor::full({}, 6., DType::f64)));
    CHECK(close(jacobian(x * x, scalar).value(), doubles({0., 0.})));
    CHECK(close(hessian(scalar * 2, x).value(), doubles({{0., 0.}, {0., 0.}})));
    CHECK(close(jacobian_vector_product(x * x, scalar, scalar).value(), doubles({0., 0.})));
  }
}

TEST_CASE("jacobian: more rows than one node can have inputs") {
  const Tape tape;
  const Var x = noise({300}, 1, DType::f64);
  const Tensor value = jacobian(exp(x), x).value(), diagonal = exp(x).value();
  REQUIRE(value.shape() == Shape{300, 300});
  std::int64_t wrong = 0;
  for (std::int64_t i = 0; i < 300; ++i)
    for (std::int64_t j = 0; j < 300; ++j) wrong += value.at<double>({i, j}) != (i == j ? diagonal.at<double>({i}) : 0);
  CHECK(wrong == 0);
}

TEST_CASE("jacobian_vector_product: J·v of the Jacobian itself, by one input and by two") {
  for (const Engine engine : engines) {
    const Tape tape({.engine = engine});
    const Var x = noise({4}, 1, DType::f64), w = noise({4, 3}, 2, DType::f64);
    const Var y = softmax(matmul(unsqueeze(x, 0), w));
    const Var v = noise({4}, 3, DType::f64), u = noise({4, 3}, 4, DType::f64);
    const Var by_x = matmul(reshape(jacobian(y, x), {3, 4}), unsqueeze(v, 1));
    const Var by_w = matmul(reshape(jacobian(y, w), {3, 12}), reshape(u, {12, 1}));
    CHECK(close(jacobian_vector_product(y, x, v).value(), reshape(by_x, {1, 3}).value()));
    CHECK(close(jacobian_vector_product(y, {x, w}, {v, u}).value(), reshape(by_x + by_w, {1, 3}).value()));
  }
}

TEST_CASE("jacobian_vector_product: is right where a gradient is 0, and is a difference quotient") {
  for (const Engine engine : engines) {
    const Tape tape({.engine = engine});
    const Var x = doubles({0., 1., -2., 3.}), v = doubles({1., 10., 100., 1000.});
    CHECK(close(jacobian_vector_product(relu(x), x, v).value(), doubles({0., 10., 0., 1000.})));
    CHECK(close(jacobian_vector_product(x * 0, x, v).value(), doubles({0., 0., 0., 0.})));
    CHECK(close(jacobian_vector_product(max(x), x, v).value(), Tensor::full({}, 1000., DType::f64)));
    const double step = 1e-6;
    const auto f = [](const Var& at) { return exp(tanh(at) * at); };
    const Tensor quotient = ((f(x + v * step) - f(x - v * step)) / (2 * step)).value();
    CHECK(close(jacobian_vector_product(f(x), x, v).value(), quotient, 1e-3));
  }
}

TEST_CASE("hessian: of a quadratic form, of a cubic, and its blocks by two inputs") {
  for (const Engine engine : engines) {
    const Tape tape({.engine = engine});
    const Var x = doubles({{0.5, -1.}, {2., 0.25}}), a = doubles({1., -2., 0.5});
    const Tensor cubic = hessian(sum(x * x * x), x).value();  // 6x on the diagonal
    REQUIRE(cubic.shape() == Shape{2, 2, 2, 2});
    CHECK(close(cubic.reshape({4, 4}),
                doubles({{3., 0., 0., 0.}, {0., -6., 0., 0.}, {0., 0., 12., 0.}, {0., 0., 0., 1.5}})));
    const Var m = doubles({{1., 2., 0.}, {4., -1., 3.}, {0.5, 0., 2.}});
    const Var form = sum(matmul(matmul(unsqueeze(a, 0), m), unsqueeze(a, 1)));
    CHECK(close(hessian(form, a).value(), (m + transpose(m)).value()));
    const Var s = Tensor::full({}, 1.5, DType::f64);
    const std::vector<std::vector<Var>> blocks = hessian(sum(a * a) * s * s, {a, s});
    CHECK(close(blocks[0][0].value(), doubles({{4.5, 0., 0.}, {0., 4.5, 0.}, {0., 0., 4.5}})));
    CHECK(close(blocks[0][1].value(), doubles({6., -12., 3.})));
    CHECK(close(blocks[1][0].value(), doubles({6., -12., 3.})));
    CHECK(close(blocks[1][1].value(), Tensor::full({}, 10.5, DType::f64)));
  }
}

TEST_CASE("hessian_vector_product: H·v of the Hessian itself; its direction is held constant") {
  for (const Engine engine : engines) {
    const Tape tape({.engine = engine});
    const Var x = noise({5}, 1, DType::f64), w = noise({5}, 2, DType::f64);
    const Var y = sum(exp(x * w)) + log(sum(square(x)) + sum(square(w)));
    const Var v = noise({5}, 3, DType::f64), u = noise({5}, 4, DType::f64);
    const auto times = [](const Var& matrix, const Var& vector) {
      return reshape(matmul(matrix, unsqueeze(vector, 1)), {-1});
    };
    CHECK(close(hessian_vector_product(y, x, v).value(), times(hessian(y, x), v).value()));
    CHECK(close(hessian_vector_product(y, x, x).value(), times(hessian(y, x), x).value()));
    const auto blocks = hessian(y, {x, w});
    const std::vector<Var> products = hessian_vector_product(y, {x, w}, {v, u});
    CHECK(close(products[0].value(), (times(blocks[0][0], v) + times(blocks[0][1], u)).value()));
    CHECK(close(products[1].value(), (times(blocks[1][0], v) + times(blocks[1][1], u)).value()));
  }
}

TEST_CASE("derivatives over a registry: flat, trainable parameters alone, beside differences of the gradient") {
  for (const Engine engine : engines) {
    Net net;
    const std::int64_t count = net.registry.element_count();
    REQUIRE(count == 12 + 4 + 8);
    const auto gradient = [&] {
      const Tape tape({.engine = engine});
      backward(net.loss());
      std::vector<double> flat;
      for (const Parameter& parameter : net.registry.parameters()) {
        if (!parameter.trainable()) continue;
        const Tensor part = parameter.gradient();
        flat.insert(flat.end(), part.data<double>().begin(), part.data<double>().end());
      }
      return flat;
    };
    Tensor hessian_value, product, direction = noise({count}, 9, DType::f64), jacobian_value, forward;
    {
      const Tape tape({.engine = engine});
      const Var loss = net.loss();
      hessian_value = hessian(loss, net.registry).value();
      product = hessian_vector_product(loss, net.registry, direction).value();
      const Var outputs = net.outputs();
      jacobian_value = jacobian(outputs, net.registry).value();
      forward = jacobian_vector_product(outputs, net.registry, direction).value();
      CHECK(close(jacobian(loss, net.registry).value(), Tensor::from(std::span<const double>(gradient()), {count}),
                  1e-12));
    }
    REQUIRE(hessian_value.shape() == Shape{count, count});
    REQUIRE(jacobian_value.shape() == Shape{5, 4, count});
    const Tape tape({.engine = engine});
    CHECK(close((matmul(hessian_value, unsqueeze(direction, 1)) - unsqueeze(product, 1)).value(),
                Tensor::zeros({count, 1}, DType::f64)));
    CHECK(
        close(matmul(jacobian_value.reshape({20, count}), unsqueeze(direction, 1)).value(), forward.reshape({20, 1})));
    CHECK(close(transpose(hessian_value).value(), hessian_value));
    // Column by column against central differences of the gradient.
    std::int64_t column = 0;
    for (const Parameter& parameter : net.registry.parameters()) {
      if (!parameter.trainable()) continue;
      const Tensor at = parameter.value();
      for (std::int64_t i = 0; i < at.size(); ++i, ++column) {
        const double step = 1e-5;
        Tensor moved = at;
        moved.mutable_data<double>()[static_cast<std::size_t>(i)] += step;
        parameter.set_value(moved);
        const std::vector<double> above = gradient();
        moved.mutable_data<double>()[static_cast<std::size_t>(i)] -= 2 * step;
        parameter.set_value(moved);
        const std::vector<double> below = gradient();
        parameter.set_value(at);
        for (std::int64_t row = 0; row < count; ++row) {
          const auto place = static_cast<std::size_t>(row);
          CHECK(hessian_value.at<double>({row, column}) ==
                Approx((above[place] - below[place]) / (2 * step)).margin(1e-7));
        }
      }
    }
  }
}

TEST_CASE("derivatives over a selection of parameters, and over one parameter") {
  Net net;
  const Tape tape;
  const Var loss = net.loss();
  const Tensor all = hessian(loss, net.registry).value(), some = hessian(loss, net.registry.select("b*")).value();
  for (std::int64_t i = 0; i < 4; ++i)
    for (std::int64_t j = 0; j < 4; ++j)
      CHECK(some.at<double>({i, j}) == Approx(all.at<double>({12 + i, 12 + j})).margin(1e-14));
  CHECK(close(hessian(loss, net.bias).value(), some));
  const Tensor direction = noise({4}, 1, DType::f64);
  CHECK(close(hessian_vector_product(loss, net.registry.select("bias"), direction).value(),
              hessian_vector_product(loss, net.bias, direction).value()));
  CHECK(close(jacobian(loss, net.registry.select("second")).value(),
              gradients(loss, {net.second})[0].value().reshape({8})));
}

TEST_CASE("gradients: a parameter's Var stands for the parameter, however often it was read") {
  ParameterRegistry registry({.dtype = DType::f64});
  const Parameter weight = registry.add("weight", constant({2}, 3.));
  for (const Engine engine : engines) {
    const Tape tape({.engine = engine});
    const Var first = weight, second = weight;
    const Var y = first * second * weight;
    for (const Var& leaf : {first, second, Var(weight)})
      CHECK(close(gradients(sum(y), {leaf})[0].value(), doubles({27., 27.})));
    const std::vector<Var> twice = gradients(sum(y), {first, weight});
    CHECK(close(twice[0].value(), twice[1].value()));
    CHECK(close(gradients(weight, {weight}, Var(doubles({2., 5.})))[0].value(), doubles({2., 5.})));
    CHECK(close(gradients(second, {first}, Var(doubles({2., 5.})))[0].value(), doubles({2., 5.})));
    CHECK(close(hessian(sum(y), weight).value(), doubles({{18., 0.}, {0., 18.}})));
  }
}

TEST_CASE("derivatives: can be differentiated again") {
  for (const Engine engine : engines) {
    const Tape tape({.engine = engine});
    const Var x = doubles({0.5, -1.5}), v = doubles({1., 2.});
    const Var y = sum(x * x * x * x);
    CHECK(close(gradients(sum(hessian(y, x)), {x})[0].value(), doubles({12., -36.})));                    // 24x
    CHECK(close(gradients(sum(hessian_vector_product(y, x, v)), {x})[0].value(), doubles({12., -72.})));  // 24x·v
    CHECK(
        close(gradients(sum(jacobian_vector_product(x * x * x, x, v)), {x})[0].value(), doubles({3., -18.})));  // 6x·v
    CHECK(close(gradients(sum(jacobian_vector_product(x * x * x, x, v)), {v})[0].value(), doubles({0.75, 6.75})));
  }
}

TEST_CASE("derivatives: errors name what does not fit and where it was asked for") {
  using Catch::Contains;
  const Tape tape;
  const Var x = Tensor{1., 2., 3.}, y = x * x, scores = Tensor{1, 2}, deep = Tensor::zeros({1, 1, 1, 1, 1});
  const std::string not_scalar = error_of<ShapeError>([&] { hessian(y, x); }) + at(__LINE__);
  CHECK_THAT(not_scalar, Contains("[hessian] shape (3,) is not a scalar" + at(__LINE__ - 1) + at(__LINE__ - 1)));
  CHECK_THAT(error_of<ShapeError>([&] { hessian_vector_product(y, x, x); }),
             Contains("[hessian_vector_product] shape (3,) is not a scalar"));
  CHECK_THAT(error_of<ShapeError>([&] {
               jacobian_vector_product(y, x, Tensor{1., 2.});
             }),
             Contains("[jacobian_vector_product] the direction has shape (2,), its input (3,)"));
  CHECK_THAT(error_of<DtypeError>([&] {
               jacobian_vector_product(y, x, Tensor({1., 2., 3.}, f64));
             }),
             Contains("[jacobian_vector_product] the direction is f64, its input f32"));
  CHECK_THAT(error_of<ShapeError>([&] {
               jacobian_vector_product(y, {x, x}, {x});
             }),
             Contains("2 inputs and 1 directions"));
  CHECK_THAT(error_of<DtypeError>([&] { jacobian(scores, x); }), Contains("[jacobian] a value of dtype i64"));
  CHECK_THAT(error_of<DtypeError>([&] { jacobian(y, scores); }),
             Contains("[jacobian] there is no derivative by an input"));
  CHECK_THAT(error_of<ShapeError>([&] { jacobian(deep * 2, deep); }), Contains("more than 8 dimensions"));
  ParameterRegistry registry;
  CHECK_THAT(error_of<ValueError>([&] { hessian(sum(y), registry); }),
             Contains("[hessian] there are no trainable parameters"));
  const Parameter weight = registry.add("weight", ones({2}));
  CHECK_THAT(error_of<ShapeError>([&] { hessian_vector_product(sum(square(weight)), registry, Tensor{1.}); }),
             Contains("the direction has shape (1,), the parameters (2,)"));
}

TEST_CASE("gradients: of a parameter that was assigned on the tape is an error, as backward's is") {
  ParameterRegistry registry;
  const Parameter weight = registry.add("weight", ones({2}));
  const Tape tape;
  const Var loss = sum(square(weight));
  assign(weight, Tensor{5., 6.});
  CHECK_THAT(error_of<TapeError>([&] { gradients(loss, {loss * 1, Var(Tensor{1., 2.})}); }), Catch::Equals("no error"));
  CHECK_THAT(error_of<TapeError>([&] { hessian(loss, registry); }),
             Catch::Contains("'weight' was assigned on this tape"));
}

TEST_CASE("derivatives: a Var of an ended tape is an error that names the function and the line") {
  ParameterRegistry registry;
  const Parameter weight = registry.add("weight", Tensor{1., 2.});
  Var dead;
  {
    const Tape ended;
    dead = Tensor{1., 2.};
  }
  const std::string said = error_of<TapeError>([&] { jacobian(dead, dead); });
  CHECK_THAT(said, Catch::StartsWith("[jacobian] no tape is alive") && Catch::EndsWith(at(__LINE__ - 1)));
  const Engine engine = GENERATE(Engine::planned, Engine::eager);
  const Tape tape({.engine = engine});
  const Var x = Tensor{3., 4.}, y = square(x) * weight, loss = sum(y);
  const std::string text =
      "] a Var cannot be used here: its tape has ended or was cleared; ask for value() before that";
  const std::string product = "[jacobian_vector_product" + text, hessian_product = "[hessian_vector_product" + text;
  CHECK(error_of<TapeError>([&] { jacobian(dead, x); }) == "[jacobian" + text + at(__LINE__));
  CHECK(error_of<TapeError>([&] { jacobian(y, {x, dead}); }) == "[jacobian" + text + at(__LINE__));
  CHECK(error_of<TapeError>([&] { jacobian(dead, registry); }) == "[jacobian" + text + at(__LINE__));
  CHECK(error_of<TapeError>([&] { hessian(dead, x); }) == "[hessian" + text + at(__LINE__));
  CHECK(error_of<TapeError>([&] { hessian(loss, dead); }) == "[hessian" + text + at(__LINE__));
  CHECK(error_of<TapeError>([&] { hessian(dead, registry); }) == "[hessian" + text + at(__LINE__));
  CHECK(error_of<TapeError>([&] { jacobian_vector_product(dead, x, x); }) == product + at(__LINE__));
  CHECK(error_of<TapeError>([&] { jacobian_vector_product(y, x, dead); }) == product + at(__LINE__));
  CHECK(error_of<TapeError>([&] { jacobian_vector_product(y, registry, dead); }) == product + at(__LINE__));
  CHECK(error_of<TapeError>([&] { hessian_vector_product(loss, x, dead); }) == hessian_product + at(__LINE__));
  CHECK(error_of<TapeError>([&] { gradients(dead, x); }) == "[gradients" + text + at(__LINE__));
  CHECK(error_of<TapeError>([&] { gradients(loss, dead); }) == "[gradients" + text + at(__LINE__));
  CHECK(error_of<TapeError>([&] { gradients(y, x, dead); }) == "[gradients" + text + at(__LINE__));
}
