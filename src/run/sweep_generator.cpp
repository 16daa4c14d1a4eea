#include "src/run/sweep_generate.hpp"

#if THALWEG_GENERATES_CODE

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "src/run/sweep_generator.hpp"

namespace thalweg::run {

namespace {

const SlotFold* fold_per_row(const RowEnd& row, const Memory& slot) {
  for (const SlotFold& fold : row.folds)
    if (fold.per_row && fold.slot == slot.base) return &fold;
  return nullptr;
}

}  // namespace

std::size_t Generator::write_handler(const Run& run, const Block& block) {
  constexpr int first_free = wide_vectors;  // zmm0 to zmm7 are the accumulator
  const std::size_t entry = begin(run, first_free, {});
  write_block(block);
  registers_.restore_saved();
  code_.add(code_.rdi, (run.end - run.begin) * static_cast<int>(sizeof(Instruction)));
  code_.jmp(code_.ptr[code_.rdi + offsetof(Instruction, handler)]);
  write_calls();
  return entry;
}

void Generator::finish() {
  drop_calls();
  assembler_.write_literals();
}

std::size_t Generator::write_loop(const Run& run, const Position& position, const RowEnd* row) {
  constexpr int most_carried = 3;
  for (int carried = most_carried;; --carried)
    for (const int hoisted : {Budget::most_hoisted, 0}) {
      try {
        return write_loop(run, position, row, {hoisted, carried});
      } catch (const TooLong&) {
        if (hoisted == 0 && carried == 0) throw;
      }
    }
}

std::size_t Generator::write_loop(const Run& run, const Position& position, const RowEnd* row, const Budget& budget) {
  const std::size_t entry = begin(run, 0, budget);
  if (row != nullptr && !carries_all()) throw TooLong{0};
  for_each_carried([&](int k, const Memory& slot) {
    for (vector_ = 0; vector_ < wide_vectors; ++vector_) assembler_.move(carried_sum(k), at(slot));
  });
  write_blocks(position);
  if (row != nullptr) write_block(row->block);
  for_each_carried([&](int k, const Memory& slot) {
    const SlotFold* fold = row != nullptr ? fold_per_row(*row, slot) : nullptr;
    if (fold != nullptr) return write_fold(k, slot, *fold);
    for (vector_ = 0; vector_ < wide_vectors; ++vector_) assembler_.move(at(slot), carried_sum(k));
  });
  registers_.restore_saved();
  code_.vzeroupper();
  code_.ret();
  write_calls();
  return entry;
}

/// As many whole blocks as rdx says.
void Generator::write_blocks(const Position& position) {
  Xbyak::Label again;
  code_.align(32);
  code_.L(again);
  for (int vector = 0; vector < wide_vectors; ++vector) write_vector(vector);
  for (int i = 0; i < static_cast<int>(Address::count); ++i) advance(static_cast<Address>(i), position);
  code_.dec(code_.rdx);
  code_.jnz(again, Xbyak::CodeGenerator::T_NEAR);
}

std::size_t Generator::write_walk(const Run& run, std::int64_t blocks, const Block& rest, const Position& position) {
  const std::size_t entry = begin(run, 0, {.hoisted = Budget::most_hoisted}, false);
  if (blocks > 0) {
    code_.mov(code_.edx, static_cast<std::uint32_t>(blocks));
    write_blocks(position);
  }
  write_block(rest);
  registers_.restore_saved();
  code_.vzeroupper();
  code_.ret();
  write_calls();
  return entry;
}

std::size_t Generator::begin(const Run& run, int first_free, const Budget& budget, bool from_state) {
  run_ = &run;
  is_partial_ = false;
  drop_calls();
  code_.align(16);
  const std::size_t entry = code_.getSize();
  registers_.choose(run, first_free, budget);
  registers_.load(from_state);
  return entry;
}

void Generator::write_block(const Block& block) {
  load_tail_mask(block.last);
  for (int vector = 0; vector < block.vectors; ++vector) {
    is_partial_ = block.last > 0 && vector + 1 == block.vectors;
    write_vector(vector);
  }
}

void Generator::load_tail_mask(int elements) {
  if (elements == 0) return;
  code_.mov(code_.eax, (1U << static_cast<unsigned>(elements)) - 1);
  code_.kmovw(RunRegisters::tail_mask(), code_.eax);
}

/// Calls f(operation, where its sum lies before and after the loop).
template <class F>
void Generator::for_each_carried(F f) {
  for (int k = 0; k < count(); ++k)
    if (registers_.carried(k) >= 0) f(k, run_->operations[static_cast<std::size_t>(k)].target);
}

bool Generator::carries_all() const {
  for (int k = 0; k < count(); ++k)
    if (registers_.carried(k) < 0 && sums_lanes(run_->operations[static_cast<std::size_t>(k)])) return false;
  return true;
}

/// In the order of fold_slot. The slot itself still holds the reduction of nothing.
void Generator::write_fold(int operation, const Memory& slot, const SlotFold& fold) {
  const int first = registers_.carried(operation);
  for (int half = wide_vectors / 2; half > 0; half /= 2)
    for (int i = 0; i < half; ++i)
      reducer_.reduce(Zmm(first + i), fold.reduction, Zmm(first + i), Zmm(first + i + half));
  reducer_.reduce_lanes(Zmm(first), fold.reduction, Zmm(first + 1));
  Memory target = slot;
  target.base = fold.target;
  for (vector_ = 0; vector_ < wide_vectors; ++vector_) assembler_.move(at(target), Zmm(first));
}

void Generator::advance(Address address, const Position& position) {
  const auto step = static_cast<int>(position.step[static_cast<std::size_t>(address)]);
  if (registers_.index(address) < 0 || step == 0) return;
  const Reg64 index(registers_.index(address));
  code_.add(index, step);
  constexpr std::intptr_t most = std::numeric_limits<std::int32_t>::max();
  if (address == Address::column && position.column_period < most) {
    const auto period = static_cast<std::uint32_t>(position.column_period);
    code_.lea(code_.rax, code_.ptr[index - period]);
    code_.cmp(index, period);
    code_.cmovge(index, code_.rax);
  }
  if (address != Address::accumulator) return;
  const std::size_t state = offsetof(State, position);
  code_.mov(code_.rax, index);
  code_.sub(code_.rax, code_.ptr[code_.rsi + state + offsetof(Position, accumulator_period)]);
  code_.cmp(index, code_.ptr[code_.rsi + state + offsetof(Position, accumulator_end)]);
  code_.cmovge(index, code_.rax);
}

void Generator::write_vector(int vector) {
  vector_ = vector;
  register_of_ = registers_.hoisted();
  free_.clear();
  for (int r = registers_.first_free(); r < registers_.end(); ++r) free_.push_back(r);
  free_masks_.clear();
  for (int k = RunRegisters::first_free_mask; k < registers_.masks_end(); ++k) free_masks_.push_back(k);
  if (registers_.first_free() > 0 && value(incoming).uses > 0) {
    register_of_[incoming] = vector;
  } else if (registers_.first_free() > 0) {
    free_.push_back(vector);
  }
  for (operation_ = 0; operation_ < count(); ++operation_) {
    const Operation& operation = run_->operations[static_cast<std::size_t>(operation_)];
    if (operation.dropped) continue;
    write_operation(operation);
    for (const int v : operation.operands)
      if (v >= 0) release(v);
    if (operation.result >= 0 && value(operation.result).uses == 0) release_register(operation.result);
  }
  if (value(run_->outgoing).last_use < count()) return;
  const int at_end = register_of_[static_cast<std::size_t>(run_->outgoing)];
  if (at_end < 0)
    load(Zmm(vector), value(run_->outgoing));
  else if (at_end != vector)
    assembler_.move(Zmm(vector), Zmm(at_end));
}

// --- the registers of a vector's values ---

int Generator::take(std::vector<int>& free) const {
  if (free.empty()) throw TooLong{operation_};
  const int r = free.back();
  free.pop_back();
  return r;
}

void Generator::release(int v) {
  if (value(v).last_use == operation_) release_register(v);
}

void Generator::release_register(int v) {
  int& r = register_of_[static_cast<std::size_t>(v)];
  if (r < 0 || registers_.is_hoisted(v)) return;
  (registers_.is_mask(v) ? free_masks_ : free_).push_back(std::exchange(r, -1));
}

Zmm Generator::result(const Operation& operation) {
  int& r = register_of_[static_cast<std::size_t>(operation.result)];
  r = take();
  return Zmm(r);
}

void Generator::load(const Zmm& to, const Value& from) {
  const bool masked = is_partial_ && from.memory->is_ragged();
  assembler_.move(masked ? to | RunRegisters::tail_mask() | code_.T_z : to, at(*from.memory));
}

/// In a register; from memory where this is the first use.
Zmm Generator::in_register(int v) {
  int& r = register_of_[static_cast<std::size_t>(v)];
  if (r < 0) {
    r = take();
    load(Zmm(r), value(v));
  }
  return Zmm(r);
}

}  // namespace thalweg::run

#endif
