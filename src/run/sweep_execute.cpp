#include <algorithm>
#include <array>
#include <cstring>
#include <limits>

#include <fmt/format.h>

#include "src/run/sweep_cache.hpp"
#include "src/run/sweep_generate.hpp"
#include "src/run/sweep_program.hpp"
#include "src/run/sweep_walk.hpp"
#include "src/run/thread_pool.hpp"

namespace thalweg::run {

namespace {

/// One element as the machine's dtype holds it.
Partial read_partial(DType dtype, const void* memory, DType memory_dtype) {
  Partial partial{};
  if (dtype == DType::i64) {
    convert_values(&partial.integer, DType::i64, memory, memory_dtype, 1);
  } else if (dtype == DType::f64) {
    convert_values(&partial.floating, DType::f64, memory, memory_dtype, 1);
  } else {
    float value = 0;
    convert_values(&value, DType::f32, memory, memory_dtype, 1);
    partial.floating = value;
  }
  return partial;
}

/// An element of 1, 4 or 8 bytes.
std::uint64_t bits_of(const void* element, std::size_t bytes) {
  std::uint64_t bits = 0;
  switch (bytes) {
    case 8: std::memcpy(&bits, element, 8); break;
    case 4: std::memcpy(&bits, element, 4); break;
    default: std::memcpy(&bits, element, 1); break;
  }
  return bits;
}

/// What has one value per column or only one, between the walks.
void run_level(const SweepProgram& program, const Level& level) {
  const Machine& machine = *program.machine;
  const Geometry& geometry = program.geometry;
  if (level.single_program != no_program || level.column_program != no_program) {
    State state;
    state.position = Position();
    state.position.column_period = state.position.accumulator_end = std::numeric_limits<std::intptr_t>::max();
    state.position[Address::scratch] = reinterpret_cast<std::intptr_t>(scratch_of(program));
    if (level.single_program != no_program) machine.run(once(program, level.single_program), &state);
    if (level.column_program != no_program) {
      const std::int64_t block = level.columns_wide ? geometry.wide : geometry.lanes;
      state.position.step_of(Address::column) = block * geometry.size;
      Blocks blocks = once(program, level.column_program);
      blocks.tail_wide = level.columns_wide;
      blocks.tail_count = (geometry.columns + block - 1) / block;
      machine.run(blocks, &state);
    }
  }
  for (std::int32_t i = level.folds.begin; i < level.folds.end; ++i) {
    const VectorFold& fold = program.vector_folds[static_cast<std::size_t>(i)];
    const Geometry vector(1, fold.length, program.dtype, machine.lanes);
    const std::int64_t length = vector.task_length(false, true);
    Partial total{};
    for (std::int64_t start = 0; start < fold.length || start == 0; start += length) {
      const Partial part = machine.reduce_array(program.at(fold.vector + start * geometry.size),
                                                std::min(length, fold.length - start), fold.reduction);
      total = start == 0 ? part : combine(fold.reduction, program.dtype, total, part);
    }
    machine.fill(program.at(fold.slot), program.splat_lanes, total);
  }
  for (std::int32_t i = level.expansions.begin; i < level.expansions.end; ++i) {
    const Expansion& expansion = program.expansions[static_cast<std::size_t>(i)];
    machine.repeat(program.at(expansion.tile), program.read_period + geometry.wide, program.at(expansion.vector),
                   geometry.columns);
  }
}

/// Brings small inputs into the sweep's memory.
[[gnu::noinline]] void bring_inputs(SweepProgram& program, const Argument* arguments) {
  const Machine& machine = *program.machine;
  const Geometry& geometry = program.geometry;
  for (SingleInput& input : program.singles_to_bring()) {
    const auto* const source = reinterpret_cast<const void*>(arguments[input.slot]);
    const std::uint64_t bits = bits_of(source, size_of(input.dtype));
    if (input.is_there && input.bits == bits) continue;
    input.bits = bits;
    input.is_there = true;
    machine.fill(program.at(input.memory), program.splat_lanes, read_partial(program.dtype, source, input.dtype));
  }
  for (const ColumnInput& input : program.column_inputs) {
    const auto* source = reinterpret_cast<const void*>(arguments[input.slot]);
    if (input.vector >= 0) {
      convert_values(program.at(input.vector), program.dtype, source, input.dtype, geometry.columns);
      source = program.at(input.vector);
    }
    if (input.tile >= 0)
      machine.repeat(program.at(input.tile), program.read_period + geometry.wide, source, geometry.columns);
  }
}

}  // namespace

void prepare_program(SweepProgram& program) {
  program.brings_inputs = !(program.singles_to_bring().empty() && program.column_inputs.empty());
  if (!program.one_walk) return;
  const BlockPrograms& programs = program.stages.front().blocks;
  program.only_blocks = program.one_block_rows ? rows_of(program, programs, program.geometry.rows)
                                               : blocks_of(program, programs, program.geometry.elements());
}

namespace {

/// Which of the buffers that rows stream through are the same memory.
[[gnu::noinline]] void find_repeated_streams(SweepProgram& program) {
  const auto base_of = [&](const Stream& stream) {
    return program.instructions[static_cast<std::size_t>(stream.instruction)].base[stream.which];
  };
  for (std::size_t i = 0; i < program.streams.size(); ++i)
    program.streams[i].repeated =
        std::any_of(program.streams.begin(), program.streams.begin() + static_cast<std::ptrdiff_t>(i),
                    [&](const Stream& earlier) { return base_of(earlier) == base_of(program.streams[i]); });
}

/// Writes the arguments' addresses into the program's instructions.
void bind_program(SweepProgram& program, const Argument* arguments) {
  for (const Patch& patch : program.patches)
    program.instructions[static_cast<std::size_t>(patch.instruction)].base[patch.which] = arguments[patch.slot];
  if (!program.streams.empty()) find_repeated_streams(program);
}

[[gnu::noinline]] void generate_and_prepare(SweepProgram& program) {
  program.has_tried_code = true;
  generate(program);
  prepare_program(program);
}

// Apart from `run`, which so needs less of the stack.
[[gnu::noinline]] void run_on_machine(SweepProgram& program, const Argument* arguments) {
  bind_program(program, arguments);
  if (program.one_walk && program.streams.empty())
    return program.machine->run_from(program.only_blocks, program.positions.data(), scratch_of(program));
  for (const Walk& walk : program.walks) {
    for (std::int32_t i = walk.levels.begin; i < walk.levels.end; ++i)
      run_level(program, program.levels[static_cast<std::size_t>(i)]);
    run_walk(program, walk);
  }
  for (const SmallOutput& output : program.small_outputs)
    convert_values(reinterpret_cast<void*>(arguments[output.slot]), output.dtype, program.at(output.memory),
                   program.dtype, output.count);
}

}  // namespace

struct CompiledSweep::Batches {
  static constexpr std::size_t most_own_arguments = 2 * static_cast<std::size_t>(max_values);  // of a thread
  std::int64_t count;
  std::vector<std::int64_t> steps;  // the bytes by which each argument moves on
  std::vector<Argument> arguments;  // of the present batch
  struct Periodic {
    std::size_t argument;
    std::int64_t period;
  };
  std::vector<Periodic> periodic;  // the arguments that begin anew after some batches

  Batches(const Sweep& sweep, const CompiledSweep& compiled)
      : count(sweep.batches), steps(compiled.argument_count()), arguments(steps.size()) {
    const std::span<const std::int32_t> slots = compiled.buffers();
    const auto set_step = [&](std::int32_t slot, Extent extent, DType dtype, std::int64_t step, std::int64_t period) {
      const std::int64_t numbers = step != 0                      ? step
                                   : extent == Extent::element    ? sweep.rows * sweep.columns
                                   : extent == Extent::per_row    ? sweep.rows
                                   : extent == Extent::per_column ? sweep.columns
                                                                  : 1;
      const auto argument = static_cast<std::size_t>(std::find(slots.begin(), slots.end(), slot) - slots.begin());
      steps[argument] = numbers * static_cast<std::int64_t>(size_of(dtype));
      if (period != 0) periodic.push_back({argument, period});
    };
    for (const SweepValue& value : sweep.values)
      if (value.kind == SweepValue::Kind::input && value.moves)
        set_step(value.slot, value.extent, value.dtype, value.step, value.period);
    for (const SweepOutput& output : sweep.outputs)
      set_step(output.slot, sweep.values[static_cast<std::size_t>(output.value)].extent, output.dtype, 0, 0);
  }
  void run(CompiledSweep& sweep, const Argument* first);
  bool is_worth_threads(const SweepProgram& program, std::int64_t left) const;
  void run_on_threads(const SweepProgram& program, std::int64_t from) const;
  std::size_t bytes() const {
    return sizeof(Batches) + steps.capacity() * sizeof(steps[0]) + arguments.capacity() * sizeof(arguments[0]) +
           periodic.capacity() * sizeof(periodic[0]);
  }
  /// Moves the arguments of batch `batch` − 1 on to `batch`.
  void move_on(Argument* to, std::int64_t batch) const {
    for (std::size_t i = 0; i < steps.size(); ++i) to[i] += steps[i];
    for (const Periodic& p : periodic)
      if (batch % p.period == 0) to[p.argument] -= p.period * steps[p.argument];
  }
};

CompiledSweep::CompiledSweep() = default;
CompiledSweep::CompiledSweep(CompiledSweep&&) noexcept = default;
CompiledSweep& CompiledSweep::operator=(CompiledSweep&&) noexcept = default;
CompiledSweep::~CompiledSweep() = default;

CompiledSweep::CompiledSweep(const Sweep& sweep) {
  shared_ = SweepCache::current().program(sweep, slots_, is_first_);
  if (sweep.batches > 1) batches_ = std::make_unique<Batches>(sweep, *this);
}

std::span<const std::int32_t> CompiledSweep::buffers() const {
  return std::span<const std::int32_t>(slots_).first(shared_->buffers);
}

void CompiledSweep::find_arguments(const SweepBindings& bindings, std::span<Argument> arguments) const {
  const std::size_t numbers = shared_->buffers, draws = numbers + shared_->numbers;
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    const auto slot = static_cast<std::size_t>(slots_[i]);
    const void* const place = i < numbers ? bindings.buffers[slot]
                              : i < draws ? static_cast<const void*>(&bindings.numbers[slot])
                                          : &bindings.draws[slot];
    arguments[i] = reinterpret_cast<Argument>(place);
  }
}

void CompiledSweep::look_for_aliases(const Argument* arguments) {
  const std::span<const Hazard> hazards = shared_->program.hazards;
  if (std::any_of(hazards.begin(), hazards.end(),
                  [&](const Hazard& hazard) { return arguments[hazard.output] == arguments[hazard.input]; }))
    shared_ = shared_->delay();
}

void CompiledSweep::run_program(const Argument* arguments) {
  if (batches_ != nullptr) return batches_->run(*this, arguments);
  run_batch(arguments);
}

/// Apart from `run_program`, which so needs less of the stack.
[[gnu::noinline]] void CompiledSweep::Batches::run(CompiledSweep& sweep, const Argument* first) {
  std::copy_n(first, arguments.size(), arguments.begin());
  const auto is_function = [&] {  // that needs nothing done before each batch
    const SweepProgram& program = sweep.shared_->program;
    return program.function != nullptr && !program.brings_inputs && program.column_folds.empty() &&
           program.hazards.empty();
  };
  std::int64_t batch = 0;
  for (; batch < count && !is_function(); move_on(arguments.data(), ++batch)) sweep.run_batch(arguments.data());
  if (batch == count) return;
  const SweepProgram& program = sweep.shared_->program;
  std::byte* const memory = program.memory.get();
  if (is_worth_threads(program, count - batch)) return run_on_threads(program, batch);
  for (; batch < count; move_on(arguments.data(), ++batch)) program.function(arguments.data(), memory, nullptr);
}

/// Functions that write nothing to the program's memory but the single numbers they read, and these the same in every batch.
bool CompiledSweep::Batches::is_worth_threads(const SweepProgram& program, std::int64_t left) const {
  if (!program.one_walk || left * program.work < parallel_work || thread_limit() == 1) return false;
  if (arguments.size() > most_own_arguments) return false;
  return std::all_of(program.single_inputs.begin(), program.single_inputs.end(),
                     [&](const SingleInput& input) { return steps[static_cast<std::size_t>(input.slot)] == 0; });
}

void CompiledSweep::Batches::run_on_threads(const SweepProgram& program, std::int64_t from) const {
  const std::int64_t left = count - from, tasks = std::min(left, task_limit);
  parallel_for(tasks, [&](std::int64_t task) {
    const std::int64_t begin = from + left * task / tasks, end = from + left * (task + 1) / tasks;
    std::array<Argument, most_own_arguments> own;
    for (std::size_t i = 0; i < arguments.size(); ++i) own[i] = arguments[i] + (begin - from) * steps[i];
    for (const Periodic& p : periodic)
      own[p.argument] -= (begin / p.period - from / p.period) * p.period * steps[p.argument];
    for (std::int64_t batch = begin; batch < end; move_on(own.data(), ++batch))
      program.function(own.data(), program.memory.get(), nullptr);
  });
}

void CompiledSweep::run_batch(const Argument* arguments) {
  if (!shared_->program.hazards.empty() && !shared_->is_delayed) [[unlikely]]
    look_for_aliases(arguments);
  SweepProgram& program = shared_->program;
  if (!program.has_tried_code &&
      generation_policy().is_time(program.geometry.elements(), has_run_ || batches_ != nullptr)) [[unlikely]]
    generate_and_prepare(program);
  has_run_ = true;
  if (program.brings_inputs) bring_inputs(program, arguments);
  if (program.function == nullptr) return run_on_machine(program, arguments);
  const bool needs_scratch = !program.column_folds.empty();
  if (!needs_scratch && !program.brings_inputs && program.hazards.empty() && batches_ == nullptr)
    function_ = {program.function, program.memory.get()};
  program.function(arguments, program.memory.get(), needs_scratch ? scratch_of(program) : nullptr);
}

void CompiledSweep::execute(const SweepBindings& bindings) {
  std::vector<Argument> arguments(argument_count());
  find_arguments(bindings, arguments);
  run(arguments.data());
}

bool CompiledSweep::can_fuse(const Sweep& sweep) { return fits_machine(sweep); }

std::size_t CompiledSweep::bytes() const {
  return slots_.capacity() * sizeof(slots_[0]) + (batches_ == nullptr ? 0 : batches_->bytes()) +
         (is_first_ ? shared_->bytes() : 0);
}
std::size_t CompiledSweep::bytes_moved() const {
  const std::int64_t batches = batches_ == nullptr ? 1 : batches_->count;
  return static_cast<std::size_t>(batches) * shared_->program.bytes_moved;
}
std::string CompiledSweep::disassembly() const { return disassemble(shared_->program, slots_, shared_->buffers); }

std::string disassemble(const SweepProgram& program, std::span<const std::int32_t> slots, std::size_t buffers) {
  constexpr const char* addresses[] = {"flat1",  "flat4", "flat8",       "row1",    "row4",          "row8",
                                       "column", "fixed", "accumulator", "scratch", "scratch column"};
  const bool in_one = std::ranges::any_of(program.walks, [](const Walk& walk) { return walk.rows != nullptr; });
  const bool in_loop =
      std::ranges::any_of(program.stages, [](const Stage& stage) { return stage.blocks.rows != nullptr; });
  std::string text = program.function != nullptr ? "one function of\n"
                     : in_one                    ? "rows in one piece\n"
                     : in_loop                   ? "rows in a loop\n"
                                                 : "";
  for (std::size_t i = 0; i < program.instructions.size(); ++i) {
    const Instruction& instruction = program.instructions[i];
    text += fmt::format("{:3} {}{}", i, program.notes[i].joined ? "& " : "", program.notes[i].text);
    if (program.notes[i].value >= 0) text += fmt::format(" v{}", program.notes[i].value);
    for (int k = 0; k < 2; ++k) {
      const auto at = static_cast<std::int32_t>(i);
      const auto patch = std::find_if(program.patches.begin(), program.patches.end(),
                                      [&](const Patch& p) { return p.instruction == at && p.which == k; });
      if (patch != program.patches.end()) {
        const auto slot = static_cast<std::size_t>(patch->slot);
        text += fmt::format(" [{} {}]", slot < buffers ? "buffer" : "draw", slots[slot]);
      } else if (instruction.address[k] != Address::fixed) {
        text += fmt::format(" [{}]", addresses[static_cast<int>(instruction.address[k])]);
      } else if (instruction.base[k] != 0) {
        text += fmt::format(" [at {}]", instruction.base[k] - reinterpret_cast<std::intptr_t>(program.memory.get()));
      }
    }
    text += '\n';
  }
  return text;
}

}  // namespace thalweg::run
