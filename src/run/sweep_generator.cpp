#include "src/run/sweep_generate.hpp"

#if THALWEG_GENERATES_CODE

#include <array>
#include <utility>

#include "src/run/sweep_generator.hpp"

namespace thalweg::run {

namespace {

Xbyak::Opmask tail_mask() { return Xbyak::Opmask(RunRegisters::tail_mask_index); }

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
  return entry;
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
  Xbyak::Label again;
  code_.align(32);
  code_.L(again);
  for (int vector = 0; vector < wide_vectors; ++vector) write_vector(vector);
  for (int i = 0; i < static_cast<int>(Address::count); ++i) advance(static_cast<Address>(i), position);
  code_.dec(code_.rdx);
  code_.jnz(again, Xbyak::CodeGenerator::T_NEAR);
  if (row != nullptr) write_block(row->block);
  for_each_carried([&](int k, const Memory& slot) {
    const SlotFold* fold = row != nullptr ? fold_per_row(*row, slot) : nullptr;
    if (fold != nullptr) return write_fold(k, slot, *fold);
    for (vector_ = 0; vector_ < wide_vectors; ++vector_) assembler_.move(at(slot), carried_sum(k));
  });
  registers_.restore_saved();
  code_.vzeroupper();
  code_.ret();
  return entry;
}

std::size_t Generator::begin(const Run& run, int first_free, const Budget& budget) {
  run_ = &run;
  is_partial_ = false;
  code_.align(16);
  const std::size_t entry = code_.getSize();
  registers_.choose(run, first_free, budget);
  registers_.load();
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
  code_.kmovw(tail_mask(), code_.eax);
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
    for (int i = 0; i < half; ++i) reduce(Zmm(first + i), fold.reduction, Zmm(first + i), Zmm(first + i + half));
  const Zmm sum(first), other(first + 1);
  code_.vshuff64x2(other, sum, sum, 0x4e);
  reduce(sum, fold.reduction, sum, other);
  code_.vshuff64x2(other, sum, sum, 0xb1);
  reduce(sum, fold.reduction, sum, other);
  code_.vpermilpd(other, sum, 0x55);
  reduce(sum, fold.reduction, sum, other);
  if (!assembler_.is_double()) {
    code_.vpermilps(other, sum, 0xb1);
    reduce(sum, fold.reduction, sum, other);
  }
  assembler_.broadcast(sum, Xbyak::Xmm(first));
  Memory target = slot;
  target.base = fold.target;
  for (vector_ = 0; vector_ < wide_vectors; ++vector_) assembler_.move(at(target), sum);
}

void Generator::advance(Address address, const Position& position) {
  const auto step = static_cast<int>(position.step[static_cast<std::size_t>(address)]);
  if (registers_.index(address) < 0 || step == 0) return;
  const Reg64 index(registers_.index(address));
  code_.add(index, step);
  const bool of_column = address == Address::column;
  if (!of_column && address != Address::accumulator) return;
  const std::size_t state = offsetof(State, position);
  code_.mov(code_.rax, index);
  code_.sub(code_.rax,
            code_.ptr[code_.rsi + state +
                      (of_column ? offsetof(Position, column_period) : offsetof(Position, accumulator_period))]);
  code_.cmp(index, code_.ptr[code_.rsi + state +
                             (of_column ? offsetof(Position, column_period) : offsetof(Position, accumulator_end))]);
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
  assembler_.move(masked ? to | tail_mask() | code_.T_z : to, at(*from.memory));
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

/// Calls f with a register, or with memory that nothing else reads.
template <class F>
void Generator::with_operand(int v, F f) {
  const bool once = value(v).uses == 1 && register_of_[static_cast<std::size_t>(v)] < 0 &&
                    !(is_partial_ && value(v).memory->is_ragged());
  if (once)
    f(at(*value(v).memory));
  else
    f(in_register(v));
}

// --- operations ---

void Generator::write_operation(const Operation& operation) {
  switch (operation.meaning.kind) {
    // Here, not at its first use: what comes between may write the same memory.
    case Meaning::Kind::load: in_register(operation.operands[0]); return;
    case Meaning::Kind::store: return write_store(operation, in_register(operation.operands[0]));
    case Meaning::Kind::accumulate: return write_accumulate(operation);
    default: return write_apply(operation);
  }
}

void Generator::write_store(const Operation& operation, const Zmm& stored) {
  const Xbyak::Address to = at(operation.target);
  assembler_.move(is_partial_ && operation.target.is_ragged() ? to | tail_mask() : to, stored);
}

void Generator::write_accumulate(const Operation& operation) {
  const Zmm added = in_register(operation.operands[0]);
  const bool is_carried = registers_.carried(operation_) >= 0;
  const Zmm sum = is_carried ? carried_sum(operation_) : Zmm(take());
  if (!is_carried) assembler_.move(sum, at(operation.target));
  if (is_partial_) {  // whole sums are stored: what a mask has written is not read back without a stall
    const Zmm all(take());
    reduce(all, operation.meaning.reduction, sum, added);
    assembler_.move(sum | tail_mask(), all);
    free_.push_back(all.getIdx());
  } else {
    reduce(sum, operation.meaning.reduction, sum, added);
  }
  if (is_carried) return;
  assembler_.move(at(operation.target), sum);
  free_.push_back(sum.getIdx());
}

void Generator::reduce(const Zmm& to, Reduction reduction, const Zmm& a, const Zmm& b) {
  switch (reduction) {
    case Reduction::sum: return assembler_.add(to, a, b);
    case Reduction::product: return assembler_.multiply(to, a, b);
    // The first stays where it is no less (no more) than the second.
    case Reduction::maximum: return choose(to, a, b, Predicate::greater_equal);
    case Reduction::minimum: return choose(to, a, b, Predicate::less_equal);
  }
}

void Generator::write_apply(const Operation& operation) {
  const int a = operation.operands[0], b = operation.operands[1];
  const auto binary = [&](auto instruction) {
    const Zmm x = in_register(a);
    with_operand(b, [&](const auto& y) { (assembler_.*instruction)(result(operation), x, y); });
  };
  switch (operation.meaning.primitive) {
    case Primitive::add: return binary(&VectorAssembler::add);
    case Primitive::subtract: return binary(&VectorAssembler::subtract);
    case Primitive::multiply: return binary(&VectorAssembler::multiply);
    case Primitive::divide: return binary(&VectorAssembler::divide);
    case Primitive::sqrt: return with_operand(a, [&](const auto& x) { assembler_.sqrt(result(operation), x); });
    case Primitive::negate:
      return with_operand(
          a, [&](const auto& x) { code_.vpxord(result(operation), registers_.constant(Constant::sign_bit), x); });
    case Primitive::absolute:
      return with_operand(
          a, [&](const auto& x) { code_.vpandd(result(operation), registers_.constant(Constant::all_but_sign), x); });
    case Primitive::square: {
      const Zmm x = in_register(a);
      return assembler_.multiply(result(operation), x, x);
    }
    case Primitive::sign: return write_sign(operation);
    case Primitive::exp: return write_exponential(operation);
    case Primitive::chain: return write_chain(operation);
    case Primitive::equal: return write_equal(operation);
    case Primitive::where: return write_where(operation);
    case Primitive::maximum:
    case Primitive::minimum: {
      const Zmm x = in_register(a), y = in_register(b);
      const bool larger = operation.meaning.primitive == Primitive::maximum;
      return choose(result(operation), x, y, larger ? Predicate::greater : Predicate::less);
    }
    case Primitive::none: break;
  }
}

/// to = first, where that is NaN or the predicate holds, else second.
void Generator::choose(const Zmm& to, const Zmm& first, const Zmm& second, Predicate predicate) {
  assembler_.compare(code_.k1, first, second, predicate);
  assembler_.compare(code_.k2, first, first, Predicate::unordered);
  code_.korw(code_.k1, code_.k1, code_.k2);
  assembler_.blend(to | code_.k1, second, first);
}

void Generator::write_chain(const Operation& operation) {
  const int v = operation.operands[0];
  const Zmm gradient = in_register(v);
  const int known = registers_.zero_mask(v);
  const Xbyak::Opmask is_zero = known >= 0 ? Xbyak::Opmask(known) : code_.k1;
  if (known < 0) assembler_.compare(is_zero, gradient, registers_.constant(Constant::zero), Predicate::equal);
  with_operand(operation.operands[1], [&](const auto& derivative) {
    const Zmm to = result(operation);
    assembler_.multiply(to, gradient, derivative);
    assembler_.blend(to | is_zero, to, gradient);
  });
}

void Generator::write_equal(const Operation& operation) {
  const Zmm x = in_register(operation.operands[0]);
  with_operand(operation.operands[1], [&](const auto& y) {
    const bool stays = registers_.is_mask(operation.result);
    int& r = register_of_[static_cast<std::size_t>(operation.result)];
    if (stays) r = take(free_masks_);
    const Xbyak::Opmask mask = stays ? Xbyak::Opmask(r) : code_.k1;
    assembler_.compare(mask, x, y, Predicate::equal);
    if (!stays) assembler_.move(result(operation) | mask | code_.T_z, registers_.constant(Constant::one));
  });
}

void Generator::write_where(const Operation& operation) {
  const int condition = operation.operands[0];
  Xbyak::Opmask mask = code_.k1;
  if (registers_.is_mask(condition)) {
    mask = Xbyak::Opmask(register_of_[static_cast<std::size_t>(condition)]);
  } else {
    assembler_.compare(mask, in_register(condition), registers_.constant(Constant::zero), Predicate::not_equal);
  }
  const Zmm otherwise = in_register(operation.operands[2]);
  with_operand(operation.operands[1], [&](const auto& x) { assembler_.blend(result(operation) | mask, otherwise, x); });
}

void Generator::write_sign(const Operation& operation) {
  const Zmm x = in_register(operation.operands[0]), to = result(operation);
  assembler_.compare(code_.k1, x, registers_.constant(Constant::zero), Predicate::less);
  assembler_.compare(code_.k2, x, registers_.constant(Constant::zero), Predicate::greater);
  assembler_.blend(to | code_.k1, x, registers_.constant(Constant::minus_one));
  assembler_.blend(to | code_.k2, to, registers_.constant(Constant::one));
}

void Generator::write_exponential(const Operation& operation) {
  with_operand(operation.operands[0], [&](const auto& x) {
    const Zmm to = result(operation);
    const std::array<Zmm, 4> free = {Zmm(take()), Zmm(take()), Zmm(take()), Zmm(take())};
    assembler_.exponential(to, x, registers_.constant(Constant::highest), registers_.constant(Constant::lowest), free);
    for (const Zmm& each : free) free_.push_back(each.getIdx());
  });
}

}  // namespace thalweg::run

#endif
