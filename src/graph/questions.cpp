// Queries on the graph of a tape.

#include <algorithm>

#include <thalweg/tape_graph.hpp>

#include "src/core_ops/core_ops.hpp"
#include "src/tape/recorder.hpp"

namespace thalweg {

namespace {

/// For each node up to `y`, whether `y` is computed from it: one backward pass, since ids are a topological order.
std::vector<bool> reaches(const TapeGraph& graph, std::int32_t y) {
  std::vector<bool> reached(static_cast<std::size_t>(y) + 1, false);
  reached[y] = true;
  for (std::int32_t id = y; id >= 0; --id) {
    if (!reached[id]) continue;
    for (const std::int32_t input : graph.inputs(id)) reached[input] = true;
  }
  return reached;
}

}  // namespace

std::vector<std::int32_t> ancestors(const TapeGraph& graph, std::int32_t y) {
  const std::vector<bool> reached = reaches(graph, y);
  std::vector<std::int32_t> ids;
  for (std::int32_t id = 0; id <= y; ++id)
    if (reached[id]) ids.push_back(id);
  return ids;
}

std::vector<Parameter> parameters_of(const Var& y) {
  internal::Recorder& recorder = internal::Recorder::require("parameters_of", {});
  const std::int32_t end = recorder.resolve(Operand(y), "parameters_of");
  std::vector<bool> reached(static_cast<std::size_t>(end) + 1, false);
  reached[end] = true;
  for (std::int32_t id = end; id >= 0; --id)
    if (reached[id])
      for (const std::int32_t input : recorder.inputs(id)) reached[input] = true;
  std::vector<Parameter> parameters;
  for (std::int32_t id = 0; id <= end; ++id) {
    if (!reached[id] || recorder.key(id).op != &internal::parameter_op) continue;
    const internal::Slot& slot = recorder.slot(id);
    const auto index = static_cast<int>(slot.index);
    const bool known = std::any_of(parameters.begin(), parameters.end(), [&](const Parameter& parameter) {
      return parameter.core().get() == slot.registry && parameter.index() == index;
    });
    if (!known) parameters.emplace_back(slot.registry->shared_from_this(), index);
  }
  return parameters;
}

std::vector<std::int32_t> critical_path(const TapeGraph& graph, std::int32_t y) {
  const std::vector<bool> reached = reaches(graph, y);
  const auto size = static_cast<std::size_t>(y) + 1;
  std::vector<std::int64_t> longest(size, 0);
  std::vector<std::int32_t> before(size, -1);
  for (std::int32_t id = 0; id <= y; ++id) {
    const auto at = static_cast<std::size_t>(id);
    if (!reached[at]) continue;
    for (const std::int32_t input : graph.inputs(id))
      if (before[at] < 0 || longest[input] > longest[before[at]]) before[at] = input;
    longest[at] = graph.flops(id) + (before[at] < 0 ? 0 : longest[before[at]]);
  }
  std::vector<std::int32_t> path;
  for (std::int32_t id = y; id >= 0; id = before[id]) path.push_back(id);
  std::reverse(path.begin(), path.end());
  return path;
}

Recomputation recomputation(const TapeGraph& graph, std::int32_t id) {
  const auto is_read_by_backward = [&](std::int32_t node) {
    const std::span<const TapeEdge> uses = graph.uses(node);
    return std::any_of(uses.begin(), uses.end(), [&](const TapeEdge& use) {
      return graph.is_backward(use.target) && !graph.is_request(use.target);
    });
  };
  Recomputation result;
  if (graph.kind(id) == Kind::source || !is_read_by_backward(id)) return result;
  result.bytes_freed = graph.bytes(id);
  result.flops = graph.flops(id);
  std::vector<std::int32_t> inputs(graph.inputs(id).begin(), graph.inputs(id).end());
  std::sort(inputs.begin(), inputs.end());
  inputs.erase(std::unique(inputs.begin(), inputs.end()), inputs.end());
  for (const std::int32_t input : inputs)
    if (graph.kind(input) != Kind::source && !is_read_by_backward(input)) result.bytes_held += graph.bytes(input);
  return result;
}

}  // namespace thalweg
