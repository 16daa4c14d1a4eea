#pragma once
// Register allocation of a run's machine code: what stays in registers for all vectors, and where other
// operands are.

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "src/run/sweep_runs.hpp"
#include "src/run/vector_assembler.hpp"

namespace thalweg::run {

using Vector = VectorAssembler::Vector;
using Mask = VectorAssembler::Mask;
using Reg64 = Xbyak::Reg64;

/// Thrown if registers run out: the run must end before this operation.
struct TooLong {
  int operation;
};

/// What may stay in registers: splatted numbers, sums.
struct Budget {
  static constexpr int most_hoisted = 12;
  int hoisted = most_hoisted;
  int carried = 0;
  int lane_vectors = wide_vectors;  // registers of a sum of lanes
  int column_vectors = 0;           // of sums per column; 0: these are in memory
  std::vector<std::uint64_t> literals{};
};

/// A buffer whose elements are prefetched.
struct PrefetchedStream {
  Memory memory;  // its base is the prefetch distance in bytes
  int instruction, which;
  bool is_written;
};

/// The calling convention of a run's code.
struct Frame {
  /// true: a handler or loop, with the run's first instruction in rdi, the State in rsi, and a loop count in rdx.
  /// false: part of a SweepCode, with the arguments in rdi, the sweep's memory in rsi, and the thread's in rdx.
  bool has_state = true;
  /// Part of a RowsCode, with a State: rdi is the program's first instruction, and a run begins at the state's row. No
  /// other code reads splatted numbers, so each takes one vector of memory.
  bool by_rows = false;
  std::span<const PrefetchedStream> prefetched{};
  unsigned prefetching_vectors = 0;    // bit mask of a block's vectors that prefetch as many elements of all streams
  std::intptr_t memory = 0;            // SweepCode: the address of the sweep's memory
  const Position* position = nullptr;  // SweepCode: the steps of positions, which start at 0; null: no steps
  std::int64_t column_period = 0;      // SweepCode: bytes after which vectors per column repeat; 0: never
};

/// Constants that instructions need.
enum class Constant : std::uint8_t { zero, one, sign_bit, all_but_sign, lowest, highest, count };
/// The identity element of a reduction.
constexpr Constant identity_of(Reduction reduction) {
  switch (reduction) {
    case Reduction::product: return Constant::one;
    case Reduction::maximum: return Constant::lowest;
    case Reduction::minimum: return Constant::highest;
    default: return Constant::zero;
  }
}

/// The registers of one run. Vector registers are allocated from the last one down; those from first_free() to end()
/// remain for the values of a vector.
class RunRegisters {
 public:
  explicit RunRegisters(VectorAssembler& assembler) : assembler_(assembler), code_(assembler.code()) {}

  /// Allocates registers, from `first_free` on. May throw TooLong.
  void choose(const Run& run, int first_free, const Budget& budget, const Frame& frame);
  /// Emits code that saves callee-saved registers, and loads addresses, numbers, constants and the budget's literals.
  void load();
  void restore_saved();

  /// The memory operand for vector number `vector` of a block.
  Xbyak::Address at(const Memory& memory, int vector) const;
  /// The same for a sum, which has all its vectors in memory.
  Xbyak::Address at_sum(const Memory& memory, int vector) const;
  Vector constant(Constant constant) const { return assembler_.vector(constants_[place(constant)]); }
  /// By value: the register of a hoisted value; −1: not hoisted.
  const std::vector<int>& hoisted() const { return hoisted_; }
  bool is_hoisted(int value) const { return hoisted_[value] >= 0; }
  /// The first register of an accumulation's sum; −1: it is in memory.
  int carried(int operation) const { return carried_[operation]; }
  /// The number of registers of an accumulation's sum.
  int carried_count(const Operation& operation) const {
    return operation.target.address == Address::accumulator ? budget_.column_vectors : budget_.lane_vectors;
  }
  bool has_state() const { return frame_.has_state; }
  const Frame& frame() const { return frame_; }
  /// The loop counter.
  Reg64 counter() const { return frame_.has_state ? code_.rdx : code_.rcx; }
  /// Whether a value is a comparison that only `where` reads, which can stay a mask.
  bool is_mask(int value) const { return is_mask_[value]; }
  /// The precomputed mask of where a hoisted value is not 0; −1: none.
  int nonzero_mask(int value) const { return nonzero_mask_[value]; }
  /// The general-purpose register with the offset for `address`; −1: none.
  int index(Address address) const { return indices_[place(address)]; }
  int first_free() const { return first_free_; }
  int end() const { return end_; }
  int masks_end() const { return masks_end_; }

 private:
  /// A base address of operands: a buffer, or the sweep's own memory (slot −1).
  struct Base {
    std::int32_t slot;
    std::intptr_t base;
    int instruction, which;
    Reg64 pointer;
  };

  VectorAssembler& assembler_;
  Xbyak::CodeGenerator& code_;
  const Run* run_ = nullptr;
  Budget budget_;
  Frame frame_;
  std::vector<Base> bases_;
  std::array<int, static_cast<std::size_t>(Address::count)> indices_{};
  std::array<int, static_cast<std::size_t>(Constant::count)> constants_{};  // registers; −1: not used
  std::vector<int> hoisted_, nonzero_mask_;                                 // by value
  std::vector<bool> is_mask_;                                               // by value
  std::vector<int> carried_;                                                // by operation
  std::size_t general_count_ = 0;
  int first_free_ = 0, end_ = 0, masks_end_ = VectorAssembler::masks_end;

  static constexpr std::size_t place(Address address) { return static_cast<std::size_t>(address); }
  static constexpr std::size_t place(Constant constant) { return static_cast<std::size_t>(constant); }

  void hoist();
  void carry();
  void choose_constants();
  void choose_masks();
  void choose_nonzero_masks();
  void need(Constant constant);
  int take_general(int operation);
  bool moves(Address address) const;
  const Base* base_of(const Memory& memory) const;
  Xbyak::Address place_of(const Base& base) const;
  void add_address(const Memory& memory, int instruction, int which, int operation);
  void load_constant(Constant constant, const Vector& to);
};

/// The primitives with a truth value: 0 or 1, or a mask.
constexpr bool is_comparison(Primitive primitive) {
  return primitive >= Primitive::equal && primitive <= Primitive::greater_equal;
}

/// The elementary functions, which take many instructions.
constexpr bool is_function(Primitive primitive) { return primitive >= Primitive::exp; }

/// Whether the operation accumulates lane by lane, which a loop may do in registers.
inline bool sums_lanes(const Operation& operation) {
  return operation.meaning.kind == Meaning::Kind::accumulate && operation.target.address == Address::scratch;
}
inline bool reduces_row(const Operation& operation) { return operation.meaning.kind == Meaning::Kind::reduce_row; }
inline bool sums_columns(const Operation& operation) {
  return operation.meaning.kind == Meaning::Kind::accumulate && operation.target.address == Address::accumulator;
}

}  // namespace thalweg::run
