#include <catch2/catch.hpp>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <random>
#include <span>
#include <vector>

#include <thalweg/threads.hpp>

#include "src/run/reduce.hpp"

namespace thalweg::run {
namespace {

template <class T>
constexpr DType dtype_of = sizeof(T) == 8 ? DType::f64 : DType::f32;

template <class T>
std::vector<T> reduced(const std::vector<T>& x, const Shape& shape, std::uint32_t axes, Reduction reduction,
                       std::size_t results) {
  std::vector<T> output(results, T{-77});
  reduce_axes(x.data(), output.data(), shape, axes, reduction, dtype_of<T>);
  return output;
}

/// One element after the other, sums in long double.
template <class T>
std::vector<long double> reduced_by_loops(const std::vector<T>& x, const Shape& shape, std::uint32_t axes,
                                          Reduction reduction, std::vector<long double>* sizes) {
  std::vector<long double> results;
  std::vector<bool> begun;
  for (std::int64_t i = 0; i < shape.size(); ++i) {
    std::int64_t rest = i, place = 0, scale = 1;
    for (int axis = shape.rank(); axis-- > 0; rest /= shape[axis])
      if ((axes >> axis & 1) == 0) place += rest % shape[axis] * scale, scale *= shape[axis];
    const auto at = static_cast<std::size_t>(place);
    if (at >= results.size()) results.resize(at + 1), begun.resize(at + 1), sizes->resize(at + 1);
    const long double value = x[static_cast<std::size_t>(i)];
    long double& result = results[at];
    const bool replaces = reduction == Reduction::maximum ? value > result : value < result;
    if (!begun[at]) {
      result = value;
    } else if (reduction == Reduction::sum) {
      result += value;
    } else if (!std::isnan(result) && (replaces || std::isnan(value))) {
      result = value;
    }
    (*sizes)[at] += std::abs(value);
    begun[at] = true;
  }
  return results;
}

}  // namespace

TEMPLATE_TEST_CASE("reduce_axes: any axes of any shape give what loops give, the same on any number of threads",
                   "[reduce]", float, double) {
  std::mt19937 engine(11);
  const std::vector<Shape> shapes = {Shape{3, 4, 5},        Shape{2, 300, 2},     Shape{7, 2, 9, 2, 8},
                                     Shape{5, 3, 2, 17},    Shape{2, 2, 2, 2, 2}, Shape{64, 8, 64},
                                     Shape{3, 1, 70, 1, 2}, Shape{2, 5, 600},     Shape{40, 3, 28, 28},
                                     Shape{3, 1000, 4, 2},  Shape{4, 33, 3, 40}};
  for (const Shape& shape : shapes)
    for (std::uint32_t axes = 1; axes + 1 < 1U << shape.rank(); ++axes) {
      std::int64_t kept = 1;
      for (int axis = 0; axis < shape.rank(); ++axis) kept *= (axes >> axis & 1) != 0 ? 1 : shape[axis];
      if (kept == 1 || kept == shape.size()) continue;
      std::vector<TestType> x(static_cast<std::size_t>(shape.size()));
      for (TestType& each : x) each = static_cast<TestType>(static_cast<double>(engine() % 2000) / 1000 - 1);
      for (const Reduction reduction : {Reduction::sum, Reduction::maximum, Reduction::minimum}) {
        CAPTURE(to_string(shape), axes, static_cast<int>(reduction));
        if (reduction != Reduction::sum) x[engine() % x.size()] = std::numeric_limits<TestType>::quiet_NaN();
        std::vector<long double> sizes;
        const std::vector<long double> wanted = reduced_by_loops(x, shape, axes, reduction, &sizes);
        const std::vector<TestType> found = reduced(x, shape, axes, reduction, wanted.size());
        const bool is_sum = reduction == Reduction::sum;
        bool is_right = true;
        for (std::size_t i = 0; i < wanted.size(); ++i) {
          const long double error = std::abs(found[i] - wanted[i]);
          const long double allowed = is_sum ? 16 * std::numeric_limits<TestType>::epsilon() * sizes[i] : 0;
          is_right = is_right && (std::isnan(wanted[i]) ? std::isnan(found[i]) : error <= allowed);
        }
        CHECK(is_right);
        const Threads limit(3);
        const std::vector<TestType> on_three = reduced(x, shape, axes, reduction, wanted.size());
        CHECK(std::memcmp(found.data(), on_three.data(), found.size() * sizeof(TestType)) == 0);
      }
    }
}

TEST_CASE("reduce_axes: sums of many numbers in f32 continue in f64", "[reduce]") {
  constexpr std::int64_t count = 1 << 20;
  for (const Shape& shape : {Shape{1, 2, count, 3}, Shape{2, 3, count}}) {
    const std::vector<float> x(static_cast<std::size_t>(shape.size()), 0.1F);
    const std::uint32_t axes = shape.rank() == 4 ? 4U : 5U;
    const std::size_t results = shape.rank() == 4 ? 6 : 3;
    const double wanted = 0.1F * static_cast<double>(shape.size()) / static_cast<double>(results);
    for (const float sum : reduced(x, shape, axes, Reduction::sum, results))
      CHECK(std::abs(sum - wanted) < 1e-6 * wanted);
  }
}

}  // namespace thalweg::run
