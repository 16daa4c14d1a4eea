#include <thalweg/monitor.hpp>

#include <algorithm>
#include <fstream>
#include <map>
#include <optional>

#include <fmt/format.h>

#include <thalweg/tape_graph.hpp>

#include "src/graph/distribution.hpp"
#include "src/graph/event_file.hpp"
#include "src/registry/core.hpp"
#include "src/tape/recorder.hpp"

namespace thalweg {

namespace {

constexpr std::size_t bins = 40;

double dead_share_of(const Tensor& tensor) {
  if (tensor.rank() < 2 || tensor.size() == 0) return 0;
  const Tensor wide = tensor.to(DType::f64);
  const std::span<const double> values = wide.data<double>();
  const auto units = static_cast<std::size_t>(tensor.shape().back());
  std::vector<bool> alive(units, false);
  for (std::size_t i = 0; i < values.size(); ++i)
    if (values[i] != 0) alive[i % units] = true;
  return static_cast<double>(std::count(alive.begin(), alive.end(), false)) / static_cast<double>(units);
}

Observation observation_of(std::string name, std::int64_t step, const Tensor& tensor) {
  const internal::Distribution found = internal::distribution_of(tensor, bins);
  Observation seen;
  seen.name = std::move(name);
  seen.step = step;
  seen.minimum = found.minimum;
  seen.maximum = found.maximum;
  seen.mean = found.mean;
  seen.deviation = found.deviation;
  seen.count = found.count;
  seen.not_finite = found.not_finite;
  seen.dead_share = dead_share_of(tensor);
  seen.limits = found.limits;
  seen.counts = found.counts;
  return seen;
}

bool matches_any(const std::vector<std::string>& patterns, std::string_view text, std::vector<bool>& met) {
  bool matched = false;
  for (std::size_t i = 0; i < patterns.size(); ++i)
    if (internal::matches(patterns[i], text)) matched = met[i] = true;
  return matched;
}

void check_met(const char* what, const std::vector<std::string>& patterns, const std::vector<bool>& met,
               SourceLine line) {
  for (std::size_t i = 0; i < patterns.size(); ++i)
    if (!met[i]) throw ValueError(error_text("Monitor", fmt::format("no {} matches \"{}\"", what, patterns[i]), line));
}

}  // namespace

/// The output files.
class Monitor::Files {
 public:
  Files(const MonitorOptions& options, SourceLine line) {
    if (!options.tensorboard.empty()) events_.emplace(options.tensorboard);
    if (options.csv.empty()) return;
    csv_.open(options.csv);
    csv_ << "step,name,count,not_finite,minimum,maximum,mean,deviation,dead_share\n" << std::flush;
    if (!csv_) throw IoError(error_text("Monitor", fmt::format("{} cannot be written", options.csv.string()), line));
  }

  void write(const Observation& seen) {
    if (csv_.is_open())
      csv_ << fmt::format("{},{},{},{},{:.9g},{:.9g},{:.9g},{:.9g},{:.6g}\n", seen.step, seen.name, seen.count,
                          seen.not_finite, seen.minimum, seen.maximum, seen.mean, seen.deviation, seen.dead_share)
           << std::flush;
    if (!events_) return;
    const auto count = static_cast<double>(seen.count - seen.not_finite);
    const std::vector<double> counts(seen.counts.begin(), seen.counts.end());
    if (!counts.empty())
      events_->histogram(seen.name,
                         {seen.minimum, seen.maximum, count, count * seen.mean,
                          count * (seen.deviation * seen.deviation + seen.mean * seen.mean), seen.limits, counts},
                         seen.step);
    events_->scalar(seen.name + "/mean", seen.mean, seen.step);
    events_->scalar(seen.name + "/deviation", seen.deviation, seen.step);
    if (seen.not_finite > 0)
      events_->scalar(seen.name + "/not_finite", static_cast<double>(seen.not_finite), seen.step);
    if (seen.name.starts_with("value/")) events_->scalar(seen.name + "/dead_share", seen.dead_share, seen.step);
  }

  void write(const std::string& name, double value, std::int64_t step) {
    if (csv_.is_open())
      csv_ << fmt::format("{},{},1,0,{:.9g},{:.9g},{:.9g},0,0\n", step, name, value, value, value) << std::flush;
    if (events_) events_->scalar(name, value, step);
  }

 private:
  std::optional<internal::EventFile> events_;
  std::ofstream csv_;
};

Monitor::Monitor(const ParameterRegistry& registry, const MonitorOptions& options, SourceLine line)
    : core_(registry.core()), options_(options) {
  if (options.every < 1)
    throw ValueError(error_text("Monitor", fmt::format("every = {}: must be at least 1", options.every), line));
  files_ = std::make_unique<Files>(options, line);
}
Monitor::~Monitor() = default;
Monitor::Monitor(Monitor&&) noexcept = default;
Monitor& Monitor::operator=(Monitor&&) noexcept = default;

void Monitor::observe(Tape& tape, std::int64_t step, SourceLine line) {
  if (step % options_.every != 0) return;
  last_.clear();
  std::vector<bool> met(options_.values.size(), false);
  const TapeGraph graph(tape);
  std::map<std::string, std::int32_t> outputs;  // the last node of each scope
  for (std::int32_t id = 0; id < graph.size(); ++id) {
    if (graph.kind(id) == Kind::source || graph.kind(id) == Kind::effect || graph.is_backward(id)) continue;
    const std::string scope = graph.scope(id);
    // A value is the result of a scope: that of "affine1/relu" matches both "affine1/relu" and "affine1".
    for (std::size_t end = scope.find('/');; end = scope.find('/', end + 1)) {
      const std::string outer = scope.substr(0, end);
      if (!outer.empty() && matches_any(options_.values, outer, met)) outputs[outer] = id;
      if (end == std::string::npos) break;
    }
  }
  check_met("scope", options_.values, met, line);
  for (const auto& [scope, id] : outputs)
    if (graph.dtype(id) != DType::boolean)
      last_.push_back(observation_of("value/" + scope, step, graph.var(id).value(line.file, line.line)));
  const auto look_at = [&](const std::vector<std::string>& patterns, const char* prefix, bool gradient) {
    std::vector<bool> found(patterns.size(), false);
    for (int index = 0; index < static_cast<int>(core_->entries.size()); ++index) {
      const Parameter parameter(core_, index);
      if (!matches_any(patterns, parameter.name(), found) || (gradient && !parameter.trainable())) continue;
      last_.push_back(
          observation_of(prefix + parameter.name(), step, gradient ? parameter.gradient() : parameter.value()));
    }
    check_met("parameter", patterns, found, line);
  };
  look_at(options_.gradients, "gradient/", true);
  look_at(options_.parameters, "parameter/", false);
  for (const Observation& seen : last_) files_->write(seen);
}

void Monitor::scalar(const std::string& name, double value, std::int64_t step) { files_->write(name, value, step); }

const std::vector<Observation>& Monitor::last() const { return last_; }

}  // namespace thalweg
