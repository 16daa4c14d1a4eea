#include "bench/measure.hpp"

#include <algorithm>
#include <chrono>

namespace bench {

namespace {

constexpr double microseconds = 1e6, nanoseconds = 1e9;

double seconds_of(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

Measurement summary(std::vector<double> times, double units) {
  std::sort(times.begin(), times.end());
  return {.value = times[times.size() / 2],
          .min = times.front(),
          .max = times.back(),
          .steps = static_cast<std::int64_t>(units)};
}

/// Times `block`, which does `units` of work, until the row's seconds are over.
Measurement measure_blocks(const Spec& spec, const std::function<void()>& block, double units, double scale,
                           std::size_t min_blocks = 5) {
  constexpr std::size_t max_blocks = 400;
  const double limit = spec.real("seconds");
  std::vector<double> times;
  double sum = 0;
  while (times.size() < min_blocks || (sum < limit && times.size() < max_blocks)) {
    const double time = seconds_of(block);
    sum += time;
    times.push_back(time / units * scale);
  }
  const double all_units = static_cast<double>(times.size()) * units;
  return summary(std::move(times), all_units);
}

thalweg::Statistics difference(const thalweg::Statistics& after, const thalweg::Statistics& before) {
  return {.plans_made = after.plans_made - before.plans_made,
          .requests = after.requests - before.requests,
          .sweeps = after.sweeps - before.sweeps,
          .matmuls = after.matmuls - before.matmuls,
          .other_kernels = after.other_kernels - before.other_kernels,
          .bytes_moved = after.bytes_moved - before.bytes_moved,
          .recording_bytes = after.recording_bytes,
          .backward_passes_derived = after.backward_passes_derived - before.backward_passes_derived};
}

template <class Work>
thalweg::Statistics statistics_of(const Work& work) {
  const thalweg::Statistics before = thalweg::statistics();
  work();
  return difference(thalweg::statistics(), before);
}

}  // namespace

Measurement measure_training(const Spec& spec, const Steps& steps) {
  const std::int64_t block = spec.integer("block");
  const bool is_epoch = spec.flag("epochs");  // the unit is seconds for a whole block
  double first_loss = 0, last_loss = 0;
  const double first = seconds_of([&] { first_loss = steps(1); });
  last_loss = block > 1 ? steps(block - 1) : first_loss;
  const double usual = seconds_of([&] { steps(block); }) / static_cast<double>(block);
  Measurement result = is_epoch ? measure_blocks(
                                      spec, [&] { steps(block); }, 1, 1)
                                : measure_blocks(
                                      spec, [&] { steps(block); }, static_cast<double>(block), microseconds);
  if (is_epoch) result.steps *= block;
  result.compile_seconds = std::max(0.0, first - usual);
  result.check = {first_loss, last_loss};
  result.step = statistics_of([&] { steps(1); });
  return result;
}

Measurement measure_calls(const Spec& spec, const std::function<void()>& call, double units, double scale) {
  constexpr double block_seconds = 0.02;
  const double first = seconds_of(call), usual = seconds_of(call);
  const double inner = std::clamp(block_seconds / std::max(usual, 1e-7), 1.0, 1000.0);
  const auto calls = static_cast<std::int64_t>(inner);
  Measurement result = measure_blocks(
      spec,
      [&] {
        for (std::int64_t i = 0; i < calls; ++i) call();
      },
      static_cast<double>(calls), scale / units);
  result.compile_seconds = std::max(0.0, first - usual);
  result.step = statistics_of(call);
  return result;
}

Measurement measure_passes(const Spec& spec, const std::function<double()>& pass, std::int64_t steps) {
  const auto units = static_cast<double>(steps);
  double loss = 0;
  const double first = seconds_of([&] { loss = pass(); });
  const double usual = seconds_of([&] { pass(); });
  Measurement result{.steps = steps};
  if (spec.flag("excl"))
    result = measure_blocks(
        spec, [&] { pass(); }, units, microseconds, 3);
  else
    result.value = result.min = result.max = first / units * microseconds;
  result.compile_seconds = std::max(0.0, first - usual);
  result.check = {loss};
  result.step = statistics_of([&] { pass(); });
  return result;
}

Measurement measure_once_each(const Spec& spec, const std::function<double()>& block,
                              const std::function<bool()>& at_end) {
  std::vector<double> times;
  double seconds = 0, all_units = 0;
  while (seconds < spec.real("seconds") && !at_end()) {
    double units = 0;
    const double time = seconds_of([&] { units = block(); });
    seconds += time;
    all_units += units;
    times.push_back(time / units * nanoseconds);
  }
  return summary(std::move(times), all_units);
}

}  // namespace bench
