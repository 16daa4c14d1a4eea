#pragma once
// Emits the instructions of one program of the vector machine.

#include <cstdint>
#include <utility>
#include <vector>

#include "src/run/sweep_nodes.hpp"
#include "src/run/sweep_program.hpp"

namespace thalweg::run {

/// What a program computes.
enum class Scope : std::uint8_t {
  elements,  // segment of a walk: blocks of elements
  row,       // values per row before a stage
  columns,   // values per column, between walks
  single,    // single values, between walks
};

/// What to do with a value once it is in the accumulator.
struct Action {
  enum class Kind : std::uint8_t { output, output_row, accumulate, write, write_row, write_splat };
  Kind kind = Kind::output;
  Reduction reduction = Reduction::sum;
  DType dtype = DType::f32;
  std::int32_t slot = 0;             // for an output: its buffer
  Address address = Address::fixed;  // for the others: the destination
  std::intptr_t base = 0;
  std::int32_t next = -1;
};

/// The form of a program: its width, and whether only the first state.lanes elements of its block exist.
struct Form {
  bool wide = false;
  bool partial = false;
};

class Emitter {
 public:
  void start(const SweepNodes& nodes, SweepDraft& program, bool delay_stores);

  /// Starts the next program, without actions.
  void begin(Scope scope, int walk, int stage);
  void add_action(int value, const Action& action);
  bool has_actions() const { return !actions_.empty(); }
  /// Appends the program in this form; returns its first instruction's index.
  std::int32_t emit(Form form);
  /// From now on, outputs written so far count as possible aliases of what later programs read.
  void commit() { committed_stores_ = stored_.size(); }

  /// The reads of buffers of elements, as (walk, value), except of an output in the walk that writes it:
  /// for counting the bytes that are moved.
  const std::vector<std::pair<int, int>>& reads() const { return reads_; }
  bool emitted_wide() const { return emitted_wide_; }
  int temporaries() const { return most_temporaries_; }  // most slots needed below the start of scratch memory

 private:
  struct Operand {
    std::intptr_t base = 0;
    Address address = Address::fixed;
    std::int32_t slot = -1;  // of a buffer, whose base is patched at each run
  };
  /// How a program accesses a value.
  enum class Access : std::uint8_t {
    computed,
    memory,  // an instruction's memory operand: whole blocks of the machine's dtype
    buffer,  // loaded with a conversion, or as a partial block
    leaf,    // produced by an instruction without operands
  };
  struct Place {
    Operand operand;
    std::int32_t kept = -1;  // index in kept_ of the store to its temporary
    std::int16_t temporary = -1;
    Access access = Access::computed;
    DType dtype = DType::f32;  // of a buffer
  };
  /// A store to a temporary, emitted before it is known whether anything reads it.
  struct KeptStore {
    std::int32_t instruction;
    bool read;
  };

  Place& place(int v) { return places_[v]; }
  bool is_simple(int v) { return place(v).access == Access::memory || place(v).access == Access::buffer; }
  void count_uses();
  bool is_available(const SweepNode& node) const;
  void locate(int v);
  void locate_elements(const SweepNode& node, Place& place) const;
  Operand read(int v);
  Operand simple_operand(int v);
  Operand evaluated_operand(int v);
  void evaluate(int v);
  void evaluate_apply(int v);
  void evaluate_binary(int v);
  void push_function(const SweepNode& node);
  void evaluate_leaf(int v);
  void perform(int v, const Action& action);
  void perform_all(int v);
  void keep(int v);
  void keep_in_temporary(int v);
  void store_delayed();
  void consume(int v);
  int take_temporary();
  void push(const HandlerPair& handlers, const char* text, int value, Meaning meaning = {});
  void push(const HandlerPair& handlers, const char* text, int value, const Operand& a, Meaning meaning = {});
  void push(const HandlerPair& handlers, const char* text, int value, const Operand& a, const Operand& b,
            Meaning meaning = {});
  Meaning apply_meaning(const SweepNode& node, OperandForm form) const;
  Meaning buffer_meaning(Meaning::Kind kind, DType dtype) const;
  void patch(int which, const Operand& operand);
  void note_read(int slot);
  void drop_unread_stores(std::int32_t first);
  Operand scratch_slot(int index) const;
  Operand own_memory(std::int64_t offset, Address address) const;

  const SweepNodes* nodes_ = nullptr;
  SweepDraft* program_ = nullptr;
  const Machine* machine_ = nullptr;
  bool delay_stores_ = false;
  bool emitted_wide_ = false;

  Scope scope_ = Scope::elements;
  int walk_ = 0, stage_ = 0, segment_ = 0;
  Form form_;
  int accumulator_ = -1;
  int most_temporaries_ = 0;
  std::vector<Action> actions_;
  std::vector<std::int32_t> first_action_, last_action_;  // by value
  std::vector<std::int16_t> left_;                        // remaining uses, by value
  std::vector<Place> places_;                             // by value
  std::vector<std::int16_t> free_temporaries_;
  std::vector<std::pair<int, Action>> delayed_;  // stores for the end of the program
  std::vector<std::int32_t> stored_;             // buffers written so far in the walk
  std::vector<std::pair<int, int>> reads_;
  std::size_t committed_stores_ = 0;
  std::vector<KeptStore> kept_;
  int temporaries_ = 0;
};

}  // namespace thalweg::run
