#pragma once
// The part of a tape's graph that a request needs: its nodes, how they are used, and which of their values are in memory
// already. Planning then places the nodes in the order of ids.

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "src/core_ops/core_ops.hpp"
#include "src/plan/node_map.hpp"
#include "src/plan/schedule.hpp"

namespace thalweg::internal {

/// A node that the request needs. Which members say where its value is depends on `where`:
///   lazy    none; after Operands::materialize, buffer and buffer_pass, for readers after that pass
///   buffer  buffer, and pass = buffer_pass, the pass that writes it
///   sweep   sweep, value and pass; once stored, also buffer and buffer_pass
struct PlannedNode {
  std::int32_t id = -1;
  enum class Where : std::uint8_t {
    nowhere,
    lazy,    // computed by its readers: a number, column index, broadcast, transpose, cast, or arithmetic on numbers
    buffer,  // in memory
    sweep,   // a value of a sweep
  } where = Where::nowhere;
  std::uint8_t number_size = 0;    // for arithmetic on numbers: how many sweep values it takes in a reader
  std::uint8_t number_dtypes = 0;  // the dtypes it is read in, as bits; see collect_number_dtypes
  bool target = false;
  std::int32_t buffer = -1;  // its buffer, if it is in memory
  std::int32_t sweep = -1, value = -1;
  std::int32_t pass = -1;                  // the pass that computes it; −1: available from the beginning
  std::int32_t buffer_pass = -1;           // the pass that writes its buffer: the same or a later one
  std::int32_t matmul = -1;                // the product whose epilogue may still take its reader
  std::int32_t uses = 0, factor_uses = 0;  // all uses; uses as a factor of a contraction
  std::int32_t memory_uses = 0;            // uses by readers that always need it in memory
  std::int32_t row_uses = 0;               // uses by readers that can read rows of a slice where they are
  std::int32_t rows = -1;                  // lazy rows of another buffer; see Operands::rows_of
  std::int32_t stretched_copy = -1;        // its latest copy of another shape; see Operands::StretchedCopy
};

/// A value that the request must deliver, and its destination.
struct Target {
  std::int32_t node;
  PlanBuffer destination;
};

inline bool is_number(const Key& key) { return key.op == &number_op || key.op == &literal_op; }

/// Whether an elementwise node can be computed row by row of a larger buffer: a row is too short for anything but code
/// in line.
bool can_run_by_rows(const Key& key, DType dtype);

class RequestGraph {
 public:
  /// Collects what the request of `segment` needs, the last one of the recorder's path. Notes in the schedule what is read
  /// of registries and of earlier requests; a value that is in memory already gets its buffer there.
  void collect(Recorder& recorder, const Segment& segment, Schedule& schedule);
  /// Collects node `id` of an eager tape. Its inputs have been computed.
  void collect(Recorder& recorder, std::int32_t id, Schedule& schedule);

  bool is_eager() const { return segment_ == nullptr; }
  /// The segment whose request it is; null on an eager tape.
  const Segment* segment() const { return segment_; }
  const Recorder& recorder() const { return *recorder_; }
  const std::vector<Target>& targets() const { return targets_; }
  /// The end of what earlier requests keep in the arena.
  std::size_t arena_begin() const { return is_eager() ? 0 : arena_begin_; }

  const Key& key(std::int32_t id) const { return id >= base_ ? keys_[id - base_] : recorder_->key(id); }
  const Info& info(std::int32_t id) const { return id >= base_ ? infos_[id - base_] : recorder_->info(id); }
  const Shape& shape(std::int32_t id) const { return *info(id).shape; }
  std::size_t bytes(std::int32_t id) const {
    return static_cast<std::size_t>(shape(id).size()) * size_of(info(id).dtype);
  }
  std::span<const std::int32_t> inputs(const Key& key) const { return recorder_->inputs(key); }
  /// The dtype in which an elementwise node computes.
  DType compute_dtype(const Key& key) const;

  /// A node that is needed.
  PlannedNode& node(std::int32_t id) {
    return id >= base_ ? nodes_[static_cast<std::size_t>(id - base_)]
                       : earlier_nodes_[static_cast<std::size_t>(earlier_place_[id])];
  }
  /// Calls f for each needed node, in the order of ids.
  template <class F>
  void for_each_node(F&& f) {
    for (const std::int32_t id : earlier_ids_) f(node(id));
    for (PlannedNode& node : nodes_)
      if (node.id >= 0) f(node);
  }
  /// The number of nodes for which it holds memory.
  std::size_t capacity() const { return earlier_place_.capacity(); }

 private:
  void begin(Recorder& recorder, const Segment* segment);
  void note_earlier(const Recorder& recorder, std::int32_t ids);
  void collect_targets(Schedule& schedule);
  void collect_nodes(Schedule& schedule);
  PlannedNode& need(std::int32_t id) {
    if (id < base_) return need_earlier(id);
    PlannedNode& node = nodes_[static_cast<std::size_t>(id - base_)];
    node.id = id;
    return node;
  }
  PlannedNode& need_earlier(std::int32_t id);
  void need_inputs(std::int32_t id, const Key& key);
  bool reads_by_rows(std::int32_t id, const Key& key) const;
  void collect_number_dtypes();
  bool find_available(std::int32_t id, PlanBuffer& buffer) const;
  void collect_leaves(Schedule& schedule);
  /// The inputs whose values a node needs. For a view that is the first one, and numbers that determine its offset.
  std::span<const std::int32_t> value_inputs(const Key& key) const {
    return key.op->kind == Kind::view ? view_inputs(key) : inputs(key);
  }
  std::span<const std::int32_t> view_inputs(const Key& key) const;

  Recorder* recorder_ = nullptr;
  const Segment* segment_ = nullptr;
  std::int32_t base_ = 0;  // first id of the segment, to which keys_ and infos_ belong
  const Key* keys_ = nullptr;
  const Info* infos_ = nullptr;

  // What note_earlier has noted of the first requests, `noted_` of them, of the tape with this serial number.
  std::uint64_t noted_serial_ = 0;
  std::size_t noted_ = 0;
  std::uint64_t noted_plan_ = 0;      // number of the last one's plan
  std::vector<const Plan*> earlier_;  // those the tape has carried out
  NodeMap kept_by_;                   // by id: index into earlier_ of the first that keeps the value
  NodeMap asked_;                     // ids of requested values
  std::size_t arena_begin_ = 0;

  std::vector<Target> targets_;
  std::vector<PlannedNode> nodes_;          // of the segment, from base_ on; id −1: not needed
  std::vector<PlannedNode> earlier_nodes_;  // needed nodes of earlier segments
  NodeMap earlier_place_;                   // by id: index into earlier_nodes_
  std::vector<std::int32_t> earlier_ids_;   // ascending
  // While collecting.
  std::vector<std::int32_t> read_here_;  // nodes of earlier segments that are targets or that the segment reads
  NodeMap seen_;
  std::vector<std::int32_t> number_readers_;  // nodes that read numbers
  std::vector<std::int32_t> stack_;
  std::size_t contractions_ = 0;  // number of needed contractions
  bool has_arithmetic_on_numbers_ = false;
};

}  // namespace thalweg::internal
