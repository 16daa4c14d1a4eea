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
#include "tests/running/guarded_memory.hpp"

namespace thalweg::run {
namespace {

struct Shape {
  std::int64_t m, n, k;
  bool transpose_a = false, transpose_b = false;
  std::int64_t gap = 0;  // between the rows of every matrix
  enum Start { from_zero, from_start, from_c } start = from_zero;
  bool bias = false;
  Activation activation = Activation::none;
  double zeros = 0;  // share of A that is 0: single elements, and as much again in stripes of rows and of k
};

std::string text(const Shape& shape) {
  return std::to_string(shape.m) + "x" + std::to_string(shape.n) + "x" + std::to_string(shape.k) +
         (shape.transpose_a ? " T" : " N") + (shape.transpose_b ? "T" : "N") + ", gap " + std::to_string(shape.gap) +
         ", start " + std::to_string(shape.start) + ", bias " + std::to_string(shape.bias) + ", activation " +
         std::to_string(static_cast<int>(shape.activation)) + ", zeros " + std::to_string(shape.zeros);
}

/// Runs `body` with each of the CPU's SIMD targets in turn.
template <class Body>
void for_each_target(const Body& body) {
  for (std::int64_t left = hwy::SupportedTargets() & HWY_TARGETS; left != 0; left &= left - 1) {
    const std::int64_t target = left & -left;
    hwy::SetSupportedTargetsForTest(target);
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
    INFO("target " << hwy::TargetName(target));
    body(target == HWY_SSE4);
  }
  hwy::SetSupportedTargetsForTest(0);
  hwy::GetChosenTarget().Update(hwy::SupportedTargets());
}

template <class T>
T multiply_add(T a, T b, T sum, bool two_roundings) {
  if (!two_roundings) return std::fma(a, b, sum);
  const T product = a * b;
  return product + sum;
}

template <class T>
T activated(T x, Activation activation) {
  if (activation == Activation::relu) return x <= 0 ? T{0} : x;
  return x;
}

/// A matmul's buffers, each ending at a guard page.
template <class T>
class Buffers {
 public:
  Buffers() : a_(capacity), b_(capacity), c_(capacity), start_(capacity), bias_(capacity) {}

  /// Fills the operands, gaps with NaN, and binds them.
  void bind(const Shape& shape, std::uint32_t seed) {
    shape_ = shape;
    random_.seed(seed);
    Matmul& p = matmul;
    p = {};
    p.dtype = dtype_of<T>::value;
    p.m = shape.m;
    p.n = shape.n;
    p.k = shape.k;
    p.transpose_a = shape.transpose_a;
    p.transpose_b = shape.transpose_b;
    p.activation = shape.activation;
    p.lda = (shape.transpose_a ? shape.m : shape.k) + shape.gap;
    p.ldb = (shape.transpose_b ? shape.k : shape.n) + shape.gap;
    p.ldc = shape.n + shape.gap;
    p.a = matrix(a_, shape.transpose_a ? shape.k : shape.m, p.lda);
    if (shape.zeros > 0) make_zeros(shape.transpose_a ? shape.k : shape.m, p.lda);
    p.b = matrix(b_, shape.transpose_b ? shape.n : shape.k, p.ldb);
    c = matrix(c_, shape.m, p.ldc);
    p.c = c;
    start = c;
    if (shape.start == Shape::from_start) start = matrix(start_, shape.m, p.ldc);
    if (shape.start != Shape::from_zero) p.start = start;
    if (shape.bias) p.bias = matrix(bias_, 1, shape.n + shape.gap);
    initial_c.assign(c, c + size(shape.m, p.ldc));
    const std::size_t bytes = matmul_workspace(p);
    if (bytes > workspace_bytes_) {
      workspace_ = std::make_unique<testing::GuardedMemory>(bytes);
      workspace_bytes_ = bytes;
    }
    workspace = bytes ? workspace_->last<std::byte>((bytes + 63) / 64 * 64) : nullptr;
  }

  void run() {
    std::copy(initial_c.begin(), initial_c.end(), c);
    thalweg::run::matmul(matmul, workspace);
  }
  std::vector<T> result() const { return {c, c + initial_c.size()}; }

  /// C as the contract says it comes out, gaps unchanged.
  std::vector<T> reference(bool two_roundings) const {
    std::vector<T> expected = initial_c;
    const Matmul& p = matmul;
    const auto* a = static_cast<const T*>(p.a);
    const auto* b = static_cast<const T*>(p.b);
    const auto at = [&](std::int64_t i, std::int64_t j, std::int64_t k, T sum) {
      return multiply_add(p.transpose_a ? a[k * p.lda + i] : a[i * p.lda + k],
                          p.transpose_b ? b[j * p.ldb + k] : b[k * p.ldb + j], sum, two_roundings);
    };
    for (std::int64_t i = 0; i < p.m; ++i) {
      for (std::int64_t j = 0; j < p.n; ++j) {
        const T* start_value = p.start ? &initial_start(i * p.ldc + j) : nullptr;
        T sum = 0;
        if (p.m == 1 && p.n == 1) {  // sixteen sums, folded, start last
          T sums[16] = {};
          for (std::int64_t k = 0; k < p.k; ++k) sums[k % 16] = at(i, j, k, sums[k % 16]);
          for (int width = 8; width > 0; width /= 2)
            for (int l = 0; l < width; ++l) sums[l] += sums[l + width];
          sum = start_value ? *start_value + sums[0] : sums[0];
        } else if (p.m == 1 || (p.n == 1 && p.ldc == 1)) {  // stretches of 64, each in four sums
          if (start_value) sum = *start_value;
          for (std::int64_t stretch = 0; stretch < p.k; stretch += 64) {
            T sums[4] = {};
            for (std::int64_t k = stretch; k < std::min(p.k, stretch + 64); ++k) sums[k % 4] = at(i, j, k, sums[k % 4]);
            sum += (sums[0] + sums[1]) + (sums[2] + sums[3]);
          }
        } else {
          if (start_value) sum = *start_value;
          for (std::int64_t k = 0; k < p.k; ++k) sum = at(i, j, k, sum);
        }
        if (p.bias) sum += static_cast<const T*>(p.bias)[j];
        expected[static_cast<std::size_t>(i * p.ldc + j)] = activated(sum, p.activation);
      }
    }
    return expected;
  }

  Matmul matmul;
  T* c = nullptr;
  T* start = nullptr;
  std::vector<T> initial_c;
  void* workspace = nullptr;

 private:
  static constexpr std::size_t capacity = std::size_t{48} << 20;

  /// The last row has no gap: the buffer ends where the matrix does.
  std::size_t size(std::int64_t rows, std::int64_t stride) const {
    return rows == 0 ? 0 : static_cast<std::size_t>(rows * stride - shape_.gap);
  }

  T* matrix(testing::GuardedMemory& memory, std::int64_t rows, std::int64_t stride) {
    const std::size_t count = size(rows, stride);
    T* values = memory.last<T>(count);
    std::uniform_real_distribution<T> distribution(-1, 1);
    for (std::size_t i = 0; i < count; ++i) {
      const bool is_gap = static_cast<std::int64_t>(i) % stride >= stride - shape_.gap;
      values[i] = is_gap ? std::numeric_limits<T>::quiet_NaN() : distribution(random_);
    }
    return values;
  }

  void make_zeros(std::int64_t rows, std::int64_t stride) {
    T* const values = static_cast<T*>(const_cast<void*>(matmul.a));
    std::bernoulli_distribution is_zero(shape_.zeros);
    std::vector<char> striped(static_cast<std::size_t>(rows + stride));
    for (std::size_t i = 0; i < striped.size(); ++i) striped[i] = static_cast<char>(is_zero(random_) && i % 16 != 3);
    for (std::int64_t i = 0; i < rows * stride - shape_.gap; ++i) {
      const bool is_striped = striped[static_cast<std::size_t>(i / stride / 8)] != 0 ||
                              striped[static_cast<std::size_t>(rows + i % stride)] != 0;
      if (i % stride < stride - shape_.gap && (is_striped || is_zero(random_))) values[i] = 0;
    }
  }

  const T& initial_start(std::int64_t index) const {
    return shape_.start == Shape::from_c ? initial_c[static_cast<std::size_t>(index)] : start[index];
  }

  Shape shape_{};
  std::mt19937 random_;
  testing::GuardedMemory a_, b_, c_, start_, bias_;
  std::unique_ptr<testing::GuardedMemory> workspace_;
  std::size_t workspace_bytes_ = 0;
};

template <class T>
bool same_bits(const std::vector<T>& x, const std::vector<T>& y) {
  using Bits = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;
  return std::equal(x.begin(), x.end(), y.begin(), y.end(), [](T a, T b) {
    return std::bit_cast<Bits>(a) == std::bit_cast<Bits>(b) || (std::isnan(a) && std::isnan(b));
  });
}

/// Every target gives the contract's bits.
template <class T>
void check(Buffers<T>& buffers, const Shape& shape) {
  INFO(text(shape));
  buffers.bind(shape, static_cast<std::uint32_t>(shape.m * 7 + shape.n * 11 + shape.k * 13));
  const std::vector<T> one_rounding = buffers.reference(false), two_roundings = buffers.reference(true);
  for_each_target([&](bool is_without_fma) {
    buffers.run();
    const bool is_right = same_bits(buffers.result(), is_without_fma ? two_roundings : one_rounding);
    REQUIRE(is_right);
  });
}

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

TEMPLATE_TEST_CASE("matmul gives the bits of the sums in order where it packs", "[matmul]", float, double) {
  Buffers<TestType> buffers;
  for (const int transposed : {0, 1, 2, 3}) {
    const bool a = (transposed & 1) != 0, b = (transposed & 2) != 0;
    const Shape shape{129, 403, 1301, a, b, 7, Shape::from_c, true, Activation::relu};
    check<TestType>(buffers, shape);
    CHECK(matmul_workspace(buffers.matmul) > 0);
  }
}

TEST_CASE("matmul packs blocks of rows and of columns", "[matmul]") {
  Buffers<float> buffers;
  check<float>(buffers, {2100, 130, 64, false, false, 0, Shape::from_zero, true, Activation::none});
  check<float>(buffers, {130, 8200, 65, false, false, 0, Shape::from_start, true, Activation::relu});
  check<float>(buffers, {130, 8200, 65, true, true, 0, Shape::from_zero, true, Activation::none});
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

TEST_CASE("matmul wants no workspace for small shapes, transposed or not", "[matmul]") {
  Matmul p;
  p.m = 128, p.n = 100, p.k = 784, p.lda = 784, p.ldb = 784, p.ldc = 100;
  p.transpose_b = true;
  CHECK(matmul_workspace(p) == 0);
  p.m = p.n = p.k = 1024;
  p.lda = p.ldb = p.ldc = 1024;
  const std::size_t bytes = matmul_workspace(p);
  CHECK(bytes > 0);
  const Threads limit(1);
  CHECK(matmul_workspace(p) == bytes);
}

}  // namespace thalweg::run
