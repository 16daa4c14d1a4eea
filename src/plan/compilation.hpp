#pragma once
// The last stage of planning: compiles the sweeps of a schedule, and finds what each run must bind. Buffers in the arena, a
// registry or its gradients do not move; constants, held tensors, and views of them or at offsets that depend on numbers
// do.

#include <cstdint>
#include <vector>

#include "src/plan/request_graph.hpp"
#include "src/plan/schedule.hpp"

namespace thalweg::internal {

class Compilation {
 public:
  Compilation(const RequestGraph& graph, Schedule& schedule) : graph_(graph), schedule_(schedule) {}

  void compile();

 private:
  void find_moving_buffers();
  void find_moving_passes();
  void compile_sweep(const Pass& pass);
  void note_argument(std::int32_t buffer, std::int32_t argument);
  void bind_what_moves_for_others();
  HeldBuffer held_buffer(std::int32_t buffer) const;

  const RequestGraph& graph_;
  Schedule& schedule_;
  /// Whether a buffer moves, and who uses it: only sweeps, of which one has been compiled if the plan has an argument of it.
  enum class Moves : std::uint8_t { never, for_sweeps, for_compiled_sweeps, for_others };
  std::vector<Moves> moves_;  // by buffer
  Moves& moves(std::int32_t buffer) { return moves_[static_cast<std::size_t>(buffer)]; }
};

}  // namespace thalweg::internal
