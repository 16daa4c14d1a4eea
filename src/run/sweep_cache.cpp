#include "src/run/sweep_cache.hpp"

#include <algorithm>
#include <cstring>

namespace thalweg::run {

namespace {

/// The cache is cleared beyond this size.
constexpr std::size_t cache_limit = std::size_t{2} << 20;
/// A larger program is not cached.
constexpr std::size_t largest_program = std::size_t{128} << 10;

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

}  // namespace

std::shared_ptr<SharedProgram> SharedProgram::delay() {
  if (delayed == nullptr) {
    delayed = std::make_shared<SharedProgram>(sweep, compile_sweep(sweep, true));
    delayed->buffers = buffers;
    delayed->numbers = numbers;
    delayed->is_delayed = true;
  }
  return delayed;
}

std::size_t SharedProgram::bytes() const {
  return sizeof(SharedProgram) + program.memory.bytes() + program.lists.bytes() +
         sweep.values.size() * sizeof(SweepValue) + sweep.outputs.size() * sizeof(SweepOutput);
}

SweepCache& SweepCache::current() {
  thread_local SweepCache cache;
  return cache;
}

void SweepCache::rename_slots(const Sweep& sweep) {
  renamed_ = sweep;
  renamed_.batches = 1;  // all run the same program
  for (SweepValue& value : renamed_.values) value.moves = true, value.period = 0;
  buffers_.clear();
  numbers_.clear();
  draws_.clear();
  const auto rename = [&](SweepValue::Kind kind, std::vector<std::int32_t>& slots, std::size_t first) {
    for (SweepValue& value : renamed_.values)
      if (value.kind == kind) value.slot = static_cast<std::int32_t>(first) + number_of(slots, value.slot);
  };
  rename(SweepValue::Kind::input, buffers_, 0);
  for (SweepOutput& output : renamed_.outputs) output.slot = number_of(buffers_, output.slot);
  rename(SweepValue::Kind::number, numbers_, buffers_.size());
  rename(SweepValue::Kind::draw, draws_, buffers_.size() + numbers_.size());
}

std::shared_ptr<SharedProgram> SweepCache::program(const Sweep& sweep, std::vector<std::int32_t>& slots, bool& is_new) {
  rename_slots(sweep);
  slots.reserve(buffers_.size() + numbers_.size() + draws_.size());
  for (const std::vector<std::int32_t>* list : {&buffers_, &numbers_, &draws_})
    slots.insert(slots.end(), list->begin(), list->end());

  const std::uint64_t hash = hash_of(renamed_);
  const auto [first, last] = entries_.equal_range(hash);
  const Machine* const target = &machine(sweep.dtype);
  const auto at = std::find_if(first, last, [&](const auto& known) {
    return known.second->program.machine == target && known.second->sweep == renamed_;
  });
  is_new = at == last;
  if (!is_new) return at->second;
  auto made = std::make_shared<SharedProgram>(renamed_, compile_sweep(renamed_, false));
  made->buffers = buffers_.size();
  made->numbers = numbers_.size();
  const bool reads_what_it_writes = std::any_of(made->program.hazards.begin(), made->program.hazards.end(),
                                                [](const Hazard& hazard) { return hazard.output == hazard.input; });
  if (reads_what_it_writes) made = made->delay();
  const std::size_t bytes = made->bytes();
  if (bytes > largest_program) return made;
  if (bytes_ + bytes > cache_limit) {
    entries_.clear();
    bytes_ = 0;
  }
  bytes_ += bytes;
  entries_.emplace(hash, made);
  return made;
}

}  // namespace thalweg::run
