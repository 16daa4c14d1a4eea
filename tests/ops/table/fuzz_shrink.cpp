// Making a failing graph smaller.

#include <algorithm>

#include "tests/ops/table/fuzz.hpp"

namespace thalweg::op_table {

namespace {

/// Without the steps that nothing reads: what is left keeps its order.
Graph without_unread(const Graph& graph) {
  std::vector<bool> is_read(graph.nodes.size(), false);
  for (const int output : graph.outputs) is_read[static_cast<std::size_t>(output)] = true;
  for (std::size_t i = graph.nodes.size(); i-- > 0;) {
    const GraphNode& node = graph.nodes[i];
    if (node.asked || node.kind == GraphNode::Kind::assign) is_read[i] = true;
    if (!is_read[i]) continue;
    for (const int operand : node.operands)
      if (operand >= 0) is_read[static_cast<std::size_t>(operand)] = true;
  }
  Graph result = graph;
  result.nodes.clear();
  std::vector<int> number(graph.nodes.size(), -1);
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    if (!is_read[i]) continue;
    number[i] = static_cast<int>(result.nodes.size());
    result.nodes.push_back(graph.nodes[i]);
    for (int& operand : result.nodes.back().operands)
      if (operand >= 0) operand = number[static_cast<std::size_t>(operand)];
  }
  for (int& output : result.outputs) output = number[static_cast<std::size_t>(output)];
  return result;
}

class Shrinking {
 public:
  Shrinking(const Graph& graph, const std::function<bool(const Graph&)>& fails) : best_(graph), fails_(fails) {}

  Graph run() {
    for (bool goes_on = true; goes_on;) {
      goes_on = false;
      goes_on |= simplify_whole();
      goes_on |= fewer_outputs();
      for (std::size_t i = best_.nodes.size(); i-- > 0;)
        if (i < best_.nodes.size()) goes_on |= simplify_node(i);
    }
    return best_;
  }

 private:
  bool attempt(Graph graph) {
    graph = without_unread(graph);
    if (graph.outputs.empty() || !fails_(graph)) return false;
    best_ = std::move(graph);
    return true;
  }

  bool simplify_whole() {
    bool did = false;
    const auto change = [&](auto&& edit) {
      Graph graph = best_;
      if (edit(graph)) did |= attempt(std::move(graph));
    };
    change([](Graph& graph) { return std::exchange(graph.order, 1) != 1; });
    change([](Graph& graph) { return std::exchange(graph.trains, false); });
    change([](Graph& graph) { return std::exchange(graph.dtype, DType::f64) != DType::f64; });
    return did;
  }

  bool fewer_outputs() {
    bool did = false;
    for (std::size_t i = best_.outputs.size(); i-- > 0 && best_.outputs.size() > 1;) {
      Graph graph = best_;
      graph.outputs.erase(graph.outputs.begin() + static_cast<std::ptrdiff_t>(i));
      did |= attempt(std::move(graph));
      i = std::min(i, best_.outputs.size());
    }
    return did;
  }

  /// An output earlier, an input in place of an op, an operand in place of its result, an effect or a request left out.
  bool simplify_node(std::size_t i) {
    const GraphNode& node = best_.nodes[i];
    if (node.asked) {
      Graph graph = best_;
      graph.nodes[i].asked = false;
      if (attempt(std::move(graph))) return true;
    }
    if (node.kind == GraphNode::Kind::input) return false;
    if (node.kind == GraphNode::Kind::assign) {
      Graph graph = best_;
      graph.nodes[i] = {.kind = GraphNode::Kind::input, .tensors = {Tensor::zeros(Shape{}, DType::f64)}};
      return attempt(std::move(graph));
    }
    Graph as_output = best_;
    as_output.outputs = {static_cast<int>(i)};
    as_output.nodes.resize(i + 1);
    if (as_output.nodes.size() < best_.nodes.size() && attempt(std::move(as_output))) return true;
    Graph as_input = best_;
    as_input.nodes[i] = {.kind = GraphNode::Kind::input,
                         .tensors = {draw({.low = -1.5, .high = 1.7}, node.shape, static_cast<int>(i % 5))},
                         .shape = node.shape};
    if (attempt(std::move(as_input))) return true;
    for (const int operand : node.operands) {
      if (operand < 0 || !(best_.nodes[static_cast<std::size_t>(operand)].shape == node.shape)) continue;
      Graph bypassed = best_;
      const auto replace = [&](int& use) { use = use == static_cast<int>(i) ? operand : use; };
      for (GraphNode& later : bypassed.nodes) std::for_each(later.operands.begin(), later.operands.end(), replace);
      std::for_each(bypassed.outputs.begin(), bypassed.outputs.end(), replace);
      if (attempt(std::move(bypassed))) return true;
    }
    return false;
  }

  Graph best_;
  const std::function<bool(const Graph&)>& fails_;
};

}  // namespace

std::string check_of(const std::string& failure) { return failure.substr(0, failure.find(':')); }

Graph shrunk(const Graph& graph, const std::function<bool(const Graph&)>& fails) {
  return Shrinking(graph, fails).run();
}

}  // namespace thalweg::op_table
