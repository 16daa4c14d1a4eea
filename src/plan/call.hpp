#pragma once
// The short way to run a plan, inline in the request of `compute`: see Plan::call.

#include <bit>
#include <cstdint>

#include "src/plan/counters.hpp"
#include "src/plan/observer.hpp"
#include "src/plan/plan.hpp"

namespace thalweg::internal {

inline void Plan::count_run() const {
  counters.requests += counts_.requests;
  counters.sweeps += counts_.sweeps;
  counters.matmuls += counts_.matmuls;
  counters.other_kernels += counts_.other_kernels;
  counters.bytes_moved += counts_.bytes_moved;
}

inline bool Plan::read_data(const Recorder& recorder) {
  for (std::size_t i = 0; i < draw_nodes_.size(); ++i) {
    const Slot& slot = recorder.slot(draw_nodes_[i]);
    draws_[i] = {slot.seed, slot.draw, slot.stream};
  }
  std::uint64_t differences = 0;
  for (const PlanNumber& number : number_nodes_) {
    double& known = numbers_[static_cast<std::size_t>(number.slot)];
    const double found = recorder.slot(number.node).number;
    differences |= std::bit_cast<std::uint64_t>(known) ^ std::bit_cast<std::uint64_t>(found);
    known = found;
  }
  return differences != 0;
}

inline Storage* Plan::call(const Recorder& recorder) {
  if (calls_.empty() || pass_observer != nullptr || !recorder.reads_are_fresh()) [[unlikely]]
    return nullptr;
  const bool is_bound = binding_ == Binding{recorder.arena_data(), nullptr, RegistryCore::layouts_made()};
  if (!is_bound || recorder.arena_bytes() < arena_end) [[unlikely]]
    return nullptr;
  Storage* const value = take_pooled(value_bytes_, value_size_class_);
  if (value == nullptr) [[unlikely]]
    return nullptr;
  bind_argument(held_arguments_.front().argument, value->data);
  bind_constant_arguments(recorder);
  read_data(recorder);
  for (const Call& call : calls_) call.function.code(call.arguments, call.function.memory, nullptr);
  count_run();
  return value;
}

}  // namespace thalweg::internal
