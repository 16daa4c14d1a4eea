#pragma once
// Machine code for one run of instructions, with its values in AVX-512's registers.

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <utility>
#include <vector>

#include "src/run/sweep_runs.hpp"
#include "src/run/vector_assembler.hpp"

namespace thalweg::run {

using Zmm = Xbyak::Zmm;
using Reg64 = Xbyak::Reg64;

/// Registers are short: the run has to end earlier, before this operation.
struct TooLong {
  int operation;
};

/// The vectors of a block that exist, and how many elements of the last one; 0: all.
struct Block {
  int vectors = wide_vectors;
  int last = 0;
};

/// What comes after the whole blocks of a row: its last block, and sums over the row.
struct RowEnd {
  Block block{.vectors = 0};
  std::span<const SlotFold> folds;
};

/// Writes runs as machine code.
class Generator {
 public:
  explicit Generator(VectorAssembler& assembler) : assembler_(assembler), code_(assembler.code()) {}

  /// A handler that goes on with the instruction after the run. Returns the code's offset; may throw TooLong, with nothing
  /// written that counts.
  std::size_t write_handler(const Run& run, const Block& block) {
    const std::size_t entry = begin(run, first_free_in_handlers, {});
    write_block(block);
    restore_saved();
    code_.add(code_.rdi, (run.end - run.begin) * static_cast<int>(sizeof(Instruction)));
    code_.jmp(code_.ptr[code_.rdi + offsetof(Instruction, handler)]);
    return entry;
  }

  /// A LoopCode for a run that is a whole program, whose positions move as in `position`. `row`: it goes on to the end of
  /// a row, and to its sums.
  std::size_t write_loop(const Run& run, const Position& position, const RowEnd* row) {
    constexpr int most_carried = 3;
    for (int carried = most_carried;; --carried)
      for (const int hoisted : {most_hoisted, 0}) {
        try {
          return write_loop(run, position, row, {hoisted, carried});
        } catch (const TooLong&) {
          if (hoisted == 0 && carried == 0) throw;
        }
      }
  }

 private:
  enum class Constant : std::uint8_t { zero, one, minus_one, sign_bit, all_but_sign, highest, lowest, count };
  static constexpr int first_free_in_handlers = wide_vectors;  // zmm0 to zmm7 are the accumulator
  static constexpr int registers = 32;
  static constexpr int most_hoisted = 12;
  static constexpr int first_free_mask = 3, tail_mask_index = 7;  // k1 and k2 are for what lasts a moment
  static constexpr std::int64_t most_displacement = std::int64_t{1} << 30;

  /// What may stay in registers: numbers that are in every lane, sums (eight registers each).
  struct Budget {
    int hoisted = most_hoisted;
    int carried = 0;
  };

  VectorAssembler& assembler_;
  Xbyak::CodeGenerator& code_;
  const Run* run_ = nullptr;

  /// Where operands lie: buffers, or the sweep's own memory (slot −1), from which on displacements count.
  struct Base {
    std::int32_t slot;
    std::intptr_t base;
    int instruction, which;
    Reg64 pointer;
  };
  std::vector<Base> bases_;
  std::array<int, static_cast<std::size_t>(Address::count)> indices_{};     // general registers; −1: not used
  std::array<int, static_cast<std::size_t>(Constant::count)> constants_{};  // registers; −1: not used
  std::vector<int> hoisted_;                                                // by value: a register, or −1
  std::vector<int> carried_;                                                // by operation: the first of eight, or −1
  std::vector<bool> is_mask_;                                               // by value
  std::vector<int> zero_mask_;  // by hoisted value: a mask of its zeros, or −1
  int masks_end_ = tail_mask_index;
  std::size_t general_count_ = 0;
  int first_free_ = 0, pool_end_ = registers;

  // Of one vector.
  std::vector<int> register_of_;  // by value; of masks: the mask register
  std::vector<int> free_, free_masks_;
  int vector_ = 0, operation_ = 0;
  bool is_partial_ = false;

  static constexpr std::size_t place(Address address) { return static_cast<std::size_t>(address); }
  static constexpr std::size_t place(Constant constant) { return static_cast<std::size_t>(constant); }
  const Value& value(int v) const { return run_->values[static_cast<std::size_t>(v)]; }
  int count() const { return static_cast<int>(run_->operations.size()); }

  std::size_t begin(const Run& run, int first_free, const Budget& budget) {
    run_ = &run;
    first_free_ = first_free;
    is_partial_ = false;
    code_.align(16);
    const std::size_t entry = code_.getSize();
    choose_registers(budget);
    for (std::size_t i = scratch_registers; i < general_count_; ++i) code_.push(general(i));
    load_addresses();
    load_hoisted();
    return entry;
  }
  void restore_saved() {
    for (std::size_t i = general_count_; i-- > scratch_registers;) code_.pop(general(i));
  }

  std::size_t write_loop(const Run& run, const Position& position, const RowEnd* row, const Budget& budget) {
    const std::size_t entry = begin(run, 0, budget);
    if (row != nullptr && !carries_all()) throw TooLong{0};
    for_each_carried([&](int k, const Memory& slot) {
      for (vector_ = 0; vector_ < wide_vectors; ++vector_) assembler_.move(carried_sum(k), at(slot));
    });
    Xbyak::Label again;
    code_.align(32);
    code_.L(again);
    for (int vector = 0; vector < wide_vectors; ++vector) write_vector(vector);
    for (std::size_t i = 0; i < indices_.size(); ++i)
      if (indices_[i] >= 0) advance(static_cast<Address>(i), position);
    code_.dec(code_.rdx);
    code_.jnz(again, Xbyak::CodeGenerator::T_NEAR);
    if (row != nullptr) write_block(row->block);
    for_each_carried([&](int k, const Memory& slot) {
      const SlotFold* fold = row != nullptr ? fold_per_row(*row, slot) : nullptr;
      if (fold != nullptr) return write_fold(k, slot, *fold);
      for (vector_ = 0; vector_ < wide_vectors; ++vector_) assembler_.move(at(slot), carried_sum(k));
    });
    restore_saved();
    code_.vzeroupper();
    code_.ret();
    return entry;
  }

  void write_block(const Block& block) {
    load_tail_mask(block.last);
    for (int vector = 0; vector < block.vectors; ++vector) {
      is_partial_ = block.last > 0 && vector + 1 == block.vectors;
      write_vector(vector);
    }
  }

  template <class F>
  void for_each_carried(F f) {
    for (int k = 0; k < count(); ++k)
      if (carried_[static_cast<std::size_t>(k)] >= 0) f(k, run_->operations[static_cast<std::size_t>(k)].target);
  }
  static bool sums_lanes(const Operation& operation) {
    return operation.step.kind == Step::Kind::accumulate && operation.target.address == Address::scratch;
  }
  bool carries_all() const {
    for (std::size_t k = 0; k < carried_.size(); ++k)
      if (carried_[k] < 0 && sums_lanes(run_->operations[k])) return false;
    return true;
  }
  static const SlotFold* fold_per_row(const RowEnd& row, const Memory& slot) {
    for (const SlotFold& fold : row.folds)
      if (fold.per_row && fold.slot == slot.base) return &fold;
    return nullptr;
  }

  /// In the order of fold_slot. The slot itself still holds the reduction of nothing.
  void write_fold(int k, const Memory& slot, const SlotFold& fold) {
    const int first = carried_[static_cast<std::size_t>(k)];
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

  void advance(Address address, const Position& position) {
    const auto step = static_cast<int>(position.step[place(address)]);
    const Reg64 index(indices_[place(address)]);
    if (step == 0) return;
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

  // --- registers ---

  void choose_registers(const Budget& budget) {
    constants_.fill(-1);
    indices_.fill(-1);
    bases_.clear();
    general_count_ = 0;
    pool_end_ = registers;
    for (const Operation& operation : run_->operations) note_constants(operation);
    zero_mask_.assign(run_->values.size(), -1);
    masks_end_ = tail_mask_index;
    hoisted_.assign(run_->values.size(), -1);
    int hoisted = 0;
    for (std::size_t v = 0; v < run_->values.size(); ++v) {
      const Value& candidate = run_->values[v];
      if (candidate.uses == 0 || !candidate.memory) continue;
      add_address(*candidate.memory, candidate.instruction, candidate.which, candidate.last_use);
      if (candidate.memory->is_splat() && hoisted++ < budget.hoisted) hoisted_[v] = --pool_end_;
    }
    carried_.assign(run_->operations.size(), -1);
    int carried = 0;
    for (int k = 0; k < count(); ++k) {
      const Operation& operation = run_->operations[static_cast<std::size_t>(k)];
      if (sums_lanes(operation) && carried++ < budget.carried)
        carried_[static_cast<std::size_t>(k)] = pool_end_ -= wide_vectors;
      const bool writes = operation.step.kind == Step::Kind::store || operation.step.kind == Step::Kind::accumulate;
      if (writes && !operation.dropped) add_address(operation.target, operation.instruction, 0, k);
    }
    if (pool_end_ <= first_free_) throw TooLong{0};
    choose_masks();
  }
  Zmm carried_sum(int operation) const { return Zmm(carried_[static_cast<std::size_t>(operation)] + vector_); }

  void need(Constant constant) {
    if (constants_[place(constant)] < 0) constants_[place(constant)] = --pool_end_;
  }
  void note_constants(const Operation& operation) {
    if (operation.step.kind != Step::Kind::apply) return;
    switch (operation.step.primitive) {
      case Primitive::negate: need(Constant::sign_bit); break;
      case Primitive::absolute: need(Constant::all_but_sign); break;
      case Primitive::chain:
      case Primitive::where: need(Constant::zero); break;
      case Primitive::equal: need(Constant::one); break;
      case Primitive::sign: need(Constant::zero), need(Constant::one), need(Constant::minus_one); break;
      case Primitive::exp: need(Constant::highest), need(Constant::lowest); break;
      default: break;
    }
  }

  /// Comparisons that nothing but `where` reads stay masks; where a hoisted gradient is 0 is known beforehand.
  void choose_masks() {
    for (const Operation& operation : run_->operations) {
      if (operation.step.kind != Step::Kind::apply || operation.step.primitive != Primitive::chain) continue;
      const auto gradient = static_cast<std::size_t>(operation.operands[0]);
      if (hoisted_[gradient] >= 0 && zero_mask_[gradient] < 0 && masks_end_ > first_free_mask + 2)
        zero_mask_[gradient] = --masks_end_;
    }
    is_mask_.assign(run_->values.size(), false);
    for (const Operation& operation : run_->operations)
      if (operation.step.primitive == Primitive::equal && value(operation.result).last_use < count())
        is_mask_[static_cast<std::size_t>(operation.result)] = true;
    for (const Operation& operation : run_->operations) {
      if (operation.dropped) continue;
      const bool chooses = operation.step.kind == Step::Kind::apply && operation.step.primitive == Primitive::where;
      for (int k = chooses ? 1 : 0; k < 3; ++k)
        if (operation.operands[k] >= 0) is_mask_[static_cast<std::size_t>(operation.operands[k])] = false;
    }
  }

  // rax is for what lasts a moment, rdx counts a loop's runs; from rbx on they belong to the caller.
  static constexpr std::array<int, 11> general_registers = {
      Xbyak::Operand::RCX, Xbyak::Operand::R8,  Xbyak::Operand::R9,  Xbyak::Operand::R10,
      Xbyak::Operand::R11, Xbyak::Operand::RBX, Xbyak::Operand::RBP, Xbyak::Operand::R12,
      Xbyak::Operand::R13, Xbyak::Operand::R14, Xbyak::Operand::R15};
  static constexpr std::size_t scratch_registers = 5;
  static Reg64 general(std::size_t i) { return Reg64(general_registers[i]); }
  int take_general(int operation) {
    if (general_count_ == general_registers.size()) throw TooLong{operation};
    return general_registers[general_count_++];
  }

  static bool needs_base(const Memory& memory) { return memory.in_buffer() || !memory.in_scratch(); }
  const Base* base_of(const Memory& memory) const {
    const auto reaches = [&](const Base& base) {
      return base.slot == memory.slot && std::abs(memory.base - base.base) < most_displacement;
    };
    const auto found = std::find_if(bases_.begin(), bases_.end(), reaches);
    return found == bases_.end() ? nullptr : &*found;
  }
  void add_address(const Memory& memory, int instruction, int which, int operation) {
    if (needs_base(memory) && base_of(memory) == nullptr)
      bases_.push_back({memory.slot, memory.base, instruction, which, Reg64(take_general(operation))});
    int& index = indices_[place(memory.address)];
    if (memory.address != Address::fixed && index < 0) index = take_general(operation);
  }
  void load_addresses() {
    for (const Base& base : bases_)
      code_.mov(base.pointer,
                code_.ptr[code_.rdi + ((base.instruction - run_->begin) * sizeof(Instruction) +
                                       offsetof(Instruction, base) + 8U * static_cast<unsigned>(base.which))]);
    for (std::size_t i = 0; i < indices_.size(); ++i)
      if (indices_[i] >= 0)
        code_.mov(Reg64(indices_[i]),
                  code_.ptr[code_.rsi + (offsetof(State, position) + offsetof(Position, offset) + 8 * i)]);
  }
  Xbyak::Address at(const Memory& memory) const {
    std::int64_t displacement = vector_ * static_cast<std::int64_t>(max_vector_bytes);
    const int index = indices_[place(memory.address)];
    if (!needs_base(memory)) return code_.ptr[Reg64(index) + (displacement + memory.base)];
    const Base& base = *base_of(memory);
    displacement += memory.base - base.base;
    if (memory.address == Address::fixed) return code_.ptr[base.pointer + displacement];
    return code_.ptr[base.pointer + Reg64(index) + displacement];
  }

  void load_hoisted() {
    vector_ = 0;
    for (std::size_t v = 0; v < hoisted_.size(); ++v)
      if (hoisted_[v] >= 0) assembler_.move(Zmm(hoisted_[v]), at(*run_->values[v].memory));
    for (std::size_t c = 0; c < constants_.size(); ++c)
      if (constants_[c] >= 0) load_constant(static_cast<Constant>(c), Zmm(constants_[c]));
    for (std::size_t v = 0; v < zero_mask_.size(); ++v)
      if (zero_mask_[v] >= 0)
        assembler_.compare(Xbyak::Opmask(zero_mask_[v]), Zmm(hoisted_[v]), constant(Constant::zero), Predicate::equal);
  }
  void load_constant(Constant constant, const Zmm& to) {
    using E = elementary::Exponential<float>;
    using F = elementary::Exponential<double>;
    const auto splat = [&](float single, double number) {
      assembler_.splat(to, std::bit_cast<std::uint32_t>(single), std::bit_cast<std::uint64_t>(number), code_.rax);
    };
    switch (constant) {
      case Constant::one: return splat(1, 1);
      case Constant::minus_one: return splat(-1, -1);
      case Constant::sign_bit: return splat(-0.0F, -0.0);
      case Constant::all_but_sign: return assembler_.splat(to, ~0U >> 1, ~std::uint64_t{0} >> 1, code_.rax);
      case Constant::highest: return splat(E::highest, F::highest);
      case Constant::lowest: return splat(E::lowest, F::lowest);
      default: return splat(0, 0);
    }
  }
  Zmm constant(Constant c) const { return Zmm(constants_[place(c)]); }

  /// The mask of a block's last elements.
  static Xbyak::Opmask tail_mask() { return Xbyak::Opmask(tail_mask_index); }
  void load_tail_mask(int elements) {
    if (elements == 0) return;
    code_.mov(code_.eax, (1U << static_cast<unsigned>(elements)) - 1);
    code_.kmovw(tail_mask(), code_.eax);
  }

  // --- one vector ---

  void write_vector(int vector) {
    vector_ = vector;
    register_of_ = hoisted_;
    free_.clear();
    for (int r = first_free_; r < pool_end_; ++r) free_.push_back(r);
    free_masks_.clear();
    for (int k = first_free_mask; k < masks_end_; ++k) free_masks_.push_back(k);
    if (first_free_ > 0 && value(incoming).uses > 0) {
      register_of_[incoming] = vector;
    } else if (first_free_ > 0) {
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

  static int take(std::vector<int>& free, int operation) {
    if (free.empty()) throw TooLong{operation};
    const int r = free.back();
    free.pop_back();
    return r;
  }
  int take() { return take(free_, operation_); }
  void release(int v) {
    if (value(v).last_use == operation_) release_register(v);
  }
  void release_register(int v) {
    int& r = register_of_[static_cast<std::size_t>(v)];
    if (r < 0 || hoisted_[static_cast<std::size_t>(v)] >= 0) return;
    (is_mask_[static_cast<std::size_t>(v)] ? free_masks_ : free_).push_back(std::exchange(r, -1));
  }
  Zmm result(const Operation& operation) {
    int& r = register_of_[static_cast<std::size_t>(operation.result)];
    r = take();
    return Zmm(r);
  }
  void load(const Zmm& to, const Value& from) {
    const bool masked = is_partial_ && from.memory->is_ragged();
    assembler_.move(masked ? to | tail_mask() | code_.T_z : to, at(*from.memory));
  }
  /// In a register; from memory where this is the first use.
  Zmm in_register(int v) {
    int& r = register_of_[static_cast<std::size_t>(v)];
    if (r < 0) {
      r = take();
      load(Zmm(r), value(v));
    }
    return Zmm(r);
  }
  /// Calls f with a register, or with memory that nothing else reads.
  template <class F>
  void with_operand(int v, F f) {
    const bool once = value(v).uses == 1 && register_of_[static_cast<std::size_t>(v)] < 0 &&
                      !(is_partial_ && value(v).memory->is_ragged());
    if (once)
      f(at(*value(v).memory));
    else
      f(in_register(v));
  }

  void write_operation(const Operation& operation) {
    switch (operation.step.kind) {
      // Here, not at its first use: what comes between may write the same memory.
      case Step::Kind::load: in_register(operation.operands[0]); return;
      case Step::Kind::store: return write_store(operation, in_register(operation.operands[0]));
      case Step::Kind::accumulate: return write_accumulate(operation);
      default: return write_apply(operation);
    }
  }

  void write_store(const Operation& operation, const Zmm& stored) {
    const Xbyak::Address to = at(operation.target);
    assembler_.move(is_partial_ && operation.target.is_ragged() ? to | tail_mask() : to, stored);
  }

  void write_accumulate(const Operation& operation) {
    const Zmm added = in_register(operation.operands[0]);
    const bool is_carried = carried_[static_cast<std::size_t>(operation_)] >= 0;
    const Zmm sum = is_carried ? carried_sum(operation_) : Zmm(take());
    if (!is_carried) assembler_.move(sum, at(operation.target));
    if (is_partial_) {  // whole sums are stored: what a mask has written is not read back without a stall
      const Zmm all(take());
      reduce(all, operation.step.reduction, sum, added);
      assembler_.move(sum | tail_mask(), all);
      free_.push_back(all.getIdx());
    } else {
      reduce(sum, operation.step.reduction, sum, added);
    }
    if (is_carried) return;
    assembler_.move(at(operation.target), sum);
    free_.push_back(sum.getIdx());
  }

  void reduce(const Zmm& to, Reduction reduction, const Zmm& a, const Zmm& b) {
    switch (reduction) {
      case Reduction::sum: return assembler_.add(to, a, b);
      case Reduction::product: return assembler_.multiply(to, a, b);
      // The first stays where it is no less (no more) than the second.
      case Reduction::maximum: return choose(to, a, b, Predicate::greater_equal);
      case Reduction::minimum: return choose(to, a, b, Predicate::less_equal);
    }
  }

  void write_apply(const Operation& operation) {
    const int a = operation.operands[0], b = operation.operands[1];
    const auto binary = [&](auto instruction) {
      const Zmm x = in_register(a);
      with_operand(b, [&](const auto& y) { (assembler_.*instruction)(result(operation), x, y); });
    };
    switch (operation.step.primitive) {
      case Primitive::add: return binary(&VectorAssembler::add);
      case Primitive::subtract: return binary(&VectorAssembler::subtract);
      case Primitive::multiply: return binary(&VectorAssembler::multiply);
      case Primitive::divide: return binary(&VectorAssembler::divide);
      case Primitive::sqrt: return with_operand(a, [&](const auto& x) { assembler_.sqrt(result(operation), x); });
      case Primitive::negate:
        return with_operand(a,
                            [&](const auto& x) { code_.vpxord(result(operation), constant(Constant::sign_bit), x); });
      case Primitive::absolute:
        return with_operand(
            a, [&](const auto& x) { code_.vpandd(result(operation), constant(Constant::all_but_sign), x); });
      case Primitive::square: {
        const Zmm x = in_register(a);
        return assembler_.multiply(result(operation), x, x);
      }
      case Primitive::sign: return write_sign(operation);
      case Primitive::exp: return write_exponential(operation);
      case Primitive::chain: {
        const Zmm gradient = in_register(a);
        const int known = zero_mask_[static_cast<std::size_t>(a)];
        const Xbyak::Opmask is_zero(known >= 0 ? known : 1);
        if (known < 0) assembler_.compare(is_zero, gradient, constant(Constant::zero), Predicate::equal);
        return with_operand(b, [&](const auto& derivative) {
          const Zmm to = result(operation);
          assembler_.multiply(to, gradient, derivative);
          assembler_.blend(to | is_zero, to, gradient);
        });
      }
      case Primitive::equal: return write_equal(operation);
      case Primitive::where: return write_where(operation);
      case Primitive::maximum:
      case Primitive::minimum: {
        const Zmm x = in_register(a), y = in_register(b);
        const bool larger = operation.step.primitive == Primitive::maximum;
        return choose(result(operation), x, y, larger ? Predicate::greater : Predicate::less);
      }
      case Primitive::none: break;
    }
  }

  /// to = first, where that is NaN or the predicate holds, else second.
  void choose(const Zmm& to, const Zmm& first, const Zmm& second, Predicate predicate) {
    assembler_.compare(code_.k1, first, second, predicate);
    assembler_.compare(code_.k2, first, first, Predicate::unordered);
    code_.korw(code_.k1, code_.k1, code_.k2);
    assembler_.blend(to | code_.k1, second, first);
  }

  void write_equal(const Operation& operation) {
    const Zmm x = in_register(operation.operands[0]);
    with_operand(operation.operands[1], [&](const auto& y) {
      const bool stays = is_mask_[static_cast<std::size_t>(operation.result)];
      int& r = register_of_[static_cast<std::size_t>(operation.result)];
      if (stays) r = take(free_masks_, operation_);
      const Xbyak::Opmask mask = stays ? Xbyak::Opmask(r) : code_.k1;
      assembler_.compare(mask, x, y, Predicate::equal);
      if (!stays) assembler_.move(result(operation) | mask | code_.T_z, constant(Constant::one));
    });
  }

  void write_where(const Operation& operation) {
    const int condition = operation.operands[0];
    Xbyak::Opmask mask = code_.k1;
    if (is_mask_[static_cast<std::size_t>(condition)]) {
      mask = Xbyak::Opmask(register_of_[static_cast<std::size_t>(condition)]);
    } else {
      assembler_.compare(mask, in_register(condition), constant(Constant::zero), Predicate::not_equal);
    }
    const Zmm otherwise = in_register(operation.operands[2]);
    with_operand(operation.operands[1],
                 [&](const auto& x) { assembler_.blend(result(operation) | mask, otherwise, x); });
  }

  void write_sign(const Operation& operation) {
    const Zmm x = in_register(operation.operands[0]), to = result(operation);
    assembler_.compare(code_.k1, x, constant(Constant::zero), Predicate::less);
    assembler_.compare(code_.k2, x, constant(Constant::zero), Predicate::greater);
    assembler_.blend(to | code_.k1, x, constant(Constant::minus_one));
    assembler_.blend(to | code_.k2, to, constant(Constant::one));
  }

  void write_exponential(const Operation& operation) {
    with_operand(operation.operands[0], [&](const auto& x) {
      const Zmm to = result(operation);
      const std::array<Zmm, 4> free = {Zmm(take()), Zmm(take()), Zmm(take()), Zmm(take())};
      assembler_.exponential(to, x, constant(Constant::highest), constant(Constant::lowest), free);
      for (const Zmm& each : free) free_.push_back(each.getIdx());
    });
  }
};

}  // namespace thalweg::run
