#pragma once
// The vector machine: what its programs are made of, and what a SIMD target provides to run them.
//
// A program is an array of instructions. Its handlers pass the accumulator from one to the next in vector registers:
// eight vectors of consecutive elements in the wide form, one in the narrow form. A handler does accumulator ∘ memory
// and tail-calls the next instruction's handler; the last one returns.

#include <cstddef>
#include <cstdint>

#include <thalweg/dtype.hpp>
#include <thalweg/element_kernel.hpp>

#include "src/run/sweep.hpp"

// Where the accumulator travels. GCC passes eight vectors in registers once a function is compiled for their target, and
// turns the final call into a jump; Clang on x86 goes by the command line's target alone, and unoptimized or instrumented
// code does not jump. There the handlers keep the accumulator in State and a loop calls them one after the other.
#if !defined(__OPTIMIZE__) || defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || \
    (defined(__clang__) && (defined(__x86_64__) || defined(__i386__)))
#define THALWEG_ACCUMULATOR_IN_MEMORY 1
#else
#define THALWEG_ACCUMULATOR_IN_MEMORY 0
#endif

namespace thalweg::run {

inline constexpr int wide_vectors = 8;
inline constexpr std::size_t max_vector_bytes = 64;
/// Blocks that one lane adds up before its sum goes on in f64.
inline constexpr int blocks_per_fold = 32;
/// Bytes of a memory slot of the machine: one wide accumulator.
inline constexpr std::size_t slot_bytes = wide_vectors * max_vector_bytes;

/// Which of the walk's positions is added to an operand's base address.
enum class Address : std::uint32_t {
  flat_1,  // index in the domain, row · columns + column, of elements of 1, 4, 8 bytes
  flat_4,
  flat_8,
  row_1,  // row, likewise
  row_4,
  row_8,
  column,          // position in a tile of values per column
  fixed,           // none
  accumulator,     // position in this thread's tiles of column reductions
  scratch,         // this thread's memory
  scratch_column,  // this thread's memory, position in the row
  count
};
/// The first ones, which move as vectors do: what is written as a vector is not read back through a stall.
inline constexpr int vector_addresses = 8;
inline constexpr int address_slots = 16;  // a whole number of vectors
static_assert(static_cast<int>(Address::count) <= address_slots);

struct Instruction {
  Handler handler = nullptr;
  std::intptr_t base[2] = {0, 0};
  Address address[2] = {Address::fixed, Address::fixed};
};

/// Where a walk stands and how it moves on. Not set unless asked, as Position(): of a small sweep that took a sixth of its time.
struct alignas(max_vector_bytes) Position {
  std::intptr_t offset[address_slots];
  std::intptr_t step[address_slots];                // added after each run of a program
  std::intptr_t column_period, accumulator_period;  // bytes; where these offsets wrap
  std::intptr_t accumulator_end;                    // accumulator offsets include the start of this thread's memory

  std::intptr_t& operator[](Address address) { return offset[static_cast<int>(address)]; }
  std::intptr_t operator[](Address address) const { return offset[static_cast<int>(address)]; }
  std::intptr_t& step_of(Address address) { return step[static_cast<int>(address)]; }
  /// From scratch memory at 0 to this thread's.
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

/// What the handlers of a running program share.
struct State {
  Position position;
  Position row;                                                 // the start of the row, in the row walk
  std::int64_t lanes;                                           // elements of a partial block
  ArrayFunction function;                                       // that the next instruction calls
  alignas(max_vector_bytes) std::byte bounce[slot_bytes];       // for conversions and partial blocks
  alignas(max_vector_bytes) std::byte accumulator[slot_bytes];  // where handlers cannot pass it in registers
};

/// A partial result of a reduction: f64 for f32 and f64, i64 for i64.
union Partial {
  double floating;
  std::int64_t integer;
};

/// What a reduction of nothing gives: 0, 1, the lowest, the highest value.
Partial identity(Reduction reduction, DType dtype);
Partial combine(Reduction reduction, DType dtype, Partial a, Partial b);

/// Generated code for `count` runs of a wide program from the state's position on, which it leaves as it is.
using LoopCode = void (*)(const Instruction* program, const State* state, std::int64_t count);

/// Generated code for all stages of `count` rows, the first of which the state's `row` is at; it moves on with them.
using RowsCode = void (*)(const Instruction* program, State* state, std::int64_t count);

/// Generated code for all that a sweep does once its values per column are in its memory. `scratch`, this thread's memory, is
/// for sums per column alone.
using SweepCode = void (*)(const Argument* arguments, std::byte* memory, std::byte* scratch);

/// Runs of two programs, one after the other, from a position on. Either count may be 0.
struct Blocks {
  const Instruction* wide = nullptr;
  std::int64_t wide_count = 0;
  LoopCode loop = nullptr;            // in place of `wide`, where there is one
  const Instruction* tail = nullptr;  // wide or narrow
  std::int64_t tail_count = 0;
  std::int64_t lanes = 0;  // of a partial tail
  bool tail_wide = false;
};

/// A handler in its two widths.
struct HandlerPair {
  Handler wide = nullptr;
  Handler narrow = nullptr;
};

inline constexpr int dtype_count = 4;
inline constexpr int reduction_count = 4;

/// What one SIMD target provides for sweeps of one dtype T. "Partial" forms touch state->lanes elements only.
struct Machine {
  int lanes;                                   // of one vector
  HandlerPair end;                             // returns; null if a loop calls the handlers
  HandlerPair load;                            // accumulator = memory
  HandlerPair store;                           // memory = accumulator
  HandlerPair load_as[2][dtype_count];         // [partial]: from a buffer of another dtype
  HandlerPair copy_as[2][dtype_count];         // [partial]: memory 1 = memory 0; the accumulator stays
  HandlerPair store_as[2][dtype_count];        // [partial]
  HandlerPair load_splat[dtype_count];         // every lane = the first element in memory
  HandlerPair store_first[dtype_count];        // the first element in memory = lane 0
  Handler store_splat;                         // narrow: a whole slot = the vector
  HandlerPair accumulate[2][reduction_count];  // [partial]: memory = memory ∘ accumulator
  HandlerPair reduce_row[reduction_count];     // every lane = the reduction of the first state->lanes ones
  HandlerPair draw[2];                         // by Distribution; memory 0 is a DrawSource
  HandlerPair index;                           // index in the domain
  HandlerPair set_function;                    // state->function = the base of memory 0
  ElementHandlers call[3];                     // [arity − 1]: accumulator = state->function(…)

  /// position = start; `scratch` is this thread's memory.
  void (*begin)(Position& position, const Position& start, std::byte* scratch);
  void (*advance)(Position& position);
  /// To the start of the row.
  void (*rewind)(State* state);
  /// Runs the programs; the state moves by its steps from one run to the next and after the last one as well.
  void (*run)(const Blocks& blocks, State* state);
  /// The same from `start`, in a state of its own. A single run needs no start.
  void (*run_from)(const Blocks& blocks, const Position* start, std::byte* scratch);

  /// memory[0 .. count) = value
  void (*fill)(void* memory, std::int64_t count, Partial value);
  /// The reduction of a wide accumulator in memory, which becomes the identity again.
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

/// Of the target in use; T is f32, f64 or i64.
const Machine& machine(DType dtype);

/// What runs `kernel` on elements of `dtype`; null ones where it is not defined for it. Where the kernel is a function on
/// arrays they call what set_function has set.
const ElementHandlers& handlers_of(const ElementKernel& kernel, DType dtype);

/// out[i] = in[i], converted; bool is 0 or 1 as a number, and a number is true unless 0.
void convert_values(void* out, DType out_dtype, const void* in, DType in_dtype, std::int64_t count);

}  // namespace thalweg::run
