#pragma once
// Training with epochs, evaluation, early stopping and callbacks. It is an ordinary loop; for anything it does not
// cover, write your own with `batches`.

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <thalweg/optim/optimizer.hpp>
#include <thalweg/random.hpp>
#include <thalweg/registry.hpp>
#include <thalweg/train/accuracy.hpp>
#include <thalweg/train/dataset.hpp>
#include <thalweg/train/progress.hpp>

namespace thalweg {

/// When metrics are measured.
enum class Evaluation : std::uint8_t {
  end_of_epoch,
  first_step,  // after the first step of each epoch, as in the book's programs; training ends with the last evaluation
};

/// Ends training when a metric has not improved for `patience` epochs.
struct EarlyStopping {
  std::string metric;            // as named in `measure`
  std::int64_t patience = 10;    // at least 1
  double least_improvement = 0;  // an improvement must be larger than this
  bool is_maximized = true;      // false for a loss
  bool restores_best = true;     // restores the parameters of the best epoch
};

struct TrainerOptions {
  std::int64_t epochs = 1;
  std::int64_t batch_size = 100;
  /// Its seed and stream determine the order of samples; without it, they come in the order of the data set.
  std::optional<std::reference_wrapper<Random>> random = std::nullopt;
  /// The same for programs without a Random of their own: the order is that of Random(seed).
  std::optional<std::uint64_t> seed = std::nullopt;
  /// Draws every sample from the whole data set. An epoch then has as many steps as full batches fit into the data set,
  /// but at least one.
  bool replacement = false;
  /// Overrides the number of steps per epoch; without replacement, at most as many as cover the data set once.
  std::optional<std::int64_t> steps_per_epoch = std::nullopt;
  Evaluation evaluation = Evaluation::end_of_epoch;
  /// Evaluates every so many epochs, and always the first and the last.
  std::int64_t evaluate_every = 1;
  std::optional<EarlyStopping> early_stopping = std::nullopt;
  /// Checks each step for NaN and infinity until one occurs; reports its origin (History::anomaly) and continues.
  bool detect_anomaly = false;
  /// Recomputes History::losses for each batch after its step, in the evaluation phase: an additional forward pass.
  bool loss_after_step = false;
  Progress* progress = nullptr;  // ticked once per step, with the loss
};

/// The record of a training run.
struct History {
  enum class End : std::uint8_t { all_epochs, early_stopping, callback, interrupt };

  std::vector<double> losses;                                        // of each step
  std::vector<std::int64_t> epochs;                                  // evaluated epochs, from 0
  std::vector<std::pair<std::string, std::vector<double>>> metrics;  // one number per evaluated epoch
  std::int64_t best_epoch = -1;                                      // of early stopping, from 0
  End end = End::all_epochs;
  double step_seconds = 0;  // spent in steps, excluding evaluations, callbacks and losses after steps
  std::string anomaly;      // "step 4: …": the first NaN or infinity and the node that caused it; empty if none

  /// A metric, evaluation by evaluation. ValueError listing the metrics if the name is unknown.
  const std::vector<double>& operator[](std::string_view metric) const;
  /// A metric of one epoch. ValueError as above, and for an epoch that was not evaluated.
  double at(std::string_view metric, std::int64_t epoch) const;
};

/// A model with everything a Trainer needs: its parameters and the loss of a batch.
template <class Model>
concept Trainable = requires(Model& model, const Batch& batch) {
  static_cast<ParameterRegistry&>(model.registry);
  static_cast<Var>(model.loss(batch));
};

enum class Flow : std::uint8_t { go_on, stop };

class Trainer {
 public:
  /// The loss of a batch, recorded on the current tape.
  using Loss = std::function<Var(const Batch&)>;

  /// ValueError for epochs, batch_size, steps_per_epoch, evaluate_every or patience below 1, or both a random and a
  /// seed. The arguments must outlive the Trainer.
  Trainer(ParameterRegistry& registry, Optimizer& optimizer, Loss loss, TrainerOptions options,
          SourceLine line = SourceLine::here());
  template <Trainable Model>
  Trainer(Model& model, Optimizer& optimizer, TrainerOptions options, SourceLine line = SourceLine::here())
      : Trainer(
            model.registry, optimizer, [&model](const Batch& batch) -> Var { return model.loss(batch); },
            std::move(options), line) {}

  /// Measures a number at each evaluation, without a current tape.
  Trainer& measure(std::string name, std::function<double()> metric);
  /// Measures the accuracy of a model, a function from images to logits, on each named set of samples.
  template <class Model>
  Trainer& measure_accuracy(const Model& model, const std::vector<std::pair<std::string, Batch>>& samples) {
    for (const auto& [name, batch] : samples) measure(name, [&model, batch = batch] { return accuracy(model, batch); });
    return *this;
  }
  /// Adds a callback, called after each step with the step number, from 1, and the loss.
  Trainer& on_step(std::function<Flow(std::int64_t step, double loss)> callback);
  /// Adds a callback, called after each evaluation with the epoch, from 0, and the measurements so far.
  Trainer& on_epoch(std::function<Flow(std::int64_t epoch, const History&)> callback);

  /// Trains until all epochs are done, or a callback, early stopping or an interrupt ends it. ValueError if early
  /// stopping uses a metric that is not measured.
  History fit(const Dataset& samples, SourceLine line = SourceLine::here());

  /// The number of steps that `fit` makes on so many samples if nothing ends it early: the total for a Progress.
  std::int64_t step_count(std::int64_t samples) const;

 private:
  void check_early_stopping(SourceLine line) const;
  std::int64_t steps_per_epoch(std::int64_t samples) const;
  double step(const Batch& batch, History& history);
  double learn(const Batch& batch, History& history);
  Flow evaluate(std::int64_t epoch, History& history);
  Flow watch_best(std::int64_t epoch, History& history);

  ParameterRegistry& registry_;
  Optimizer& optimizer_;
  Loss loss_;
  TrainerOptions options_;
  std::optional<Random> random_;  // of the seed
  std::vector<std::pair<std::string, std::function<double()>>> metrics_;
  std::vector<std::function<Flow(std::int64_t, double)>> step_callbacks_;
  std::vector<std::function<Flow(std::int64_t, const History&)>> epoch_callbacks_;
  std::vector<Tensor> best_values_;
  double best_metric_ = 0;
};

}  // namespace thalweg
