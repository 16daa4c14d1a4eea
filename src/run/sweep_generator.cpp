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
  const std::size_t entry = begin_code();
  begin(run, first_free, {}, {});
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
  const Budget budget = budget_of(run, row, {});
  const std::size_t entry = begin_code();
  begin(run, 0, budget, {});
  write_loop_and_end(position, row);
  registers_.restore_saved();
  end_code();
  return entry;
}

Budget Generator::budget_of(const Run& run, const RowEnd* row, const Frame& frame) {
  constexpr int most_carried = 3;
  for (int carried = most_carried;; --carried)
    for (const int hoisted : {Budget::most_hoisted, 0}) {
      try {
        Budget budget{.hoisted = hoisted, .carried = carried};
        choose(run, 0, budget, frame);
        if (row != nullptr && !frame.by_rows && !carries_all()) throw TooLong{0};
        budget.literals = try_writing([&] {
          is_partial_ = row != nullptr && row->block.last > 0;
          write_vector(0);
        });
        return budget;
      } catch (const TooLong&) {
        if (hoisted == 0 && carried == 0) throw;
      }
    }
}

std::size_t Generator::write_loop_of_rows(const Run& run, const Position& position, const Block& row) {
  const auto budget_with = [&](int hoisted) {
    Budget budget{.hoisted = hoisted};
    choose(run, 0, budget, {});
    budget.literals = try_writing([&] {
      assembler_.set_tail(row.last, code_.rax);
      write_row(row);
    });
    return budget;
  };
  Budget budget;
  try {
    budget = budget_with(Budget::most_hoisted);
  } catch (const TooLong&) {
    budget = budget_with(0);
  }
  const std::size_t entry = begin_code();
  begin(run, 0, budget, {});
  assembler_.set_tail(row.last, code_.rax);
  write_loop_of(position, [&] { write_row(row); });
  registers_.restore_saved();
  end_code();
  return entry;
}

void Generator::write_row_stage(const Run& run, std::int64_t blocks, const Position& position, const RowEnd& row,
                                const Budget& budget, const Frame& frame) {
  begin(run, 0, budget, frame);
  code_.mov(registers_.counter().cvt32(), static_cast<std::uint32_t>(blocks));
  write_loop_and_end(position, &row);
  registers_.restore_saved();
}

void Generator::write_loop_and_end(const Position& position, const RowEnd* row) {
  begin_sums();
  write_blocks(position);
  if (row != nullptr) write_block(row->block);
  end_sums(row);
}

/// Sums of rows start from the identity; others go on from memory.
void Generator::begin_sums() {
  const bool by_rows = registers_.frame().by_rows;
  for_each_carried([&](int k, const Memory& slot) {
    for (vector_ = 0; vector_ < wide_vectors; ++vector_)
      by_rows ? reducer_.set_identity(carried_sum(k), reduction_of(k)) : assembler_.move(carried_sum(k), at(slot));
  });
  if (!by_rows) return;
  for_each_sum_in_memory([&](int k, const Memory& slot) {
    const Vector nothing = assembler_.vector(registers_.first_free());
    reducer_.set_identity(nothing, reduction_of(k));
    for (int i = 0; i < wide_vectors; ++i) assembler_.move(registers_.at_sum(slot, i), nothing);
  });
}

void Generator::end_sums(const RowEnd* row) {
  for_each_carried([&](int k, const Memory& slot) {
    const SlotFold* fold = row != nullptr ? fold_per_row(*row, slot) : nullptr;
    if (fold != nullptr) return write_fold(k, slot, *fold);
    for (vector_ = 0; vector_ < wide_vectors; ++vector_) assembler_.move(at(slot), carried_sum(k));
  });
  if (!registers_.frame().by_rows) return;
  for_each_sum_in_memory([&](int, const Memory& slot) {
    if (const SlotFold* fold = fold_per_row(*row, slot); fold != nullptr) write_fold_in_memory(slot, *fold);
  });
}

/// Emits a loop over as many whole blocks as the counter holds.
void Generator::write_blocks(const Position& position) {
  write_loop_of(position, [&] {
    for (int vector = 0; vector < wide_vectors; ++vector) write_vector(vector);
  });
}

/// Emits `write`, advancing the positions after each vector.
template <class F>
void Generator::write_loop_of(const Position& position, F write) {
  Xbyak::Label again;
  code_.align(32);
  code_.L(again);
  write();
  for (int i = 0; i < static_cast<int>(Address::count); ++i) advance(static_cast<Address>(i), position);
  code_.dec(registers_.counter());
  code_.jnz(again, Xbyak::CodeGenerator::T_NEAR);
}

void Generator::write_flat(const Run& run, std::int64_t blocks, const Block& rest, const Budget& budget,
                           const Frame& frame) {
  begin(run, 0, budget, frame);
  for_each_carried([&](int k, const Memory&) {
    for (const Vector& sum : sums_of(static_cast<std::size_t>(k)))
      reducer_.set_identity(sum, run.operations[static_cast<std::size_t>(k)].meaning.reduction);
  });
  if (blocks > 0) {
    code_.mov(registers_.counter().cvt32(), static_cast<std::uint32_t>(blocks));
    write_blocks(*frame.position);
  }
  write_block(rest);
  registers_.restore_saved();
}

void Generator::write_rows(const Run& run, std::int64_t rows, const Block& row, const Budget& budget,
                           const Frame& frame) {
  begin(run, 0, budget, frame);
  assembler_.set_tail(row.last, code_.rax);
  if (rows > 1) {
    code_.mov(registers_.counter().cvt32(), static_cast<std::uint32_t>(rows));
    write_loop_of(*frame.position, [&] { write_row(row); });
  } else {
    write_row(row);
  }
  registers_.restore_saved();
}

std::size_t Generator::begin_code() {
  drop_calls();
  code_.align(16);
  return code_.getSize();
}

void Generator::end_code() {
  code_.vzeroupper();
  code_.ret();
  write_calls();
}

void Generator::choose(const Run& run, int first_free, const Budget& budget, const Frame& frame) {
  run_ = &run;
  is_partial_ = false;
  row_vectors_ = 0;
  registers_.choose(run, first_free, budget, frame);
}

void Generator::begin(const Run& run, int first_free, const Budget& budget, const Frame& frame) {
  choose(run, first_free, budget, frame);
  registers_.load();
}

/// Calls `write`, whose code is not used, to find out how many registers it leaves and which literals it needs. Returns the
/// literals that fit into registers.
template <class F>
std::vector<std::uint64_t> Generator::try_writing(F write) {
  assembler_.hold_literals(0, {});
  assembler_.forget_literals();
  write();
  is_partial_ = false;
  return assembler_.literals_asked_for(fewest_free_);
}

/// Emits the prefetches of the streams that are assigned to this vector of a block.
void Generator::prefetch() {
  const Frame& frame = registers_.frame();
  if ((frame.prefetching_vectors >> static_cast<unsigned>(vector_) & 1U) == 0) return;
  for (const PrefetchedStream& stream : frame.prefetched)
    stream.is_written ? code_.prefetcht1(at(stream.memory)) : code_.prefetcht0(at(stream.memory));
}

void Generator::write_block(const Block& block) {
  assembler_.set_tail(block.last, code_.rax);
  for (int vector = 0; vector < block.vectors; ++vector) {
    is_partial_ = block.last > 0 && vector + 1 == block.vectors;
    write_vector(vector);
  }
}

/// Emits all vectors of a row, from one reduction over it to the next.
void Generator::write_row(const Block& block) {
  row_vectors_ = block.vectors;
  find_shared();
  begin_vectors();
  for (int first = 0, end = 0; first < count(); first = end + 1) {
    for (end = first; end < count() && !reduces_row(run_->operations[static_cast<std::size_t>(end)]);) ++end;
    for (vector_ = 0; vector_ < block.vectors; ++vector_) {
      is_partial_ = block.last > 0 && vector_ + 1 == block.vectors;
      write_operations(first, end);
    }
    operation_ = end;
    if (end < count()) write_row_reduction(block);
  }
}

/// In the order of ReduceRowBody.
void Generator::write_row_reduction(const Block& block) {
  const Operation& operation = run_->operations[static_cast<std::size_t>(operation_)];
  const Reduction reduction = operation.meaning.reduction;
  const Vector identity = registers_.constant(identity_of(reduction));
  std::vector<Vector> parts;
  for (vector_ = 0; vector_ < block.vectors; ++vector_) {
    const Vector x = in_register(operation.operands[0]);
    const Vector part = parts.emplace_back(assembler_.vector(take()));
    const bool is_partial = block.last > 0 && vector_ + 1 == block.vectors;
    assembler_.move(part, is_partial ? identity : x);
    if (is_partial) assembler_.move_tail(part, x);
    release(operation.operands[0]);
  }
  // Missing vectors add 0 to a sum, which turns −0 into 0.
  const bool adds_nothing = reduction == Reduction::sum && block.vectors > 1;
  for (std::size_t half = wide_vectors / 2; half > 0; half /= 2)
    for (std::size_t i = 0; i < half && i < parts.size(); ++i) {
      if (i + half < parts.size()) {
        reducer_.reduce(parts[i], reduction, parts[i], parts[i + half]);
      } else if (adds_nothing && half == wide_vectors / 2) {
        reducer_.reduce(parts[i], reduction, parts[i], identity);
      }
    }
  const Vector sum = parts[0], other = assembler_.vector(take());
  reducer_.reduce_lanes(sum, reduction, other);
  free_.push_back(other.getIdx());
  for (std::size_t i = 1; i < parts.size(); ++i) free_.push_back(parts[i].getIdx());
  vector_ = block.vectors - 1;
  set_register(operation.result, sum.getIdx());
  if (value(operation.result).uses == 0) release_register(operation.result);
}

/// A value that is computed from row-wide values only is row-wide itself.
void Generator::find_shared() {
  is_shared_.assign(run_->values.size(), false);
  for (const Operation& operation : run_->operations) {
    if (operation.result < 0) continue;
    const auto is_same = [&](int v) {
      return v < 0 || is_shared_[static_cast<std::size_t>(v)] || (value(v).memory && value(v).memory->is_splat());
    };
    is_shared_[static_cast<std::size_t>(operation.result)] =
        reduces_row(operation) || std::all_of(std::begin(operation.operands), std::end(operation.operands), is_same);
  }
}

/// Calls f(operation, location of its sum before and after the loop).
template <class F>
void Generator::for_each_carried(F f) {
  for (int k = 0; k < count(); ++k)
    if (registers_.carried(k) >= 0) f(k, run_->operations[static_cast<std::size_t>(k)].target);
}

/// Calls f(operation, where its sum lies).
template <class F>
void Generator::for_each_sum_in_memory(F f) {
  for (int k = 0; k < count(); ++k) {
    const Operation& operation = run_->operations[static_cast<std::size_t>(k)];
    if (sums_lanes(operation) && registers_.carried(k) < 0) f(k, operation.target);
  }
}

Vector Generator::carried_sum(int operation) const {
  const int registers = registers_.carried_count(run_->operations[static_cast<std::size_t>(operation)]);
  return assembler_.vector(registers_.carried(operation) + vector_ % registers);
}

std::vector<Vector> Generator::sums_of(std::size_t operation) const {
  std::vector<Vector> sums;
  const int first = registers_.carried(static_cast<int>(operation));
  for (int i = 0; first >= 0 && i < registers_.carried_count(run_->operations[operation]); ++i)
    sums.push_back(assembler_.vector(first + i));
  return sums;
}

bool Generator::carries_all() const {
  for (int k = 0; k < count(); ++k)
    if (registers_.carried(k) < 0 && sums_lanes(run_->operations[static_cast<std::size_t>(k)])) return false;
  return true;
}

/// In the order of fold_slot. The slot itself still holds the identity.
void Generator::write_fold(int operation, const Memory& slot, const SlotFold& fold) {
  const int first = registers_.carried(operation);
  for (int half = wide_vectors / 2; half > 0; half /= 2)
    for (int i = 0; i < half; ++i)
      reducer_.reduce(assembler_.vector(first + i), fold.reduction, assembler_.vector(first + i),
                      assembler_.vector(first + i + half));
  reducer_.reduce_lanes(assembler_.vector(first), fold.reduction, assembler_.vector(first + 1));
  write_folded(slot, fold, assembler_.vector(first));
}

/// Likewise, with what registers there are for a vector's values.
void Generator::write_fold_in_memory(const Memory& slot, const SlotFold& fold) {
  const Vector a = assembler_.vector(registers_.first_free()), b = assembler_.vector(registers_.first_free() + 1);
  for (int half = wide_vectors / 2; half > 0; half /= 2)
    for (int i = half; i-- > 0;) {  // the first one last: it is left in a register
      assembler_.move(a, registers_.at_sum(slot, i));
      assembler_.move(b, registers_.at_sum(slot, i + half));
      reducer_.reduce(a, fold.reduction, a, b);
      if (half > 1) assembler_.move(registers_.at_sum(slot, i), a);
    }
  reducer_.reduce_lanes(a, fold.reduction, b);
  write_folded(slot, fold, a);
}

void Generator::write_folded(const Memory& slot, const SlotFold& fold, const Vector& sum) {
  Memory target = slot;
  target.base = fold.target;
  const int vectors = registers_.frame().by_rows ? 1 : wide_vectors;
  for (vector_ = 0; vector_ < vectors; ++vector_) assembler_.move(at(target), sum);
}

void Generator::advance(Address address, const Position& position) {
  const auto step = static_cast<int>(position.step[static_cast<std::size_t>(address)]);
  if (registers_.index(address) < 0 || step == 0) return;
  const Reg64 index(registers_.index(address));
  code_.add(index, step);
  if (address == Address::column) return wrap(index, position.column_period);
  if (address != Address::accumulator) return;
  const bool wraps = position.accumulator_period <= std::numeric_limits<std::int32_t>::max();
  if (!registers_.has_state() || !wraps) return wrap(index, position.accumulator_period);
  const std::size_t state = offsetof(State, position);
  code_.mov(code_.rax, index);
  code_.sub(code_.rax, code_.ptr[code_.rsi + state + offsetof(Position, accumulator_period)]);
  code_.cmp(index, code_.ptr[code_.rsi + state + offsetof(Position, accumulator_end)]);
  code_.cmovge(index, code_.rax);
}

/// Emits nothing if the period is too long to be reached.
void Generator::wrap(const Reg64& index, std::int64_t period) {
  if (period > std::numeric_limits<std::int32_t>::max()) return;
  const auto bytes = static_cast<std::uint32_t>(period);
  code_.lea(code_.rax, code_.ptr[index - bytes]);
  code_.cmp(index, bytes);
  code_.cmovge(index, code_.rax);
}

/// Releases all registers except those of hoisted values.
void Generator::begin_vectors() {
  for (int i = 0; i < std::max(1, row_vectors_); ++i) registers_of_[static_cast<std::size_t>(i)] = registers_.hoisted();
  free_.clear();
  for (int r = registers_.first_free(); r < registers_.end(); ++r) free_.push_back(r);
  fewest_free_ = free_.size();
  free_masks_.clear();
  if (!assembler_.is_avx512()) return;
  for (int k = VectorAssembler::first_mask; k < registers_.masks_end(); ++k) free_masks_.push_back(k);
}

void Generator::write_vector(int vector) {
  vector_ = vector;
  prefetch();
  begin_vectors();
  if (registers_.first_free() > 0 && value(incoming).uses > 0) {
    register_of(incoming) = vector;
  } else if (registers_.first_free() > 0) {
    free_.push_back(vector);
  }
  write_operations(0, count());
  if (value(run_->outgoing).last_use < count()) return;
  const int at_end = register_of(run_->outgoing);
  if (at_end < 0)
    load(assembler_.vector(vector), value(run_->outgoing));
  else if (at_end != vector)
    assembler_.move(assembler_.vector(vector), assembler_.vector(at_end));
}

void Generator::write_operations(int first, int end) {
  for (operation_ = first; operation_ < end; ++operation_) {
    const Operation& operation = run_->operations[static_cast<std::size_t>(operation_)];
    if (operation.dropped) continue;
    const bool is_there = operation.result >= 0 && is_shared(operation.result) && vector_ > 0;
    if (!is_there) write_operation(operation);
    for (const int v : operation.operands)
      if (v >= 0) release(v);
    if (operation.result >= 0 && value(operation.result).uses == 0) release_register(operation.result);
  }
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
  int& r = register_of(v);
  if (r < 0 || registers_.is_hoisted(v)) return;
  if (is_shared(v) && vector_ + 1 < row_vectors_) return;
  (registers_.is_mask(v) ? masks() : free_).push_back(std::exchange(r, -1));
}

void Generator::set_register(int v, int r) {
  register_of(v) = r;
  if (!is_shared(v)) return;
  for (int i = 0; i < row_vectors_; ++i) registers_of_[static_cast<std::size_t>(i)][static_cast<std::size_t>(v)] = r;
}

Vector Generator::result(const Operation& operation) {
  const int r = take();
  set_register(operation.result, r);
  return assembler_.vector(r);
}

void Generator::load(const Vector& to, const Value& from) {
  const auto& memory = *from.memory;  // NOLINT(bugprone-unchecked-optional-access): only what is in memory is loaded
  if (is_partial_ && memory.is_ragged())
    assembler_.load_tail(to, at(memory));
  else
    assembler_.move(to, at(memory));
}

/// The value in a register; loads it at its first use.
Vector Generator::in_register(int v) {
  int& r = register_of(v);
  if (r < 0) {
    r = take();
    load(assembler_.vector(r), value(v));
  }
  return assembler_.vector(r);
}

}  // namespace thalweg::run

#endif
