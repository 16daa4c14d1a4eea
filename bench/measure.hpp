#pragma once
// How a row is timed; the peers keep to the same protocol.

#include <cstdint>
#include <functional>
#include <vector>

#include <thalweg/statistics.hpp>

#include "bench/spec.hpp"

namespace bench {

struct Measurement {
  double value = 0, min = 0, max = 0;  // over blocks, in the row's unit
  std::int64_t steps = 0;
  double compile_seconds = 0;      // what the first step took beyond a usual one
  std::vector<double> check = {};  // numbers that all programs agree on
  thalweg::Statistics step = {};   // what the engine did in one usual step
};

/// Runs that many steps and returns the last one's loss.
using Steps = std::function<double(std::int64_t count)>;

/// Training: the first step, the rest of a block, a block to get going, then blocks for as many seconds as the row has.
Measurement measure_training(const Spec& spec, const Steps& steps);

/// Calls of a function, as many to a block as take 20 ms; `units` of work in each, of 1 / `scale` seconds.
Measurement measure_calls(const Spec& spec, const std::function<void()>& call, double units, double scale);

/// A pass over data that only the first time meets anything new: timed the first time, or later times (setting excl).
Measurement measure_passes(const Spec& spec, const std::function<double()>& pass, std::int64_t steps);

/// Blocks of work that is never done twice: each call of `block` does the next and returns its units, until the row's
/// seconds or the work are over. Nanoseconds a unit.
Measurement measure_once_each(const Spec& spec, const std::function<double()>& block,
                              const std::function<bool()>& at_end);

}  // namespace bench
