#include <thalweg/train/trainer.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <thalweg/compute.hpp>
#include <thalweg/differentiate.hpp>
#include <thalweg/error.hpp>
#include <thalweg/train/batches.hpp>
#include <thalweg/train/interrupt.hpp>

namespace thalweg {

namespace {

/// "there are: loss, accuracy"
template <class Value>
std::string names_of(const std::vector<std::pair<std::string, Value>>& metrics) {
  if (metrics.empty()) return "there are none";
  std::vector<std::string> names;
  names.reserve(metrics.size());
  for (const auto& [name, value] : metrics) names.push_back(name);
  return fmt::format("there are: {}", fmt::join(names, ", "));
}

}  // namespace

const std::vector<double>& History::operator[](std::string_view metric) const {
  for (const auto& [name, values] : metrics)
    if (name == metric) return values;
  throw ValueError(error_text("History", fmt::format("there is no metric \"{}\"; {}", metric, names_of(metrics))));
}

double History::at(std::string_view metric, std::int64_t epoch) const {
  const std::vector<double>& values = (*this)[metric];
  const auto place = std::find(epochs.begin(), epochs.end(), epoch) - epochs.begin();
  if (place == static_cast<std::ptrdiff_t>(epochs.size()))
    throw ValueError(error_text("History", fmt::format("epoch {} was not evaluated", epoch)));
  return values[place];
}

Trainer::Trainer(ParameterRegistry& registry, Optimizer& optimizer, Loss loss, TrainerOptions options, SourceLine line)
    : registry_(registry), optimizer_(optimizer), loss_(std::move(loss)), options_(std::move(options)) {
  const auto check = [&](const char* name, std::int64_t value) {
    if (value < 1)
      throw ValueError(error_text("Trainer", fmt::format("{} must be at least 1, got {}", name, value), line));
  };
  check("epochs", options_.epochs);
  check("batch_size", options_.batch_size);
  check("steps_per_epoch", options_.steps_per_epoch.value_or(1));
  check("evaluate_every", options_.evaluate_every);
  if (options_.early_stopping) check("patience", options_.early_stopping->patience);
  if (options_.random && options_.seed)
    throw ValueError(
        error_text("Trainer", "the order of samples comes from a random or from a seed, not from both", line));
  if (options_.seed) random_.emplace(*options_.seed);
}

Trainer& Trainer::measure(std::string name, std::function<double()> metric) {
  metrics_.emplace_back(std::move(name), std::move(metric));
  return *this;
}

Trainer& Trainer::on_step(std::function<Flow(std::int64_t, double)> callback) {
  step_callbacks_.push_back(std::move(callback));
  return *this;
}

Trainer& Trainer::on_epoch(std::function<Flow(std::int64_t, const History&)> callback) {
  epoch_callbacks_.push_back(std::move(callback));
  return *this;
}

std::int64_t Trainer::steps_per_epoch(std::int64_t samples) const {
  if (options_.steps_per_epoch) return *options_.steps_per_epoch;
  if (options_.replacement) return std::max<std::int64_t>(samples / options_.batch_size, 1);
  return (samples + options_.batch_size - 1) / options_.batch_size;
}

std::int64_t Trainer::step_count(std::int64_t samples) const {
  const std::int64_t epoch = steps_per_epoch(samples);
  return options_.evaluation == Evaluation::first_step ? (options_.epochs - 1) * epoch + 1 : options_.epochs * epoch;
}

double Trainer::step(const Batch& batch, History& history) {
  const auto start = std::chrono::steady_clock::now();
  const double loss = learn(batch, history);
  history.step_seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return options_.loss_after_step ? compute([&] { return loss_(batch); }).item() : loss;
}

double Trainer::learn(const Batch& batch, History& history) {
  double value = 0;
  bool has_gradients = false;
  const auto make_step = [&](const TapeOptions& options) {
    const Tape tape(options);
    const Var loss = loss_(batch);
    backward(loss);
    has_gradients = true;
    value = loss.item();
    optimizer_.step();
  };
  if (options_.detect_anomaly && history.anomaly.empty()) {
    try {
      make_step({.detect_anomaly = true});
      return value;
    } catch (const AnomalyError& error) {
      history.anomaly = fmt::format("step {}: {}", history.losses.size() + 1, error.what());
      if (has_gradients) return value;  // thrown by the update, which has been made nevertheless
    }
  }
  make_step({});
  return value;
}

/// Tracks the best epoch; stops if there has been none for `patience` epochs.
Flow Trainer::watch_best(std::int64_t epoch, History& history) {
  if (!options_.early_stopping) return Flow::go_on;
  const EarlyStopping& rule = *options_.early_stopping;
  const double sign = rule.is_maximized ? 1 : -1;
  const double metric = sign * history[rule.metric].back();
  const bool is_better = history.best_epoch < 0 ? !std::isnan(metric) : metric > best_metric_ + rule.least_improvement;
  if (is_better) {
    best_metric_ = metric;
    history.best_epoch = epoch;
    best_values_.clear();
    if (rule.restores_best)
      for (const Parameter& parameter : registry_.parameters()) best_values_.push_back(parameter.value());
  }
  return epoch - std::max<std::int64_t>(history.best_epoch, 0) >= rule.patience ? Flow::stop : Flow::go_on;
}

Flow Trainer::evaluate(std::int64_t epoch, History& history) {
  history.epochs.push_back(epoch);
  for (std::size_t i = 0; i < metrics_.size(); ++i) history.metrics[i].second.push_back(metrics_[i].second());
  for (const auto& callback : epoch_callbacks_) {
    if (callback(epoch, history) == Flow::stop) history.end = History::End::callback;
  }
  if (watch_best(epoch, history) == Flow::stop) history.end = History::End::early_stopping;
  return history.end == History::End::all_epochs ? Flow::go_on : Flow::stop;
}

void Trainer::check_early_stopping(SourceLine line) const {
  if (!options_.early_stopping) return;
  const std::string& wanted = options_.early_stopping->metric;
  if (std::none_of(metrics_.begin(), metrics_.end(), [&](const auto& metric) { return metric.first == wanted; }))
    throw ValueError(error_text("fit",
                                fmt::format("early_stopping.metric is \"{}\", which is not measured; {} (see measure)",
                                            wanted, names_of(metrics_)),
                                line));
}

History Trainer::fit(const Dataset& samples, SourceLine line) {
  check_early_stopping(line);
  History history;
  for (const auto& [name, metric] : metrics_) history.metrics.emplace_back(name, std::vector<double>{});
  best_values_.clear();

  std::optional<std::reference_wrapper<Random>> random = options_.random;
  if (random_) random = *random_;
  const auto train_epoch = [&](std::int64_t epoch) {
    std::int64_t place = 0;
    const bool is_last = epoch + 1 == options_.epochs;
    const bool is_evaluated = is_last || epoch % options_.evaluate_every == 0;
    for (const Batch& batch : batches(samples, {.size = options_.batch_size,
                                               .random = random,
                                               .replacement = options_.replacement,
                                               .count = steps_per_epoch(samples.size())})) {
      history.losses.push_back(step(batch, history));
      if (options_.progress != nullptr) options_.progress->tick({{"loss", history.losses.back()}});
      for (const auto& callback : step_callbacks_) {
        if (callback(static_cast<std::int64_t>(history.losses.size()), history.losses.back()) == Flow::stop)
          history.end = History::End::callback;
      }
      if (Interrupt::asked()) history.end = History::End::interrupt;
      if (history.end != History::End::all_epochs) return Flow::stop;
      if (options_.evaluation == Evaluation::first_step && place++ == 0) {
        if ((is_evaluated && evaluate(epoch, history) == Flow::stop) || is_last) return Flow::stop;
      }
    }
    const bool is_due = is_evaluated && options_.evaluation == Evaluation::end_of_epoch;
    return is_due ? evaluate(epoch, history) : Flow::go_on;
  };
  for (std::int64_t epoch = 0; epoch < options_.epochs; ++epoch)
    if (train_epoch(epoch) == Flow::stop) break;

  if (!best_values_.empty()) {
    const std::vector<Parameter>& parameters = registry_.parameters();
    for (std::size_t i = 0; i < parameters.size(); ++i) parameters[i].set_value(best_values_[i]);
  }
  return history;
}

}  // namespace thalweg
