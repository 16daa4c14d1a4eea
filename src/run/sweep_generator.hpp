#pragma once
// Generates the machine code of one run of instructions, with its values in registers. sweep_generator.cpp
// iterates over vectors and rows and allocates registers, sweep_operations.cpp emits the operations.

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

/// The number of vectors of a block, and of elements in the last one; 0: all.
struct Block {
  int vectors = wide_vectors;
  int last = 0;
};

/// `elements` elements, at least one, as one block.
inline Block block_of(std::int64_t elements, std::int64_t lanes) {
  return {.vectors = static_cast<int>((elements + lanes - 1) / lanes), .last = static_cast<int>(elements % lanes)};
}

/// The end of a row: its last partial block, and the reductions over the row.
struct RowEnd {
  Block block{.vectors = 0};
  std::span<const SlotFold> folds;
};

/// Emits runs as machine code.
class Generator {
 public:
  explicit Generator(VectorAssembler& assembler)
      : assembler_(assembler),
        code_(assembler.code()),
        functions_(assembler),
        reducer_(assembler),
        registers_(assembler) {}

  /// Emits a handler that continues with the instruction after the run. Returns the code's offset. May throw TooLong,
  /// and then emits nothing of use.
  std::size_t write_handler(const Run& run, const Block& block);
  /// Emits a LoopCode for a run that is a whole program; positions advance by the steps of `position`. With `row`, the
  /// code includes the end of the row and its reductions.
  std::size_t write_loop(const Run& run, const Position& position, const RowEnd* row);

  /// Emits a LoopCode for rows of one block each.
  std::size_t write_loop_of_rows(const Run& run, const Position& position, const Block& row);

  // Parts of a RowsCode: a stage's row program by write_flat, then its blocks.
  /// What a loop over whole blocks and the row's end can keep in registers; `frame` as for write_row_stage. Emits
  /// unused code to find out; may throw TooLong.
  Budget budget_of(const Run& run, const RowEnd* row, const Frame& frame);
  /// Emits `blocks` whole blocks of a row, its last block and its reductions.
  void write_row_stage(const Run& run, std::int64_t blocks, const Position& position, const RowEnd& row,
                       const Budget& budget, const Frame& frame);

  // Parts of a SweepCode. Nothing stays in registers from one part to the next.
  /// Returns the code's offset.
  std::size_t begin_code();
  /// Returns to the caller.
  void end_code();
  /// Emits `blocks` whole blocks, then the rest. Positions advance by the steps of the frame's `position`.
  void write_flat(const Run& run, std::int64_t blocks, const Block& rest, const Budget& budget, const Frame& frame);
  /// Emits rows of one block each.
  void write_rows(const Run& run, std::int64_t rows, const Block& row, const Budget& budget, const Frame& frame);
  /// After write_flat: the number of free registers, which are the first ones.
  int registers_before_sums() const { return registers_.end(); }
  /// After write_flat: the registers that hold the sum of a carried accumulation.
  std::vector<Vector> sums_of(std::size_t operation) const;

  /// Emits the constants that the code refers to; after all code.
  void finish();

 private:
  VectorAssembler& assembler_;
  Xbyak::CodeGenerator& code_;
  VectorFunctions functions_;
  VectorReducer reducer_;
  RunRegisters registers_;
  const Run* run_ = nullptr;

  /// Calls to functions, to = function(x), as an alternative to the code between `begin` and `end`.
  struct Call {
    Xbyak::Label begin, end;
    Vector x;
    struct Result {
      Vector to;
      void (*function)(const void* x, void* result);
    };
    std::vector<Result> results;
  };
  std::deque<Call> calls_;

  // State of the current vector.
  /// The register of each value, by vector of the row; for masks, the mask register; −1: none.
  std::array<std::vector<int>, wide_vectors> registers_of_;
  std::vector<int> free_, free_masks_;
  int vector_ = 0, operation_ = 0;
  bool is_partial_ = false;
  std::size_t fewest_free_ = 0;  // the fewest free registers so far

  // State of the current row.
  int row_vectors_ = 0;          // 0: vectors are emitted one at a time
  std::vector<bool> is_shared_;  // by value: whether all vectors of the row have it in the same register

  const Value& value(int v) const { return run_->values[static_cast<std::size_t>(v)]; }
  int count() const { return static_cast<int>(run_->operations.size()); }
  Xbyak::Address at(const Memory& memory) const { return registers_.at(memory, vector_); }
  int& register_of(int v) {
    const int set = row_vectors_ > 0 ? vector_ : 0;
    return registers_of_[static_cast<std::size_t>(set)][static_cast<std::size_t>(v)];
  }
  bool is_shared(int v) const { return row_vectors_ > 0 && is_shared_[static_cast<std::size_t>(v)]; }
  Vector carried_sum(int operation) const;
  Reduction reduction_of(int operation) const {
    return run_->operations[static_cast<std::size_t>(operation)].meaning.reduction;
  }

  void choose(const Run& run, int first_free, const Budget& budget, const Frame& frame);
  void begin(const Run& run, int first_free, const Budget& budget, const Frame& frame);
  template <class F>
  std::vector<std::uint64_t> try_writing(F write);
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
  template <class F>
  void for_each_sum_in_memory(F f);
  bool carries_all() const;
  void begin_sums();
  void end_sums(const RowEnd* row);
  void write_fold(int operation, const Memory& slot, const SlotFold& fold);
  void write_fold_in_memory(const Memory& slot, const SlotFold& fold);
  void write_folded(const Memory& slot, const SlotFold& fold, const Vector& sum);
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
  std::vector<int>& masks() { return assembler_.is_avx512() ? free_masks_ : free_; }
  int take_mask() { return assembler_.is_avx512() ? take(free_masks_) : take(); }
  void release(int v);
  void release_register(int v);
  void set_register(int v, int r);
  Vector result(const Operation& operation);
  void load(const Vector& to, const Value& from);
  Vector in_register(int v);
  template <class F>
  void with_operand(int v, F f);

  void write_operation(const Operation& operation);
  void write_load_splat(const Operation& operation);
  void write_store(const Operation& operation, const Vector& stored);
  void write_accumulate(const Operation& operation);
  void write_apply(const Operation& operation);
  template <class F>
  void write_slow(const Operation& operation, F f);
  void write_chain(const Operation& operation);
  void write_comparison(const Operation& operation);
  void write_where(const Operation& operation);
  void write_sign(const Operation& operation);
  void write_relu(const Operation& operation);
  void write_relu_gradient(const Operation& operation);
  void write_tanh_gradient(const Operation& operation);
  template <std::size_t n>
  void write_function(const Operation& operation, void (VectorFunctions::*function)(const Vector& to, const Vector& x,
                                                                                    const std::array<Vector, n>& free));
  void write_exponential(const Operation& operation);
  void write_wave(const Operation& operation);
  const Operation* other_wave(const Operation& operation) const;
  template <std::size_t n>
  std::array<Vector, n> take_some();
  template <std::size_t n>
  void give_back(const std::array<Vector, n>& registers);
  void write_calls();
  void drop_calls();
  void write_call_of_rax();
};

}  // namespace thalweg::run
