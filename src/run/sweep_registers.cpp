#include "src/run/sweep_generate.hpp"

#if THALWEG_GENERATES_CODE

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <limits>

#include "src/run/sweep_registers.hpp"

namespace thalweg::run {

namespace {

constexpr std::int64_t most_displacement = std::int64_t{1} << 30;

// rax is a temporary; a SweepCode uses rcx as loop counter; from rbx on they are callee-saved.
constexpr std::array<int, 11> general_registers = {Xbyak::Operand::RCX, Xbyak::Operand::R8,  Xbyak::Operand::R9,
                                                   Xbyak::Operand::R10, Xbyak::Operand::R11, Xbyak::Operand::RBX,
                                                   Xbyak::Operand::RBP, Xbyak::Operand::R12, Xbyak::Operand::R13,
                                                   Xbyak::Operand::R14, Xbyak::Operand::R15};
constexpr std::size_t first_of_function = 1, first_of_caller = 5;
Reg64 general(std::size_t i) { return Reg64(general_registers[i]); }

bool needs_base(const Memory& memory) { return memory.in_buffer() || !memory.in_scratch(); }

bool is_apply(const Operation& operation, Primitive primitive) {
  return operation.meaning.kind == Meaning::Kind::apply && operation.meaning.primitive == primitive;
}

}  // namespace

void RunRegisters::choose(const Run& run, int first_free, const Budget& budget, const Frame& frame) {
  run_ = &run;
  budget_ = budget;
  frame_ = frame;
  first_free_ = first_free;
  end_ = assembler_.vector_count();
  masks_end_ = VectorAssembler::masks_end;
  general_count_ = frame.has_state ? 0 : first_of_function;
  indices_.fill(-1);
  bases_.clear();
  if (!frame.has_state) bases_.push_back({-1, frame.memory, -1, 0, code_.rsi});
  choose_masks();
  choose_constants();
  hoist();
  carry();
  for (const PrefetchedStream& stream : frame.prefetched)
    add_address(stream.memory, stream.instruction, stream.which, 0);
  if (end_ <= first_free_) throw TooLong{0};
  choose_nonzero_masks();
}

void RunRegisters::hoist() {
  int most = std::min(budget_.hoisted, assembler_.vector_count() * 3 / 8);
  hoisted_.assign(run_->values.size(), -1);
  for (std::size_t v = 0; v < run_->values.size(); ++v) {
    const Value& value = run_->values[v];
    if (value.uses == 0 || !value.memory) continue;
    add_address(*value.memory, value.instruction, value.which, value.last_use);
    if (value.memory->is_splat() && most-- > 0) hoisted_[v] = --end_;
  }
}

void RunRegisters::carry() {
  int most = budget_.carried;
  carried_.assign(run_->operations.size(), -1);
  for (std::size_t k = 0; k < run_->operations.size(); ++k) {
    const Operation& operation = run_->operations[k];
    const bool may_stay = sums_lanes(operation) || (sums_columns(operation) && budget_.column_vectors > 0);
    if (may_stay && most-- > 0) carried_[k] = end_ -= carried_count(operation);
    switch (operation.meaning.kind) {
      case Meaning::Kind::accumulate:
        if (carried_[k] >= 0 && !frame_.has_state) break;
        [[fallthrough]];
      case Meaning::Kind::load_splat:
      case Meaning::Kind::store_first:
      case Meaning::Kind::store:
        if (!operation.dropped) add_address(operation.target, operation.instruction, 0, static_cast<int>(k));
        break;
      default: break;
    }
  }
}

void RunRegisters::choose_constants() {
  constants_.fill(-1);
  for (const Operation& operation : run_->operations) {
    if (operation.meaning.kind == Meaning::Kind::reduce_row) need(identity_of(operation.meaning.reduction));
    if (operation.meaning.kind != Meaning::Kind::apply) continue;
    switch (operation.meaning.primitive) {
      case Primitive::negate: need(Constant::sign_bit); break;
      case Primitive::absolute: need(Constant::all_but_sign); break;
      case Primitive::where:
        if (!is_mask(operation.operands[0])) need(Constant::zero);
        break;
      case Primitive::chain:
      case Primitive::relu:
      case Primitive::relu_gradient: need(Constant::zero); break;
      case Primitive::tanh_gradient: need(Constant::zero), need(Constant::one); break;
      case Primitive::sign: need(Constant::zero), need(Constant::one), need(Constant::sign_bit); break;
      default:
        if (is_comparison(operation.meaning.primitive) && !is_mask(operation.result)) need(Constant::one);
        break;
    }
  }
}

void RunRegisters::need(Constant constant) {
  if (constants_[place(constant)] < 0) constants_[place(constant)] = --end_;
}

void RunRegisters::choose_nonzero_masks() {
  nonzero_mask_.assign(run_->values.size(), -1);
  if (!assembler_.is_avx512()) return;
  for (const Operation& operation : run_->operations) {
    if (!is_apply(operation, Primitive::chain)) continue;
    const auto gradient = static_cast<std::size_t>(operation.operands[0]);
    if (hoisted_[gradient] >= 0 && nonzero_mask_[gradient] < 0 && masks_end_ > VectorAssembler::first_mask + 2)
      nonzero_mask_[gradient] = --masks_end_;
  }
}

void RunRegisters::choose_masks() {
  const auto count = static_cast<int>(run_->operations.size());
  is_mask_.assign(run_->values.size(), false);
  for (const Operation& operation : run_->operations)
    if (is_comparison(operation.meaning.primitive)) {
      const auto result = static_cast<std::size_t>(operation.result);
      is_mask_[result] = run_->values[result].last_use < count;
    }
  for (const Operation& operation : run_->operations) {
    if (operation.dropped) continue;
    for (int k = is_apply(operation, Primitive::where) ? 1 : 0; k < 3; ++k)
      if (operation.operands[k] >= 0) is_mask_[operation.operands[k]] = false;
  }
}

int RunRegisters::take_general(int operation) {
  if (general_count_ == general_registers.size()) throw TooLong{operation};
  return general_registers[general_count_++];
}

const RunRegisters::Base* RunRegisters::base_of(const Memory& memory) const {
  const auto reaches = [&](const Base& base) {
    return base.slot == memory.slot && std::abs(memory.base - base.base) < most_displacement;
  };
  const auto found = std::find_if(bases_.begin(), bases_.end(), reaches);
  return found == bases_.end() ? nullptr : &*found;
}

void RunRegisters::add_address(const Memory& memory, int instruction, int which, int operation) {
  if (needs_base(memory) && base_of(memory) == nullptr)
    bases_.push_back({memory.slot, memory.base, instruction, which, Reg64(take_general(operation))});
  int& index = indices_[place(memory.address)];
  if (moves(memory.address) && index < 0) index = take_general(operation);
}

bool RunRegisters::moves(Address address) const {
  if (frame_.has_state) return address != Address::fixed;
  return frame_.position != nullptr && frame_.position->step[place(address)] != 0;
}

/// The memory operand from which a base's address is loaded.
Xbyak::Address RunRegisters::place_of(const Base& base) const {
  const int first = frame_.by_rows ? 0 : run_->begin;
  const std::size_t offset =
      frame_.has_state ? static_cast<std::size_t>(base.instruction - first) * sizeof(Instruction) +
                             offsetof(Instruction, base) + sizeof(Argument) * static_cast<unsigned>(base.which)
                       : sizeof(Argument) * static_cast<unsigned>(base.slot);
  return code_.ptr[code_.rdi + offset];
}

void RunRegisters::load() {
  for (std::size_t i = first_of_caller; i < general_count_; ++i) code_.push(general(i));
  const std::size_t position = frame_.by_rows ? offsetof(State, row) : offsetof(State, position);
  for (const Base& base : bases_)
    if (base.instruction >= 0) code_.mov(base.pointer, place_of(base));
  for (std::size_t i = 0; i < indices_.size(); ++i)
    if (indices_[i] >= 0 && frame_.has_state)
      code_.mov(Reg64(indices_[i]), code_.ptr[code_.rsi + (position + offsetof(Position, offset) + 8 * i)]);
    else if (indices_[i] >= 0)
      code_.xor_(Reg64(indices_[i]).cvt32(), Reg64(indices_[i]).cvt32());
  for (std::size_t v = 0; v < hoisted_.size(); ++v)
    if (hoisted_[v] >= 0)  // NOLINTNEXTLINE(bugprone-unchecked-optional-access): only what is in memory is hoisted
      assembler_.move(assembler_.vector(hoisted_[v]), at(*run_->values[v].memory, 0));
  for (std::size_t c = 0; c < constants_.size(); ++c)
    if (constants_[c] >= 0) load_constant(static_cast<Constant>(c), assembler_.vector(constants_[c]));
  for (std::size_t v = 0; v < nonzero_mask_.size(); ++v)
    if (nonzero_mask_[v] >= 0)
      assembler_.compare(Mask{nonzero_mask_[v]}, assembler_.vector(hoisted_[v]), constant(Constant::zero),
                         Predicate::not_equal);
  end_ = assembler_.hold_literals(end_, budget_.literals);
}

void RunRegisters::restore_saved() {
  for (std::size_t i = general_count_; i-- > first_of_caller;) code_.pop(general(i));
}

void RunRegisters::load_constant(Constant constant, const Vector& to) {
  const auto splat = [&](float single, double number) {
    assembler_.splat(to, std::bit_cast<std::uint32_t>(single), std::bit_cast<std::uint64_t>(number), code_.rax);
  };
  constexpr auto infinity = std::numeric_limits<float>::infinity();
  switch (constant) {
    case Constant::lowest: return splat(-infinity, -std::numeric_limits<double>::infinity());
    case Constant::highest: return splat(infinity, std::numeric_limits<double>::infinity());
    case Constant::one: return splat(1, 1);
    case Constant::sign_bit: return splat(-0.0F, -0.0);
    case Constant::all_but_sign: return assembler_.splat(to, ~0U >> 1, ~std::uint64_t{0} >> 1, code_.rax);
    default: return splat(0, 0);
  }
}

Xbyak::Address RunRegisters::at(const Memory& memory, int vector) const {
  const bool is_single = (!frame_.has_state || frame_.by_rows) && memory.is_splat();  // it takes one vector of memory
  return at_sum(memory, is_single ? 0 : vector);
}

Xbyak::Address RunRegisters::at_sum(const Memory& memory, int vector) const {
  std::int64_t displacement = vector * static_cast<std::int64_t>(assembler_.vector_bytes());
  if (memory.address == Address::column && frame_.column_period > 0) displacement %= frame_.column_period;
  displacement += memory.base;
  const int index = indices_[place(memory.address)];
  if (!needs_base(memory) && frame_.has_state) return code_.ptr[Reg64(index) + displacement];
  Reg64 pointer = code_.rdx;
  if (needs_base(memory)) {
    const Base& base = *base_of(memory);
    pointer = base.pointer;
    displacement -= base.base;
  }
  if (index < 0) return code_.ptr[pointer + displacement];
  return code_.ptr[pointer + Reg64(index) + displacement];
}

}  // namespace thalweg::run

#endif
