#pragma once
// Watching values and gradients over a training run. Link thalweg::graph.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <thalweg/registry.hpp>
#include <thalweg/tape.hpp>

namespace thalweg {

struct MonitorOptions {
  /// Which values, by the name of the scope whose last node they are ("affine*", "*"); none by default.
  std::vector<std::string> values = {};
  /// Which parameters' gradients, by name.
  std::vector<std::string> gradients = {};
  std::vector<std::string> parameters = {};
  /// Folder for TensorBoard event files, one folder per run; none are written if it is empty.
  std::filesystem::path tensorboard = {};
  /// A table with one line per name and step; none is written if it is empty.
  std::filesystem::path csv = {};
  std::int64_t every = 1;  // steps
};

/// Statistics of one tensor.
struct Observation {
  std::string name;  // "value/affine1/relu", "gradient/affine1.weight", "parameter/affine1.weight"
  std::int64_t step = 0;
  double minimum = 0, maximum = 0, mean = 0, deviation = 0;  // of the finite elements
  std::int64_t count = 0, not_finite = 0;
  /// Fraction of units (columns of the last axis) that are 0 in every row: the dead units of a relu.
  double dead_share = 0;
  std::vector<double> limits;        // upper limits of the histogram's bins
  std::vector<std::int64_t> counts;  // elements in each
};

/// Records statistics of tensors step by step and writes them to files.
///
///   tw::Monitor monitor(registry, {.values = {"relu*"}, .gradients = {"*.weight"}, .tensorboard = "runs/first"});
///   for (…) { tw::Tape tape; …; tw::backward(loss); monitor.observe(tape, step); optimizer.step(); }
class Monitor {
 public:
  /// ValueError for `every` below 1; IoError if a file cannot be created.
  Monitor(const ParameterRegistry& registry, const MonitorOptions& options, SourceLine line = SourceLine::here());
  ~Monitor();
  Monitor(Monitor&&) noexcept;
  Monitor& operator=(Monitor&&) noexcept;

  /// Observes the present values and gradients; call it before the step() that uses them. Each value is a request on
  /// the tape. ValueError for a pattern that matches nothing.
  void observe(Tape& tape, std::int64_t step, SourceLine line = SourceLine::here());
  /// Writes a number of your own, such as a loss or an accuracy.
  void scalar(const std::string& name, double value, std::int64_t step);

  /// The result of the last observe().
  const std::vector<Observation>& last() const;

 private:
  class Files;
  std::shared_ptr<internal::RegistryCore> core_;
  MonitorOptions options_;
  std::unique_ptr<Files> files_;
  std::vector<Observation> last_;
};

}  // namespace thalweg
