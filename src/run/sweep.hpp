#pragma once
// A sweep is one fused pass: elementwise work over a (rows × columns) domain, with the reductions that end it and the
// broadcasts of those reductions back. This header is the contract between planning, which describes a sweep as a small
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

/// The most values a sweep may have.
inline constexpr int max_values = 128;

/// How many different numbers a value holds in the sweep's domain, and in which order they lie in memory:
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

/// One value of a sweep; an id is its place in Sweep::values, and a value refers to earlier ones only.
struct SweepValue {
  enum class Kind : std::uint8_t {
    input,   // buffer `slot`, of `dtype` (bool and i64 buffers are converted to the sweep's dtype as they are read)
    number,  // number `slot`: a double, given at each execution
    column,  // the column's index as a number; extent per_column
    draw,    // draw `slot`: uniform in [0, 1) or standard normal; extent element, position = row · columns + column
    apply,   // kernel(operands); extent: the join of the operands'
    reduce,  // `reduction` of operand 0 to `extent`: element to per_row, per_column or single; these to single
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
  bool operator==(const SweepValue&) const = default;
};

/// Value `value` is written to buffer `slot`, as `dtype` (the sweep's, or bool, or i64 where the value is integral).
struct SweepOutput {
  std::int32_t value = 0;
  std::int32_t slot = 0;
  DType dtype = DType::f32;
  bool operator==(const SweepOutput&) const = default;
};

struct Sweep {
  DType dtype = DType::f32;  // f32, f64 or i64: what the machine computes in
  std::int64_t rows = 1, columns = 1;
  std::vector<SweepValue> values;
  std::vector<SweepOutput> outputs;
  bool operator==(const Sweep&) const = default;
};

/// What the slots of a sweep stand for. Buffers: f32/f64/i64 ones are 16-byte aligned at least, and rows are contiguous. An
/// output may be the same memory as an input of extent element that is read at the same position (in place).
struct SweepBindings {
  std::span<void* const> buffers;
  std::span<const double> numbers;
  std::span<const DrawSource> draws;
};

/// The address of a buffer, a number or a DrawSource that a sweep works on.
using Argument = std::intptr_t;

struct SharedProgram;

/// A sweep compiled for the vector machine. Sweeps of a thread that differ in nothing but their arguments share one program,
/// which may hold the addresses of the one that ran last; so a sweep stays on the thread that compiled it.
///
/// Bits: an elementwise kernel gives the same bits wherever it runs. A reduction adds in an order that is a function of
/// (rows, columns, extent, dtype) alone: the same alone as inside any sweep, on any number of threads. Sums are carried in
/// fixed blocks, partial sums of f32 in f64.
class CompiledSweep {
 public:
  CompiledSweep();
  explicit CompiledSweep(const Sweep& sweep);
  CompiledSweep(CompiledSweep&&) noexcept;
  CompiledSweep& operator=(CompiledSweep&&) noexcept;
  ~CompiledSweep();

  /// Whether these values can run as one sweep with this geometry; the planner asks before it lets a value join.
  /// (E.g. a sum to `single` beside per_row reductions needs the same walk as it has alone.)
  static bool can_fuse(const Sweep& sweep);

  /// The slots of the buffers it works on, each once. Their addresses are the first of the arguments, in this order; those of
  /// numbers and draws follow.
  std::span<const std::int32_t> buffers() const;
  std::size_t argument_count() const { return slots_.size(); }
  void find_arguments(const SweepBindings& bindings, std::span<Argument> arguments) const;
  /// Runs on up to thread_limit() threads where the domain is large. Allocates nothing after the first call.
  void run(const Argument* arguments);
  /// The same, with arguments that are found for this one run.
  void execute(const SweepBindings& bindings);

  /// Memory that it takes, with the program where no sweep before it had one like it.
  std::size_t bytes() const;
  /// How often each buffer is read from or written to memory (a buffer that stays in cache between stages counts once).
  std::size_t bytes_moved() const;
  /// The program as text, one instruction a line, for explain_plan and tests.
  std::string disassembly() const;

 private:
  /// Where an output is memory that is still to be read, the program of its own for that takes over.
  void look_for_aliases(const Argument* arguments);

  std::shared_ptr<SharedProgram> shared_;
  std::vector<std::int32_t> slots_;  // of its arguments: buffers, numbers, draws
  bool is_first_ = false;            // the program was made for it
  bool has_run_ = false;
};

}  // namespace thalweg::run
