#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <new>
#include <random>
#include <string>
#include <vector>

#include <hwy/highway.h>
#include <catch2/catch.hpp>

#include <thalweg/threads.hpp>

#include "src/run/matmul.hpp"
#include "tests/running/matmul_buffers.hpp"

namespace thalweg::run {

using namespace testing_matmul;

namespace {

/// The values one at a time: k = 0 leaves start to the activation.
template <class T>
std::vector<T> activated_alone(const std::vector<T>& values, Activation activation) {
  std::vector<T> results(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    Matmul p;
    p.dtype = dtype_of<T>::value;
    p.m = p.n = p.lda = p.ldb = p.ldc = 1;
    p.start = &values[i];
    p.c = &results[i];
    p.activation = activation;
    matmul(p, nullptr);
  }
  return results;
}

}  // namespace

TEMPLATE_TEST_CASE("matmul gives the bits of the sums in order for all small shapes", "[matmul]", float, double) {
  Buffers<TestType> buffers;
  int variant = 0;
  for (const std::int64_t m : {0, 1, 2, 3, 4, 5, 7, 8, 9, 13, 16, 17, 20})
    for (const std::int64_t n : {0, 1, 2, 3, 4, 5, 7, 8, 9, 12, 15, 16, 17, 20})
      for (const std::int64_t k : {0, 1, 2, 3, 5, 8, 15, 16, 17, 20})
        for (const int transposed : {0, 1, 2, 3}) {
          // The other settings take turns: each meets each shape class often.
          const int turn = variant++;
          check<TestType>(buffers, {m, n, k, (transposed & 1) != 0, (transposed & 2) != 0, turn % 2 * 3,
                                    static_cast<Shape::Start>(turn % 3), turn % 5 < 2,
                                    turn % 7 < 3 ? Activation::relu : Activation::none});
        }
}

TEMPLATE_TEST_CASE("matmul gives the bits of the sums in order around vector and tile widths", "[matmul]", float,
                   double) {
  Buffers<TestType> buffers;
  int variant = 0;
  for (const std::int64_t m : {1, 6, 31, 33})
    for (const std::int64_t n : {1, 10, 23, 24, 25, 31, 32, 33, 47, 48, 49, 63, 64, 65, 96, 100, 129})
      for (const std::int64_t k : {1, 33, 130})
        for (const int transposed : {0, 1, 2, 3}) {
          const int turn = variant++;
          check<TestType>(buffers, {m, n, k, (transposed & 1) != 0, (transposed & 2) != 0, turn % 3 == 0 ? 5 : 0,
                                    static_cast<Shape::Start>(turn % 3), turn % 2 == 0,
                                    turn % 7 < 3 ? Activation::relu : Activation::none});
        }
}

TEMPLATE_TEST_CASE("matmul gives the bits of the sums in order however k is cut", "[matmul]", float, double) {
  Buffers<TestType> buffers;
  for (const int transposed : {0, 1, 2, 3}) {
    const bool a = (transposed & 1) != 0, b = (transposed & 2) != 0;
    check<TestType>(buffers, {5, 18, 3000, a, b, 0, Shape::from_c, true, Activation::relu});
    check<TestType>(buffers, {1, 40, 2500, a, b, 1, Shape::from_start, true, Activation::none});
    check<TestType>(buffers, {40, 1, 2500, a, b, 0, Shape::from_start, true, Activation::none});
    check<TestType>(buffers, {1, 1, 1000, a, b, 2, Shape::from_start, true, Activation::relu});
  }
}

TEMPLATE_TEST_CASE("matmul gives the bits of the sums in order where few rows meet a transposed B", "[matmul]", float,
                   double) {
  Buffers<TestType> buffers;
  std::int64_t gap = 0;
  for (const std::int64_t m : {4, 8, 16, 32, 48})
    for (const std::int64_t n : {64, 72})
      for (const std::int64_t k : {64, 65, 160, 190}) {
        gap = 3 - gap;
        check<TestType>(buffers, {m, n, k, false, true, gap});
      }
  check<TestType>(buffers, {16, 64, 64, false, true, 3, Shape::from_start, true, Activation::relu});
}

TEMPLATE_TEST_CASE("matmul gives the bits of the sums in order where it packs", "[matmul]", float, double) {
  Buffers<TestType> buffers;
  for (const int transposed : {0, 1, 2, 3}) {
    const bool a = (transposed & 1) != 0, b = (transposed & 2) != 0;
    const Shape shape{129, 403, 1301, a, b, 7, Shape::from_c, true, Activation::relu};
    check<TestType>(buffers, shape);
    CHECK((matmul_workspace(buffers.matmul) > 0) == shape.transpose_a);
  }
}

TEMPLATE_TEST_CASE("matmul gives the bits of the sums in order where it packs for the sake of far rows", "[matmul]",
                   float, double) {
  Buffers<TestType> buffers;
  for (const Shape& shape : {Shape{1027, 131, 270, true, false, 3, Shape::from_c, true, Activation::relu},
                             Shape{1024, 128, 256, true, true, 0, Shape::from_start, false, Activation::none},
                             Shape{131, 1030, 270, false, false, 0, Shape::from_start, true, Activation::none}}) {
    check<TestType>(buffers, shape);
    CHECK((matmul_workspace(buffers.matmul) > 0) == shape.transpose_a);
  }
}

TEST_CASE("matmul packs blocks of rows and of columns", "[matmul]") {
  Buffers<float> buffers;
  check<float>(buffers, {2100, 130, 64, false, false, 0, Shape::from_zero, true, Activation::none});
  check<float>(buffers, {2100, 130, 300, true, false, 0, Shape::from_zero, true, Activation::none});
  check<float>(buffers, {130, 8200, 65, false, false, 0, Shape::from_start, true, Activation::relu});
  check<float>(buffers, {130, 8200, 65, true, true, 0, Shape::from_zero, true, Activation::none});
}

TEMPLATE_TEST_CASE("matmul gives the bits of the sums in order where B or C does not stay in the cache", "[matmul]",
                   float, double) {
  Buffers<TestType> buffers;
  for (const bool transpose_b : {false, true}) {
    check<TestType>(buffers, {29, 420, 1301, false, transpose_b, 0, Shape::from_zero, true, Activation::relu});
    check<TestType>(buffers, {2, 530, 1030, true, transpose_b, 3, Shape::from_start, true, Activation::none});
  }
  for (const std::int64_t k : {1, 33})
    check<TestType>(buffers, {501, 577, k, true, false, 5, Shape::from_c, true, Activation::none});
}

TEMPLATE_TEST_CASE("matmul gives the bits of all sums where A has zeros to leave out", "[matmul]", float, double) {
  Buffers<TestType> buffers;
  int variant = 0;
  for (const std::int64_t m : {32, 49, 100, 128})
    for (const std::int64_t n : {32, 45, 100, 130})
      for (const std::int64_t k : {64, 99, 784})
        for (const bool transposed : {false, true}) {
          const int turn = variant++;
          check<TestType>(
              buffers, {m, n, k, transposed, false, turn % 3 == 0 ? 5 : 0, static_cast<Shape::Start>(turn % 3),
                        turn % 2 == 0, turn % 5 < 2 ? Activation::relu : Activation::none, turn % 4 < 3 ? 0.5 : 0.95});
        }
  for (const bool transposed : {false, true})  // longer than a stretch of k
    check<TestType>(buffers, {40, 40, 2600, transposed, false, 0, Shape::from_c, true, Activation::none, 0.5});
}

TEMPLATE_TEST_CASE("matmul: a zero in A does not hide what is not finite in B", "[matmul]", float, double) {
  using T = TestType;
  constexpr std::int64_t m = 40, n = 50, k = 70;
  const std::vector<T> a(m * k, 0);
  std::vector<T> b(k * n, 1), c(m * n);
  b[33 * n + 7] = std::numeric_limits<T>::infinity();
  b[34 * n + 49] = std::numeric_limits<T>::quiet_NaN();
  Matmul p;
  p.dtype = dtype_of<T>::value;
  p.m = m, p.n = n, p.k = k, p.ldb = n, p.ldc = n;
  p.a = a.data(), p.b = b.data(), p.c = c.data();
  for_each_target([&](bool) {
    for (const bool transposed : {false, true}) {
      p.transpose_a = transposed;
      p.lda = transposed ? m : k;
      matmul(p, nullptr);
      for (std::int64_t i = 0; i < m * n; ++i)
        REQUIRE(std::isnan(c[static_cast<std::size_t>(i)]) == (i % n == 7 || i % n == 49));
    }
  });
}

// A product that vanishes in rounding leaves −0; adding zeros would make it 0, and which zeros are added depends on the
// rows beside it.
TEST_CASE("matmul: where zeros may be left out there is no -0", "[matmul]") {
  constexpr std::int64_t m = 64, n = 40, k = 80;
  std::vector<float> a(m * k, 0), b(k * n, 1), c(m * n);
  for (std::int64_t row = 0; row < m; row += 16) a[static_cast<std::size_t>(row * k)] = -1e-30F;
  for (std::int64_t column = 0; column < n; ++column) b[static_cast<std::size_t>(column)] = 1e-30F;
  Matmul p;
  p.m = m, p.n = n, p.k = k, p.lda = k, p.ldb = n, p.ldc = n;
  p.a = a.data(), p.b = b.data(), p.c = c.data();
  for_each_target([&](bool) {
    for (const float value : {0.0F, 1.0F}) {  // zeros to leave out, or none but in the rows themselves
      for (std::int64_t i = k; i < 2 * k; ++i) a[static_cast<std::size_t>(i)] = value;
      matmul(p, nullptr);
      CHECK(std::none_of(c.begin(), c.end(), [](float sum) { return std::signbit(sum); }));
    }
  });
}

TEST_CASE("matmul is as near the exact result as its terms allow", "[matmul]") {
  Buffers<float> buffers;
  buffers.bind({200, 150, 784, false, true}, 1);
  buffers.run();
  const Matmul& p = buffers.matmul;
  const auto* a = static_cast<const float*>(p.a);
  const auto* b = static_cast<const float*>(p.b);
  double worst = 0;
  for (std::int64_t i = 0; i < p.m; ++i)
    for (std::int64_t j = 0; j < p.n; ++j) {
      double exact = 0;
      for (std::int64_t k = 0; k < p.k; ++k) exact += double{a[i * p.lda + k]} * b[j * p.ldb + k];
      worst = std::max(worst, std::abs(exact - double{buffers.c[i * p.ldc + j]}));
    }
  CHECK(worst < 1e-4);
  CHECK(worst > 0);
}

TEMPLATE_TEST_CASE("matmul gives the same bits on 1, 2 and 3 threads", "[matmul]", float, double) {
  const int threads_before = thread_count();
  set_thread_count(3);
  Buffers<TestType> buffers;
  const Shape shapes[] = {{128, 100, 784},
                          {784, 100, 128, true},
                          {500, 70, 300, false, true},
                          {129, 1100, 600, true},
                          {1027, 131, 270, true},
                          {300, 130, 4100, true},
                          {30, 700, 1000},
                          {30, 700, 1000, false, true},
                          {2000, 1, 2000},
                          {1, 2000, 2000},
                          {300, 300, 3000, true, true},
                          {.m = 100, .n = 100, .k = 784, .zeros = 0.5},
                          {.m = 784, .n = 100, .k = 128, .transpose_a = true, .zeros = 0.5}};
  for (Shape shape : shapes) {
    shape.bias = true;
    shape.start = Shape::from_c;
    INFO(text(shape));
    buffers.bind(shape, 5);
    std::vector<std::vector<TestType>> results;
    for (const int count : {1, 2, 3}) {
      const Threads limit(count);
      buffers.run();
      results.push_back(buffers.result());
    }
    CHECK(same_bits(results[0], results[1]));
    CHECK(same_bits(results[0], results[2]));
  }
  set_thread_count(threads_before);
}

TEMPLATE_TEST_CASE("matmul's tanh and sigmoid are those of the sum", "[matmul]", float, double) {
  using T = TestType;
  const double tolerance = sizeof(T) == 4 ? 1e-6 : 1e-14;
  Buffers<T> buffers;
  for (const Shape shape :
       {Shape{9, 100, 30}, {1, 37, 70}, {17, 5, 3, true, true, 2}, {40, 1, 9}, {1, 1, 40}, {8, 16, 8}}) {
    for (const Activation activation : {Activation::tanh, Activation::sigmoid}) {
      Shape sums = shape;
      sums.bias = true;
      sums.start = Shape::from_start;
      sums.activation = Activation::none;
      INFO(text(sums));
      for_each_target([&](bool) {
        buffers.bind(sums, 3);
        buffers.run();
        std::vector<T> expected = buffers.result();
        buffers.matmul.activation = activation;
        buffers.run();
        const std::vector<T> result = buffers.result();
        // The same bits wherever in C the element lies; gaps stay.
        const std::vector<T> alone = activated_alone(expected, activation);
        for (std::size_t i = 0; i < expected.size(); ++i)
          if (static_cast<std::int64_t>(i) % buffers.matmul.ldc < buffers.matmul.n) {
            const double exact = activation == Activation::tanh ? std::tanh(double{expected[i]})
                                                                : 1 / (1 + std::exp(-double{expected[i]}));
            REQUIRE(result[i] == Approx(exact).epsilon(tolerance));
            expected[i] = alone[i];
          }
        CHECK(same_bits(result, expected));
      });
    }
  }
}

TEMPLATE_TEST_CASE("matmul's epilogue adds and reads whole matrices, row by row", "[matmul]", float, double) {
  Buffers<TestType> buffers;
  for (const Shape& base :
       {Shape{1, 1, 9}, Shape{1, 37, 70}, Shape{40, 1, 9}, Shape{9, 100, 30}, Shape{16, 64, 64},
        Shape{17, 5, 3, true, true, 2}, Shape{30, 7, 0}, Shape{129, 70, 300, false, true}, Shape{100, 40, 1100},
        Shape{300, 300, 600, true}, Shape{.m = 96, .n = 64, .k = 200, .zeros = 0.5}})
    for (const bool by_row : {false, true})
      for (const Activation activation :
           {Activation::none, Activation::relu, Activation::relu_gradient, Activation::tanh_gradient}) {
        Shape shape = base;
        shape.bias = true;
        shape.bias_by_row = by_row;
        shape.activation = activation;
        check(buffers, shape);
      }
}

TEST_CASE("matmul's epilogue in bf16 reads whole matrices too", "[matmul]") {
  Buffers<float> buffers;
  for (const Activation activation : {Activation::relu, Activation::tanh_gradient})
    check(buffers, {.m = 33,
                    .n = 70,
                    .k = 40,
                    .bias = true,
                    .activation = activation,
                    .precision = Precision::medium,
                    .bias_by_row = true});
}

TEMPLATE_TEST_CASE("matmul lets NaN and infinity through", "[matmul]", float, double) {
  using T = TestType;
  const T infinity = std::numeric_limits<T>::infinity(), nan = std::numeric_limits<T>::quiet_NaN();
  for_each_target([&](bool) {
    // 0·inf is NaN, also in relu; in the other rows nothing is.
    std::vector<T> a = {0, 1, 1, 1, -1, 1}, b = {infinity, 2}, c(3);
    Matmul p;
    p.dtype = dtype_of<T>::value;
    p.m = 3, p.n = 1, p.k = 2, p.lda = 2, p.ldb = 1, p.ldc = 1;
    p.a = a.data(), p.b = b.data(), p.c = c.data();
    p.activation = Activation::relu;
    matmul(p, nullptr);
    CHECK(std::isnan(c[0]));
    CHECK(c[1] == infinity);
    CHECK(c[2] == 0);

    std::vector<T> row = {1, 0}, wide(2 * 37, 1), sums(37);
    wide[5] = nan;
    wide[37 + 36] = infinity;
    p.m = 1, p.n = 37, p.ldb = 37, p.ldc = 37;
    p.a = row.data(), p.b = wide.data(), p.c = sums.data();
    matmul(p, nullptr);
    CHECK(std::isnan(sums[5]));
    CHECK(std::isnan(sums[36]));
    CHECK(sums[35] == 1);
  });
}

TEST_CASE("matmul's relu makes -0 0", "[matmul]") {
  const float a[2] = {1, 1}, b[2] = {-0.0F, -0.0F}, start[4] = {-0.0F, -0.0F, -0.0F, -0.0F};
  float c[4] = {1, 1, 1, 1};
  Matmul p;
  p.m = 2, p.n = 2, p.k = 1, p.lda = 1, p.ldb = 2, p.ldc = 2;
  p.a = a, p.b = b, p.c = c, p.start = start;
  matmul(p, nullptr);
  CHECK(std::signbit(c[0]));
  p.activation = Activation::relu;
  matmul(p, nullptr);
  for (const float value : c) {
    CHECK(value == 0);
    CHECK(!std::signbit(value));
  }
}

TEST_CASE("matmul wants a workspace for a large transposed A alone", "[matmul]") {
  Matmul p;
  p.m = 128, p.n = 100, p.k = 784, p.lda = 784, p.ldb = 784, p.ldc = 100;
  p.transpose_b = true;
  CHECK(matmul_workspace(p) == 0);
  p.m = p.n = p.k = 1024;
  p.lda = p.ldb = p.ldc = 1024;
  CHECK(matmul_workspace(p) == 0);
  p.transpose_a = true;
  const std::size_t bytes = matmul_workspace(p);
  CHECK(bytes > 0);
  const Threads limit(1);
  CHECK(matmul_workspace(p) == bytes);
}

}  // namespace thalweg::run
