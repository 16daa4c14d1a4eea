#include <thalweg/compare.hpp>

#include <algorithm>
#include <cmath>
#include <optional>

#include <fmt/format.h>

#include <thalweg/tape_graph.hpp>

#include "src/evaluate/replay.hpp"
#include "src/tensor/place_text.hpp"

namespace thalweg {

namespace {

using internal::Replay;

std::string describe(const TapeGraph& graph, std::int32_t id) {
  const std::string name = graph.parameter_name(id), attribute = graph.attribute(id), scope = graph.scope(id);
  std::string text = graph.op(id).name;
  if (!name.empty()) text += fmt::format(" '{}'", name);
  if (!attribute.empty() && attribute != to_string(graph.shape(id))) text += fmt::format(" {}", attribute);
  text += fmt::format(" of {} {}", thalweg::name(graph.dtype(id)), to_string(graph.shape(id)));
  const std::string place = internal::place_text(graph.line(id));
  if (!place.empty()) text += fmt::format(" at {}", place);
  return scope.empty() ? text : fmt::format("{} ({})", text, scope);
}

/// How node `id` differs between the tapes; nothing if it is the same.
std::optional<std::string> structural_difference(const TapeGraph& a, const TapeGraph& b, std::int32_t id) {
  const auto of = [&](const TapeGraph& graph) { return describe(graph, id); };
  const bool same_kind = &a.op(id) == &b.op(id) && a.shape(id) == b.shape(id) && a.dtype(id) == b.dtype(id) &&
                         a.attribute(id) == b.attribute(id) && a.parameter_name(id) == b.parameter_name(id);
  if (!same_kind) return fmt::format("{} on the first, {} on the second", of(a), of(b));
  const std::span<const std::int32_t> x = a.inputs(id), y = b.inputs(id);
  if (x.size() != y.size())
    return fmt::format("{} has {} inputs on the first, {} on the second", of(a), x.size(), y.size());
  for (std::size_t i = 0; i < x.size(); ++i)
    if (x[i] != y[i])
      return fmt::format("input {} of {} is node {} ({}) on the first, node {} ({}) on the second", i, of(a), x[i],
                         a.op(x[i]).name, y[i], b.op(y[i]).name);
  return std::nullopt;
}

struct Difference {
  std::int64_t element;
  double first, second;
};

bool agree(double x, double y, double tolerance) {
  if (x == y || (std::isnan(x) && std::isnan(y))) return true;
  return std::isfinite(x) && std::isfinite(y) && std::abs(x - y) <= tolerance * std::max(std::abs(x), std::abs(y));
}

/// Where two tensors of one shape differ most.
std::optional<Difference> value_difference(const Tensor& a, const Tensor& b, double tolerance) {
  const Tensor wide_a = a.to(DType::f64), wide_b = b.to(DType::f64);
  const std::span<const double> x = wide_a.data<double>(), y = wide_b.data<double>();
  std::optional<Difference> most;
  double largest = -1;
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (agree(x[i], y[i], tolerance)) continue;
    const double distance = std::isnan(x[i] - y[i]) ? INFINITY : std::abs(x[i] - y[i]);
    if (distance <= largest) continue;
    largest = distance;
    most = Difference{static_cast<std::int64_t>(i), x[i], y[i]};
  }
  return most;
}

/// Finds the first structural difference, if any; returns the number of nodes before it.
std::int32_t compare_structures(const TapeGraph& a, const TapeGraph& b, TapeComparison& result) {
  const std::int32_t shorter = std::min(a.size(), b.size()), longer = std::max(a.size(), b.size());
  std::optional<std::string> difference;
  std::int32_t common = 0;
  while (common < shorter) {
    difference = structural_difference(a, b, common);
    if (difference) break;
    ++common;
  }
  if (common == longer) return common;
  result.same_structure = false;
  result.structure_node = common;
  result.message = difference
                       ? fmt::format("the structures differ: node {}: {}", common, *difference)
                       : fmt::format("the structures differ: the first has {} nodes, the second {}; the next is {}",
                                     a.size(), b.size(), describe(a.size() > b.size() ? a : b, common));
  return common;
}

/// Finds the first of `count` nodes whose values differ, if any; its message takes precedence over a structural one.
void compare_values(const TapeGraph& a, const TapeGraph& b, std::int32_t count, double tolerance,
                    TapeComparison& result) {
  Replay replay_a(a.recorder());
  for (std::int32_t id = 0; id < count; ++id) replay_a.advance();
  Replay replay_b(b.recorder());
  for (std::int32_t id = 0; id < count; ++id) replay_b.advance();
  for (std::int32_t id = 0; id < count; ++id) {
    const Tensor *const x = replay_a.value(id), *const y = replay_b.value(id);
    if (x == nullptr || y == nullptr) continue;
    const auto difference = value_difference(*x, *y, tolerance);
    if (!difference) continue;
    result.same_values = false;
    result.value_node = id;
    result.element = difference->element;
    result.first_value = difference->first;
    result.second_value = difference->second;
    const std::string values = fmt::format("node {}, {}: element {} is {} on the first, {} on the second", id,
                                           describe(a, id), difference->element, difference->first, difference->second);
    result.message = result.message.empty() ? values : fmt::format("{}; {}", values, result.message);
    return;
  }
}

}  // namespace

TapeComparison compare(const Tape& first, const Tape& second, double tolerance) {
  const TapeGraph a(first), b(second);
  TapeComparison result;
  const std::int32_t common = compare_structures(a, b, result);
  compare_values(a, b, common, tolerance, result);
  return result;
}

}  // namespace thalweg
