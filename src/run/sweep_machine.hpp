#pragma once
// The vector machine: the elements of its programs, and the operations that a SIMD target provides to run them.
//
// A program is an array of instructions. Their handlers pass an accumulator from one to the next in vector registers:
// eight vectors of consecutive elements in the wide form, one in the narrow form. A handler computes accumulator ∘
// memory and tail-calls the handler of the next instruction; the last one returns.

#include <cstddef>
#include <cstdint>

#include <thalweg/dtype.hpp>
#include <thalweg/element_kernel.hpp>

#include "src/run/sweep.hpp"

// GCC passes eight vectors in registers if a function is compiled for their target, and turns the tail call into a
// jump. Clang on x86 passes arguments by the command line's target alone, and unoptimized or instrumented code does not
// jump. In those cases the handlers keep the accumulator in State, and a loop calls them one after another.
#if !defined(__OPTIMIZE__) || defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || \
    (defined(__clang__) && (defined(__x86_64__) || defined(__i386__)))
#define THALWEG_ACCUMULATOR_IN_MEMORY 1
#else
#define THALWEG_ACCUMULATOR_IN_MEMORY 0
#endif

namespace thalweg::run {

inline constexpr int wide_vectors = 8;
inline constexpr std::size_t max_vector_bytes = 64;
/// The number of blocks that a lane adds up before its sum continues in f64.
inline constexpr int blocks_per_fold = 32;
/// Bytes of a slot of the machine's memory: one wide accumulator.
inline constexpr std::size_t slot_bytes = wide_vectors * max_vector_bytes;

/// The walk's position that is added to an operand's base address.
enum class Address : std::uint32_t {
  flat_1,  // index in the domain, row · columns + column, for elements of 1, 4 or 8 bytes
  flat_4,
  flat_8,
  row_1,  // row, for elements of 1, 4 or 8 bytes
  row_4,
  row_8,
  column,          // position in a tile of values per column
  fixed,           // none
  accumulator,     // position in this thread's tiles of column reductions
  scratch,         // this thread's memory
  scratch_column,  // this thread's memory, position in the row
  count
};
/// The first ones are advanced with vector instructions.
inline constexpr int vector_addresses = 8;
inline constexpr int address_slots = 16;  // a whole number of vectors
static_assert(static_cast<int>(Address::count) <= address_slots);

struct Instruction {
  Handler handler = nullptr;
  std::intptr_t base[2] = {0, 0};
  Address address[2] = {Address::fixed, Address::fixed};
};

/// The position of a walk and its steps. `Position p;` is uninitialized: zeroing took a sixth of a small sweep's time.
struct alignas(max_vector_bytes) Position {
  std::intptr_t offset[address_slots];
  std::intptr_t step[address_slots];                // added after each run of a program
  std::intptr_t column_period, accumulator_period;  // bytes after which these offsets wrap
  std::intptr_t accumulator_end;                    // where the accumulator offset wraps; includes the memory's start

  std::intptr_t& operator[](Address address) { return offset[static_cast<int>(address)]; }
  std::intptr_t operator[](Address address) const { return offset[static_cast<int>(address)]; }
  std::intptr_t& step_of(Address address) { return step[static_cast<int>(address)]; }
  /// Relocates from scratch memory at 0 to this thread's.
  void use_scratch(std::byte* scratch) {
    set_scratch(scratch);
    accumulator_end += reinterpret_cast<std::intptr_t>(scratch);
  }
  void set_scratch(std::byte* scratch) {
    for (const Address address : {Address::scratch, Address::scratch_column, Address::accumulator})
      (*this)[address] = reinterpret_cast<std::intptr_t>(scratch);
  }
  /// Index in the domain.
  std::uint64_t element() const { return static_cast<std::uint64_t>((*this)[Address::flat_1]); }
};

/// The state that the handlers of a running program share.
struct State {
  Position position;
  Position row;                                                 // the start of the row, in the row walk
  std::int64_t lanes;                                           // elements of a partial block
  ArrayFunction function;                                       // called by the next instruction
  alignas(max_vector_bytes) std::byte bounce[slot_bytes];       // for conversions and partial blocks
  alignas(max_vector_bytes) std::byte accumulator[slot_bytes];  // if handlers cannot pass it in registers
};

/// A partial result of a reduction: f64 for f32 and f64, i64 for i64.
union Partial {
  double floating;
  std::int64_t integer;
};

/// The identity element of a reduction: 0, 1, the lowest, the highest value.
Partial identity(Reduction reduction, DType dtype);
Partial combine(Reduction reduction, DType dtype, Partial a, Partial b);

/// Generated code for `count` runs of a wide program from the state's position on. It does not change the state.
using LoopCode = void (*)(const Instruction* program, const State* state, std::int64_t count);

/// Generated code for all stages of `count` rows, starting at the state's `row`, which it advances.
using RowsCode = void (*)(const Instruction* program, State* state, std::int64_t count);

/// Runs of two programs, one after another, from a position on. Either count may be 0.
struct Blocks {
  const Instruction* wide = nullptr;
  std::int64_t wide_count = 0;
  LoopCode loop = nullptr;            // generated code in place of `wide`, if any
  const Instruction* tail = nullptr;  // wide or narrow
  std::int64_t tail_count = 0;
  LoopCode tail_loop = nullptr;  // generated code in place of `tail`, if any
  std::int64_t lanes = 0;        // of a partial tail
  bool tail_wide = false;
};

/// A handler in both widths.
struct HandlerPair {
  Handler wide = nullptr;
  Handler narrow = nullptr;
};

inline constexpr int dtype_count = 4;
inline constexpr int reduction_count = 4;

/// The operations of a SIMD target for sweeps of a dtype T. "Partial" forms access the first state->lanes elements.
struct Machine {
  int lanes;                                   // of one vector
  HandlerPair end;                             // returns; null if handlers are called in a loop
  HandlerPair load;                            // accumulator = memory
  HandlerPair store;                           // memory = accumulator
  HandlerPair load_as[2][dtype_count];         // [partial]: from a buffer of another dtype
  HandlerPair copy_as[2][dtype_count];         // [partial]: memory 1 = memory 0; the accumulator stays
  HandlerPair store_as[2][dtype_count];        // [partial]
  HandlerPair load_splat[dtype_count];         // every lane = the first element in memory
  HandlerPair store_first[dtype_count];        // the first element in memory = lane 0
  Handler store_splat;                         // narrow: a whole slot = the vector
  HandlerPair accumulate[2][reduction_count];  // [partial]: memory = memory ∘ accumulator
  HandlerPair reduce_row[reduction_count];     // every lane = the reduction of the first state->lanes elements
  HandlerPair draw[2];                         // by Distribution; memory 0 is a DrawSource
  HandlerPair index;                           // index in the domain
  HandlerPair set_function;                    // state->function = the base of memory 0
  ElementHandlers call[3];                     // [arity − 1]: accumulator = state->function(…)

  /// out[0 .. count) = elements first, first + 1, … of a draw; by Distribution.
  void (*draw_elements[2])(const DrawSource& source, std::uint64_t first, std::size_t count, void* out);
  /// position = start; `scratch` is this thread's memory.
  void (*begin)(Position& position, const Position& start, std::byte* scratch);
  void (*advance)(Position& position);
  /// Moves to the start of the row.
  void (*rewind)(State* state);
  /// Runs the programs, and advances the state by its steps after each run.
  void (*run)(const Blocks& blocks, State* state);
  /// The same from `start`, with its own state. A single run needs no start.
  void (*run_from)(const Blocks& blocks, const Position* start, std::byte* scratch);

  /// memory[0 .. count) = value
  void (*fill)(void* memory, std::int64_t count, Partial value);
  /// The reduction of a wide accumulator in memory, which is reset to the identity.
  Partial (*fold_slot)(void* slot, Reduction reduction);
  /// tile[c] ∘= tile[c + k·columns] for every k, in a fixed tree; period / columns is a power of two.
  void (*fold_tile)(void* tile, std::int64_t period, std::int64_t columns, Reduction reduction);
  /// partial[c] = tile[c] (first) or partial[c] ∘ tile[c]
  void (*add_partials)(Partial* partial, const void* tile, std::int64_t columns, Reduction reduction, bool first);
  /// partial[c] = partial[c] ∘ other[c]
  void (*join_partials)(Partial* partial, const Partial* other, std::int64_t columns, Reduction reduction);
  /// vector[c] = partial[c], rounded
  void (*round_partials)(void* vector, const Partial* partial, std::int64_t columns);
  /// The reduction of an array in the order of a flat walk over (1, count).
  Partial (*reduce_array)(const void* values, std::int64_t count, Reduction reduction);
  /// tile[i] = vector[i mod columns] for i < length
  void (*repeat)(void* tile, std::int64_t length, const void* vector, std::int64_t columns);
};

/// The machine of the SIMD target in use, for f32, f64 or i64.
const Machine& machine(DType dtype);

/// The handlers of `kernel` for `dtype`; null if the kernel is not defined for it. For a kernel on arrays they call the
/// function that set_function has set.
const ElementHandlers& handlers_of(const ElementKernel& kernel, DType dtype);

/// out[i] = in[i], converted. As a number, a bool is 0 or 1; a number is true unless it is 0.
void convert_values(void* out, DType out_dtype, const void* in, DType in_dtype, std::int64_t count);

}  // namespace thalweg::run
