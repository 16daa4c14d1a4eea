#pragma once
// A sweep is a fused pass: elementwise work over a (rows × columns) domain, together with reductions and the
// elementwise use of their results. This header is the interface between planning, which describes a sweep as a short
// list of values, and running, which compiles it for the vector machine and executes it.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <thalweg/dtype.hpp>
#include <thalweg/element_kernel.hpp>

#include "src/run/philox.hpp"

namespace thalweg::run {

/// The largest number of values in a sweep.
inline constexpr int max_values = 128;

/// How many numbers a value has in the sweep's domain, and their order in memory:
///
///     single  n                per_column  b b b b
///                                          -------
///                      per_row  m  element x x x x
///                               m          x x x x
enum class Extent : std::uint8_t {
  element,     // rows × columns, row-major
  per_column,  // columns: one value per column, the same in every row (a bias)
  per_row,     // rows: one value per row (a softmax's normalizer)
  single,      // one
};

enum class Reduction : std::uint8_t { sum, product, maximum, minimum };

/// See philox.hpp.
enum class Distribution : std::uint8_t { uniform, normal };

/// One value of a sweep. Its id is its index in Sweep::values; operands have smaller ids.
struct SweepValue {
  enum class Kind : std::uint8_t {
    input,   // buffer `slot`, of `dtype` (bool and i64 buffers are converted to the sweep's dtype as they are read)
    number,  // number `slot`: a double, supplied at each run
    column,  // the index of the column; extent per_column
    draw,    // draw `slot`: uniform in [0, 1) or standard normal; extent element, position = row · columns + column
    apply,   // kernel(operands); its extent joins those of the operands
    reduce,  // `reduction` of operand 0 to `extent`: from element to any other, or from per_row or per_column to single
  };
  Kind kind = Kind::input;
  Extent extent = Extent::element;
  DType dtype = DType::f32;  // input: of the buffer
  Reduction reduction = Reduction::sum;
  Distribution distribution = Distribution::uniform;
  std::uint8_t operand_count = 0;
  std::int32_t slot = 0;
  std::int32_t operands[3] = {0, 0, 0};
  const ElementKernel* kernel = nullptr;
  bool moves = true;        // input, in several batches: whether each reads numbers of its own
  std::int64_t step = 0;    // and how many numbers further on; 0: as many as it has in a batch
  std::int64_t period = 0;  // and after how many batches they begin anew; 0: never
  bool operator==(const SweepValue&) const = default;
};

/// Writes value `value` to buffer `slot`, as `dtype` (the sweep's, or bool, or i64 if the value is integral).
struct SweepOutput {
  std::int32_t value = 0;
  std::int32_t slot = 0;
  DType dtype = DType::f32;
  bool operator==(const SweepOutput&) const = default;
};

struct Sweep {
  DType dtype = DType::f32;  // f32, f64 or i64: what the machine computes in
  std::int64_t rows = 1, columns = 1;
  /// How many such domains lie one after another in memory. Each is a sweep of its own: reductions end with it.
  std::int64_t batches = 1;
  std::vector<SweepValue> values;
  std::vector<SweepOutput> outputs;
  bool operator==(const Sweep&) const = default;
};

/// What the slots of a sweep refer to. Buffers of f32, f64 and i64 are at least 16-byte aligned, and rows are
/// contiguous. An output may be the same memory as an input of extent element (in-place operation).
struct SweepBindings {
  std::span<void* const> buffers;
  std::span<const double> numbers;
  std::span<const DrawSource> draws;
};

/// The address of a buffer, a number or a DrawSource that a sweep uses.
using Argument = std::intptr_t;

/// Generated code for a whole sweep, after its values per column have been loaded. `scratch`, this thread's memory, is
/// only used for sums per column.
using SweepCode = void (*)(const Argument* arguments, std::byte* memory, std::byte* scratch);

struct SharedProgram;

/// A sweep compiled for the vector machine. Sweeps of a thread that differ only in their arguments share one program.
/// The program holds the addresses of its latest run, so a sweep must stay on the thread that compiled it.
///
/// Determinism: an elementwise kernel gives the same bits in any sweep. A reduction adds in an order that depends only
/// on (rows, columns, extent, dtype): not on the sweep it is fused into, nor on the number of threads. Sums accumulate
/// in fixed blocks, whose partial sums are added in f64 for f32.
class CompiledSweep {
 public:
  CompiledSweep();
  explicit CompiledSweep(const Sweep& sweep);
  CompiledSweep(CompiledSweep&&) noexcept;
  CompiledSweep& operator=(CompiledSweep&&) noexcept;
  ~CompiledSweep();

  /// Whether the values can run as one sweep; the planner asks before it adds a value. (For instance, a sum to `single`
  /// fused with per_row reductions must walk the domain as it does alone.)
  static bool can_fuse(const Sweep& sweep);

  /// The slots of its buffers, each once. The arguments are the addresses of these buffers in this order, followed by
  /// those of numbers and draws.
  std::span<const std::int32_t> buffers() const;
  std::size_t argument_count() const { return slots_.size(); }
  void find_arguments(const SweepBindings& bindings, std::span<Argument> arguments) const;
  /// Runs, on up to thread_limit() threads if the domain is large. Allocates nothing after the first call.
  void run(const Argument* arguments) {
    if (function_.code != nullptr) return function_.code(arguments, function_.memory, nullptr);
    run_program(arguments);
  }
  /// The generated function that `run` has become, and its memory; null if there is (still) more to `run`.
  struct Function {
    SweepCode code = nullptr;
    std::byte* memory = nullptr;
  };
  const Function& function() const { return function_; }
  /// Runs once with the given bindings; for tests.
  void execute(const SweepBindings& bindings);

  /// The memory it takes, including the program if no earlier sweep shares it.
  std::size_t bytes() const;
  /// The number of bytes read and written (a buffer that stays in cache between stages counts once).
  std::size_t bytes_moved() const;
  /// The program as text, one instruction per line, for tests.
  std::string disassembly() const;

 private:
  /// Switches to a program that delays its stores if an output is memory that is read later.
  void look_for_aliases(const Argument* arguments);
  void run_program(const Argument* arguments);
  void run_batch(const Argument* arguments);

  std::shared_ptr<SharedProgram> shared_;
  std::vector<std::int32_t> slots_;  // the slot of each argument: buffers, numbers, draws
  bool is_first_ = false;            // whether the program was compiled for this sweep
  bool has_run_ = false;
  Function function_;  // of the program, if nothing has to be checked or loaded before it
  struct Batches;
  std::unique_ptr<Batches> batches_;  // null: one
};

}  // namespace thalweg::run
