#pragma once
// Training with epochs, evaluation, early stopping and callbacks. The loop is an ordinary one: what does not fit here is
// written out, with `batches`.

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
  first_step,  // after the first step of each epoch, as the book's programs do; training ends with the last one
};

/// Ends training when a metric has not become better for `patience` epochs.
struct EarlyStopping {
  std::string metric;            // the name given to `measure`
  std::int64_t patience = 10;    // at least 1
  double least_improvement = 0;  // what counts as better: by more than this
  bool is_maximized = true;      // false for a loss
  bool restores_best = true;     // the registry's values go back to those of the best epoch
};

struct TrainerOptions {
  std::int64_t epochs = 1;
  std::int64_t batch_size = 100;
  /// Whose seed and stream the order of samples comes from; without it they come in the order of the data set.
  std::optional<std::reference_wrapper<Random>> random = std::nullopt;
  /// The same for a program that draws nothing else: the order is that of Random(seed).
  std::optional<std::uint64_t> seed = std::nullopt;
  /// Each sample of a batch is drawn from all of them. An epoch is then as many steps as whole batches fit the data set,
  /// at least one.
  bool replacement = false;
  /// Another number of steps for an epoch; without replacement no more than cover the data set once.
  std::optional<std::int64_t> steps_per_epoch = std::nullopt;
  Evaluation evaluation = Evaluation::end_of_epoch;
  /// Epochs from one evaluation to the next; the first and the last are always evaluated.
  std::int64_t evaluate_every = 1;
  std::optional<EarlyStopping> early_stopping = std::nullopt;
  /// Looks each step for a NaN or an infinity, until there is one; says where it arose (History::anomaly) and goes on.
  bool detect_anomaly = false;
  /// History::losses are those of each batch once more, after its step and in the evaluation phase: another forward pass.
  bool loss_after_step = false;
  Progress* progress = nullptr;  // ticked once a step, with the loss
};

/// What a run did.
struct History {
  enum class End : std::uint8_t { all_epochs, early_stopping, callback, interrupt };

  std::vector<double> losses;                                        // of each step, as it was learned from
  std::vector<std::int64_t> epochs;                                  // those that were evaluated, from 0
  std::vector<std::pair<std::string, std::vector<double>>> metrics;  // a number for each of them
  std::int64_t best_epoch = -1;                                      // of early stopping, from 0
  End end = End::all_epochs;
  double step_seconds = 0;  // spent in steps: without evaluations, callbacks and losses after steps
  std::string anomaly;  // "step 4: …": the first NaN or infinity, and the node that made it; empty where there was none

  /// A metric, evaluation by evaluation. ValueError naming those there are for another name.
  const std::vector<double>& operator[](std::string_view metric) const;
  /// A metric in one epoch. ValueError as above, and for an epoch that was not evaluated.
  double at(std::string_view metric, std::int64_t epoch) const;
};

/// A model that has all a Trainer needs: its parameters and the loss of a batch.
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

  /// ValueError: epochs, batch_size, steps_per_epoch, evaluate_every or patience below 1; both a random and a seed. All
  /// that is passed must outlive the Trainer.
  Trainer(ParameterRegistry& registry, Optimizer& optimizer, Loss loss, TrainerOptions options,
          SourceLine line = SourceLine::here());
  template <Trainable Model>
  Trainer(Model& model, Optimizer& optimizer, TrainerOptions options, SourceLine line = SourceLine::here())
      : Trainer(
            model.registry, optimizer, [&model](const Batch& batch) -> Var { return model.loss(batch); },
            std::move(options), line) {}

  /// Measures a number at each evaluation, outside any tape.
  Trainer& measure(std::string name, std::function<double()> metric);
  /// Measures the accuracy of a model, a function from images to logits, on each of the named samples.
  template <class Model>
  Trainer& measure_accuracy(const Model& model, const std::vector<std::pair<std::string, Batch>>& samples) {
    for (const auto& [name, batch] : samples) measure(name, [&model, batch = batch] { return accuracy(model, batch); });
    return *this;
  }
  /// Called after each step with its number, from 1, and the loss.
  Trainer& on_step(std::function<Flow(std::int64_t step, double loss)> callback);
  /// Called after each evaluation with the number of the epoch, from 0, and what was measured so far.
  Trainer& on_epoch(std::function<Flow(std::int64_t epoch, const History&)> callback);

  /// Trains until the epochs are done, a callback or early stopping ends it, or an interrupt asks for it. ValueError where
  /// early stopping goes by a metric that is not measured.
  History fit(const Dataset& samples, SourceLine line = SourceLine::here());

  /// Steps that `fit` makes on so many samples if nothing ends it before: the total of a progress.
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
