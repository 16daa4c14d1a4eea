// Sweeps over several batches of (rows × columns).
#include <catch2/catch.hpp>

#include <utility>

#include "tests/running/sweep_helpers.hpp"

namespace thalweg::testing {
namespace {

/// Elements with operands per row and per column, which move from batch to batch or are shared, and what is reduced of them.
Sweep sweep_of_batches(std::int64_t rows, std::int64_t columns, std::int64_t batches) {
  SweepWriter writer(DType::f32, rows, columns);
  writer.sweep.batches = batches;
  const auto shared = [&](Extent extent) {
    const int input = writer.input(extent);
    writer.sweep.values.back().moves = false;
    return input;
  };
  const int x = writer.input(Extent::element);
  int y = writer.apply(multiply_kernel, x, writer.input(Extent::per_column));
  y = writer.apply(add_kernel, y, writer.input(Extent::per_row));
  y = writer.apply(add_kernel, y, shared(Extent::per_column));
  y = writer.apply(multiply_kernel, y, shared(Extent::per_row));
  const int sum = writer.reduce(Reduction::sum, y, Extent::per_column);
  const int largest = writer.reduce(Reduction::maximum, y, Extent::per_row);
  writer.output(writer.apply(subtract_kernel, writer.apply(subtract_kernel, y, sum), largest));
  writer.output(sum);
  writer.output(largest);
  writer.output(writer.apply(less_kernel, x, sum), DType::boolean);
  return writer.sweep;
}

}  // namespace

TEST_CASE("sweep: several batches give what each gives alone", "[sweep]") {
  on_every_target([] {
    constexpr std::int64_t batches = 3;
    for (const auto& [rows, columns] : {std::pair{5, 7}, {130, 64}, {3, 300}, {1, 40}}) {
      CAPTURE(rows, columns);
      Buffers buffers;
      const std::int64_t elements = std::int64_t{rows} * columns;
      const std::int64_t moving[] = {elements, columns, rows}, fixed[] = {columns, rows};
      const std::int64_t written[] = {elements, columns, rows};
      std::vector<std::byte*> base;
      std::vector<std::int64_t> steps;
      std::uint32_t seed = 1;
      for (const std::int64_t count : moving) {
        base.push_back(reinterpret_cast<std::byte*>(guarded(buffers, random_values<float>(count * batches, seed++))));
        steps.push_back(4 * count);
      }
      for (const std::int64_t count : fixed) {
        base.push_back(reinterpret_cast<std::byte*>(guarded(buffers, random_values<float>(count, seed++))));
        steps.push_back(0);
      }
      for (const std::int64_t count : written) {
        base.push_back(reinterpret_cast<std::byte*>(guarded<float>(buffers, count * batches)));
        steps.push_back(4 * count);
      }
      base.push_back(reinterpret_cast<std::byte*>(guarded<std::uint8_t>(buffers, elements * batches)));
      steps.push_back(elements);
      const auto all_written = [&] {
        Bytes bytes;
        for (std::size_t i = 5; i < base.size(); ++i) {
          const Bytes each = bytes_of(base[i], static_cast<std::size_t>(steps[i] * batches));
          bytes.insert(bytes.end(), each.begin(), each.end());
        }
        return bytes;
      };
      CompiledSweep together(sweep_of_batches(rows, columns, batches));
      for (int run = 0; run < 3; ++run)
        together.execute({buffers.pointers(), {}, {}});  // generated code from the second on
      const Bytes found = all_written();
      CompiledSweep alone(sweep_of_batches(rows, columns, 1));
      for (std::int64_t batch = 0; batch < batches; ++batch) {
        std::vector<void*> places;
        for (std::size_t i = 0; i < base.size(); ++i) places.push_back(base[i] + batch * steps[i]);
        alone.execute({places, {}, {}});
      }
      CHECK(found == all_written());
    }
  });
}

}  // namespace thalweg::testing
