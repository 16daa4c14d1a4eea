#pragma once
// What the machine code of a run keeps in AVX-512's registers for all its vectors, and where its other operands lie.

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
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

/// What may stay in registers: numbers that are in every lane, sums.
struct Budget {
  static constexpr int most_hoisted = 12;
  int hoisted = most_hoisted;
  int carried = 0;
  int lane_vectors = wide_vectors;  // registers of a sum of lanes
  int column_vectors = 0;           // of sums per column; 0: they lie in memory
  std::vector<std::uint64_t> literals{};
};

/// A buffer whose elements are asked for before they are wanted.
struct PrefetchedStream {
  Memory memory;  // its base: how many bytes ahead
  int instruction, which;
  bool is_written;
};

/// How a run's code is called.
struct Frame {
  /// As a handler or loop: rdi is the run's first instruction, rsi the State, rdx how often a loop runs. Else as part of a
  /// function for the whole sweep: rdi is where its arguments lie, rsi the sweep's memory, rdx this thread's.
  bool has_state = true;
  /// With a State, but as part of code for the rows of a walk: rdi is the program's first instruction, and a run begins where
  /// the state's row does. Nothing else reads numbers in every lane: one vector of each is there.
  bool by_rows = false;
  std::span<const PrefetchedStream> prefetched{};
  unsigned prefetching_vectors = 0;    // of a block, a bit each: those that ask for as many elements of all streams
  std::intptr_t memory = 0;            // of a function: where the sweep's memory lies
  const Position* position = nullptr;  // of a function: how it moves on from 0; null: it does not
  std::int64_t column_period = 0;      // of a function: bytes after which vectors per column repeat; 0: they don't
};

/// Numbers that instructions need beside their operands.
enum class Constant : std::uint8_t { zero, one, sign_bit, all_but_sign, lowest, highest, count };
/// The reduction of nothing.
constexpr Constant identity_of(Reduction reduction) {
  switch (reduction) {
    case Reduction::product: return Constant::one;
    case Reduction::maximum: return Constant::lowest;
    case Reduction::minimum: return Constant::highest;
    default: return Constant::zero;
  }
}

/// Of one run. Vector registers are given out from the last one down; those from first_free() to end() are for the values
/// of a vector.
class RunRegisters {
 public:
  static constexpr int first_free_mask = 3, tail_mask_index = 7;  // k1 and k2 are for what lasts a moment
  /// The elements of a last vector that exist.
  static Xbyak::Opmask tail_mask() { return Xbyak::Opmask(tail_mask_index); }

  explicit RunRegisters(VectorAssembler& assembler) : assembler_(assembler), code_(assembler.code()) {}

  /// Vector registers before `first_free` are not its own. May throw TooLong.
  void choose(const Run& run, int first_free, const Budget& budget, const Frame& frame);
  /// Writes code: saves the caller's registers, loads addresses, numbers, constants and the budget's literals.
  void load();
  void restore_saved();

  /// Of the run's `vector`th vector.
  Xbyak::Address at(const Memory& memory, int vector) const;
  Zmm constant(Constant constant) const { return Zmm(constants_[place(constant)]); }
  /// The register of each value that has one all the while; −1: none.
  const std::vector<int>& hoisted() const { return hoisted_; }
  bool is_hoisted(int value) const { return hoisted_[static_cast<std::size_t>(value)] >= 0; }
  /// The first of the registers with the sum of an accumulation; −1: it lies in memory.
  int carried(int operation) const { return carried_[static_cast<std::size_t>(operation)]; }
  /// How many there are.
  int carried_count(const Operation& operation) const {
    return operation.target.address == Address::accumulator ? budget_.column_vectors : budget_.lane_vectors;
  }
  bool has_state() const { return frame_.has_state; }
  const Frame& frame() const { return frame_; }
  /// What counts the runs of a loop.
  Reg64 counter() const { return frame_.has_state ? code_.rdx : code_.rcx; }
  /// A comparison that nothing but `where` reads.
  bool is_mask(int value) const { return is_mask_[static_cast<std::size_t>(value)]; }
  /// The mask of a hoisted value where it is not 0; −1: not known beforehand.
  int nonzero_mask(int value) const { return nonzero_mask_[static_cast<std::size_t>(value)]; }
  /// The general register with an offset from buffers or scratch memory; −1: not used.
  int index(Address address) const { return indices_[place(address)]; }
  int first_free() const { return first_free_; }
  int end() const { return end_; }
  int masks_end() const { return masks_end_; }

 private:
  /// Where operands lie: buffers, or the sweep's own memory (slot −1), from which on displacements count.
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
  int first_free_ = 0, end_ = 0, masks_end_ = tail_mask_index;

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
  void load_constant(Constant constant, const Zmm& to);
};

/// Those that give 0 or 1, or a mask.
constexpr bool is_comparison(Primitive primitive) {
  return primitive >= Primitive::equal && primitive <= Primitive::greater_equal;
}

/// Those of many instructions.
constexpr bool is_function(Primitive primitive) { return primitive >= Primitive::exp; }

/// A sum of lanes, which a loop may carry in registers.
inline bool sums_lanes(const Operation& operation) {
  return operation.meaning.kind == Meaning::Kind::accumulate && operation.target.address == Address::scratch;
}
inline bool reduces_row(const Operation& operation) { return operation.meaning.kind == Meaning::Kind::reduce_row; }
inline bool sums_columns(const Operation& operation) {
  return operation.meaning.kind == Meaning::Kind::accumulate && operation.target.address == Address::accumulator;
}

}  // namespace thalweg::run
