// Machine code that a small sweep gets when it runs again.

#include <catch2/catch.hpp>

#include <cmath>
#include <limits>
#include <thread>
#include <utility>

#include "src/run/sweep_generate.hpp"
#include "src/run/sweep_machine.hpp"
#include "tests/running/sweep_helpers.hpp"

namespace thalweg::testing {
namespace {

bool has_code(const CompiledSweep& sweep) { return sweep.disassembly().find("& ") != std::string::npos; }
bool has_rows_in_one(const CompiledSweep& sweep) { return sweep.disassembly().starts_with("rows in one piece"); }
bool is_function(const CompiledSweep& sweep) { return sweep.disassembly().starts_with("one function"); }

/// What the outputs hold after each of some runs, with numbers that change from run to run.
std::vector<Bytes> outputs_of_runs_here(const SweepWriter& writer, std::int64_t input_count, bool in_place,
                                        std::vector<bool>* codes = nullptr, bool* one_function = nullptr,
                                        bool* rows_in_one = nullptr) {
  std::vector<Bytes> results;
  CompiledSweep sweep(writer.sweep);
  Buffers buffers;
  const std::int64_t size = static_cast<std::int64_t>(size_of(writer.sweep.dtype)),
                     count = writer.sweep.rows * writer.sweep.columns;
  for (const SweepValue& value : writer.sweep.values) {
    if (value.kind != Kind::input) continue;
    std::vector<double> values(static_cast<std::size_t>(count_of(writer.sweep, value.extent)));
    for (std::size_t i = 0; i < values.size(); ++i)
      values[i] = 0.01 * static_cast<double>((i * 7 + static_cast<std::size_t>(value.slot) * 13) % 101) - 0.4;
    if (values.size() > 1) values[values.size() / 2] = -0.0;
    if (value.dtype == DType::i64)
      for (double& each : values) each = std::floor(10 * std::abs(each));
    run::convert_values(buffers.add(values.size() * size_of(value.dtype)), value.dtype, values.data(), DType::f64,
                        std::ssize(values));
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
  if (one_function != nullptr) *one_function = is_function(sweep);
  if (rows_in_one != nullptr) *rows_in_one = has_rows_in_one(sweep);
  return results;
}

/// The same on a thread on which no program is known yet.
std::vector<Bytes> outputs_of_runs(const SweepWriter& writer, std::int64_t input_count, bool in_place,
                                   run::GenerationPolicy policy, std::vector<bool>* codes = nullptr,
                                   bool* one_function = nullptr, bool* rows_in_one = nullptr) {
  std::vector<Bytes> results;
  const run::GenerationPolicy usual = std::exchange(run::generation_policy(), policy);
  std::thread([&] {
    results = outputs_of_runs_here(writer, input_count, in_place, codes, one_function, rows_in_one);
  }).join();
  run::generation_policy() = usual;
  return results;
}

constexpr run::GenerationPolicy never{.large = std::numeric_limits<std::int64_t>::max(), .small_when_repeated = false};

/// What small nets are made of.
struct SmallSweep {
  const char* name;
  void (*write)(SweepWriter& writer, int x, int y);
};
const SmallSweep small_sweeps[] = {
    {"loss with its gradient and the bias's",
     [](SweepWriter& writer, int x, int y) {
       const int bias = writer.input(Extent::single), count = writer.number(0);
       const int error = writer.apply(subtract_kernel, writer.apply(add_kernel, x, bias), y);
       const int squares = writer.reduce(Reduction::sum, writer.apply(square_kernel, error), Extent::single);
       writer.output(writer.apply(divide_kernel, squares, count));
       const int gradient = writer.apply(chain_kernel, writer.apply(divide_kernel, count, squares), error);
       writer.output(gradient);
       writer.output(writer.reduce(Reduction::sum, gradient, Extent::single));
     }},
    {"sums per column",
     [](SweepWriter& writer, int x, int) { writer.output(writer.reduce(Reduction::sum, x, Extent::per_column)); }},
    {"gradient with sums per column",
     [](SweepWriter& writer, int x, int y) {
       const int gradient = writer.apply(multiply_kernel, x, writer.apply(less_kernel, x, y));
       writer.output(gradient);
       writer.output(writer.reduce(Reduction::sum, gradient, Extent::per_column));
       writer.output(writer.reduce(Reduction::maximum, y, Extent::per_column));
     }},
    {"columns made relative to their sums, and to single numbers",
     [](SweepWriter& writer, int x, int y) {
       const int scale = writer.input(Extent::per_column), number = writer.number(0);
       const int mean = writer.apply(divide_kernel, writer.reduce(Reduction::sum, x, Extent::per_column), number);
       const int centered = writer.apply(subtract_kernel, x, mean);
       const int squares = writer.reduce(Reduction::sum, writer.apply(square_kernel, centered), Extent::per_column);
       const int factor = writer.apply(divide_kernel, scale, writer.apply(add_kernel, squares, number));
       const int result = writer.apply(multiply_kernel, centered, factor);
       writer.output(result);
       writer.output(mean);
       writer.output(writer.reduce(Reduction::minimum, writer.apply(multiply_kernel, result, y), Extent::single));
     }},
    {"rows made relative to their sums, and a sum of what belongs to a label",
     [](SweepWriter& writer, int x, int y) {
       const int label = writer.input(Extent::per_row, DType::i64), number = writer.number(0);
       const int from_largest = writer.apply(subtract_kernel, x, writer.reduce(Reduction::maximum, x, Extent::per_row));
       const int positive = writer.apply(square_kernel, writer.apply(subtract_kernel, from_largest, number));
       const int sum = writer.reduce(Reduction::sum, positive, Extent::per_row);
       const int is_label = writer.apply(equal_kernel, writer.column(), label);
       writer.output(writer.apply(subtract_kernel, writer.apply(divide_kernel, positive, sum), is_label));
       const int of_label = writer.reduce(Reduction::sum, writer.apply(multiply_kernel, is_label, y), Extent::per_row);
       writer.output(of_label);
       writer.output(writer.reduce(Reduction::sum, of_label, Extent::single));
     }},
    {"choices by numbers, between buffers that nothing else reads",
     [](SweepWriter& writer, int x, int y) {
       const int derivative = writer.input(Extent::element), otherwise = writer.input(Extent::element);
       const int some = writer.apply(multiply_kernel, x, writer.apply(less_kernel, x, writer.number(0)));
       writer.output(writer.apply(chain_kernel, some, derivative));
       writer.output(writer.apply(where_kernel, some, y, otherwise));
     }},
};

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

TEST_CASE("generated code: many rows of one block, on several tasks, have the same bits", "[sweep]") {
  for (const DType dtype : {DType::f32, DType::f64})
    for (const std::int64_t columns : {3, 4, 8, 16, 17, 64, 100, 128}) {
      const std::int64_t rows = 50'000 / columns;
      for (const SmallSweep& small : small_sweeps) {
        SweepWriter writer(dtype, rows, columns);
        small.write(writer, writer.input(Extent::element), writer.input(Extent::element));
        CAPTURE(static_cast<int>(dtype), columns, small.name);
        const std::int64_t inputs = 2 + (small.write == small_sweeps[0].write || small.write == small_sweeps[3].write ||
                                                 small.write == small_sweeps[4].write
                                             ? 1
                                             : 0);
        CHECK(outputs_of_runs(writer, inputs, false, {}) == outputs_of_runs(writer, inputs, false, never));
      }
      SweepWriter writer(dtype, rows, columns);
      const int x = writer.input(Extent::element), weight = writer.input(Extent::per_row);
      const int centered = writer.apply(subtract_kernel, x, writer.reduce(Reduction::maximum, x, Extent::per_row));
      writer.output(writer.reduce(Reduction::sum, writer.apply(square_kernel, centered), Extent::per_row));
      writer.output(writer.apply(multiply_kernel, centered, weight));
      CHECK(outputs_of_runs(writer, 2, false, {}) == outputs_of_runs(writer, 2, false, never));
      // Targets of 16 registers do not have room for all vectors of a long row.
      const std::int64_t lanes = run::machine(dtype).lanes;
      const std::int64_t longest = lanes * static_cast<std::int64_t>(size_of(dtype)) == 64 ? 8 * lanes : 4 * lanes;
      if (!run::generates_code() || columns > longest) continue;
      CompiledSweep sweep(writer.sweep);
      Buffers buffers;
      for (const std::int64_t count : {rows * columns, rows, rows, rows * columns})
        buffers.add(static_cast<std::size_t>(count) * size_of(dtype));
      sweep.execute({buffers.pointers(), {}, {}});
      CHECK(sweep.disassembly().starts_with("rows in a loop"));
    }
}

TEST_CASE(
    "generated code: sweeps over more and fewer rows, which may have the code of those before, have the same bits",
    "[sweep]") {
  const auto outputs = [](run::GenerationPolicy policy) {
    std::vector<Bytes> results;
    const run::GenerationPolicy usual = std::exchange(run::generation_policy(), policy);
    std::thread([&] {
      for (const DType dtype : {DType::f32, DType::f64})
        for (const std::int64_t columns : {64, 130, 37})
          for (const Extent extent : {Extent::per_column, Extent::per_row, Extent::single})
            for (const std::int64_t rows : {96, 64, 112, 300, 65, 67, 200}) {
              SweepWriter writer(dtype, rows, columns);
              const int x = writer.input(Extent::element), y = writer.input(Extent::element);
              const int product = writer.apply(chain_kernel, x, writer.apply(add_kernel, y, writer.number(0)));
              writer.output(writer.apply(multiply_kernel, product, y));
              writer.output(writer.reduce(Reduction::sum, product, extent));
              for (Bytes& bytes : outputs_of_runs_here(writer, 2, false)) results.push_back(std::move(bytes));
            }
    }).join();
    run::generation_policy() = usual;
    return results;
  };
  CHECK(outputs({.large = 0}) == outputs(never));
}

TEST_CASE("generated code: small sweeps with sums are one function with the bits of the machine", "[sweep]") {
  int functions = 0, all = 0;
  for (const SmallSweep& small : small_sweeps)
    for (const DType dtype : {DType::f32, DType::f64})
      for (const std::int64_t rows : {1, 2, 3, 5, 8, 15, 16, 32, 33})
        for (const std::int64_t columns :
             {1, 2, 3, 4, 7, 8, 9, 10, 15, 16, 17, 20, 31, 32, 33, 62, 64, 100, 128, 252}) {
          SweepWriter writer(dtype, rows, columns);
          const int x = writer.input(Extent::element), y = writer.input(Extent::element);
          small.write(writer, x, y);
          const int inputs = writer.buffers - static_cast<int>(writer.sweep.outputs.size());
          CAPTURE(small.name, static_cast<int>(dtype), rows, columns);
          bool is_one = false;
          const auto usual = outputs_of_runs(writer, inputs, columns % 2 == 0, {}, nullptr, &is_one);
          CHECK(usual == outputs_of_runs(writer, inputs, columns % 2 == 0, never));
          all += 1, functions += is_one ? 1 : 0;
        }
  if (run::generates_code()) CHECK(functions > all / 2);
}

TEST_CASE("generated code: rows of several stages in one piece have the bits of the machine", "[sweep]") {
  struct Rows {
    const char* name;
    void (*write)(SweepWriter& writer, int x, int y);
  };
  static constexpr Rows all[] = {
      {"relative to their sums, with sums per column",
       [](SweepWriter& writer, int x, int y) {
         const int label = writer.input(Extent::per_row, DType::i64), number = writer.number(0);
         const int largest = writer.reduce(Reduction::maximum, x, Extent::per_row);
         const int from_largest = writer.apply(subtract_kernel, x, largest);
         const int positive = writer.apply(square_kernel, writer.apply(add_kernel, from_largest, number));
         const int sum = writer.reduce(Reduction::sum, positive, Extent::per_row);
         const int is_label = writer.apply(equal_kernel, writer.column(), label);
         const int of_label = writer.reduce(Reduction::sum, writer.apply(chain_kernel, is_label, y), Extent::per_row);
         writer.output(writer.apply(divide_kernel, of_label, writer.apply(add_kernel, sum, number)));
         const int gradient = writer.apply(subtract_kernel, writer.apply(divide_kernel, positive, sum), is_label);
         writer.output(gradient);
         writer.output(writer.reduce(Reduction::sum, gradient, Extent::per_column));
       }},
      {"a value per row for the next walk",
       [](SweepWriter& writer, int x, int y) {
         const int product =
             writer.reduce(Reduction::product, writer.apply(add_kernel, y, writer.number(0)), Extent::per_row);
         const int scaled = writer.apply(multiply_kernel, x, product);
         writer.output(scaled);
         const int sum = writer.reduce(Reduction::sum, scaled, Extent::per_column);
         const int least = writer.reduce(Reduction::minimum, writer.apply(subtract_kernel, x, sum), Extent::per_row);
         writer.output(writer.apply(multiply_kernel, writer.apply(add_kernel, least, product), y));
       }},
  };
  constexpr std::int64_t most_bytes = std::int64_t{1} << 20;
  for (const Rows& one : all)
    for (const DType dtype : {DType::f32, DType::f64})
      for (const std::int64_t columns : {65, 128, 129, 143, 144, 300, 1000, 2048, 4096, 4100})
        for (const std::int64_t rows : {1, 2, 3, 70, 200, 260}) {
          if (rows * columns * static_cast<std::int64_t>(size_of(dtype)) > most_bytes) continue;
          SweepWriter writer(dtype, rows, columns);
          const int x = writer.input(Extent::element), y = writer.input(Extent::element);
          one.write(writer, x, y);
          const int inputs = writer.buffers - static_cast<int>(writer.sweep.outputs.size());
          CAPTURE(one.name, static_cast<int>(dtype), rows, columns);
          bool in_one = false;
          const auto usual = outputs_of_runs(writer, inputs, false, {.large = 0}, nullptr, nullptr, &in_one);
          CHECK(usual == outputs_of_runs(writer, inputs, false, never));
          const std::int64_t block = run::wide_vectors * run::machine(dtype).lanes;
          if (run::generates_code()) CHECK(in_one == (rows > 1 && columns > block && columns <= 32 * block));
        }
}

}  // namespace thalweg::testing
