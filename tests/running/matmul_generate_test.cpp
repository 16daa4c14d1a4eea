// Products as machine code written for their form, beside the kernels: the same bits, whatever the form.

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <limits>
#include <random>
#include <vector>

#include <catch2/catch.hpp>

#include "src/run/matmul_generate.hpp"
#include "src/run/sweep_generate.hpp"
#include "tests/running/matmul_buffers.hpp"

namespace thalweg::run {

using namespace testing_matmul;

namespace {

constexpr Activation activations[] = {Activation::none,    Activation::relu,          Activation::tanh,
                                      Activation::sigmoid, Activation::relu_gradient, Activation::tanh_gradient};

/// Makes every few numbers awkward ones.
template <class T>
void sprinkle(const void* matrix, std::int64_t count, std::uint32_t seed) {
  if (matrix == nullptr) return;
  constexpr T infinity = std::numeric_limits<T>::infinity(), least = std::numeric_limits<T>::min();
  constexpr T awkward[] = {0,
                           T{-0.0},
                           infinity,
                           -infinity,
                           std::numeric_limits<T>::quiet_NaN(),
                           std::numeric_limits<T>::max(),
                           least,
                           -least,
                           std::numeric_limits<T>::denorm_min(),
                           1,
                           -1};
  std::mt19937 random(seed);
  T* const values = static_cast<T*>(const_cast<void*>(matrix));
  for (std::int64_t i = random() % 4; i < count; i += 1 + random() % 9)
    values[i] = awkward[random() % std::size(awkward)];
}

/// Whether there is code for the matmul that is bound; if so it gives the kernels' bits, and leaves alone what is between
/// the rows.
template <class T>
bool check_bound(Buffers<T>& buffers) {
  const GeneratedProduct product = generated_product(form_of(buffers.matmul));
  if (product.run == nullptr) return false;
  buffers.run();
  const std::vector<T> expected = buffers.result();
  std::copy(buffers.initial_c.begin(), buffers.initial_c.end(), buffers.c);
  product.run(nullptr, buffers.matmul, buffers.matmul, nullptr);
  const bool is_same = same_bits(buffers.result(), expected);
  REQUIRE(is_same);
  return true;
}

template <class T>
bool check_generated(Buffers<T>& buffers, const Shape& shape) {
  INFO(text(shape));
  const auto seed = static_cast<std::uint32_t>(shape.m * 7 + shape.n * 11 + shape.k * 13);
  buffers.bind(shape, seed);
  if (!check_bound(buffers)) return false;
  const Matmul& p = buffers.matmul;
  INFO("with awkward numbers");
  sprinkle<T>(p.a, (p.transpose_a ? p.k : p.m) * p.lda - shape.gap, seed);
  sprinkle<T>(p.b, (p.transpose_b ? p.n : p.k) * p.ldb - shape.gap, seed + 1);
  const std::int64_t of_c = p.m * p.ldc - shape.gap;
  if (shape.start == Shape::from_start) sprinkle<T>(p.start, of_c, seed + 2);
  if (shape.bias) sprinkle<T>(p.bias, shape.bias_by_row ? of_c : p.n, seed + 3);
  sprinkle<T>(p.activated, of_c, seed + 4);
  return check_bound(buffers);
}

}  // namespace

TEMPLATE_TEST_CASE("generated products have the kernels' bits in all small shapes", "[matmul][generated_code]", float,
                   double) {
  if (!generates_products()) return;
  Buffers<TestType> buffers;
  int variant = 0, shapes = 0, generated = 0;
  for (const std::int64_t m : {1, 2, 3, 7, 8, 9, 16, 17, 32})
    for (const std::int64_t n : {1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 32, 33, 48, 50})
      for (const std::int64_t k : {1, 2, 3, 4, 5, 8, 15, 16, 17, 33})
        for (const int transposed : {0, 1, 2, 3}) {
          const int turn = variant++;  // the other settings take turns
          ++shapes;
          generated += check_generated<TestType>(buffers, {.m = m,
                                                           .n = n,
                                                           .k = k,
                                                           .transpose_a = (transposed & 1) != 0,
                                                           .transpose_b = (transposed & 2) != 0,
                                                           .gap = turn % 2 * 3,
                                                           .start = static_cast<Shape::Start>(turn % 3),
                                                           .bias = turn % 5 < 3,
                                                           .activation = activations[turn % 7 % std::size(activations)],
                                                           .bias_by_row = turn % 5 == 1});
        }
  CHECK(generated > shapes / 2);
}

TEMPLATE_TEST_CASE("generated products have the kernels' bits where k is long", "[matmul][generated_code]", float,
                   double) {
  if (!generates_products()) return;
  Buffers<TestType> buffers;
  for (const int transposed : {0, 1})
    for (const std::int64_t k : {63, 64, 65, 130, 200, 255, 256}) {
      const bool a = transposed != 0;
      for (const Shape& shape : {Shape{1, 20, k, a}, Shape{12, 5, k, a}, Shape{4, 60, k, a}, Shape{3, 33, k, a}})
        CHECK(check_generated(buffers, shape));
      CHECK(check_generated(buffers, {20, 1, k, true, a}));
      CHECK(check_generated(buffers, {1, 1, k, false, true, 0, Shape::from_start}));
    }
  for (const std::int64_t k : {60, 61, 62, 63, 64}) CHECK(check_generated(buffers, {1, 30, k, false, true}));
}

TEST_CASE("generated products: one code for all products of a form", "[matmul][generated_code]") {
  if (!generates_products()) return;
  Buffers<float> buffers;
  buffers.bind({5, 6, 77}, 1);
  const std::size_t before = generated_forms();
  const GeneratedProduct one = generated_product(form_of(buffers.matmul));
  buffers.bind({5, 6, 77}, 2);
  const GeneratedProduct same = generated_product(form_of(buffers.matmul));
  CHECK(same.run == one.run);
  CHECK(generated_forms() == before + 1);
  buffers.bind({5, 6, 77, false, false, 0, Shape::from_start}, 2);
  const GeneratedProduct other = generated_product(form_of(buffers.matmul));
  CHECK(other.run != one.run);
  CHECK(generated_forms() == before + 2);
}

TEST_CASE("generated products: code outlives its being forgotten, and there is a bound", "[matmul][generated_code]") {
  if (!generates_products()) return;
  Buffers<float> buffers;
  buffers.bind({3, 7, 5}, 1);
  const Matmul first = buffers.matmul;
  const GeneratedProduct kept = generated_product(form_of(first));
  for (std::int64_t k = 1; k <= 600; ++k) {
    buffers.bind({2, 3, k}, 1);
    generated_product(form_of(buffers.matmul));
  }
  CHECK(generated_forms() <= 256);
  buffers.bind({3, 7, 5}, 1);
  buffers.run();
  const std::vector<float> expected = buffers.result();
  kept.run(nullptr, first, buffers.matmul, nullptr);
  CHECK(same_bits(buffers.result(), expected));
}

TEST_CASE("generated products: none where a kernel does as well, or does what code does not",
          "[matmul][generated_code]") {
  const auto is_generated = [](const Matmul& p) { return generated_product(form_of(p)).run != nullptr; };
  Buffers<float> buffers;
  buffers.bind({8, 8, 8}, 1);
  CHECK(is_generated(buffers.matmul) == generates_products());
  for (const Shape& shape : {Shape{0, 8, 8}, Shape{8, 0, 8}, Shape{8, 8, 0}, Shape{64, 64, 64},
                             Shape{.m = 8, .n = 8, .k = 8, .precision = Precision::medium}}) {
    INFO(text(shape));
    buffers.bind(shape, 1);
    CHECK(!is_generated(buffers.matmul));
  }
}

TEST_CASE("generated products are for one SIMD target", "[matmul][generated_code]") {
  Buffers<float> buffers;
  buffers.bind({8, 8, 8}, 1);
  int targets = 0;
  for_each_target([&](bool) { targets += generated_product(form_of(buffers.matmul)).run != nullptr; });
  CHECK(targets == (generates_products() ? 1 : 0));
}

}  // namespace thalweg::run
