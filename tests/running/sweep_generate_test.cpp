// Machine code that a small sweep gets when it runs again.

#include <catch2/catch.hpp>

#include <limits>
#include <thread>
#include <utility>

#include "src/run/sweep_generate.hpp"
#include "tests/running/sweep_helpers.hpp"

namespace thalweg::testing {
namespace {

bool has_code(const CompiledSweep& sweep) { return sweep.disassembly().find("& ") != std::string::npos; }

/// What the outputs hold after each of some runs, with numbers that change from run to run.
std::vector<Bytes> outputs_of_runs(const SweepWriter& writer, std::int64_t input_count, bool in_place,
                                   run::GenerationPolicy policy, std::vector<bool>* codes = nullptr) {
  std::vector<Bytes> results;
  const run::GenerationPolicy usual = std::exchange(run::generation_policy(), policy);
  std::thread([&] {  // on which no program is known yet
    CompiledSweep sweep(writer.sweep);
    Buffers buffers;
    const std::int64_t size = static_cast<std::int64_t>(size_of(writer.sweep.dtype)),
                       count = writer.sweep.rows * writer.sweep.columns;
    for (std::int64_t slot = 0; slot < input_count; ++slot) {
      std::vector<double> values(static_cast<std::size_t>(count));
      for (std::size_t i = 0; i < values.size(); ++i)
        values[i] = 0.01 * static_cast<double>((i * 7 + static_cast<std::size_t>(slot) * 13) % 101) - 0.4;
      run::convert_values(buffers.add(static_cast<std::size_t>(count * size)), writer.sweep.dtype, values.data(),
                          DType::f64, count);
    }
    for (std::int64_t slot = input_count; slot < writer.buffers; ++slot) {
      if (in_place && slot == input_count) {
        buffers.add_alias(0);
      } else {
        buffers.add(static_cast<std::size_t>(count * size));
      }
    }
    for (int run = 0; run < 7; ++run) {
      const double number = 0.25 * (run / 2 + 1);  // some runs have the number of the one before
      sweep.execute({buffers.pointers(), std::span(&number, 1), {}});
      if (codes != nullptr) codes->push_back(has_code(sweep));
      for (const run::SweepOutput& output : writer.sweep.outputs) {
        const auto written = count_of(writer.sweep, writer.sweep.values[static_cast<std::size_t>(output.value)].extent);
        results.push_back(bytes_of(buffers[output.slot], static_cast<std::size_t>(written * size)));
      }
    }
  })
      .join();
  run::generation_policy() = usual;
  return results;
}

constexpr run::GenerationPolicy never{.large = std::numeric_limits<std::int64_t>::max(), .small_when_repeated = false};

}  // namespace

TEST_CASE("generated code: a small sweep gets it when it runs again, and has the same bits from the first on",
          "[sweep]") {
  for (const DType dtype : {DType::f32, DType::f64})
    for (const std::int64_t columns : {1, 2, 7, 8, 15, 16, 17, 63, 64, 65, 127, 128, 129, 255, 256, 300, 352, 1000})
      for (const bool in_place : {false, true}) {
        SweepWriter writer(dtype, 1, columns);
        const int x = writer.input(Extent::element), g = writer.input(Extent::element), rate = writer.number(0);
        const int step = writer.apply(multiply_kernel, rate, g), next = writer.apply(subtract_kernel, x, step);
        writer.output(next);
        writer.output(writer.apply(chain_kernel, step, next));  // several outputs
        writer.output(writer.apply(less_kernel, next, g));
        CAPTURE(static_cast<int>(dtype), columns, in_place);
        std::vector<bool> codes;
        const auto usual = outputs_of_runs(writer, 2, in_place, {}, &codes);
        CHECK(usual == outputs_of_runs(writer, 2, in_place, never));
        if (!run::generates_code()) continue;
        CHECK(codes == std::vector<bool>{false, true, true, true, true, true, true});
      }
}

TEST_CASE("generated code: small sweeps with values per row and column, and sums, have the same bits", "[sweep]") {
  using Shape = std::pair<std::int64_t, std::int64_t>;
  for (const DType dtype : {DType::f32, DType::f64})
    for (const auto& [rows, columns] : {Shape{1, 1},
                                        {32, 1},
                                        {1, 32},
                                        {2, 3},
                                        {32, 16},
                                        {31, 16},
                                        {7, 10},
                                        {100, 10},
                                        {32, 100},
                                        {5, 64},
                                        {40, 128},
                                        {3, 300}})
      for (const Extent extent : {Extent::single, Extent::per_column, Extent::per_row}) {
        SweepWriter writer(dtype, rows, columns);
        const int x = writer.input(Extent::element), g = writer.input(Extent::element), number = writer.number(0);
        const int product = writer.apply(chain_kernel, x, g);
        writer.output(writer.apply(multiply_kernel, product, number));
        writer.output(writer.reduce(Reduction::sum, product, extent));
        writer.output(writer.apply(divide_kernel, writer.reduce(Reduction::maximum, g, extent), number));
        CAPTURE(static_cast<int>(dtype), rows, columns, static_cast<int>(extent));
        CHECK(outputs_of_runs(writer, 2, false, {}) == outputs_of_runs(writer, 2, false, never));
      }
}

}  // namespace thalweg::testing
