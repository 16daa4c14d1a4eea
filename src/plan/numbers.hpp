#pragma once
// Numbers in planning: those that are data, and the results of arithmetic on numbers that is too long to be repeated by
// each reader.

#include <cstdint>
#include <vector>

#include "src/plan/node_map.hpp"
#include "src/plan/request_graph.hpp"
#include "src/plan/schedule.hpp"

namespace thalweg::internal {

class Numbers {
 public:
  Numbers(const RequestGraph& graph, Schedule& schedule) : graph_(graph), schedule_(schedule) {}
  void begin() {
    slots_.clear(graph_.recorder().size());
    computed_.clear();
  }

  /// The slot of a number node, by which sweeps and views read it.
  std::int32_t slot(std::int32_t id);
  /// A new buffer with the number, for a pass that reads its inputs from memory.
  std::int32_t add_cell(std::int32_t id);
  /// A view whose offset depends on numbers: `inputs` of node `id` after the first. Returns its index.
  std::int32_t add_dynamic_view(std::int32_t id, std::span<const std::int32_t> inputs);

  /// The buffer with the result of arithmetic on numbers, in one of the dtypes it is read in.
  struct Computed {
    std::int32_t node;
    DType dtype;
    std::int32_t buffer;
  };
  /// Nodes come in ascending order.
  void note_computed(const Computed& computed) { computed_.push_back(computed); }
  /// Null if each reader computes it.
  const Computed* computed(std::int32_t id, DType dtype) const;

 private:
  const RequestGraph& graph_;
  Schedule& schedule_;
  NodeMap slots_;  // by node
  std::vector<Computed> computed_;
};

}  // namespace thalweg::internal
