#include <catch2/catch.hpp>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>

#include <thalweg/error.hpp>
#include <thalweg/simd.hpp>
#include <thalweg/threads.hpp>

#include "tests/running/sweep_helpers.hpp"

namespace thalweg::testing {
namespace {

const std::int64_t row_counts[] = {1, 2, 3, 9, 33, 130};
const std::int64_t column_counts[] = {1, 2, 3, 10, 100, 128, 255, 256, 257, 784};
constexpr Reduction all_reductions[] = {Reduction::sum, Reduction::product, Reduction::maximum, Reduction::minimum};
constexpr Extent reduced_extents[] = {Extent::per_row, Extent::per_column, Extent::single};

template <class T>
void check_lengths() {
  Buffers buffers;
  for (std::int64_t n = 0; n <= 300; ++n) {
    CAPTURE(n);
    SweepWriter writer(dtype_of<T>::value, 1, n);
    const int a = writer.input(Extent::element), b = writer.input(Extent::element);
    const int mask = writer.input(Extent::element, DType::boolean), labels = writer.input(Extent::element, DType::i64);
    const int product = writer.apply(multiply_kernel, a, b), sum = writer.apply(add_kernel, product, labels);
    const int result = writer.apply(where_kernel, mask, sum, writer.apply(negate_kernel, product));
    writer.output(result);
    writer.output(writer.apply(less_kernel, b, result), DType::boolean);
    writer.output(labels, DType::i64);

    buffers.clear();
    const T* x = guarded(buffers, random_values<T>(n, 1, -50, 50));
    const T* y = guarded(buffers, random_values<T>(n, 2, -50, 50));
    std::vector<std::uint8_t> bits(static_cast<std::size_t>(n));
    for (std::size_t i = 0; i < bits.size(); ++i) bits[i] = i % 3 == 0;
    const std::uint8_t* m = guarded(buffers, bits);
    const std::int64_t* l = guarded(buffers, random_values<std::int64_t>(n, 3, -9, 9));
    const T* out = guarded<T>(buffers, n);
    const std::uint8_t* below = guarded<std::uint8_t>(buffers, n);
    const std::int64_t* copy = guarded<std::int64_t>(buffers, n);
    run_once(writer.sweep, buffers);
    bool right = true;
    for (std::int64_t i = 0; i < n; ++i) {
      const T p = x[i] * y[i], wanted = m[i] != 0 ? p + static_cast<T>(l[i]) : T(0) - p;
      right = right && out[i] == wanted && below[i] == (y[i] < wanted) && copy[i] == l[i];
    }
    CHECK(right);
  }
}

long double reduced(Reduction reduction, long double a, long double b) {
  switch (reduction) {
    case Reduction::sum: return a + b;
    case Reduction::product: return a * b;
    case Reduction::maximum: return std::max(a, b);
    case Reduction::minimum: return std::min(a, b);
  }
  return 0;
}

/// What a reduction gives, exactly enough, and the sum of magnitudes that its error is measured by.
template <class T>
std::pair<std::vector<long double>, std::vector<double>> reference(const Sweep& sweep, const T* values,
                                                                   Reduction reduction, Extent extent) {
  const auto count = static_cast<std::size_t>(count_of(sweep, extent));
  std::vector<long double> results(count, run::identity(reduction, DType::f64).floating);
  std::vector<double> magnitudes(count, 0);
  for (std::int64_t r = 0; r < sweep.rows; ++r)
    for (std::int64_t c = 0; c < sweep.columns; ++c) {
      const auto i = static_cast<std::size_t>(extent == Extent::per_row ? r : extent == Extent::per_column ? c : 0);
      const double value = static_cast<double>(values[r * sweep.columns + c]);
      results[i] = reduced(reduction, results[i], value);
      magnitudes[i] += std::abs(value);
    }
  return {results, magnitudes};
}

template <class T>
void check_reductions() {
  Buffers buffers;
  for (const std::int64_t rows : row_counts)
    for (const std::int64_t columns : column_counts)
      for (const Reduction reduction : all_reductions)
        for (const Extent extent : reduced_extents) {
          CAPTURE(rows, columns, static_cast<int>(reduction), static_cast<int>(extent));
          SweepWriter writer(dtype_of<T>::value, rows, columns);
          writer.output(writer.reduce(reduction, writer.input(Extent::element), extent));
          buffers.clear();
          std::vector<T> values = random_values<T>(rows * columns, 4, -3, 5);
          // Products of numbers near 1 stay representable; sums of integers are exact.
          if (reduction == Reduction::product)
            for (T& value : values) value = std::is_integral_v<T> ? T(value < 0 ? -1 : 1) : T(1) + value / T(10000);
          const T* in = guarded(buffers, values);
          const T* out = guarded<T>(buffers, count_of(writer.sweep, extent));
          run_once(writer.sweep, buffers);
          const auto [wanted, magnitudes] = reference(writer.sweep, in, reduction, extent);
          const double unit = std::is_integral_v<T> ? 0 : 4 * static_cast<double>(std::numeric_limits<T>::epsilon());
          bool right = true;
          for (std::size_t i = 0; i < wanted.size(); ++i) {
            const double scale = reduction == Reduction::sum       ? magnitudes[i]
                                 : reduction == Reduction::product ? std::abs(static_cast<double>(wanted[i])) *
                                                                         (1 + static_cast<double>(values.size()) / 16)
                                                                   : 0;
            right = right && std::abs(static_cast<long double>(out[i]) - wanted[i]) <= unit * scale;
          }
          CHECK(right);
        }
}

/// exp by the made-up kernel.
double power(double x) { return std::pow(1 + x / 4096, 4096); }

struct Softmax {
  SweepWriter writer;
  Softmax(DType dtype, std::int64_t rows, std::int64_t columns) : writer(dtype, rows, columns) {
    const int x = writer.input(Extent::element);
    const int highest = writer.reduce(Reduction::maximum, x, Extent::per_row);
    const int raised = writer.apply(power_kernel, writer.apply(subtract_kernel, x, highest));
    const int sum = writer.reduce(Reduction::sum, raised, Extent::per_row);
    writer.output(writer.apply(divide_kernel, raised, sum));
    writer.output(sum);
  }
};

/// Normalization over `extent`'s complement: mean and variance, then scale and shift by column.
SweepWriter normalization(DType dtype, std::int64_t rows, std::int64_t columns, Extent extent) {
  SweepWriter writer(dtype, rows, columns);
  const int x = writer.input(Extent::element);
  const int scale = writer.input(Extent::per_column), shift = writer.input(Extent::per_column);
  const int share = writer.number(0), epsilon = writer.number(1);
  const int mean = writer.apply(multiply_kernel, writer.reduce(Reduction::sum, x, extent), share);
  const int centered = writer.apply(subtract_kernel, x, mean);
  const int squares = writer.reduce(Reduction::sum, writer.apply(multiply_kernel, centered, centered), extent);
  const int variance = writer.apply(multiply_kernel, squares, share);
  const int deviation = writer.apply(root_kernel, writer.apply(add_kernel, variance, epsilon));
  const int normal = writer.apply(divide_kernel, centered, deviation);
  writer.output(writer.apply(add_kernel, writer.apply(multiply_kernel, normal, scale), shift));
  writer.output(mean);
  writer.output(variance);
  return writer;
}

template <class T>
void check_normalization(std::int64_t rows, std::int64_t columns, Extent extent) {
  CAPTURE(rows, columns, static_cast<int>(extent));
  const SweepWriter writer = normalization(dtype_of<T>::value, rows, columns, extent);
  REQUIRE(CompiledSweep::can_fuse(writer.sweep));
  Buffers buffers;
  const T* x = guarded(buffers, random_values<T>(rows * columns, 5));
  const T* scale = guarded(buffers, random_values<T>(columns, 6));
  const T* shift = guarded(buffers, random_values<T>(columns, 7));
  const T* out = guarded<T>(buffers, rows * columns);
  const std::int64_t groups = count_of(writer.sweep, extent), size = rows * columns / groups;
  const T* means = guarded<T>(buffers, groups);
  const T* variances = guarded<T>(buffers, groups);
  run_once(writer.sweep, buffers, {1.0 / static_cast<double>(size), 1e-2});
  bool right = true;
  for (std::int64_t g = 0; g < groups; ++g) {
    const auto at = [&](std::int64_t i) { return extent == Extent::per_row ? g * columns + i : i * columns + g; };
    double mean = 0, variance = 0;
    for (std::int64_t i = 0; i < size; ++i) mean += static_cast<double>(x[at(i)]) / static_cast<double>(size);
    for (std::int64_t i = 0; i < size; ++i) variance += std::pow(x[at(i)] - mean, 2) / static_cast<double>(size);
    right = right && std::abs(means[g] - mean) < 1e-5 && std::abs(variances[g] - variance) < 1e-5;
    for (std::int64_t i = 0; i < size; ++i) {
      const std::int64_t c = at(i) % columns;
      right =
          right && std::abs(out[at(i)] - ((x[at(i)] - mean) / std::sqrt(variance + 1e-2) * scale[c] + shift[c])) < 2e-4;
    }
  }
  CHECK(right);
}

/// The outputs of a sweep of f32 inputs, on some number of threads.
std::vector<Bytes> outputs_on(int threads, const SweepWriter& writer, const std::vector<std::vector<float>>& inputs,
                              const std::vector<double>& numbers, const std::vector<DrawSource>& draws = {}) {
  const Threads limit(threads);
  std::vector<Bytes> results;
  std::vector<void*> buffers;
  for (const auto& input : inputs) buffers.push_back(const_cast<float*>(input.data()));
  results.reserve(writer.sweep.outputs.size());
  for (const run::SweepOutput& output : writer.sweep.outputs) {
    const Extent extent = writer.sweep.values[static_cast<std::size_t>(output.value)].extent;
    results.emplace_back(static_cast<std::size_t>(count_of(writer.sweep, extent)) * size_of(output.dtype));
    buffers.push_back(results.back().data());
  }
  CompiledSweep(writer.sweep).execute({buffers, numbers, draws});
  return results;
}

void check_threads(const SweepWriter& writer, const std::vector<std::vector<float>>& inputs,
                   const std::vector<double>& numbers, const std::vector<DrawSource>& draws = {}) {
  const std::vector<Bytes> alone = outputs_on(1, writer, inputs, numbers, draws);
  CHECK(alone == outputs_on(2, writer, inputs, numbers, draws));
  CHECK(alone == outputs_on(3, writer, inputs, numbers, draws));
}

}  // namespace

TEST_CASE("sweep: elementwise, every length, bool and i64 buffers", "[sweep]") {
  on_every_target([] {
    check_lengths<float>();
    check_lengths<double>();
    check_lengths<std::int64_t>();
  });
}

TEST_CASE("sweep: reductions over every extent", "[sweep]") {
  on_every_target([] {
    check_reductions<float>();
    check_reductions<double>();
    check_reductions<std::int64_t>();
  });
}

TEST_CASE("sweep: softmax, three stages", "[sweep]") {
  on_every_target([] {
    Buffers buffers;
    for (const std::int64_t rows : row_counts)
      for (const std::int64_t columns : column_counts) {
        CAPTURE(rows, columns);
        const Softmax softmax(DType::f32, rows, columns);
        REQUIRE(CompiledSweep::can_fuse(softmax.writer.sweep));
        buffers.clear();
        const float* x = guarded(buffers, random_values<float>(rows * columns, 8));
        const float* out = guarded<float>(buffers, rows * columns);
        guarded<float>(buffers, rows);
        run_once(softmax.writer.sweep, buffers);
        bool right = true;
        for (std::int64_t r = 0; r < rows; ++r) {
          const float* row = x + r * columns;
          const double highest = *std::max_element(row, row + columns);
          double sum = 0;
          for (std::int64_t c = 0; c < columns; ++c) sum += power(row[c] - highest);
          for (std::int64_t c = 0; c < columns; ++c)
            right = right && std::abs(out[r * columns + c] - power(row[c] - highest) / sum) <
                                 2e-3 / static_cast<double>(columns);
        }
        CHECK(right);
      }
  });
}

TEST_CASE("sweep: normalization by column and by row", "[sweep]") {
  on_every_target([] {
    for (const Extent extent : {Extent::per_column, Extent::per_row})
      for (const std::int64_t rows : {2, 9, 130})
        for (const std::int64_t columns : {2, 10, 100, 127, 128, 257, 784}) {
          check_normalization<float>(rows, columns, extent);
          check_normalization<double>(rows, columns, extent);
        }
  });
}

TEST_CASE("sweep: the same bits on any number of threads", "[sweep]") {
  set_thread_count(3);
  struct Domain {
    std::int64_t rows, columns;
  };
  for (const Domain domain : {Domain{300, 1000}, Domain{40000, 7}, Domain{2000, 100}, Domain{3, 200000}}) {
    CAPTURE(domain.rows, domain.columns);
    const auto x = random_values<float>(domain.rows * domain.columns, 9);
    const auto column = random_values<float>(domain.columns, 10);
    check_threads(Softmax(DType::f32, domain.rows, domain.columns).writer, {x}, {});
    check_threads(normalization(DType::f32, domain.rows, domain.columns, Extent::per_column), {x, column, column},
                  {1.0 / static_cast<double>(domain.rows), 1e-5});
    SweepWriter writer(DType::f32, domain.rows, domain.columns);
    const int masked = writer.apply(multiply_kernel, writer.apply(less_kernel, writer.draw(0), writer.number(0)),
                                    writer.input(Extent::element));
    writer.output(masked);
    writer.output(writer.reduce(Reduction::sum, masked, Extent::per_column));
    check_threads(writer, {x}, {0.8}, {DrawSource{5, 6, 7}});
    SweepWriter total(DType::f32, domain.rows, domain.columns);
    total.output(total.reduce(Reduction::sum, total.input(Extent::element), Extent::single));
    check_threads(total, {x}, {});
  }
  SweepWriter line(DType::f32, 1, 500001);
  const int x = line.input(Extent::element);
  const int mean = line.apply(multiply_kernel, line.reduce(Reduction::sum, x, Extent::single), line.number(0));
  line.output(line.apply(power_kernel, line.apply(subtract_kernel, x, mean)));
  check_threads(line, {random_values<float>(500001, 11)}, {1 / 500001.0});
}

TEST_CASE("sweep: a maximum or minimum is NaN wherever the NaN stands", "[sweep]") {
  on_every_target([] {
    for (const std::int64_t n : {1, 2, 3, 5, 15, 16, 17, 31, 64, 127, 128, 129, 200, 300, 1000})
      for (const Reduction reduction : {Reduction::maximum, Reduction::minimum})
        for (std::int64_t place = 0; place < n; place += 1 + n / 17) {
          CAPTURE(n, place, static_cast<int>(reduction));
          std::vector<float> values(static_cast<std::size_t>(3 * n));
          std::iota(values.begin(), values.end(), -7.0F);
          values[static_cast<std::size_t>(n + place)] = std::numeric_limits<float>::quiet_NaN();
          Buffers buffers;
          guarded(buffers, values);
          const float* rows = guarded<float>(buffers, 3);
          const float* columns = guarded<float>(buffers, n);
          SweepWriter writer(DType::f32, 3, n);
          const int x = writer.input(Extent::element);
          writer.output(writer.reduce(reduction, x, Extent::per_row));
          writer.output(writer.reduce(reduction, x, Extent::per_column));
          run_once(writer.sweep, buffers);
          CHECK((!std::isnan(rows[0]) && std::isnan(rows[1]) && !std::isnan(rows[2])));
          CHECK(std::count_if(columns, columns + n, [](float value) { return std::isnan(value); }) == 1);
          CHECK(std::isnan(columns[place]));
        }
  });
}

TEST_CASE("sweep: what lies beyond the data never enters a reduction", "[sweep]") {
  on_every_target([] {
    for (std::int64_t n = 1; n <= 270; ++n) {
      CAPTURE(n);
      // 1/x is infinite where a block is filled up with zeros.
      SweepWriter writer(DType::f32, 2, n);
      const int inverse = writer.apply(divide_kernel, writer.number(0), writer.input(Extent::element));
      writer.output(writer.reduce(Reduction::sum, inverse, Extent::per_row));
      writer.output(writer.reduce(Reduction::maximum, inverse, Extent::per_row));
      writer.output(writer.reduce(Reduction::product, inverse, Extent::per_row));
      Buffers buffers;
      guarded(buffers, std::vector<float>(static_cast<std::size_t>(2 * n), 1.0F));
      const float* sums = guarded<float>(buffers, 2);
      const float* highest = guarded<float>(buffers, 2);
      const float* products = guarded<float>(buffers, 2);
      run_once(writer.sweep, buffers, {1});
      CHECK((sums[0] == static_cast<float>(n) && sums[1] == static_cast<float>(n)));
      CHECK((highest[0] == 1 && highest[1] == 1 && products[0] == 1 && products[1] == 1));
    }
  });
}

TEST_CASE("sweep: outputs may take the place of inputs that are read later", "[sweep]") {
  for (const std::int64_t n : {5, 16, 100, 128, 1000}) {
    CAPTURE(n);
    SweepWriter writer(DType::f32, 1, n);
    const int a = writer.input(Extent::element), b = writer.input(Extent::element);
    writer.output(writer.apply(add_kernel, a, b), DType::f32, 0);
    writer.output(writer.apply(subtract_kernel, a, b), DType::f32, 1);
    writer.output(a, DType::f32, 2);
    CompiledSweep sweep(writer.sweep);
    const auto x = random_values<float>(n, 12), y = random_values<float>(n, 13);
    for (int round = 0; round < 2; ++round) {
      auto first = x, second = y, third = x;
      std::vector<void*> buffers{first.data(), second.data(), third.data()};
      sweep.execute({buffers, {}, {}});
      bool right = third == x;
      for (std::size_t i = 0; i < x.size(); ++i) right = right && first[i] == x[i] + y[i] && second[i] == x[i] - y[i];
      CHECK(right);
    }
  }
}

TEST_CASE("sweep: a later stage reads an input whose buffer an earlier stage's output has taken", "[sweep]") {
  for (const std::int64_t columns : {10, 300}) {
    CAPTURE(columns);
    SweepWriter writer(DType::f32, 3, columns);
    const int x = writer.input(Extent::element);
    const int twice = writer.apply(add_kernel, x, x);
    const int sum = writer.reduce(Reduction::sum, twice, Extent::per_row);
    writer.output(twice, DType::f32, 0);
    writer.output(writer.apply(subtract_kernel, x, sum), DType::f32, 1);
    std::vector<float> buffer(static_cast<std::size_t>(3 * columns), 1), other(buffer);
    std::vector<void*> buffers{buffer.data(), other.data()};
    CompiledSweep(writer.sweep).execute({buffers, {}, {}});
    CHECK(buffer == std::vector<float>(buffer.size(), 2));
    CHECK(other == std::vector<float>(buffer.size(), 1 - 2 * static_cast<float>(columns)));
  }
}

/// The same bits for uniforms; normals differ by what log and cos do, an ulp each.
template <class T>
bool is_drawn(T found, T defined, Distribution distribution) {
  if (distribution == Distribution::uniform) return found == defined;
  const T allowed = 4 * std::numeric_limits<T>::epsilon() * std::abs(defined);
  return std::abs(found - defined) <= std::max(allowed, T(1e-15));  // near a zero of the cosine
}

TEST_CASE("sweep: draws are the numbers of philox.hpp at any position", "[sweep]") {
  on_every_target([] {
    const DrawSource source{0x123456789abcdef0, 77, 5};
    for (const std::int64_t columns : {1, 3, 16, 50, 64, 129, 300}) {
      CAPTURE(columns);
      const std::int64_t rows = 7, count = rows * columns;
      const auto check = [&](auto element, Distribution distribution, auto scalar) {
        using T = decltype(element);
        SweepWriter writer(dtype_of<T>::value, rows, columns);
        const int drawn = writer.draw(0, distribution);
        writer.output(drawn);
        writer.output(writer.reduce(Reduction::sum, drawn, Extent::per_row));  // makes it a row walk
        Buffers buffers;
        const T* out = guarded<T>(buffers, count);
        guarded<T>(buffers, rows);
        run_once(writer.sweep, buffers, {}, {source});
        bool right = true;
        for (std::int64_t e = 0; e < count; ++e)
          right = right && is_drawn(out[e], scalar(source, static_cast<std::uint64_t>(e)), distribution);
        CHECK(right);
        // The same bits for the same element, wherever a draw is begun or cut.
        for (const std::int64_t first : {std::int64_t{0}, std::int64_t{1}, count / 2}) {
          std::vector<T> straight(static_cast<std::size_t>(count - first));
          run::machine(dtype_of<T>::value)
              .draw_elements[static_cast<int>(distribution)](source, static_cast<std::uint64_t>(first), straight.size(),
                                                             straight.data());
          CHECK(bytes_of(straight.data(), straight.size() * sizeof(T)) ==
                bytes_of(out + first, straight.size() * sizeof(T)));
        }
      };
      check(0.0F, Distribution::uniform, &run::uniform_f32);
      check(0.0, Distribution::uniform, &run::uniform_f64);
      check(0.0F, Distribution::normal, &run::normal_f32);
      check(0.0, Distribution::normal, &run::normal_f64);
    }
  });
}

TEST_CASE("sweep: empty domains give what reductions of nothing give", "[sweep]") {
  struct Domain {
    std::int64_t rows, columns;
  };
  for (const Domain domain : {Domain{0, 3}, Domain{3, 0}, Domain{0, 0}, Domain{1, 0}, Domain{0, 1}, Domain{0, 300}})
    for (const Extent extent : reduced_extents) {
      CAPTURE(domain.rows, domain.columns, static_cast<int>(extent));
      SweepWriter writer(DType::f32, domain.rows, domain.columns);
      const int x = writer.input(Extent::element);
      const int sum = writer.reduce(Reduction::sum, x, extent);
      writer.output(sum);
      writer.output(writer.reduce(Reduction::product, x, extent));
      writer.output(writer.apply(divide_kernel, sum, writer.number(0)));
      writer.output(writer.reduce(Reduction::maximum, x, extent));
      const auto count = static_cast<std::size_t>(count_of(writer.sweep, extent));
      std::vector<float> in, sums(count, 5), products(count, 5), means(count, 5), highest(count, 5);
      std::vector<void*> buffers{in.data(), sums.data(), products.data(), means.data(), highest.data()};
      const double zero = 0;
      CompiledSweep(writer.sweep).execute({buffers, {&zero, 1}, {}});
      CHECK(sums == std::vector<float>(count, 0));
      CHECK(products == std::vector<float>(count, 1));
      CHECK(std::all_of(means.begin(), means.end(), [](float mean) { return std::isnan(mean); }));
    }
}

TEST_CASE("sweep: sums of ten million f32 numbers are right", "[sweep]") {
  constexpr std::int64_t n = 10'000'000;
  const std::vector<float> values(2 * n, 0.1F), ones(2 * n, 1.0F);
  on_every_target([&] {
    const auto sum = [&](std::int64_t rows, std::int64_t columns, Extent extent, const std::vector<float>& in) {
      SweepWriter writer(DType::f32, rows, columns);
      writer.output(writer.reduce(Reduction::sum, writer.input(Extent::element), extent));
      std::vector<float> out(static_cast<std::size_t>(count_of(writer.sweep, extent)));
      std::vector<void*> buffers{const_cast<float*>(in.data()), out.data()};
      CompiledSweep(writer.sweep).execute({buffers, {}, {}});
      return out;
    };
    CHECK(std::abs(sum(1, n, Extent::single, values)[0] - 1000000.0149) < 1);
    CHECK(std::abs(sum(n, 1, Extent::per_column, values)[0] - 1000000.0149) < 1);
    for (const float column : sum(n, 2, Extent::per_column, values)) CHECK(std::abs(column - 1000000.0149) < 1);
    for (const float row : sum(2, n, Extent::per_row, values)) CHECK(std::abs(row - 1000000.0149) < 1);
    CHECK(sum(n, 2, Extent::single, ones)[0] == 2e7F);
    for (const float column : sum(n, 2, Extent::per_column, ones)) CHECK(column == 1e7F);
  });
}

TEST_CASE("sweep: integer sums are exact and wrap", "[sweep]") {
  SweepWriter writer(DType::i64, 1, 2);
  const int x = writer.input(Extent::element);
  writer.output(writer.reduce(Reduction::sum, x, Extent::single));
  writer.output(writer.reduce(Reduction::product, x, Extent::single));
  std::vector<std::int64_t> values{std::int64_t{1} << 53, 1}, sum{0}, product{0};
  std::vector<void*> buffers{values.data(), sum.data(), product.data()};
  CompiledSweep compiled(writer.sweep);
  compiled.execute({buffers, {}, {}});
  CHECK(sum[0] == 9007199254740993);
  values = {std::numeric_limits<std::int64_t>::max(), 2};
  compiled.execute({buffers, {}, {}});
  CHECK(sum[0] == std::numeric_limits<std::int64_t>::min() + 1);
  CHECK(product[0] == -2);
}

TEST_CASE("sweep: numbers and buffers may change from one execution to the next", "[sweep]") {
  for (const std::int64_t n : {7, 500}) {
    SweepWriter writer(DType::f32, 1, n);
    writer.output(writer.apply(multiply_kernel, writer.input(Extent::element), writer.number(0)));
    CompiledSweep compiled(writer.sweep);
    for (const double factor : {2.0, 2.0, -3.0, 0.0, -0.0}) {
      std::vector<float> in = random_values<float>(n, 14), out(in.size());
      std::vector<void*> buffers{in.data(), out.data()};
      compiled.execute({buffers, {&factor, 1}, {}});
      bool right = true;
      for (std::size_t i = 0; i < in.size(); ++i) {
        const float wanted = in[i] * static_cast<float>(factor);
        right = right && std::memcmp(&wanted, &out[i], sizeof wanted) == 0;
      }
      CHECK(right);
    }
  }
}

TEST_CASE("sweep: values per column, per row and single meet in one", "[sweep]") {
  on_every_target([] {
    Buffers buffers;
    for (const std::int64_t rows : row_counts)
      for (const std::int64_t columns : column_counts) {
        CAPTURE(rows, columns);
        SweepWriter writer(DType::f32, rows, columns);
        const int by_row = writer.input(Extent::per_row, DType::i64), by_column = writer.input(Extent::per_column);
        const int one = writer.input(Extent::single, DType::boolean);
        const int sum = writer.apply(add_kernel, writer.apply(add_kernel, by_row, by_column), one);
        writer.output(writer.apply(add_kernel, sum, writer.column()));
        buffers.clear();
        const auto* r = guarded(buffers, random_values<std::int64_t>(rows, 15, -9, 9));
        const auto* c = guarded(buffers, random_values<float>(columns, 16));
        guarded(buffers, std::vector<std::uint8_t>{1});
        const float* out = guarded<float>(buffers, rows * columns);
        run_once(writer.sweep, buffers);
        bool right = true;
        for (std::int64_t i = 0; i < rows; ++i)
          for (std::int64_t j = 0; j < columns; ++j)
            right = right && out[i * columns + j] == static_cast<float>(r[i]) + c[j] + 1.0F + static_cast<float>(j);
        CHECK(right);
      }
  });
}

TEST_CASE("sweep: a sum of small rows does not join a softmax, a sum over the rows' values does", "[sweep]") {
  Softmax small(DType::f32, 128, 10);
  const int probabilities = static_cast<int>(small.writer.sweep.values.size()) - 1;
  small.writer.output(small.writer.reduce(Reduction::sum, probabilities, Extent::single));
  CHECK_FALSE(CompiledSweep::can_fuse(small.writer.sweep));

  Softmax rows(DType::f32, 128, 10);
  rows.writer.output(rows.writer.reduce(Reduction::sum, probabilities - 1, Extent::single));
  CHECK(CompiledSweep::can_fuse(rows.writer.sweep));

  Softmax large(DType::f32, 128, 300);
  large.writer.output(large.writer.reduce(Reduction::sum, probabilities, Extent::single));
  CHECK(CompiledSweep::can_fuse(large.writer.sweep));

  SweepWriter integers(DType::i64, 2, 2);
  integers.output(integers.apply(root_kernel, integers.input(Extent::element)));
  CHECK_FALSE(CompiledSweep::can_fuse(integers.sweep));
}

TEST_CASE("sweep: bytes moved are counted once while the data fits the cache", "[sweep]") {
  const auto bytes = [](std::int64_t rows, std::int64_t columns) {
    return CompiledSweep(normalization(DType::f32, rows, columns, Extent::per_column).sweep).bytes_moved();
  };
  CHECK(bytes(128, 100) == 4 * (2 * 128 * 100 + 4 * 100));
  CHECK(bytes(12800, 100) == 4 * (4 * 12800 * 100 + 4 * 100));  // the input is read by three passes
  const Softmax softmax(DType::f32, 4096, 1000);
  CHECK(CompiledSweep(softmax.writer.sweep).bytes_moved() == 4 * (2 * 4096 * 1000 + 4096));
}

TEST_CASE("sweep: the program can be read", "[sweep]") {
  SweepWriter writer(DType::f32, 1, 16);
  const int x = writer.input(Extent::element);
  writer.output(writer.apply(negate_kernel, writer.apply(add_kernel, x, x)));
  const std::string text = CompiledSweep(writer.sweep).disassembly();
  CHECK(text.find("add v1") != std::string::npos);
  CHECK(text.find("store v2 [buffer 1]") != std::string::npos);
}

TEST_CASE("sweep: what is kept for an output that is made of it lies in the output's buffer", "[sweep]") {
  const auto text_of = [](bool reads_input_again) {
    SweepWriter writer(DType::f32, 1, 1000);
    const int x = writer.input(Extent::element), power = writer.apply(power_kernel, x);
    const int share = writer.apply(multiply_kernel, power, writer.reduce(Reduction::sum, power, Extent::single));
    writer.output(reads_input_again ? writer.apply(add_kernel, share, x) : share);
    return CompiledSweep(writer.sweep).disassembly();
  };
  CHECK(text_of(false).find("store v1 [buffer 1]") != std::string::npos);
  // It may be the input's memory.
  CHECK(text_of(true).find("store v1 [buffer 1]") == std::string::npos);
}

TEST_CASE("simd: an unknown target is refused by name", "[simd]") {
  CHECK_THROWS_WITH(set_simd_target("mmx"), Catch::Contains("\"mmx\"") && Catch::Contains("supported: "));
  CHECK_THROWS_AS(set_simd_target("AVX2"), ValueError);
  const std::string best(simd_target());
  set_simd_target("");
  CHECK(simd_target() == best);
}

}  // namespace thalweg::testing
