#pragma once
// For the JIT: a run of simple instructions as operations on values. What a program keeps in memory between two
// instructions becomes a value with uses.

#include <array>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "src/run/sweep_program.hpp"

namespace thalweg::run {

/// The memory operand of an instruction. Its address is known when the program runs.
struct Memory {
  Address address = Address::fixed;
  std::intptr_t base = 0;  // of a buffer: 0
  std::int32_t slot = -1;  // of a buffer
  bool operator==(const Memory&) const = default;

  bool in_buffer() const { return slot >= 0; }
  /// Whether the base is an offset into the thread's memory.
  bool in_scratch() const {
    return address == Address::scratch || address == Address::scratch_column || address == Address::accumulator;
  }
  bool is_temporary() const { return !in_buffer() && address == Address::scratch && base < 0; }
  /// Whether it has elements of the domain, of which the last block of a row, or of the domain, may have fewer.
  bool is_ragged() const {
    return address == Address::flat_1 || address == Address::flat_4 || address == Address::flat_8;
  }
  /// Whether it has one number in every lane. Such slots are only read here: the sums of a walk go to slots that are
  /// not operands.
  bool is_splat() const {
    return !in_buffer() && (address == Address::fixed || (address == Address::scratch && base >= 0));
  }
};

/// One number per element: the contents of memory before the run writes there, or the result of an operation.
struct Value {
  std::optional<Memory> memory;
  int instruction = 0, which = 0;  // the instruction and operand that first read it
  int uses = 0, last_use = -1;     // number of operations that use it, and the last one
};

struct Operation {
  Meaning meaning;
  int instruction = 0;
  int operands[3] = {-1, -1, -1};  // values
  int result = -1;                 // value
  Memory target;                   // of stores and accumulations; the source of a splat
  bool dropped = false;            // whether it is a store that nothing reads
};

inline constexpr int incoming = 0;  // the value in the accumulator before the run

/// A run of instructions as operations on values.
struct Run {
  int begin = 0, end = 0;
  std::vector<Value> values;
  std::vector<Operation> operations;
  int outgoing = incoming;  // the value in the accumulator after the run
};

/// Extracts runs from a program.
class RunReader {
 public:
  explicit RunReader(const SweepProgram& program);

  const Meaning& meaning(int i) const { return program_.notes[i].meaning; }
  /// Whether the JIT does not support instruction i.
  bool is_opaque(int i) const { return meaning(i).kind == Meaning::Kind::opaque; }
  /// The same, or whether it needs all vectors of a row at once.
  bool ends_run(int i) const { return is_opaque(i) || meaning(i).kind == Meaning::Kind::reduce_row; }
  bool is_end(int i) const {
    const Handler handler = program_.instructions[i].handler;
    return handler == program_.machine->end.wide || handler == program_.machine->end.narrow;
  }
  /// The index of a program's end instruction.
  int end_of(int first) const {
    int end = first;
    while (!is_end(end)) ++end;
    return end;
  }
  /// Whether the JIT supports all instructions of a program; true for no_program.
  bool knows(std::int32_t first) const {
    int i = first;
    while (first != no_program && !is_end(i) && !is_opaque(i)) ++i;
    return first == no_program || is_end(i);
  }
  Memory memory(int i, int which) const;
  Run read(int begin, int end);

 private:
  const SweepProgram& program_;
  std::vector<std::array<std::int32_t, 2>> slots_;  // buffers, by instruction and operand
  std::vector<std::pair<Memory, int>> known_;       // the values that memory holds

  int value_in(Run& run, int i, int which);
  void set_known(const Memory& place, int value);
  static const Operation* earlier(const Run& run, const Operation& operation);
  void add(Run& run, int i);
  void drop_if_unread(Run& run, std::size_t k) const;
  bool is_read_from(int i, const Memory& place) const;
  void count_uses(Run& run) const;
  bool reads_accumulator(int i) const;
};

}  // namespace thalweg::run
