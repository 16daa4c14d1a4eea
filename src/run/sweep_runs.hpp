#pragma once
// Runs of simple instructions as operations on values, for the generator of machine code: what a program keeps in memory
// between two of its instructions is a value with uses here.

#include <array>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "src/run/sweep_program.hpp"

namespace thalweg::run {

/// An operand as instructions name it; where it lies is known when they run.
struct Memory {
  Address address = Address::fixed;
  std::intptr_t base = 0;  // of a buffer: 0
  std::int32_t slot = -1;  // of a buffer
  bool operator==(const Memory&) const = default;

  bool in_buffer() const { return slot >= 0; }
  /// Its base is an offset in this thread's memory, the same in every copy of the program.
  bool in_scratch() const {
    return address == Address::scratch || address == Address::scratch_column || address == Address::accumulator;
  }
  bool is_temporary() const { return !in_buffer() && address == Address::scratch && base < 0; }
  /// Elements of the domain, of which a row's last block, or the domain's, has fewer than others.
  bool is_ragged() const {
    return address == Address::flat_1 || address == Address::flat_4 || address == Address::flat_8;
  }
  /// One number in every lane: read-only here, as sums of the walk go to slots that are no operands.
  bool is_splat() const {
    return !in_buffer() && (address == Address::fixed || (address == Address::scratch && base >= 0));
  }
};

/// A number per element: what memory holds before the run writes there, or an operation's result.
struct Value {
  std::optional<Memory> memory;
  int instruction = 0, which = 0;  // that reads it first
  int uses = 0, last_use = -1;     // operations
};

struct Operation {
  Meaning meaning;
  int instruction = 0;
  int operands[3] = {-1, -1, -1};  // values
  int result = -1;                 // value
  Memory target;                   // of stores and accumulations; what a splat is loaded from
  bool dropped = false;            // a store that nothing reads
};

inline constexpr int incoming = 0;  // the value that stands in the accumulator when the run begins

/// A run of instructions as operations on values.
struct Run {
  int begin = 0, end = 0;
  std::vector<Value> values;
  std::vector<Operation> operations;
  int outgoing = incoming;  // the value that stands in the accumulator afterwards
};

/// Reads runs off a program.
class RunReader {
 public:
  explicit RunReader(const SweepProgram& program);

  const Meaning& meaning(int i) const { return program_.notes[static_cast<std::size_t>(i)].meaning; }
  /// Whether instruction i is one that the generator does not know.
  bool is_opaque(int i) const { return meaning(i).kind == Meaning::Kind::opaque; }
  /// Or one that needs all vectors of a row at once.
  bool ends_run(int i) const { return is_opaque(i) || meaning(i).kind == Meaning::Kind::reduce_row; }
  bool is_end(int i) const {
    const Handler handler = program_.instructions[static_cast<std::size_t>(i)].handler;
    return handler == program_.machine->end.wide || handler == program_.machine->end.narrow;
  }
  /// The end of a program.
  int end_of(int first) const {
    int end = first;
    while (!is_end(end)) ++end;
    return end;
  }
  /// Whether the generator knows all instructions of a program; none is known.
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
  std::vector<std::pair<Memory, int>> known_;       // the value that memory holds

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
