#pragma once
// The short way to run a plan, inline in the request of `compute`: see Plan::call.

#include <bit>
#include <cstdint>

#include "src/plan/counters.hpp"
#include "src/plan/observer.hpp"
#include "src/plan/plan.hpp"

namespace thalweg::internal {

inline void Plan::count_call() const {
  counters.requests += counts_.requests;
  counters.sweeps += counts_.sweeps;
  counters.bytes_moved += counts_.bytes_moved;
}

inline void Plan::count_run() const {
  count_call();
  counters.matmuls += counts_.matmuls;
  counters.other_kernels += counts_.other_kernels;
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

/// Whether what the last run bound is still so, and may be read.
inline bool Plan::is_bound_for(const Recorder& recorder) const {
  return binding_ == Binding{recorder.arena().data(), nullptr, RegistryCore::layouts_made()} &&
         recorder.arena().bytes() >= arena_end && recorder.reads().are_fresh();
}

inline Storage* Plan::call(const Recorder& recorder) {
  auto call = calls_.begin();
  const auto end = calls_.end();
  if (pass_observer != nullptr) [[unlikely]]
    return nullptr;
  if (!takes_tensors_only_) [[unlikely]] {
    if (call == end || !is_bound_for(recorder)) [[unlikely]]
      return nullptr;
    read_data(recorder);
  }
  Storage* const value = take_pooled(value_bytes_, value_size_class_);
  if (value == nullptr) [[unlikely]]
    return nullptr;
  *called_value_argument_ = reinterpret_cast<run::Argument>(value->data);
  bind_constant_arguments(recorder);
  count_call();  // now, since what it stores is done before the sweeps are
  do call->function.code(call->arguments, call->function.memory, nullptr);
  while (++call != end);
  return value;
}

}  // namespace thalweg::internal
