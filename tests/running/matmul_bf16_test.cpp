#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <vector>

#include <catch2/catch.hpp>

#include <thalweg/threads.hpp>

#include "src/run/matmul.hpp"
#include "tests/running/matmul_buffers.hpp"

namespace thalweg::run {

using namespace testing_matmul;

namespace {

Shape in_bf16(Shape shape) {
  shape.precision = Precision::medium;
  return shape;
}

/// x·1 of bf16 numbers, one by one.
std::vector<float> rounded(const std::vector<float>& values) {
  const float one = 1;
  std::vector<float> results(values.size());
  Matmul p;
  p.precision = Precision::medium;
  p.m = static_cast<std::int64_t>(values.size()), p.n = p.k = p.lda = p.ldb = p.ldc = 1;
  p.a = values.data(), p.b = &one, p.c = results.data();
  const std::vector<std::byte> workspace(matmul_workspace(p) + 64);
  const auto address = (reinterpret_cast<std::uintptr_t>(workspace.data()) + 63) / 64 * 64;
  matmul(p, reinterpret_cast<void*>(address));
  return results;
}

}  // namespace

TEST_CASE("bf16 products: the bits of the sums in pairs for all small shapes", "[matmul]") {
  Buffers<float> buffers;
  int variant = 0;
  for (const std::int64_t m : {0, 1, 2, 3, 5, 8, 9, 13, 16, 17, 20})
    for (const std::int64_t n : {0, 1, 2, 3, 5, 8, 9, 15, 16, 17, 20})
      for (const std::int64_t k : {0, 1, 2, 3, 5, 8, 15, 16, 17, 31, 32, 33})
        for (const int transposed : {0, 1, 2, 3}) {
          const int turn = variant++;
          check<float>(buffers, in_bf16({m, n, k, (transposed & 1) != 0, (transposed & 2) != 0, turn % 2 * 3,
                                         static_cast<Shape::Start>(turn % 3), turn % 5 < 2,
                                         turn % 7 < 3 ? Activation::relu : Activation::none}));
        }
}

TEST_CASE("bf16 products: the bits of the sums in pairs around vector and tile widths", "[matmul]") {
  Buffers<float> buffers;
  int variant = 0;
  for (const std::int64_t m : {1, 6, 31, 33})
    for (const std::int64_t n : {10, 23, 24, 25, 31, 33, 47, 48, 49, 65, 100, 129})
      for (const std::int64_t k : {1, 33, 130})
        for (const int transposed : {0, 1, 2, 3}) {
          const int turn = variant++;
          check<float>(buffers, in_bf16({m, n, k, (transposed & 1) != 0, (transposed & 2) != 0, turn % 3 == 0 ? 5 : 0,
                                         static_cast<Shape::Start>(turn % 3), turn % 2 == 0,
                                         turn % 7 < 3 ? Activation::relu : Activation::none}));
        }
}

TEST_CASE("bf16 products: the bits of the sums in pairs however k, rows and columns are cut", "[matmul]") {
  Buffers<float> buffers;
  for (const int transposed : {0, 1, 2, 3}) {
    const bool a = (transposed & 1) != 0, b = (transposed & 2) != 0;
    check<float>(buffers, in_bf16({5, 18, 4999, a, b, 0, Shape::from_c, true, Activation::relu}));
    check<float>(buffers, in_bf16({1, 40, 2501, a, b, 1, Shape::from_start, true, Activation::none}));
    check<float>(buffers, in_bf16({40, 1, 2500, a, b, 0, Shape::from_start, false, Activation::none}));
    check<float>(buffers, in_bf16({1, 1, 1001, a, b, 2, Shape::from_start, true, Activation::relu}));
    check<float>(buffers, in_bf16({129, 403, 1301, a, b, 7, Shape::from_c, true, Activation::relu}));
  }
  check<float>(buffers, in_bf16({2100, 130, 65, false, false, 0, Shape::from_zero, true, Activation::none}));
  check<float>(buffers, in_bf16({130, 8200, 33, true, true, 0, Shape::from_start, true, Activation::none}));
}

TEST_CASE("bf16 products: the bits of all sums for random sizes, transposes and epilogues", "[matmul]") {
  Buffers<float> buffers;
  std::mt19937 random(7);
  const auto below = [&](int end) { return static_cast<std::int64_t>(random() % static_cast<unsigned>(end)); };
  constexpr Activation activations[] = {Activation::none, Activation::relu, Activation::relu_gradient,
                                        Activation::tanh_gradient};
  for (int i = 0; i < 400; ++i) {
    Shape shape = in_bf16({1 + below(70), 1 + below(70), 1 + below(70), below(2) == 1, below(2) == 1, below(3) * 3});
    if (i % 20 == 0) shape.k += 32 * below(20);
    shape.start = static_cast<Shape::Start>(below(3));
    shape.bias = below(2) == 1;
    shape.bias_by_row = shape.bias && below(2) == 1;
    shape.activation = activations[below(4)];
    check<float>(buffers, shape);
  }
}

TEST_CASE("bf16 products: the bits of the sums where AMX cuts k and columns", "[matmul]") {
  Buffers<float> buffers;
  check<float>(buffers, in_bf16({70, 1100, 600, false, false, 2, Shape::from_c, true, Activation::relu}));
  check<float>(buffers, in_bf16({40, 1060, 545, true, true, 0, Shape::from_start, true, Activation::none}));
  check<float>(buffers, in_bf16({33, 2049, 64, false, true, 1, Shape::from_zero, false, Activation::none}));
}

TEST_CASE("bf16 products: the bits of the sums where AMX copies the next rows of A meanwhile", "[matmul]") {
  Buffers<float> buffers;
  for (const std::int64_t m : {64, 70, 113})
    for (const std::int64_t n : {20, 64, 100})
      for (const std::int64_t k : {32, 256, 544}) {
        check<float>(buffers, in_bf16({m, n, k}));
        check<float>(buffers, in_bf16({m, n, k, false, true, 3, Shape::from_start, n == 64, Activation::none}));
      }
}

TEST_CASE("bf16 products: the same bits on 1, 2 and 3 threads", "[matmul]") {
  const int threads_before = thread_count();
  set_thread_count(3);
  Buffers<float> buffers;
  for (Shape shape : {Shape{128, 100, 784},
                      {784, 100, 129, true},
                      {500, 70, 300, false, true},
                      {133, 1100, 601, true},
                      {1100, 300, 544},
                      {2000, 1, 2000},
                      {1, 2000, 2000},
                      {300, 300, 3001, true, true}}) {
    shape.bias = shape.m < 1000;
    shape.start = Shape::from_c;
    INFO(text(shape));
    buffers.bind(in_bf16(shape), 5);
    for_each_bf16_target([&](bool) {
      std::vector<std::vector<float>> results;
      for (const int count : {1, 2, 3}) {
        const Threads limit(count);
        buffers.run();
        results.push_back(buffers.result());
      }
      CHECK(same_bits(results[0], results[1]));
      CHECK(same_bits(results[0], results[2]));
    });
  }
  set_thread_count(threads_before);
}

TEST_CASE("bf16 products round to the nearest, of two to the even one", "[matmul]") {
  const float infinity = std::numeric_limits<float>::infinity();
  std::vector<float> values = {0,
                               1,
                               0x1.01p0F,      // half way between 1 and 1 + 1/128: to 1
                               0x1.03p0F,      // half way between the next two: up
                               0x1.010002p0F,  // above half
                               0x1.00FFFEp0F,  // below half
                               -0x1.03p0F,
                               0x1.FFp1F,    // to the next power of 2
                               0x1.FEp127F,  // bf16's largest
                               0x1.FEFFFEp127F,
                               0x1.FFp127F,  // to infinity
                               0x1.FFFFFEp127F,
                               infinity,
                               -infinity,
                               0x1p-126F,
                               0x1.FFFFFCp-127F,  // subnormal: 0
                               0x1p-149F};
  std::mt19937 random(1);
  for (int i = 0; i < 20000; ++i) {
    const float value = std::bit_cast<float>(static_cast<std::uint32_t>(random()));
    if (!std::isnan(value)) values.push_back(value);
  }
  CHECK(testing_matmul::in_bf16(0x1.01p0F) == 1);
  CHECK(testing_matmul::in_bf16(0x1.03p0F) == 0x1.04p0F);
  for_each_bf16_target([&](bool) {
    const std::vector<float> results = rounded(values);
    for (std::size_t i = 0; i < values.size(); ++i) {
      INFO(values[i]);
      REQUIRE(results[i] == testing_matmul::in_bf16(values[i]));
    }
    // A NaN whose fraction lies in the bits that go is one still.
    CHECK(std::isnan(rounded({std::bit_cast<float>(0x7F800001U)})[0]));
    CHECK(std::isnan(rounded({std::bit_cast<float>(0xFFFFFFFFU)})[0]));
  });
}

TEST_CASE("bf16 products let NaN and infinity through", "[matmul]") {
  const float infinity = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
  for_each_bf16_target([&](bool) {
    std::vector<float> row = {1, 0, 1}, wide(3 * 37, 1), sums(37);
    wide[5] = nan;
    wide[37 + 36] = infinity;  // 0·inf
    wide[2 * 37 + 7] = -infinity;
    Matmul p;
    p.precision = Precision::medium;
    p.m = 1, p.n = 37, p.k = 3, p.lda = 3, p.ldb = 37, p.ldc = 37;
    p.a = row.data(), p.b = wide.data(), p.c = sums.data();
    REQUIRE(matmul_workspace(p) == 0);
    matmul(p, nullptr);
    CHECK(std::isnan(sums[5]));
    CHECK(std::isnan(sums[36]));
    CHECK(sums[7] == -infinity);
    CHECK(sums[35] == 2);
  });
}

// docs/precision.md: |error| ≤ k·2^-24·Σ|ab| beside the rounded factors, and (2^-7 + k·2^-24)·Σ|ab| beside those given.
TEST_CASE("bf16 products are as near the exact result as the docs say", "[matmul]") {
  Buffers<float> buffers;
  for (const Shape& shape : {Shape{200, 150, 784, false, true}, {64, 33, 5001, true}, {1, 70, 300}})
    for_each_bf16_target([&](bool) {
      buffers.bind(in_bf16(shape), 1);
      buffers.run();
      const Matmul& p = buffers.matmul;
      const auto* a = static_cast<const float*>(p.a);
      const auto* b = static_cast<const float*>(p.b);
      double worst = 0;
      for (std::int64_t i = 0; i < p.m; ++i)
        for (std::int64_t j = 0; j < p.n; ++j) {
          double given = 0, exact = 0, sizes = 0, given_sizes = 0;
          for (std::int64_t k = 0; k < p.k; ++k) {
            const float left = p.transpose_a ? a[k * p.lda + i] : a[i * p.lda + k];
            const float right = p.transpose_b ? b[j * p.ldb + k] : b[k * p.ldb + j];
            const double product = double{testing_matmul::in_bf16(left)} * testing_matmul::in_bf16(right);
            exact += product;
            sizes += std::abs(product);
            given += double{left} * right;
            given_sizes += std::abs(double{left} * right);
          }
          const double result = buffers.c[i * p.ldc + j], steps = static_cast<double>(p.k);
          REQUIRE(std::abs(result - exact) <= steps * 0x1p-24 * sizes);
          REQUIRE(std::abs(result - given) <= (0x1p-7 + steps * 0x1p-24) * given_sizes);
          worst = std::max(worst, std::abs(result - given) / given_sizes);
        }
      CHECK(worst > 1e-5);  // bf16 it is
    });
}

TEST_CASE("bf16 products: what is small takes no workspace", "[matmul]") {
  Matmul p;
  p.precision = Precision::medium;
  p.m = p.n = p.k = 64;
  p.lda = p.ldb = p.ldc = 64;
  CHECK(matmul_workspace(p) == 0);
  p.m = p.n = p.k = 1024;
  CHECK(matmul_workspace(p) > 0);
}

}  // namespace thalweg::run
