// Factorizations and systems beyond one block, where the work is in matrix products, and over threads. Values, gradients
// of both orders and errors at small sizes are in the op table.
#include <thalweg/compare.hpp>
#include <thalweg/random.hpp>
#include <thalweg/statistics.hpp>
#include <thalweg/threads.hpp>

#include "tests/ops/expect.hpp"

using namespace thalweg;
using namespace thalweg::tests;

namespace {

/// A symmetric positive definite matrix, well conditioned.
Tensor positive_definite(std::int64_t n, std::uint64_t seed, DType dtype = DType::f64) {
  Random random(seed);
  const Tape tape;
  const Var x = Tensor::normal({n, n}, random, DType::f64) / std::sqrt(static_cast<double>(n));
  return (matmul(x, transpose(x)) + Tensor::eye(n, DType::f64)).value().to(dtype);
}

double largest_difference(const Var& a, const Var& b) { return max(abs(a - b)).item(); }

}  // namespace

TEST_CASE("cholesky: L·Lᵀ is the matrix, above the diagonal are zeros, at sizes around a block's") {
  const std::int64_t n = GENERATE(31, 32, 33, 64, 65, 97, 150, 300);
  const Tape tape;
  const Var a = positive_definite(n, 1), l = cholesky(a);
  CHECK(largest_difference(matmul(l, transpose(l)), a) < 1e-13);
  CHECK(identical(l.value(), tril(l).value()));
  CHECK(min(diagonal(l)).item() > 0);
  const Var single = positive_definite(n, 1, DType::f32);
  CHECK(largest_difference(cast(cholesky(single), DType::f64), l) < 1e-5);
}

TEST_CASE("cholesky: the order of the leading minor that is not positive, in any block") {
  const std::int64_t bad = GENERATE(0, 31, 32, 70, 99);
  Tensor a = positive_definite(100, 2);
  a.set<double>({bad, bad}, -1);
  expect_error<ValueError>(
      [](auto x) { return cholesky(x[0]); }, {a},
      {"[cholesky] the matrix is not positive definite: its leading minor of order ", std::to_string(bad + 1).c_str()});
}

TEST_CASE("solve: A·X = B with pivots, at sizes around a block's") {
  const std::int64_t n = GENERATE(16, 17, 33, 64, 100, 129, 300);
  Random random(3);
  const Tape tape;
  const Var a = Tensor::normal({n, n}, random, DType::f64), b = Tensor::normal({n, 5}, random, DType::f64);
  CHECK(largest_difference(matmul(a, solve(a, b)), b) < 1e-9);
  CHECK(largest_difference(matmul(inverse(a), a), Tensor::eye(n, DType::f64)) < 1e-9);
  const Var x = solve(a, gather(b, 0, 1));
  CHECK(x.shape() == Shape{n});
  CHECK(largest_difference(matmul(a, x), gather(b, 0, 1)) < 1e-9);
}

TEST_CASE("solve_triangular: all forms are solve of the triangle") {
  const std::int64_t n = GENERATE(33, 100);
  const bool lower = GENERATE(true, false), transposed = GENERATE(true, false), unit = GENERATE(true, false);
  const Tape tape;
  const Var eye = Tensor::eye(n, DType::f64);
  const Var a = unit ? positive_definite(n, 4) * 0.1 : Var(positive_definite(n, 4));
  const Var kept = lower ? tril(a, unit ? -1 : 0) : triu(a, unit ? 1 : 0), full = unit ? kept + eye : kept;
  const Var b = positive_definite(n, 5);
  const Var x = solve_triangular(a, b, {.lower = lower, .transposed = transposed, .unit_diagonal = unit});
  CHECK(largest_difference(matmul(transposed ? transpose(full) : full, x), b) < 1e-11);
}

TEST_CASE("linear algebra: a Gaussian process's likelihood has the gradient and Hessian of its differences") {
  const auto likelihood = [](std::span<const Var> v) {  // inputs, targets, length scale
    const Var difference = unsqueeze(v[0], 1) - unsqueeze(v[0], 0);
    const Var kernel = exp(-0.5 * square(difference / v[2])) + 0.1 * cast(Var(difference == 0), DType::f64);
    const Var l = cholesky(kernel), whitened = solve_triangular(l, v[1]);
    return 0.5 * sum(square(whitened)) + sum(log(diagonal(l)));
  };
  Random random(6);
  const GradientReport report =
      check_gradients(likelihood, {Tensor::normal({40}, random, DType::f64), Tensor::normal({40}, random, DType::f64),
                                   Tensor::full({}, 0.7, DType::f64)});
  INFO(report.message);
  CHECK(report.ok);
}

TEST_CASE(
    "linear algebra: batches have the bits of single matrices, on any number of threads; repeats allocate no plan") {
  std::vector<Tensor> parts;
  for (std::uint64_t i = 0; i < 40; ++i) parts.push_back(positive_definite(40, i));
  const auto all = [&] {
    const Tape tape;
    const Var batch = stack(parts);
    return concatenate({cholesky(batch), inverse(batch)}).value();
  };
  const Tensor together = all();
  {
    const Threads one(1);
    CHECK(identical(all(), together));
  }
  const Tape tape;
  for (const std::int64_t i : {0, 17, 39}) {
    CHECK(identical(cholesky(parts[static_cast<std::size_t>(i)]).value(), gather(together, i).value()));
    CHECK(identical(inverse(parts[static_cast<std::size_t>(i)]).value(), gather(together, 40 + i).value()));
  }
  const auto plans = statistics().plans_made;
  all();
  CHECK(statistics().plans_made == plans);
}
