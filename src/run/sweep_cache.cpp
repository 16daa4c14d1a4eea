#include "src/run/sweep_cache.hpp"

#include <algorithm>
#include <cstring>

namespace thalweg::run {

namespace {

/// Beyond this all programs are forgotten.
constexpr std::size_t cache_limit = std::size_t{2} << 20;
/// Copying more memory than this costs more than compiling.
constexpr std::size_t largest_memory = std::size_t{16} << 10;

std::uint64_t hash_of(const Sweep& sweep) {
  std::uint64_t hash = sweep.values.size();
  const auto add = [&](std::uint64_t word) { hash = ((hash ^ word) * 0xFF51AFD7ED558CCDu) ^ (hash >> 29); };
  add(static_cast<std::uint64_t>(sweep.rows));
  add(static_cast<std::uint64_t>(sweep.columns));
  for (const SweepValue& value : sweep.values) {
    add(static_cast<std::uint64_t>(value.kind) | static_cast<std::uint64_t>(value.extent) << 8 |
        static_cast<std::uint64_t>(value.dtype) << 16 | static_cast<std::uint64_t>(value.reduction) << 24 |
        static_cast<std::uint64_t>(value.slot) << 32);
    add(reinterpret_cast<std::uintptr_t>(value.kernel) ^ static_cast<std::uint64_t>(value.operands[0]) << 48 ^
        static_cast<std::uint64_t>(value.operands[1]) << 56);
  }
  for (const SweepOutput& output : sweep.outputs)
    add(static_cast<std::uint64_t>(output.value) << 32 | static_cast<std::uint32_t>(output.slot));
  return hash;
}

std::int32_t number_of(std::vector<std::int32_t>& slots, std::int32_t slot) {
  const auto place = std::find(slots.begin(), slots.end(), slot) - slots.begin();
  if (place == std::ssize(slots)) slots.push_back(slot);
  return static_cast<std::int32_t>(place);
}

/// A program like `prototype` with memory of its own.
SweepProgram copy_program(const SweepProgram& prototype) {
  SweepProgram program;
  static_cast<ProgramFacts&>(program) = prototype;
  const std::size_t memory_bytes = prototype.memory.bytes();
  program.memory = AlignedMemory(memory_bytes + prototype.lists.bytes());
  std::byte* const lists = program.memory.get() + memory_bytes;
  std::memcpy(program.memory.get(), prototype.memory.get(), memory_bytes);
  std::memcpy(lists, prototype.lists.get(), prototype.lists.bytes());
  program.with_lists_of(prototype, [&](auto& to, const auto& from) {
    using T = typename std::decay_t<decltype(to)>::element_type;
    const auto offset = reinterpret_cast<const std::byte*>(from.data()) - prototype.lists.get();
    if (!from.empty()) to = {reinterpret_cast<T*>(lists + offset), from.size()};
  });
  // Addresses in the program's own memory.
  const auto begin = reinterpret_cast<std::intptr_t>(prototype.memory.get());
  const auto end = begin + static_cast<std::intptr_t>(memory_bytes);
  const std::intptr_t moved = reinterpret_cast<std::intptr_t>(program.memory.get()) - begin;
  for (Instruction& instruction : program.instructions)
    for (int which = 0; which < 2; ++which) {
      const Address address = instruction.address[which];
      const bool is_scratch =
          address == Address::accumulator || address == Address::scratch || address == Address::scratch_column;
      std::intptr_t& base = instruction.base[which];
      if (!is_scratch && base >= begin && base < end) base += moved;
    }
  return program;
}

void set_slots(SweepProgram& program, const SlotNames& names) {
  const auto set = [](std::int32_t& slot, const std::vector<std::int32_t>& slots) {
    slot = slots[static_cast<std::size_t>(slot)];
  };
  for (Patch& patch : program.patches) set(patch.slot, names.buffers);
  for (Hazard& hazard : program.hazards) set(hazard.output, names.buffers), set(hazard.input, names.buffers);
  for (NumberInput& input : program.number_inputs) set(input.slot, names.numbers);
  for (DrawInput& input : program.draw_inputs) set(input.slot, names.draws);
  for (SingleInput& input : program.single_inputs) set(input.slot, names.buffers);
  for (ColumnInput& input : program.column_inputs) set(input.slot, names.buffers);
  for (SmallOutput& output : program.small_outputs) set(output.slot, names.buffers);
}

SweepProgram compile(const Sweep& sweep, bool& is_delayed) {
  SweepProgram program = compile_sweep(sweep, false);
  is_delayed = std::any_of(program.hazards.begin(), program.hazards.end(),
                           [](const Hazard& hazard) { return hazard.output == hazard.input; });
  return is_delayed ? compile_sweep(sweep, true) : std::move(program);
}

}  // namespace

SweepCache& SweepCache::current() {
  thread_local SweepCache cache;
  return cache;
}

void SweepCache::rename_slots(const Sweep& sweep) {
  renamed_ = sweep;
  names_.buffers.clear();
  names_.numbers.clear();
  names_.draws.clear();
  for (SweepValue& value : renamed_.values) {
    if (value.kind == SweepValue::Kind::input) value.slot = number_of(names_.buffers, value.slot);
    if (value.kind == SweepValue::Kind::number) value.slot = number_of(names_.numbers, value.slot);
    if (value.kind == SweepValue::Kind::draw) value.slot = number_of(names_.draws, value.slot);
  }
  for (SweepOutput& output : renamed_.outputs) output.slot = number_of(names_.buffers, output.slot);
}

SweepProgram SweepCache::program(const Sweep& sweep, bool& is_delayed) {
  rename_slots(sweep);
  const std::uint64_t hash = hash_of(renamed_);
  const auto [first, last] = entries_.equal_range(hash);
  const Machine* const target = &machine(sweep.dtype);
  auto at = std::find_if(first, last, [&](const auto& known) {
    return known.second.program.machine == target && known.second.sweep == renamed_;
  });
  if (at == last) {
    Entry made{renamed_, {}, false};
    made.program = compile(renamed_, made.is_delayed);
    if (made.program.memory.bytes() > largest_memory) {
      is_delayed = made.is_delayed;
      set_slots(made.program, names_);
      return std::move(made.program);
    }
    const std::size_t bytes = sizeof(Entry) + made.program.memory.bytes() + made.program.lists.bytes() +
                              made.sweep.values.size() * sizeof(SweepValue);
    if (bytes_ + bytes > cache_limit) {
      entries_.clear();
      bytes_ = 0;
    }
    bytes_ += bytes;
    at = entries_.emplace(hash, std::move(made));
  }
  is_delayed = at->second.is_delayed;
  SweepProgram program = copy_program(at->second.program);
  set_slots(program, names_);
  return program;
}

}  // namespace thalweg::run
