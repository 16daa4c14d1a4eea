#include <thalweg/optim/schedules.hpp>

#include <algorithm>
#include <cmath>
#include <numbers>

#include <fmt/format.h>

namespace thalweg {

namespace {

void check(const char* name, const char* option, double value, bool holds, const char* wanted, SourceLine line) {
  if (!holds) throw ValueError(error_text(name, fmt::format("{} = {}: {}", option, value, wanted), line));
}

void check_rate(const char* name, const char* option, double rate, SourceLine line) {
  check(name, option, rate, rate >= 0 && std::isfinite(rate), "must be finite and at least 0", line);
}

void check_steps(const char* name, const char* option, std::int64_t steps, SourceLine line) {
  if (steps < 1) throw ValueError(error_text(name, fmt::format("{} = {}: must be at least 1", option, steps), line));
}

void check_factor(const char* name, double factor, SourceLine line) {
  check(name, "factor", factor, factor > 0 && std::isfinite(factor), "must be finite and above 0", line);
}

double fraction_of(std::int64_t step, std::int64_t steps) {
  return static_cast<double>(std::min(step, steps)) / static_cast<double>(steps);
}

/// Half a cosine from `from` at 0 to `to` at 1.
double half_cosine(double from, double to, double fraction) {
  if (fraction >= 1) return to;
  return to + (from - to) * (1 + std::cos(std::numbers::pi * fraction)) / 2;
}

}  // namespace

namespace schedules {

Schedule step(double rate, const StepOptions& options, SourceLine line) {
  check_rate("step", "rate", rate, line);
  check_steps("step", "size", options.size, line);
  check_factor("step", options.factor, line);
  return [=](std::int64_t n) {
    const std::int64_t falls = n / options.size;
    return rate * std::pow(options.factor, static_cast<double>(falls));
  };
}

Schedule multi_step(double rate, const MultiStepOptions& options, SourceLine line) {
  check_rate("multi_step", "rate", rate, line);
  check_factor("multi_step", options.factor, line);
  for (std::size_t i = 0; i < options.milestones.size(); ++i) {
    const std::int64_t before = i == 0 ? 0 : options.milestones[i - 1] + 1;
    if (options.milestones[i] < before)
      throw ValueError(error_text(
          "multi_step", fmt::format("milestones: {} is not above the one before it", options.milestones[i]), line));
  }
  return [=](std::int64_t n) {
    const auto& milestones = options.milestones;
    const auto passed = std::upper_bound(milestones.begin(), milestones.end(), n) - milestones.begin();
    return rate * std::pow(options.factor, static_cast<double>(passed));
  };
}

Schedule exponential(double rate, double factor, SourceLine line) {
  check_rate("exponential", "rate", rate, line);
  check_factor("exponential", factor, line);
  return [=](std::int64_t n) { return rate * std::pow(factor, static_cast<double>(n)); };
}

Schedule polynomial(const PolynomialOptions& options, SourceLine line) {
  check_rate("polynomial", "from", options.from, line);
  check_rate("polynomial", "to", options.to, line);
  check_steps("polynomial", "steps", options.steps, line);
  check("polynomial", "power", options.power, options.power > 0 && std::isfinite(options.power),
        "must be finite and above 0", line);
  return [=](std::int64_t n) {
    const double left = 1 - fraction_of(n, options.steps);
    return options.to + (options.from - options.to) * std::pow(left, options.power);
  };
}

Schedule cosine(const CosineOptions& options, SourceLine line) {
  check_rate("cosine", "from", options.from, line);
  check_rate("cosine", "to", options.to, line);
  check_steps("cosine", "steps", options.steps, line);
  check("cosine", "period_factor", options.period_factor,
        options.period_factor >= 1 && std::isfinite(options.period_factor), "must be finite and at least 1", line);
  return [=](std::int64_t n) {
    std::int64_t period = options.steps;
    if (options.restarts && options.period_factor == 1) n %= period;
    while (options.restarts && n >= period) {
      n -= period;
      period = std::llround(static_cast<double>(period) * options.period_factor);
    }
    return half_cosine(options.from, options.to, fraction_of(n, period));
  };
}

Schedule warm_up(const WarmUpOptions& options, const Schedule& then, SourceLine line) {
  check_steps("warm_up", "steps", options.steps, line);
  check("warm_up", "from", options.from, options.from >= 0 && options.from <= 1, "must be in [0, 1]", line);
  return [=](std::int64_t n) {
    if (n >= options.steps) return then(n);
    return then(n) * (options.from + (1 - options.from) * fraction_of(n, options.steps));
  };
}

Schedule one_cycle(const OneCycleOptions& options, SourceLine line) {
  check_rate("one_cycle", "max_rate", options.max_rate, line);
  check_steps("one_cycle", "steps", options.steps, line);
  check("one_cycle", "warm_fraction", options.warm_fraction, options.warm_fraction > 0 && options.warm_fraction < 1,
        "must be in (0, 1)", line);
  check("one_cycle", "start_factor", options.start_factor,
        options.start_factor >= 1 && std::isfinite(options.start_factor), "must be finite and at least 1", line);
  check("one_cycle", "end_factor", options.end_factor, options.end_factor >= 1 && std::isfinite(options.end_factor),
        "must be finite and at least 1", line);
  return [=](std::int64_t n) {
    const double first = options.max_rate / options.start_factor, last = first / options.end_factor;
    const auto end = static_cast<double>(options.steps - 1);
    const double top = std::max(0., options.warm_fraction * static_cast<double>(options.steps) - 1);
    const double at = std::min(static_cast<double>(n), end);
    if (at < top) return half_cosine(first, options.max_rate, at / top);
    return half_cosine(options.max_rate, last, end > top ? (at - top) / (end - top) : 1);
  };
}

Schedule sequence(const std::vector<Stage>& stages, SourceLine line) {
  if (stages.empty()) throw ValueError(error_text("sequence", "there are no stages", line));
  for (std::size_t i = 0; i + 1 < stages.size(); ++i) check_steps("sequence", "steps", stages[i].steps, line);
  return [=](std::int64_t n) {
    std::size_t stage = 0;
    for (; stage + 1 < stages.size() && n >= stages[stage].steps; ++stage) n -= stages[stage].steps;
    return stages[stage].schedule(n);
  };
}

}  // namespace schedules

ReduceOnPlateau::ReduceOnPlateau(double rate, const ReduceOnPlateauOptions& options, SourceLine line)
    : options_(options), state_(std::make_shared<State>()) {
  const char* const name = "reduce_on_plateau";
  check_rate(name, "rate", rate, line);
  check_rate(name, "min_rate", options.min_rate, line);
  check(name, "factor", options.factor, options.factor > 0 && options.factor < 1, "must be in (0, 1)", line);
  check(name, "threshold", options.threshold, options.threshold >= 0 && std::isfinite(options.threshold),
        "must be finite and at least 0", line);
  check(name, "patience", static_cast<double>(options.patience), options.patience >= 0, "must be at least 0", line);
  check(name, "cooldown", static_cast<double>(options.cooldown), options.cooldown >= 0, "must be at least 0", line);
  state_->rate = rate;
}

bool ReduceOnPlateau::is_progress(double value) const {
  if (!state_->observed) return !std::isnan(value);
  const double margin = options_.threshold * std::abs(state_->best);
  return options_.maximize ? value > state_->best + margin : value < state_->best - margin;
}

void ReduceOnPlateau::observe(double value) {
  State& state = *state_;
  if (is_progress(value)) {
    state.best = value;
    state.observed = true;
    state.bad = 0;
  } else {
    ++state.bad;
  }
  if (state.cooling > 0) {
    --state.cooling;
    state.bad = 0;
  }
  if (state.bad <= options_.patience) return;
  state.rate = std::max(state.rate * options_.factor, std::min(options_.min_rate, state.rate));
  state.cooling = options_.cooldown;
  state.bad = 0;
}

Schedule ReduceOnPlateau::schedule() const {
  return [state = state_](std::int64_t) { return state->rate; };
}

}  // namespace thalweg
