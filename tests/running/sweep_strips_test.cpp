// Sums per column of very long rows, which are added strip by strip of columns.

#include <cstdint>
#include <vector>

#include <catch2/catch.hpp>

#include <thalweg/threads.hpp>

#include "tests/pool_size.hpp"
#include "tests/running/sweep_helpers.hpp"

namespace thalweg::testing {

namespace {

/// Reductions to columns and what is made of them. With `by_rows`, a sum per row makes the walk go through whole rows.
SweepWriter columns_of(DType dtype, std::int64_t rows, std::int64_t columns, bool by_rows) {
  SweepWriter writer(dtype, rows, columns);
  const int x = writer.input(Extent::element), scale = writer.input(Extent::per_column);
  const int scaled = writer.apply(multiply_kernel, x, scale);
  const int sum = writer.reduce(Reduction::sum, scaled, Extent::per_column);
  writer.output(sum);
  for (const Reduction reduction : {Reduction::product, Reduction::maximum, Reduction::minimum})
    writer.output(writer.reduce(reduction, x, Extent::per_column));
  writer.output(scaled);
  const int rest = writer.apply(subtract_kernel, x, sum);
  writer.output(writer.reduce(Reduction::sum, writer.apply(multiply_kernel, rest, rest), Extent::per_column));
  if (by_rows) writer.output(writer.reduce(Reduction::sum, x, Extent::per_row));
  return writer;
}

template <class T>
std::vector<std::vector<std::byte>> results_of(const SweepWriter& writer, std::vector<T> x, std::vector<T> scale) {
  std::vector<std::vector<std::byte>> results;
  std::vector<void*> buffers = {x.data(), scale.data()};
  results.reserve(writer.sweep.outputs.size());
  for (const run::SweepOutput& output : writer.sweep.outputs) {
    const Extent extent = writer.sweep.values[static_cast<std::size_t>(output.value)].extent;
    results.emplace_back(static_cast<std::size_t>(count_of(writer.sweep, extent)) * sizeof(T));
    buffers.push_back(results.back().data());
  }
  CompiledSweep compiled(writer.sweep);
  compiled.execute({buffers, {}, {}});
  return results;
}

template <class T>
void check_strips(std::int64_t rows, std::int64_t columns) {
  CAPTURE(rows, columns);
  std::vector<T> x(static_cast<std::size_t>(rows * columns)), scale(static_cast<std::size_t>(columns));
  std::mt19937 random(7);
  for (T& each : x) each = static_cast<T>(static_cast<double>(random() % 4001) / 2000);
  for (T& each : scale) each = static_cast<T>(1 + static_cast<double>(random() % 100) / 100);
  const auto whole = results_of(columns_of(dtype_of<T>::value, rows, columns, true), x, scale);
  for (const int threads : {1, 2, 3}) {
    const Threads limit(threads);
    auto strips = results_of(columns_of(dtype_of<T>::value, rows, columns, false), x, scale);
    REQUIRE(strips.size() + 1 == whole.size());
    for (std::size_t i = 0; i < strips.size(); ++i) CHECK(strips[i] == whole[i]);
  }
}

}  // namespace

TEST_CASE("sweep: columns added strip by strip have the bits of whole rows", "[sweep]") {
  const PoolSize pool(3);
  on_every_target([] {
    for (const std::int64_t rows : {2, 8, 9, 41}) check_strips<float>(rows, 17003);
    check_strips<float>(3, 70000);
    check_strips<float>(530, 16500);  // several folds a task
    check_strips<double>(530, 8209);
    check_strips<double>(5, 9000);
    check_strips<std::int64_t>(19, 8193);
  });
}

}  // namespace thalweg::testing
