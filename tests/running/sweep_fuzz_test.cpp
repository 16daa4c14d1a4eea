// Random sweeps equal the same values computed one by one, bit for bit.

#include <catch2/catch.hpp>

#include <algorithm>
#include <limits>
#include <utility>

#include <thalweg/error.hpp>
#include <thalweg/simd.hpp>

#include "src/run/sweep_generate.hpp"
#include "tests/running/sweep_helpers.hpp"

namespace thalweg::testing {
namespace {

class RandomSweep {
 public:
  RandomSweep(std::uint32_t seed, DType dtype, std::int64_t rows, std::int64_t columns)
      : engine_(seed), writer_(dtype, rows, columns) {
    const int inputs = pick(1, 4), operations = pick(1, 14);
    for (int i = 0; i < inputs; ++i) add_input();
    if (pick(0, 1) == 0) writer_.number(numbers_++);
    if (pick(0, 4) == 0) writer_.column();
    if (is_floating(dtype) && pick(0, 4) == 0) writer_.draw(draws_++);
    for (int i = 0; i < operations; ++i) add_operation();
    add_outputs();
  }

  /// `generated`: with machine code for it, however small it is.
  void check(bool generated) {
    const Sweep& sweep = writer_.sweep;
    std::vector<Bytes> inputs;
    for (int slot = 0; slot < first_output_; ++slot) inputs.push_back(random_input(slot));
    std::vector<double> numbers(static_cast<std::size_t>(numbers_));
    for (double& number : numbers) number = pick(-4, 4) * (sweep.dtype == DType::i64 ? 1 : 0.375);
    const std::vector<DrawSource> draws(static_cast<std::size_t>(draws_), DrawSource{7, 3, 1});
    const run::GenerationPolicy usual = std::exchange(run::generation_policy(), never);
    const ValueByValue expected(sweep, inputs, numbers, draws);

    Buffers buffers;
    for (const Bytes& input : inputs) std::memcpy(buffers.add(input.size()), input.data(), input.size());
    for (const run::SweepOutput& output : sweep.outputs) {
      if (output.slot < first_output_) continue;
      const int same = in_place(output);
      if (same >= 0) {
        buffers.add_alias(same);
      } else {
        const auto extent = sweep.values[static_cast<std::size_t>(output.value)].extent;
        buffers.add(static_cast<std::size_t>(count_of(sweep, extent)) * size_of(output.dtype));
      }
    }
    run::generation_policy() = generated ? always : never;
    CompiledSweep compiled(sweep);
    compiled.execute({buffers.pointers(), numbers, draws});
    run::generation_policy() = never;
    INFO(compiled.disassembly());
    joined += generated && compiled.disassembly().find("& ") != std::string::npos ? 1 : 0;
    functions += generated && compiled.disassembly().starts_with("one function") ? 1 : 0;
    loops_of_rows += generated && compiled.disassembly().starts_with("rows in a loop") ? 1 : 0;
    for (const run::SweepOutput& output : sweep.outputs) {
      const Extent extent = sweep.values[static_cast<std::size_t>(output.value)].extent;
      CAPTURE(output.value, output.slot, static_cast<int>(extent), static_cast<int>(output.dtype));
      const Bytes wanted = expected.output(output.value, output.dtype);
      CHECK(same_values(buffers[output.slot], wanted.data(), count_of(sweep, extent), output.dtype));
    }
    run::generation_policy() = usual;
  }

  const Sweep& sweep() const { return writer_.sweep; }

  /// Programs with joined instructions so far.
  static inline int joined = 0;
  /// Programs that are one function so far.
  static inline int functions = 0;
  /// Programs with a loop over rows of one block so far.
  static inline int loops_of_rows = 0;

 private:
  static constexpr run::GenerationPolicy always{.large = 0};
  static constexpr run::GenerationPolicy never{.large = std::numeric_limits<std::int64_t>::max(),
                                               .small_when_repeated = false};

  std::mt19937 engine_;
  SweepWriter writer_;
  int numbers_ = 0, draws_ = 0, first_output_ = 0;
  std::vector<int> taken_;  // inputs that an output overwrites

  int pick(int low, int high) { return low + static_cast<int>(engine_() % static_cast<unsigned>(high - low + 1)); }
  int pick_value() { return pick(0, static_cast<int>(writer_.sweep.values.size()) - 1); }

  void add_input() {
    const Extent extents[] = {Extent::element, Extent::element, Extent::per_column, Extent::per_row, Extent::single};
    const DType dtypes[] = {writer_.sweep.dtype, writer_.sweep.dtype, writer_.sweep.dtype, DType::boolean, DType::i64};
    writer_.input(extents[pick(0, 4)], dtypes[pick(0, 4)]);
  }

  void add_operation() {
    const bool floating = is_floating(writer_.sweep.dtype);
    const ElementKernel* unary[] = {&negate_kernel, &absolute_kernel, &square_kernel, &sign_kernel};
    const ElementKernel* binary[] = {&add_kernel,   &subtract_kernel, &multiply_kernel, &less_kernel,
                                     &equal_kernel, &chain_kernel,    &maximum_kernel,  &minimum_kernel};
    switch (pick(0, 12)) {
      case 0: writer_.apply(where_kernel, pick_value(), pick_value(), pick_value()); break;
      case 1: writer_.apply(*unary[pick(0, 3)], pick_value()); break;
      case 2: writer_.apply(floating ? power_kernel : negate_kernel, pick_value()); break;
      case 3:
      case 4: {
        const int value = pick_value();
        const Extent extent = writer_.sweep.values[static_cast<std::size_t>(value)].extent;
        const Extent to[] = {Extent::per_row, Extent::per_column, Extent::single};
        if (extent == Extent::single) break;
        writer_.reduce(static_cast<Reduction>(pick(0, 3)), value,
                       extent == Extent::element ? to[pick(0, 2)] : Extent::single);
        break;
      }
      case 5: writer_.apply(floating ? root_kernel : negate_kernel, pick_value()); break;
      case 6: writer_.apply(floating ? divide_kernel : add_kernel, pick_value(), pick_value()); break;
      default: writer_.apply(*binary[pick(0, 7)], pick_value(), pick_value());
    }
    // An operation that does not go with the others is taken back.
    SweepWriter all = writer_;
    all.sweep.outputs.clear();
    for (std::size_t v = 0; v < all.sweep.values.size(); ++v) all.output(static_cast<int>(v));
    if (!CompiledSweep::can_fuse(all.sweep)) writer_.sweep.values.pop_back();
  }

  void add_outputs() {
    first_output_ = writer_.buffers;
    const int count = static_cast<int>(writer_.sweep.values.size());
    for (int v = 0; v < count; ++v) {
      if (v != count - 1 && pick(0, 3) != 0) continue;
      const SweepValue& input = writer_.sweep.values.front();
      const bool same_slot = pick(0, 5) == 0 && input.extent == Extent::element && input.dtype == writer_.sweep.dtype &&
                             writer_.sweep.values[static_cast<std::size_t>(v)].extent == Extent::element &&
                             std::find(taken_.begin(), taken_.end(), 0) == taken_.end();
      if (same_slot) {
        taken_.push_back(0);
        writer_.output(v, writer_.sweep.dtype, 0);
      } else {
        writer_.output(v, pick(0, 5) == 0 ? DType::boolean : writer_.sweep.dtype);
      }
    }
  }

  /// Sometimes an element output takes the buffer of an element input.
  int in_place(const run::SweepOutput& output) {
    const Sweep& sweep = writer_.sweep;
    if (sweep.values[static_cast<std::size_t>(output.value)].extent != Extent::element || pick(0, 1) == 0) return -1;
    for (const SweepValue& value : sweep.values) {
      if (value.kind != Kind::input || value.extent != Extent::element || value.dtype != output.dtype) continue;
      if (std::find(taken_.begin(), taken_.end(), value.slot) != taken_.end()) continue;
      taken_.push_back(value.slot);
      return value.slot;
    }
    return -1;
  }

  Bytes random_input(int slot) {
    const Sweep& sweep = writer_.sweep;
    for (const SweepValue& value : sweep.values) {
      if (value.kind != Kind::input || value.slot != slot) continue;
      const std::int64_t count = count_of(sweep, value.extent);
      std::vector<double> numbers(static_cast<std::size_t>(count));
      for (double& number : numbers) number = is_floating(value.dtype) ? pick(-1000, 1000) / 256.0 : pick(-3, 3);
      Bytes bytes(static_cast<std::size_t>(count) * size_of(value.dtype));
      run::convert_values(bytes.data(), value.dtype, numbers.data(), DType::f64, count);
      return bytes;
    }
    return {};
  }
};

void check_random(DType dtype, int sweeps, bool generated) {
  const std::int64_t rows[] = {1, 1, 2, 3, 7, 16, 40, 130},
                     columns[] = {1, 2, 3, 5, 8, 10, 16, 20, 37, 64, 100, 128, 129, 255, 256, 257, 300};
  std::mt19937 engine(static_cast<std::uint32_t>(dtype) + (generated ? 117 : 17));
  for (int i = 0; i < sweeps; ++i) {
    const std::int64_t r = rows[engine() % std::size(rows)];
    // Now and then rows that are summed in more than one go, or so many of one block that they are several tasks.
    const std::int64_t c = r <= 3 && engine() % 8 == 0 ? 4200 : columns[engine() % std::size(columns)];
    const bool many = r == 130 && c >= 3 && c <= 64 && engine() % 2 == 0;
    const std::uint32_t seed = engine();
    CAPTURE(i, seed, r, c, many, simd_target());
    RandomSweep random(seed, dtype, many ? 40'000 / c : r, c);
    random.check(generated);
  }
}

}  // namespace

TEST_CASE("sweep: random sweeps equal their values computed one by one", "[sweep]") {
  const char* target = GENERATE("sse4", "avx2", "avx512");
  try {
    set_simd_target(target);
  } catch (const ValueError&) {
    return;
  }
  check_random(DType::f32, 400, false);
  check_random(DType::f64, 200, false);
  check_random(DType::i64, 200, false);
  set_simd_target("");
}

TEST_CASE("sweep: generated code gives the bits of the handlers", "[sweep]") {
  RandomSweep::joined = RandomSweep::functions = RandomSweep::loops_of_rows = 0;
  check_random(DType::f32, 1500, true);
  check_random(DType::f64, 700, true);
  if (!run::generates_code()) return;
  CHECK(RandomSweep::joined > 500);
  CHECK(RandomSweep::functions > 200);
  CHECK(RandomSweep::loops_of_rows > 20);
}

}  // namespace thalweg::testing
