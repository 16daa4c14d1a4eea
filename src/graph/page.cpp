// A tape as a self-contained HTML page.

#include <algorithm>
#include <optional>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "src/core_ops/core_ops.hpp"
#include "src/evaluate/replay.hpp"
#include "src/evaluate/source_text.hpp"
#include "src/graph/distribution.hpp"
#include "src/graph/dot.hpp"
#include "src/graph/page_template.inc"
#include "src/plan/observer.hpp"
#include "src/tensor/place_text.hpp"

namespace thalweg::internal {

namespace {

using nlohmann::json;

std::string short_number(double value) { return fmt::format("{:.4g}", value); }

/// Range, mean, deviation and histogram of the finite elements; null if there are none.
json summary_of(const Tensor& tensor) {
  if (tensor.size() == 0 || !is_floating(tensor.dtype())) return nullptr;
  constexpr std::size_t bins = 30;
  const Distribution found = distribution_of(tensor, bins);
  json summary = {{"counts", json::array()}};
  if (found.not_finite > 0) summary["not_finite"] = found.not_finite;
  if (found.not_finite == found.count) {
    summary["min"] = summary["max"] = summary["mean"] = summary["deviation"] = "no finite element";
    return summary;
  }
  summary["min"] = short_number(found.minimum);
  summary["max"] = short_number(found.maximum);
  summary["mean"] = short_number(found.mean);
  summary["deviation"] = short_number(found.deviation);
  const Tensor wide = tensor.to(DType::f64);
  const std::span<const double> values = wide.data<double>();
  if (const auto zeros = std::count(values.begin(), values.end(), 0.0); zeros > 0)
    summary["zeros"] = fmt::format(
        "{:.3g} %", 100.0 * static_cast<double>(zeros) / static_cast<double>(found.count - found.not_finite));
  if (found.maximum > found.minimum) summary["counts"] = found.counts;
  return summary;
}

/// The node from which the last backward pass started; −1 if there was none.
std::int32_t last_loss(const Recorder& recorder) {
  for (std::size_t i = recorder.path().size(); i-- > 0;) {
    const Key& request = recorder.key(recorder.path()[i]->request);
    if (request.op == &backward_request_op) return request.inputs[0];
  }
  return -1;
}

/// Measures the time of each node when computed separately, during its lifetime.
class NodeTimes : public PassObserver {
 public:
  explicit NodeTimes(std::int32_t nodes) : seconds_(static_cast<std::size_t>(nodes), 0) { pass_observer = this; }
  ~NodeTimes() override { pass_observer = outer_; }
  NodeTimes(const NodeTimes&) = delete;
  NodeTimes& operator=(const NodeTimes&) = delete;

  void request_began(const Recorder& recorder, const Plan& /*plan*/, Clock::time_point /*begin*/) override {
    computed_ = recorder.size() - 1;
  }
  void pass_ended(const Recorder& /*recorder*/, const Plan& /*plan*/, std::size_t /*step*/, Clock::time_point begin,
                  Clock::time_point end) override {
    seconds_[computed_] += std::chrono::duration<double>(end - begin).count();
  }
  void request_ended(Clock::time_point /*end*/) override {}

  /// "12.3 µs"; empty if nothing was computed.
  std::string text(std::int32_t id) const {
    const double microseconds = seconds_[id] * 1e6;
    return microseconds > 0 ? fmt::format("{:.3g} µs", microseconds) : "";
  }

 private:
  PassObserver* const outer_ = pass_observer;
  std::vector<double> seconds_;
  std::int32_t computed_ = 0;
};

class PageData {
 public:
  PageData(const TapeGraph& graph, const DrawOptions& options) : graph_(graph), options_(options) {}

  json make() {
    json data = {{"nodes", json::array()}, {"scopes", json::array()}};
    std::vector<json> nodes;
    for (std::int32_t id = 0; id < graph_.size(); ++id)
      if (is_drawn(graph_, id, options_.part)) nodes.push_back(node(id));
    if (options_.values) add_values(nodes);
    data["nodes"] = std::move(nodes);
    for (std::int32_t opening = 0; opening <= last_scope_; ++opening) {
      const ScopeEntry& scope = graph_.recorder().scope(opening);
      data["scopes"].push_back({{"name", scope.name}, {"parent", scope.parent}, {"line", place_text(scope.line)}});
    }
    return data;
  }

 private:
  json node(std::int32_t id) {
    const Recorder& recorder = graph_.recorder();
    const bool is_source = graph_.kind(id) == Kind::source;
    const std::vector<std::int32_t> scopes = is_source ? std::vector<std::int32_t>() : recorder.scope_path(id);
    for (const std::int32_t opening : scopes) last_scope_ = std::max(last_scope_, opening);
    const SourceLine line = recorder.line(id);
    return {{"id", id},
            {"op", graph_.op(id).name},
            {"kind", static_cast<int>(graph_.kind(id))},
            {"title", node_title(graph_, id)},
            {"shape", to_string(graph_.shape(id))},
            {"dtype", name(graph_.dtype(id))},
            {"bytes", graph_.bytes(id)},
            {"flops", graph_.flops(id)},
            {"scope", graph_.scope(id)},
            {"scopes", scopes},
            {"line", place_text(line)},
            {"called", place_text(graph_.line(id))},
            {"text", source_.line(line)},
            {"parameter", is_source && !graph_.parameter_name(id).empty()},
            {"backward", graph_.is_backward(id)},
            {"inputs", graph_.inputs(id)}};
  }

  void add_values(std::vector<json>& nodes) const {
    Replay replay(graph_.recorder());
    std::optional<NodeTimes> times(graph_.size());
    replay.advance_to_end();
    for (json& node : nodes) node["time"] = times->text(node["id"].get<std::int32_t>());
    times.reset();
    const std::int32_t loss = last_loss(graph_.recorder());
    std::vector<Tensor> gradients(static_cast<std::size_t>(graph_.size()));
    if (loss >= 0 && !replay.is_stale(loss)) gradients = replay.gradients(loss);
    for (json& node : nodes) {
      const auto id = node["id"].get<std::int32_t>();
      if (const Tensor* value = replay.value(id)) node["value"] = summary_of(*value);
      const Tensor& gradient = gradients[id];
      if (gradient.size() > 0) node["gradient"] = summary_of(gradient);
    }
  }

  const TapeGraph& graph_;
  const DrawOptions& options_;
  SourceText source_;
  std::int32_t last_scope_ = -1;
};

}  // namespace

std::string graph_page(const TapeGraph& graph, const DrawOptions& options) {
  if (graph.size() == 0) throw TapeError(error_text("write_graph", "the tape is empty"));
  std::string data = PageData(graph, options).make().dump();
  // "</script>" in a string would end the script.
  for (std::size_t at = data.find("</"); at != std::string::npos; at = data.find("</", at + 3))
    data.replace(at, 2, "<\\/");
  std::string page(page_template);
  const std::string mark = "/*DATA*/null";
  return page.replace(page.find(mark), mark.size(), data);
}

}  // namespace thalweg::internal
