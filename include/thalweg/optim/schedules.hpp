#pragma once
// Learning-rate schedules. A schedule is a value: a function from the step n, counted from 0, to the rate. It can be
// plotted, and a run resumed at step n continues with the rate of step n.
//
//   Adam adam(registry, {.learning_rate = schedules::warm_up({.steps = 100}, schedules::cosine({.from = 0.1, .steps = 5000}))});
//
// Past its end a schedule stays at its last value. Every function throws a ValueError naming the option and its value
// if a rate is negative or not finite, a step count is below 1, or a factor is invalid.

#include <concepts>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include <thalweg/error.hpp>

namespace thalweg {

/// The learning rate at step n: a number, one of the functions below, or any function from std::int64_t to double.
class Schedule {
 public:
  Schedule(double rate) : rate_(rate) {}
  template <class Function>
  requires(std::invocable<const Function&, std::int64_t> && !std::derived_from<Function, Schedule>)
      Schedule(Function function)
      : function_(std::make_shared<const std::function<double(std::int64_t)>>(function)) {}

  double operator()(std::int64_t step) const { return function_ ? (*function_)(step) : rate_; }
  /// The rate, if this is a number.
  std::optional<double> number() const { return function_ ? std::nullopt : std::optional(rate_); }

 private:
  double rate_ = 0;
  std::shared_ptr<const std::function<double(std::int64_t)>> function_;
};

namespace schedules {

struct StepOptions {
  std::int64_t size = 30;
  double factor = 0.1;  // above 0
};
/// rate · factor^⌊n / size⌋.
Schedule step(double rate, const StepOptions& options = {}, SourceLine line = SourceLine::here());

struct MultiStepOptions {
  std::vector<std::int64_t> milestones = {};  // ascending
  double factor = 0.1;                        // above 0
};
/// rate · factor^(number of milestones ≤ n).
Schedule multi_step(double rate, const MultiStepOptions& options, SourceLine line = SourceLine::here());

/// rate · factorⁿ; factor above 0.
Schedule exponential(double rate, double factor, SourceLine line = SourceLine::here());

struct PolynomialOptions {
  double from = 0.1, to = 0;
  std::int64_t steps = 1000;
  double power = 1;  // above 0; 1 is a straight line
};
/// to + (from − to) · (1 − n/steps)^power.
Schedule polynomial(const PolynomialOptions& options, SourceLine line = SourceLine::here());

struct CosineOptions {
  double from = 0.1, to = 0;
  std::int64_t steps = 1000;
  bool restarts = false;     // starts again at `from` after `steps`
  double period_factor = 1;  // ratio of each period to the one before it (rounded to steps); at least 1
};
/// to + (from − to) · (1 + cos(π · n/steps)) / 2. Loshchilov and Hutter, SGDR: Stochastic Gradient Descent with Warm
/// Restarts, 2017.
Schedule cosine(const CosineOptions& options, SourceLine line = SourceLine::here());

struct WarmUpOptions {
  std::int64_t steps = 100;
  double from = 0;  // first rate, as a fraction of the rate of `then`
};
/// `then`, with the rates of its first `steps` steps multiplied by from + (1 − from) · n/steps. The steps of `then`
/// count from the beginning, including the warm-up.
Schedule warm_up(const WarmUpOptions& options, const Schedule& then, SourceLine line = SourceLine::here());

struct OneCycleOptions {
  double max_rate = 0.1;
  std::int64_t steps = 1000;
  double warm_fraction = 0.3;  // fraction of the steps with a rising rate; in (0, 1)
  double start_factor = 25;    // the first rate is max_rate / start_factor
  double end_factor = 1e4;     // the last rate is max_rate / start_factor / end_factor
};
/// Up to max_rate and down to nearly 0, each along half a cosine; the last step is steps − 1. Smith and Topin,
/// Super-Convergence, 2018; PyTorch's OneCycleLR.
Schedule one_cycle(const OneCycleOptions& options, SourceLine line = SourceLine::here());

struct Stage {
  Schedule schedule;
  std::int64_t steps = 0;  // duration; ignored for the last stage, which never ends
};
/// The stages one after another; each counts its steps from 0.
Schedule sequence(const std::vector<Stage>& stages, SourceLine line = SourceLine::here());

}  // namespace schedules

struct ReduceOnPlateauOptions {
  double factor = 0.1;         // in (0, 1)
  std::int64_t patience = 10;  // observations without progress before the rate falls
  double threshold = 1e-4;     // what counts as progress: a fraction of the best value
  std::int64_t cooldown = 0;   // observations to ignore after a reduction
  double min_rate = 0;
  bool maximize = false;  // whether larger observed values are better
};

/// A rate that drops when an observed value, such as the validation loss, stops improving. It depends on the
/// observations, not on n alone, so a checkpoint must save its state.
///
///   ReduceOnPlateau plateau(0.1, {.patience = 5});
///   SGD sgd(registry, {.learning_rate = plateau.schedule()});
///   … plateau.observe(validation_loss);
class ReduceOnPlateau {
 public:
  explicit ReduceOnPlateau(double rate, const ReduceOnPlateauOptions& options = {},
                           SourceLine line = SourceLine::here());

  /// NaN counts as no progress.
  void observe(double value);
  double rate() const { return state_->rate; }
  /// A schedule that always returns the present rate.
  Schedule schedule() const;

  struct State {
    double rate = 0, best = 0;
    std::int64_t bad = 0, cooling = 0;  // observations
    bool observed = false;
  };
  const State& state() const { return *state_; }
  void set_state(const State& state) { *state_ = state; }

 private:
  bool is_progress(double value) const;

  ReduceOnPlateauOptions options_;
  std::shared_ptr<State> state_;
};

}  // namespace thalweg
