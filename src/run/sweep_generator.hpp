#pragma once
// Machine code for one run of instructions, with its values in AVX-512's registers: sweep_generator.cpp goes through vectors
// and rows and gives out registers, sweep_operations.cpp writes what is done with them.

#include <algorithm>
#include <array>
#include <cstddef>
#include <deque>
#include <span>
#include <vector>

#include "src/run/sweep_registers.hpp"
#include "src/run/vector_functions.hpp"
#include "src/run/vector_reducer.hpp"

namespace thalweg::run {

/// The vectors of a block that exist, and how many elements of the last one; 0: all.
struct Block {
  int vectors = wide_vectors;
  int last = 0;
};

/// So many elements, at least one, as one block.
inline Block block_of(std::int64_t elements, std::int64_t lanes) {
  return {.vectors = static_cast<int>((elements + lanes - 1) / lanes), .last = static_cast<int>(elements % lanes)};
}

/// What comes after the whole blocks of a row: its last block, and sums over the row.
struct RowEnd {
  Block block{.vectors = 0};
  std::span<const SlotFold> folds;
};

/// Writes runs as machine code.
class Generator {
 public:
  explicit Generator(VectorAssembler& assembler)
      : assembler_(assembler),
        code_(assembler.code()),
        functions_(assembler),
        reducer_(assembler),
        registers_(assembler) {}

  /// A handler that goes on with the instruction after the run. Returns the code's offset; may throw TooLong, with nothing
  /// written that counts.
  std::size_t write_handler(const Run& run, const Block& block);
  /// A LoopCode for a run that is a whole program, whose positions move as in `position`. `row`: it goes on to the end of
  /// a row, and to its sums.
  std::size_t write_loop(const Run& run, const Position& position, const RowEnd* row);

  // Code for the rows of a walk, in parts: a stage's program of the row by write_flat, then its blocks.
  /// What a loop over whole blocks and its row's end may keep in registers, for `frame` as it is given to write_row_stage.
  /// Writes code that nothing runs; may throw TooLong.
  Budget budget_of(const Run& run, const RowEnd* row, const Frame& frame);
  /// `blocks` whole blocks of a row, its last block and its sums.
  void write_row_stage(const Run& run, std::int64_t blocks, const Position& position, const RowEnd& row,
                       const Budget& budget, const Frame& frame);

  // A function for a whole sweep, in parts; nothing is kept in registers from one to the next.
  /// Returns the code's offset.
  std::size_t begin_code();
  /// Returns to the caller.
  void end_code();
  /// `blocks` whole blocks, then what is left. `position` of the frame: how it moves from one to the next.
  void write_flat(const Run& run, std::int64_t blocks, const Block& rest, const Budget& budget, const Frame& frame);
  /// Rows of one block each.
  void write_rows(const Run& run, std::int64_t rows, const Block& row, const Budget& budget, const Frame& frame);
  /// The mask of a last vector of so many elements; `free` is lost.
  void load_tail_mask(int elements, const Reg64& free = Reg64(Xbyak::Operand::RAX));
  /// After write_flat: how many registers are free, the first ones.
  int registers_before_sums() const { return registers_.end(); }
  /// After write_flat: the registers with the sum of an accumulation that was carried.
  std::vector<Zmm> sums_of(std::size_t operation) const;

  /// What the code refers to; after all code.
  void finish();

 private:
  VectorAssembler& assembler_;
  Xbyak::CodeGenerator& code_;
  VectorFunctions functions_;
  VectorReducer reducer_;
  RunRegisters registers_;
  const Run* run_ = nullptr;

  /// to = function(x) instead of what comes between two places of the code.
  struct Call {
    Xbyak::Label begin, end;
    Zmm x;
    struct Result {
      Zmm to;
      void (*function)(const void* x, void* result);
    };
    std::vector<Result> results;
  };
  std::deque<Call> calls_;

  // Of the vector that is being written.
  /// By vector of a row, by value; of masks the mask register; −1: none.
  std::array<std::vector<int>, wide_vectors> registers_of_;
  std::vector<int> free_, free_masks_;
  int vector_ = 0, operation_ = 0;
  bool is_partial_ = false;
  std::size_t fewest_free_ = 0;  // registers that none of its values has had
  int tail_elements_ = 0;        // of a partial vector

  // Of the row that is being written.
  int row_vectors_ = 0;          // 0: vectors one after the other, each by itself
  std::vector<bool> is_shared_;  // by value: the same register in all vectors of the row

  const Value& value(int v) const { return run_->values[static_cast<std::size_t>(v)]; }
  int count() const { return static_cast<int>(run_->operations.size()); }
  Xbyak::Address at(const Memory& memory) const { return registers_.at(memory, vector_); }
  int& register_of(int v) {
    const int set = row_vectors_ > 0 ? vector_ : 0;
    return registers_of_[static_cast<std::size_t>(set)][static_cast<std::size_t>(v)];
  }
  bool is_shared(int v) const { return row_vectors_ > 0 && is_shared_[static_cast<std::size_t>(v)]; }
  Zmm carried_sum(int operation) const;
  Reduction reduction_of(int operation) const {
    return run_->operations[static_cast<std::size_t>(operation)].meaning.reduction;
  }

  void choose(const Run& run, int first_free, const Budget& budget, const Frame& frame);
  void begin(const Run& run, int first_free, const Budget& budget, const Frame& frame);
  std::vector<std::uint64_t> try_vector(const Block& rest);
  void prefetch();
  void write_blocks(const Position& position);
  template <class F>
  void write_loop_of(const Position& position, F write);
  void write_loop_and_end(const Position& position, const RowEnd* row);
  void write_block(const Block& block);
  void write_row(const Block& block);
  void write_row_reduction(const Block& block);
  void find_shared();
  template <class F>
  void for_each_carried(F f);
  bool carries_all() const;
  void write_fold(int operation, const Memory& slot, const SlotFold& fold);
  void advance(Address address, const Position& position);
  void wrap(const Reg64& index, std::int64_t period);

  void begin_vectors();
  void write_vector(int vector);
  void write_operations(int first, int end);
  int take() {
    const int r = take(free_);
    fewest_free_ = std::min(fewest_free_, free_.size());
    return r;
  }
  int take(std::vector<int>& free) const;
  void release(int v);
  void release_register(int v);
  void set_register(int v, int r);
  Zmm result(const Operation& operation);
  void load(const Zmm& to, const Value& from);
  Zmm in_register(int v);
  template <class F>
  void with_operand(int v, F f);

  void write_operation(const Operation& operation);
  void write_load_splat(const Operation& operation);
  void write_store(const Operation& operation, const Zmm& stored);
  void write_accumulate(const Operation& operation);
  void write_apply(const Operation& operation);
  void write_chain(const Operation& operation);
  void write_comparison(const Operation& operation);
  void write_where(const Operation& operation);
  void write_sign(const Operation& operation);
  void write_relu(const Operation& operation);
  void write_relu_gradient(const Operation& operation);
  void write_tanh_gradient(const Operation& operation);
  template <std::size_t n>
  void write_function(const Operation& operation,
                      void (VectorFunctions::*function)(const Zmm& to, const Zmm& x, const std::array<Zmm, n>& free));
  void write_exponential(const Operation& operation);
  void write_wave(const Operation& operation);
  const Operation* other_wave(const Operation& operation) const;
  template <std::size_t n>
  std::array<Zmm, n> take_some();
  template <std::size_t n>
  void give_back(const std::array<Zmm, n>& registers);
  void write_calls();
  void drop_calls();
  void write_call_of_rax();
};

}  // namespace thalweg::run
