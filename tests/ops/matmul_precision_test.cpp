// Precision::medium: asked for by call or by scope, kept by gradients, told by the plan, the same planned and eager.
#include <catch2/catch.hpp>

#include <bit>
#include <cmath>
#include <cstdint>
#include <thread>
#include <vector>

#include <thalweg/thalweg.hpp>

#include "src/run/matmul.hpp"
#include "tests/tape/helpers.hpp"

using namespace thalweg;
using namespace thalweg::testing;

namespace {

/// The nearest bf16 (numbers here are neither subnormal nor beyond the range), as f64.
Tensor in_bf16(const Tensor& x) {
  const Tensor single = x.to(f32);
  std::vector<double> rounded;
  for (const float value : single.data<float>()) {
    const auto bits = std::bit_cast<std::uint32_t>(value);
    const std::uint32_t nearest = (bits + 0x7FFF + (bits >> 16 & 1)) & 0xFFFF0000;
    rounded.push_back(double{std::bit_cast<float>(nearest)});
  }
  return Tensor::from(std::span<const double>(rounded), x.shape());
}

Tensor product_in_f64(const Tensor& a, const Tensor& b) {
  return compute([&] { return matmul(a.to(f64), b.to(f64)); });
}

/// Whether the product of these, or of these batches, is done in bf16: else it is one of f32.
bool is_in_bf16(const Tensor& a, const Tensor& b) {
  const Shape &left = a.shape(), &right = b.shape();
  const std::int64_t m = left.rank() > 1 ? left[left.rank() - 2] : 1, n = right.rank() > 1 ? right.back() : 1;
  return run::is_faster_in_bf16(m, n, left.back());
}

/// |x − exact| ≤ k·2^-24·Σ|ab|, the sums of docs/precision.md.
void check_sums(const Tensor& x, const Tensor& a, const Tensor& b) {
  const bool rounds = is_in_bf16(a, b);
  const Tensor left = rounds ? in_bf16(a) : a.to(f64), right = rounds ? in_bf16(b) : b.to(f64);
  const Tensor exact = product_in_f64(left, right);
  const Tensor sizes = compute([&] { return matmul(abs(left), abs(right)); });
  REQUIRE(x.shape() == exact.shape());
  const double bound = static_cast<double>(a.shape().back()) * 0x1p-24;
  const Tensor values = x.to(f64);
  bool all_within = true;
  for (std::size_t i = 0; i < values.data<double>().size(); ++i)
    all_within &= std::abs(values.data<double>()[i] - exact.data<double>()[i]) <= bound * sizes.data<double>()[i];
  CHECK(all_within);
}

Tensor transposed(const Tensor& x) {
  return compute([&] { return transpose(x); });
}

double norm_of_difference(const Tensor& a, const Tensor& b) {
  return compute([&] { return sqrt(sum(square(Var(a) - b))); }).item();
}

Tensor small(const Shape& shape, std::uint64_t seed) {
  return compute([&] { return 0.2 * noise(shape, seed); });
}

/// The loss and the gradients of a small net with a batched product in it; with the second derivative, too.
std::vector<Tensor> results_of_net(Engine engine, bool medium_scope) {
  ParameterRegistry registry;
  const auto weight1 = registry.add("weight1", small({37, 50}, 1));
  const auto bias1 = registry.add("bias1", small({50}, 2));
  const auto weight2 = registry.add("weight2", small({50, 20}, 3));
  Tape tape({.engine = engine});
  const MatmulPrecision precision(medium_scope ? Precision::medium : Precision::highest);
  const Var x = noise({24, 37}, 4);
  const Var hidden = relu(matmul(x, weight1) + bias1);
  const Var heads = permute(reshape(matmul(hidden, weight2), {2, 12, 4, 5}), {0, 2, 1, 3});
  const Var scores = softmax(matmul(heads, permute(heads, {0, 1, 3, 2})), -1);
  const Var loss = sum(square(matmul(scores, heads))) + sum(tanh(matmul(transpose(hidden), x)));
  const Var slope = gradients(loss, {x})[0];
  const Var total = loss + 0.01 * sum(square(slope));
  backward(total);
  return {total.value(), slope.value(), weight1.gradient(), bias1.gradient(), weight2.gradient()};
}

}  // namespace

TEST_CASE("medium precision: products of rounded factors, summed in f32") {
  const Tensor a = noise({33, 70}, 1), b = noise({70, 45}, 2), vector = noise({70}, 3);
  const auto medium = [](const Tensor& x, const Tensor& y) {
    return compute([&] { return matmul(x, y, Precision::medium); });
  };
  check_sums(medium(a, b), a, b);
  check_sums(medium(a, vector), a, vector);
  check_sums(medium(vector, b), vector, b);
  check_sums(compute([&] { return matmul(transpose(transposed(a)), transpose(transposed(b)), Precision::medium); }), a,
             b);
  const Tensor batch = noise({4, 3, 20, 70}, 4), other = noise({3, 70, 9}, 5);
  check_sums(medium(batch, other), batch, other);
  check_sums(medium(batch, b), batch, b);
  CHECK(identical(medium(a, b), compute([&] { return matmul(a, b); })) == !is_in_bf16(a, b));
}

TEST_CASE("medium precision: bias and activation come after the sum, as by themselves") {
  const Tensor x = noise({20, 40}, 1), weight = noise({40, 30}, 2), bias = noise({30}, 3);
  const MatmulPrecision precision(Precision::medium);
  const Tensor product = compute([&] { return matmul(x, weight); });
  CHECK(identical(compute([&] { return relu(matmul(x, weight) + bias); }),
                  compute([&] { return relu(product + bias); })));
  CHECK(identical(compute([&] { return tanh(matmul(x, weight) + bias); }),
                  compute([&] { return tanh(product + bias); })));
}

TEST_CASE("medium precision: by scope, innermost first, on this thread alone") {
  const Tensor a = noise({33, 64}, 1), b = noise({64, 48}, 2);
  const auto product = [&] { return compute([&] { return matmul(a, b); }); };
  const Tensor highest = product(), medium = compute([&] { return matmul(a, b, Precision::medium); });
  CHECK(identical(highest, medium) == !is_in_bf16(a, b));
  CHECK(matmul_precision() == Precision::highest);
  {
    const MatmulPrecision outer(Precision::medium);
    CHECK(identical(product(), medium));
    CHECK(identical(compute([&] { return matmul(a, b, Precision::highest); }), highest));
    {
      const MatmulPrecision inner(Precision::highest);
      CHECK(identical(product(), highest));
    }
    CHECK(matmul_precision() == Precision::medium);
    Tensor elsewhere;
    std::thread([&] { elsewhere = product(); }).join();
    CHECK(identical(elsewhere, highest));
  }
  CHECK(identical(product(), highest));
}

TEST_CASE("medium precision: f64 stays as it is, and what is no product is none") {
  const Tensor a = noise({9, 30}, 1, f64), b = noise({30, 11}, 2, f64);
  CHECK(identical(compute([&] { return matmul(a, b, Precision::medium); }), compute([&] { return matmul(a, b); })));
  const Tensor integers{{1, 2}, {3, 4}};
  CHECK_THROWS_AS(compute([&] { return matmul(integers, integers, Precision::medium); }), DtypeError);
  CHECK_THROWS_AS(compute([&] { return matmul(a, noise({30, 11}, 2), Precision::medium); }), DtypeError);
  CHECK_THROWS_AS(compute([&] { return matmul(a, a, Precision::medium); }), ShapeError);
}

TEST_CASE("medium precision: gradients have that of their product, whatever holds then") {
  const Tensor a = noise({33, 70}, 1), b = noise({70, 45}, 2), seed = noise({33, 45}, 3);
  Tape tape;
  const Var x = a, y = b;
  const std::vector<Var> slopes = gradients(sum(matmul(x, y, Precision::medium) * seed), {x, y});
  check_sums(slopes[0].value(), seed, transposed(b));
  check_sums(slopes[1].value(), transposed(a), seed);

  const MatmulPrecision precision(Precision::medium);
  const std::vector<Var> exact = gradients(sum(matmul(x, y, Precision::highest) * seed), {x, y});
  CHECK(identical(exact[0].value(), compute([&] { return matmul(seed, transpose(b), Precision::highest); })));
}

TEST_CASE("medium precision: sums that go on from earlier ones round their factors too") {
  const Tensor a = noise({32, 40}, 1), b = noise({40, 17}, 2), c = noise({21, 17}, 4), d = noise({21, 40}, 3);
  Tape tape;
  const Var y = b;
  // Two terms of one gradient: the second is added to the first.
  const Var loss = sum(matmul(a, y, Precision::medium) * noise({32, 17}, 5)) + sum(matmul(d, y, Precision::medium) * c);
  const Tensor slope = gradients(loss, {y})[0].value();
  const auto term = [](const Tensor& left, const Tensor& right) {
    const bool rounds = is_in_bf16(transposed(left), right);
    return product_in_f64(rounds ? in_bf16(transposed(left)) : transposed(left), rounds ? in_bf16(right) : right);
  };
  const Tensor exact = compute([&] { return Var(term(a, noise({32, 17}, 5))) + term(d, c); });
  CHECK(all_close(slope.to(f64), exact, 0, 53 * 53 * 0x1p-24));
}

// Terms of a sum may become one product, which must not pair the last step of one with the first of the next.
TEST_CASE("medium precision: a recurrent net's sums have the same bits planned and eager") {
  for (const std::int64_t batch : {15, 16, 32, 40}) {
    const auto results = [&](Engine engine) {
      Tape tape({.engine = engine});
      const MatmulPrecision precision(Precision::medium);
      const Var weight = small({64, 64}, 1);
      Var state = noise({batch, 64}, 2);
      for (int t = 0; t < 5; ++t) state = tanh(matmul(state, weight) + noise({batch, 64}, 3));
      const Var slope = gradients(sum(square(state)), {weight})[0];
      return std::vector<Tensor>{state.value(), slope.value()};
    };
    const std::vector<Tensor> planned = results(Engine::planned), eager = results(Engine::eager);
    CHECK(identical(planned[0], eager[0]));
    CHECK(identical(planned[1], eager[1]));
  }
}

TEST_CASE("medium precision: planned and eager, one and more threads, the same bits") {
  const std::vector<Tensor> planned = results_of_net(Engine::planned, true),
                            eager = results_of_net(Engine::eager, true);
  const std::vector<Tensor> highest = results_of_net(Engine::planned, false);
  for (std::size_t i = 0; i < planned.size(); ++i) {
    INFO(i);
    CHECK(identical(planned[i], eager[i]));
    CHECK(identical(planned[i], highest[i]) == !run::is_faster_in_bf16(24, 50, 37));
    CHECK(norm_of_difference(planned[i], highest[i]) < 0.03 * norm_of_difference(highest[i], Tensor(0.F)));
    const Threads limit(1);
    CHECK(identical(results_of_net(Engine::planned, true)[i], planned[i]));
  }
}

TEST_CASE("medium precision: the plan says it, and another precision is another plan") {
  const Tensor a = noise({33, 64}, 1), b = noise({64, 48}, 2);
  const auto plan = [&](Precision precision) {
    Tape tape;
    matmul(a, b, precision).value();
    return explain_plan(tape);
  };
  const char* const in_f32 = "matmul (33, 64) · (64, 48): matmul";
  CHECK_THAT(plan(Precision::medium),
             Catch::Contains(is_in_bf16(a, b) ? "matmul (33, 64) · (64, 48) in bf16: matmul" : in_f32));
  CHECK_THAT(plan(Precision::highest), Catch::Contains(in_f32));
}
