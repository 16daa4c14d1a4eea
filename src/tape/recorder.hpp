#pragma once
// The recorder: the state behind a Tape. It records nodes, compares them with the cursor, and executes requests. Each of
// its parts is a class with a header of its own; the fields at the end of this file are the list.

#include <cstdint>
#include <memory>
#include <optional>
#include <ranges>
#include <string>
#include <utility>
#include <vector>

#include "src/tape/arena.hpp"
#include "src/tape/backward_target.hpp"
#include "src/tape/constants.hpp"
#include "src/tape/cursor.hpp"
#include "src/tape/eager_values.hpp"
#include "src/tape/effects.hpp"
#include "src/tape/function_ref.hpp"
#include "src/tape/held_values.hpp"
#include "src/tape/node_data.hpp"
#include "src/tape/open_segment.hpp"
#include "src/tape/registry_reads.hpp"
#include "src/tape/scopes.hpp"
#include "src/tape/segment.hpp"
#include "src/tape/workspace.hpp"

namespace thalweg::internal {

class Differentiation;

class alignas(64) Recorder {
 public:
  explicit Recorder(Workspace& workspace);
  ~Recorder();

  // --- the thread's current tape ---

  /// The recorder of the thread's current tape; null if there is none.
  static Recorder* current() { return recorders_.current; }
  /// The same; TapeError naming `op` if there is none. `serial` is that of a Var operand, 0 without one.
  static Recorder& require(const char* op, SourceLine line, std::uint64_t serial = 0) {
    if (recorders_.current == nullptr) [[unlikely]]
      throw_no_tape(op, line, serial);
    return *recorders_.current;
  }
  /// The same for recording ops: looks at the arguments only in case of an error.
  static Recorder& require(const Op& op, const Operand& operand) {
    if (recorders_.current == nullptr) [[unlikely]]
      throw_no_tape(op, operand);
    return *recorders_.current;
  }
  [[noreturn]] static void throw_no_tape(const char* op, SourceLine line, std::uint64_t serial = 0);
  [[noreturn]] static void throw_no_tape(const Op& op, const Operand& operand);
  [[noreturn]] static void throw_no_tape(const Var& var, const char* op, SourceLine line);
  /// The current one; throws unless `var` belongs to it.
  static Recorder& of(const Var& var, const char* what, SourceLine line) {
    if (recorders_.current == nullptr) [[unlikely]]
      throw_no_tape(var, what, line);
    Recorder& recorder = *recorders_.current;
    if (recorder.serial_ != var.serial()) [[unlikely]]
      recorder.throw_foreign(var, what, line);
    return recorder;
  }
  /// Throws the TapeError for a Var that does not belong to this tape.
  [[noreturn]] void throw_foreign(const Var& var, const char* op, SourceLine line) const;

  void begin(const TapeOptions& options) {
    outer_ = std::exchange(recorders_.current, this);
    try {
      start(options);
    } catch (...) {
      end();
      throw;
    }
  }
  void end() {
    if (recorders_.current != this) [[unlikely]]
      return end_with_traces(constants_.let_go(0, data_.slots()));
    end_current();
  }
  /// The same for what is known to be the current tape.
  void end_current() {
    Storage* const unused = constants_.let_go(0, data_.slots());
    if (unused != nullptr || has_traces_) [[unlikely]]
      return end_with_traces(unused);
    serial_ = 0;
    recorders_.current = outer_;
  }
  void clear();

  // --- recording ---

  /// Whether the operand is a Var of this tape.
  bool is_own(const Operand& operand) const { return operand.id_ >= 0 && operand.serial_ == serial_; }
  /// The node of an operand; records a leaf unless it is a Var. TapeError for a Var of another tape.
  std::int32_t resolve(const Operand& operand, const char* op) {
    if (is_own(operand)) [[likely]]
      return operand.id_;
    return resolve_leaf(operand, op);
  }
  std::int32_t resolve(const Operand& operand, const Op& op) {
    if (is_own(operand)) [[likely]]
      return operand.id_;
    return resolve_leaf(operand, op.name);
  }
  std::int32_t resolve(const Var& var, const char* op, SourceLine line) {
    if (var.serial() == serial_) [[likely]]
      return var.id();
    return resolve_leaf(Operand(var, line), op);
  }
  /// Appends a node, or matches the one at the cursor. If the shape rule throws, the tape is unchanged.
  std::int32_t append(const Key& key, SourceLine line) {
    if (!(*cursor_.key() == key)) [[unlikely]]
      return append_new(key, line);
    return advance(line);
  }
  /// Whether this node of up to three inputs is at the cursor. `traits`: see traits_of.
  bool expects(const Op& op, std::int32_t a, std::int32_t b, std::int32_t c, std::uint32_t traits,
               std::uint64_t attribute) const {
    return is_key(*cursor_.key(), op, a, b, c, traits, attribute);
  }
  /// Records the node at the cursor.
  std::int32_t advance(SourceLine line) {
    cursor_.advance();
    set_line(next_, line);
    return next_++;
  }
  std::int32_t append(const Op& op, std::int32_t a, std::int32_t b, std::int32_t c, std::uint32_t traits,
                      std::uint64_t attribute, SourceLine line) {
    if (expects(op, a, b, c, traits, attribute)) [[likely]]
      return advance(line);
    return append_unexpected(op, a, b, c, traits, attribute, line);
  }
  /// Appends a node that is not the one at the cursor.
  std::int32_t append_unexpected(const Op& op, std::int32_t a, std::int32_t b, std::int32_t c, std::uint32_t traits,
                                 std::uint64_t attribute, SourceLine line);
  /// Appends a node with data.
  std::int32_t append_with_slot(const Op& op, std::int32_t a, std::uint32_t traits, std::uint64_t attribute,
                                SourceLine line, const Slot& slot) {
    const std::int32_t id = append(op, a, -1, -1, traits, attribute, line);
    data_.slot(id) = slot;
    return id;
  }
  std::int32_t append_with_slot(const Key& key, SourceLine line, const Slot& slot) {
    const std::int32_t id = append(key, line);
    data_.slot(id) = slot;
    return id;
  }
  /// Whether the node of these operands, which are Vars of this tape, is at the cursor.
  template <class... Operands>
  bool stands_at(const Op& op, std::uint64_t attribute, const Operand& first, const Operands&... others) const {
    const std::int32_t ids[] = {first.id_, others.id_..., -1, -1};
    return expects(op, ids[0], ids[1], ids[2], 1 + sizeof...(Operands), attribute);
  }
  /// Records `op` with these operands. If the node, including leaves among the operands, matches at the cursor, no
  /// checks are needed. Otherwise nothing has been recorded yet, and `first_time` does so.
  using FirstTime = Var (*)(const Op& op, const Operand& a, const Operand& b, std::uint64_t attribute);
  static Var record(const Op& op, const Operand& a, const Operand& b, std::uint64_t attribute, FirstTime first_time);
  /// Records a node of any operands if it is at the cursor; otherwise nothing has been recorded, and the result is that of
  /// `record_anew`.
  template <class RecordAnew, class... Operands>
  Var record_again(RecordAnew record_anew, const Op& op, std::uint64_t attribute, const Operand& first,
                   const Operands&... others);
  /// Gives up the constants that were matched ahead of the cursor but not recorded.
  static void give_back_ahead();

  /// Records a composition of nodes `a` and `b` (−1: a single input), without building it if it is at the cursor.
  std::int32_t compose(const Composition& composition, std::int32_t a, std::int32_t b, std::uint64_t attribute,
                       SourceLine line);

  std::int32_t constant(const Tensor& tensor, SourceLine line);
  /// A number with a fixed dtype.
  std::int32_t number(double value, DType dtype, SourceLine line);
  std::int32_t literal(double value);
  std::int32_t literal(double value, DType dtype);
  Var var(std::int32_t id) const { return Var(serial_, id); }

  /// Adds a pending effect on a registry that this tape has read.
  void add(const PendingEffect& effect) {
    has_traces_ = true;
    effects_.add(effect);
  }
  void read(RegistryCore& registry) {
    if (!reads_.is_last(registry) && reads_.note(registry)) has_traces_ = true;
  }
  /// Reads the registry of a parameter.
  void read(const Operand& operand) {
    if (operand.id_ == Operand::id_of(Operand::Kind::parameter) && operand.parameter_->core())
      read(*operand.parameter_->core());
  }

  // --- what is recorded ---

  std::uint64_t serial() const { return serial_; }
  /// A composition that asks for it depends on it.
  Phase phase() {
    ++phase_questions_;
    return options_.phase;
  }
  Engine engine() const { return options_.engine; }
  bool detects_anomalies() const { return options_.detect_anomaly; }
  std::int32_t size() const { return next_; }
  const Key& key(std::int32_t id) const {
    return id >= segment_base_ ? open_keys()[id - segment_base_] : recorded_key(id);
  }
  const Info& info(std::int32_t id) const {
    return id >= segment_base_ ? open_infos()[id - segment_base_] : recorded_info(id);
  }
  std::span<const std::int32_t> inputs(std::int32_t id) const { return inputs(key(id)); }
  std::span<const std::int32_t> inputs(const Key& key) const {
    if (key.count > 3) return workspace_.pool.list(key.inputs[0]);
    return {key.inputs, key.count};
  }
  const Slot& slot(std::int32_t id) const { return data_.slot(id); }
  SourceLine line(std::int32_t id) const;
  /// "affine1/relu", and the line of the outermost scope, or of the node itself if it has no scope.
  std::string scope_name(std::int32_t id) const { return scopes_.name_of(data_.line(origin(id)).scope); }
  SourceLine user_line(std::int32_t id) const { return outermost_line(origin(id)); }
  /// The node that the user recorded: for a node of a backward pass, the one whose differentiation led to it.
  std::int32_t origin(std::int32_t id) const;
  /// The user's line of a node that is not from a backward pass.
  SourceLine outermost_line(std::int32_t id) const {
    const Line& recorded = data_.line(id);
    return scopes_.line_of(recorded.scope, recorded.place());
  }
  /// The op that the user called to record `id`, a node that is not from a backward pass.
  std::string path_to_op(std::int32_t id) const { return scopes_.path_to_op(data_.line(id).scope, key(id).op->name); }
  /// The scopes in which node `id` was recorded, outermost first. Each opening of a scope is distinct.
  std::vector<std::int32_t> scope_path(std::int32_t id) const { return scopes_.path_of(data_.line(origin(id)).scope); }
  const ScopeEntry& scope(std::int32_t opening) const { return scopes_[opening]; }
  NodeType type(std::int32_t id) const;
  Workspace& workspace() const { return workspace_; }
  /// The segments whose requests have been executed.
  auto path() const { return path_ | std::views::transform(&Step::segment); }
  /// The plan that executed the request of segment number `place` of the path; null on an eager tape. The segment may have
  /// another plan by now, made for another tape.
  const Plan* carried_out(std::size_t place) const;
  std::uint64_t carried_out_number(std::size_t place) const { return path_[place].plan; }
  /// Whether the plan of this number executed one of them.
  bool has_carried_out(std::uint64_t plan) const;

  // --- scopes ---

  std::int32_t open_scope(const char* name, SourceLine line, bool is_op) {
    has_traces_ = true;
    return std::exchange(scope_, scopes_.open(name, scope_, line, is_op ? name : nullptr));
  }
  void close_scope(std::int32_t previous) { scope_ = previous; }
  /// The line that an error should name: that of the outermost open scope, or `line`.
  SourceLine blame(SourceLine line) const { return scopes_.line_of(scope_, line); }
  /// The op that an error should name: the outermost composite whose scope is open, or `op`.
  const char* blame(const char* op) const { return scopes_.op_of(scope_, op); }
  /// The same with the layers around it: "affine1/matmul". Without a tape: `op`.
  static std::string path_to(const char* op) {
    return recorders_.current == nullptr ? op : recorders_.current->scopes_.path_to_op(recorders_.current->scope_, op);
  }

  // --- requests ---

  Tensor value(std::int32_t id, SourceLine line);
  /// The same for a tape that will not be asked for it again.
  Tensor last_value(std::int32_t id, SourceLine line);
  /// The short way to the value of `compute`, whose tape ends right afterwards: if its plan comes down to calling a few
  /// functions, the request needs no traces. Otherwise the result is empty, and nothing has been done.
  Tensor call(std::uint64_t serial, std::int32_t id);
  double item(std::int32_t id, SourceLine line);
  void keep(std::int32_t id);
  void watch(std::string pattern);
  /// Executes pending effects; `writer` is the caller that errors name ("step", "run").
  void run_effects(const char* writer, SourceLine line);
  /// Removes the nodes from `first` on, and their effects, unless a request has completed since: a failed step must not
  /// leave its update to the next request.
  void forget(std::int32_t first);
  std::vector<std::int32_t> gradients(std::int32_t y, std::span<const std::int32_t> inputs, std::int32_t seed,
                                      SourceLine line);

  void backward(std::int32_t loss, std::int32_t seed, const BackwardTarget& target, SourceLine line);
  /// A backward pass for all registries that is at the cursor: steps over it, and runs its plan.
  bool stands_before_backward(const Var& loss) const;
  void repeat_backward(SourceLine line) { fill_gradients(step_to(*cursor_.segment(), line), line, all_registries); }

  // --- for executing plans ---

  const Arena& arena() const { return arena_; }
  /// The address of the arena, with at least `bytes` bytes.
  char* arena(std::size_t bytes) { return bytes <= arena_.bytes() ? arena_.data() : grow_arena(bytes); }
  /// The memory for the value of a requested node; allocated if there is none yet.
  void* hold(std::int32_t id, const Shape* shape, DType dtype) {
    if (const HeldValues::Value* const held = held_.find(id)) return held->storage->data;
    const Storage* const storage = held_.add_pooled(id, dtype, shape, last_segment_);
    if (storage == nullptr) [[unlikely]]
      return hold_new(id, shape, dtype);
    return storage->data;
  }
  void* hold_new(std::int32_t id, const Shape* shape, DType dtype);
  const Effects& effects() const { return effects_; }
  void commit(const char* writer, SourceLine line) {
    if (!effects_.empty()) effects_.commit(writer, line);
  }
  /// Commits the segment's request; if the tape detects anomalies, first checks its results. `value` is the address of
  /// the requested value.
  void conclude(Segment& segment, const void* value, const BackwardTarget& target, const char* writer,
                SourceLine line) {
    if (options_.detect_anomaly) [[unlikely]]
      return conclude_looking(segment, value, target, writer, line);
    commit(writer, line);
  }
  void conclude_looking(Segment& segment, const void* value, const BackwardTarget& target, const char* writer,
                        SourceLine line);
  const RegistryReads& reads() const { return reads_; }
  /// TapeError if the parameter that node `leaf` reads has been written since.
  void check_fresh(std::int32_t leaf, SourceLine line) const {
    const Slot& read = slot(leaf);
    if (read.registry->write_count != read.version) throw_if_written(leaf, line);
  }
  void throw_if_written(std::int32_t leaf, SourceLine line) const;
  /// Registry number `place` of the backward request that is being executed.
  RegistryCore* requested_registry(std::int32_t place) const {
    return reads_.find(path_.back().segment->registries[static_cast<std::size_t>(place)]);
  }
  bool has_eager_value(std::int32_t id) const { return eager_values_.has(id); }
  void* eager_data(std::int32_t id);
  const Tensor& eager_value(std::int32_t id);
  void note_assigned(const RegistryCore& registry, std::int32_t index);

 private:
  friend class ::thalweg::Tape;
  std::int32_t resolve_leaf(const Operand& operand, const char* op);
  void set_line(std::int32_t id, SourceLine place) { data_.set_line(id, place, scope_); }
  struct Ahead;
  std::int32_t expected_node(const Operand& operand, Ahead& ahead);
  void start(const TapeOptions& options) {
    serial_ = workspace_.next_serial();
    next_ = 0;
    scope_ = -1;
    options_ = options;
    // After a tape that was asked for nothing but what compute() calls, both are so already.
    if (last_plan_ != 0) [[unlikely]]
      last_plan_ = 0;
    if (last_segment_ != workspace_.root.get()) [[unlikely]]
      last_segment_ = workspace_.root.get();
    if (options.engine == Engine::eager) [[unlikely]]
      plant_eager_root();
    predict();
    data_.reserve(last_segment_->longest);
  }
  void end_with_traces(Storage* unused);
  /// Releases `unused` and ends the reading of registries.
  void forget_data(Storage* unused);
  std::int32_t append_constant(const Tensor& tensor, SourceLine line);
  std::int32_t append_number(double value, std::uint32_t traits, SourceLine line);
  std::int32_t append_new(const Key& key, SourceLine line);
  std::int32_t append_parameter(RegistryCore& registry, std::int32_t index, SourceLine line);
  Info infer(const Key& key, SourceLine line) const;
  [[noreturn]] void throw_incomplete(const Key& key, SourceLine line) const;
  char* grow_arena(std::size_t bytes);
  /// What stands from segment_base_ on.
  const Key* open_keys() const { return is_predicted() ? cursor_.segment()->keys.data() : open_.keys.data(); }
  const Info* open_infos() const { return is_predicted() ? cursor_.segment()->infos.data() : open_.infos.data(); }
  /// Whether the open segment is, so far, like a known one; else it is new.
  bool is_predicted() const { return cursor_.segment() != nullptr; }
  const Segment* segment_of(std::int32_t id) const;
  const Key& recorded_key(std::int32_t id) const;
  const Info& recorded_info(std::int32_t id) const;
  bool infer_alike(const Key& key, Info& result) const;
  [[gnu::noinline]] void plant_eager_root();
  void leave_prediction();
  /// Predicts that last_segment_, just completed, is followed by the same segment as last time.
  void predict() {
    segment_base_ = next_;
    cursor_.predict(last_segment_->likely);
  }
  /// Clears the state that every tape has.
  void forget_recorded() {
    path_.clear();
    scopes_.clear();
    effects_.clear();
    arena_.keep_nothing();
    has_traces_ = false;
    serial_ = 0;
  }
  /// And of what not all have.
  void forget_more();
  void note_more() { has_more_ = has_traces_ = true; }
  /// The record that ends a segment.
  struct Request {
    const Op* op;
    std::int32_t input = -1, second = -1;
    std::uint64_t attribute = 0;
  };
  bool expects(const Request& request) const {
    return expects(*request.op, request.input, request.second, -1, 0, request.attribute);
  }
  /// Records the request, and returns the segment that it ends. `derive` appends the nodes that belong to a request
  /// that is seen for the first time.
  Segment& complete(const Request& request, SourceLine line, FunctionRef<void(Segment&)> derive) {
    if (stands_before(request)) [[likely]]
      return step_to(*cursor_.segment(), line);
    // A copy, so that `request` can stay in registers.
    return step_to(complete_unexpected(Request(request), line, derive), line);
  }
  /// Whether the request is at the cursor, and all there is to do is to step to its segment.
  bool stands_before(const Request& request) const {
    return expects(request) && cursor_.segment()->longest < data_.capacity() && watched_.empty();
  }
  Segment& step_to(Segment& segment, SourceLine line) {
    set_line(segment.request, line);
    next_ = segment.end();
    last_segment_->likely = &segment;
    last_segment_ = &segment;
    predict();
    return segment;
  }
  bool has_settings_of(const Composed& known) const;
  std::int32_t compose_again(const Composed& known, SourceLine line);
  std::int32_t compose_first_time(const Composition& composition, std::int32_t a, std::int32_t b,
                                  std::uint64_t attribute, SourceLine line);
  void note_composed(Composed made, std::int32_t scope, SourceLine line);
  Segment& complete_unexpected(const Request& request, SourceLine line, FunctionRef<void(Segment&)> derive);
  Segment* find_or_make_segment(const Key& request, SourceLine line, FunctionRef<void(Segment&)> derive);
  /// Makes the open segment a new one that begins with the nodes of `segment` before the cursor.
  void copy_beginning(const Segment& segment);
  // Undoing. rewind: the nodes from `first` on, of a new open segment (differentiation threw). drop_if_last: one node.
  // undo (below): a request that threw; its segment becomes the open one again. forget (above): nodes and their effects.
  void rewind(std::int32_t first);
  /// Removes the last node, if it is `id`. Nothing may refer to it.
  void drop_if_last(std::int32_t id);
  /// Adds an input to the last node, if it is `id`; the input must not change its shape or dtype. Returns false if the
  /// node cannot change, since it is not new or has been computed.
  bool extend_last(std::int32_t id, std::int32_t input);
  /// Switches to a known segment that continues with `key` here; if there is none, the open segment becomes a new one.
  bool turn(const Key& key);
  /// A child of the last segment that begins with these keys and continues with `key`; null if none is known. `hash` is
  /// of all keys.
  Segment* find_child(std::span<const Key> beginning, const Key& key, std::uint64_t hash) const;
  Segment* make_segment(std::int32_t request, std::uint64_t hash);
  void note_where_turned(Segment& segment) const;
  const Shape* source_shape(const Key& key) const;
  /// Executes and commits the segment's request; returns the address of the requested value, or of the one that
  /// backward starts from.
  const void* execute(Segment& segment, const char* writer, SourceLine line, const BackwardTarget& target);
  void fill_gradients(Segment& segment, SourceLine line, const BackwardTarget& target);
  const void* compute(Segment& segment, SourceLine line, const BackwardTarget& target);
  HeldValues::Value& ask(std::int32_t id, SourceLine line);
  /// Makes the segment's plan; `before` is the number of the plan executed last.
  void plan(Segment& segment, std::uint64_t before);
  const void* execute_eager(Segment& segment, SourceLine line, const BackwardTarget& target);
  void compute_eagerly(std::int32_t id);
  void compute_new(std::int32_t id);
  void check_eager_leaves(Segment& segment, SourceLine line);
  void* assigned_data(std::int32_t assign_node) const;
  void undo(Segment& segment);
  std::uint64_t target_attribute(const BackwardTarget& target) const;
  static void note_asked(Segment& segment);
  void watch_open_segment();
  void derive_backward(std::int32_t loss, std::int32_t seed, const BackwardTarget& target, SourceLine line,
                       Segment& segment);
  std::uint64_t parameter_of(std::int32_t leaf) const;
  std::vector<std::int32_t> want_inputs(Differentiation& differentiation, std::int32_t y,
                                        std::span<const std::int32_t> wanted, SourceLine line) const;
  std::int32_t first_of(std::span<const std::int32_t> wanted, std::int32_t y) const;
  void note_unread(std::int32_t y, Expansion& expansion) const;
  void check_unread(const Expansion& expansion, std::span<const std::int32_t> wanted, SourceLine line) const;
  bool was_assigned(const RegistryCore& registry, std::int32_t index) const;
  std::string frozen_parameters(std::int32_t loss, const BackwardTarget& target) const;
  /// TapeError if the parameter was assigned on this tape.
  void check_not_assigned(const RegistryCore& registry, std::int32_t index, const char* op, SourceLine line) const;
  struct OfThread {
    Recorder* current = nullptr;
    Recorder* outermost = nullptr;  // that of a tape outside all others; null: Workspace finds or makes one
  };
  // Read by every op. With the default TLS model the compiler would call a function to find it.
  [[gnu::tls_model("initial-exec")]] static constinit thread_local OfThread recorders_;

  // What every tape writes lies in one cache line: a processor commits two stores at once only if they are to the same.

  Cursor cursor_;
  std::int32_t next_ = 0;
  std::int32_t scope_ = -1;
  std::uint64_t serial_ = 0;
  Constants constants_;
  std::int32_t segment_base_ = 0;
  Recorder* outer_ = nullptr;  // see inner_
  TapeOptions options_;
  bool has_traces_ = false;  // has state beside what every tape writes

  alignas(64) NodeData data_;
  std::uint64_t last_plan_ = 0;      // the number of the plan run last
  Segment* last_segment_ = nullptr;  // the last completed segment
  Workspace& workspace_;
  OpenSegment open_;                   // empty while there is a prediction
  std::int32_t deriving_ = -1;         // the node being differentiated
  std::uint32_t phase_questions_ = 0;  // number of calls of phase()

  struct Step {
    Segment* segment;
    std::uint64_t plan;  // number of the plan executed for its request
  };
  std::vector<Step> path_;
  Scopes scopes_;
  RegistryReads reads_;
  Effects effects_;
  HeldValues held_;
  std::vector<std::string> watched_;
  struct Assigned {
    const RegistryCore* registry;
    std::int32_t index;
  };
  std::vector<Assigned> assigned_;  // trainable parameters
  bool has_more_ = false;           // has state for forget_more(); then has_traces_, too
  bool planned_ = false;            // has made a plan
  EagerValues eager_values_;
  std::unique_ptr<Segment> eager_root_;  // eager tapes do not share structure

  // The list of the thread's recorders: those of live tapes, outermost first, then the free ones.
  Recorder* inner_ = nullptr;
  Arena arena_;

  friend class Differentiation;
  friend class Workspace;
};

inline Recorder* Workspace::acquire() {
  const Recorder::OfThread& recorders = Recorder::recorders_;
  Recorder* next = recorders.outermost;
  if (recorders.current != nullptr) [[unlikely]]
    next = recorders.current->inner_;
  if (next == nullptr) [[unlikely]]
    return current().acquire_new();
  return next;
}

}  // namespace thalweg::internal
