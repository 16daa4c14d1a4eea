// A tape in Graphviz's DOT language: forward and backward, with scopes as clusters.

#include "src/graph/dot.hpp"

#include <algorithm>
#include <map>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "src/core_ops/core_ops.hpp"
#include "src/tape/recorder.hpp"
#include "src/tensor/place_text.hpp"

namespace thalweg::internal {

namespace {

/// The fill color of a node: the Okabe–Ito palette, lightened so that black text is legible in print too.
const char* fill_color(const TapeGraph& graph, std::int32_t id) {
  switch (graph.kind(id)) {
    case Kind::source: return &graph.op(id) == &parameter_op ? "#F6C58F" : "#E6E6E6";
    case Kind::contraction: return "#9CCBEA";
    case Kind::reduction: return "#F3E79B";
    case Kind::random: return "#E4C1D9";
    case Kind::effect: return "#F2B5A7";
    case Kind::opaque: return "#C9C2E8";
    case Kind::elementwise: return "#A9DEC9";
    case Kind::broadcast:
    case Kind::view: return "#FFFFFF";
  }
  return "#FFFFFF";
}

/// A picture with more nodes is not legible.
constexpr std::ptrdiff_t most_unfolded = 300;

class DotWriter {
 public:
  DotWriter(const TapeGraph& graph, const DrawOptions& options) : graph_(graph), part_(options.part) {
    const std::int32_t count = graph.size();
    shown_.resize(static_cast<std::size_t>(count));
    for (std::int32_t id = 0; id < count; ++id) shown_[id] = is_drawn(graph, id, part_);
    folds_ = options.fold_scopes.value_or(std::count(shown_.begin(), shown_.end(), true) > most_unfolded);
  }

  std::string text() {
    std::string body = folds_ ? folded() : clusters();
    body += edges() + gradients();
    return dot_page("", body);
  }

 private:
  struct Cluster {
    std::map<std::int32_t, Cluster> inner;  // by opening of a scope
    std::vector<std::int32_t> nodes;
  };

  bool shown(std::int32_t id) const { return shown_[id]; }

  std::string clusters() const {
    // Forward and backward pass of a layer are separate, since the backward pass runs in the other direction.
    Cluster forward, backward;
    for (std::int32_t id = 0; id < graph_.size(); ++id) {
      if (!shown(id)) continue;
      Cluster* at = graph_.is_backward(id) ? &backward : &forward;
      for (const std::int32_t opening : scopes_of(id)) at = &at->inner[opening];
      at->nodes.push_back(id);
    }
    int number = 0;
    return cluster_text(forward, "", number) + cluster_text(backward, " backward", number);
  }

  std::string cluster_text(const Cluster& cluster, const char* suffix, int& number) const {
    std::string text;
    for (const std::int32_t id : cluster.nodes) text += dot_node(graph_, id);
    for (const auto& [opening, inner] : cluster.inner)
      text += fmt::format(
          "subgraph cluster_{} {{ label={}; style=\"rounded\"; color=\"#999999\"; fontcolor=\"#555555\";\n{}}}\n",
          number++, dot_string(fmt::format("{}{}", graph_.recorder().scope(opening).name, suffix)),
          cluster_text(inner, suffix, number));
    return text;
  }

  std::vector<std::int32_t> scopes_of(std::int32_t id) const {
    return graph_.kind(id) == Kind::source ? std::vector<std::int32_t>() : graph_.recorder().scope_path(id);
  }

  /// The picture's node for `id`: its own, or that of its outermost scope.
  std::string representative(std::int32_t id) const {
    const std::vector<std::int32_t> scopes = scopes_of(id);
    if (!folds_ || scopes.empty()) return fmt::format("n{}", id);
    return fmt::format("{}{}", graph_.is_backward(id) ? "backward" : "scope", scopes.front());
  }

  std::string folded() const {
    std::string text;
    std::map<std::string, int> sizes;
    std::map<std::string, std::string> labels;
    for (std::int32_t id = 0; id < graph_.size(); ++id) {
      if (!shown(id)) continue;
      const std::vector<std::int32_t> scopes = scopes_of(id);
      if (scopes.empty()) {
        text += dot_node(graph_, id);
        continue;
      }
      const std::string node = representative(id);
      ++sizes[node];
      labels[node] =
          fmt::format("{}{}", graph_.recorder().scope(scopes.front()).name, graph_.is_backward(id) ? " backward" : "");
    }
    for (const auto& [node, label] : labels)
      text += fmt::format("{} [label={}, fillcolor=\"#DDEBF7\", shape=box, style=\"filled,rounded,bold\"];\n", node,
                          dot_string(fmt::format("{}\n{} nodes", label, sizes[node])));
    return text;
  }

  std::string edges() const {
    std::string text;
    std::map<std::pair<std::string, std::string>, int> drawn;  // edges between folded scopes, drawn once each
    for (const TapeEdge& edge : graph_.edges()) {
      if (!shown(edge.source) || !shown(edge.target)) continue;
      const std::string from = representative(edge.source), to = representative(edge.target);
      if (from == to || (folds_ && drawn[{from, to}]++ > 0)) continue;
      const bool crosses = graph_.is_backward(edge.target) && !graph_.is_backward(edge.source);
      text += fmt::format("{} -> {}{};\n", from, to, crosses ? " [style=dashed, color=\"#888888\"]" : "");
    }
    return text;
  }

  std::string gradients() const {
    if (part_ == DrawPart::forward) return "";
    std::string text;
    for (const Segment* segment : graph_.recorder().path())
      for (const GradientOutput& output : segment->gradient_outputs) {
        if (output.node < 0 || output.node >= graph_.size()) continue;
        const RegistryCore* core = graph_.recorder().reads().find(segment->registries[output.registry]);
        const std::string& name = core->entries[output.index].name;
        const std::string node = fmt::format("gradient_{}_{}", segment->request, output.index);
        text += fmt::format("{} [label={}, shape=box, style=\"filled\", fillcolor=\"#F6C58F\"];\n{} -> {};\n", node,
                            dot_string("gradient of\n" + name), representative(output.node), node);
      }
    return text;
  }

  const TapeGraph& graph_;
  DrawPart part_;
  bool folds_ = false;
  std::vector<bool> shown_;
};

}  // namespace

bool is_drawn(const TapeGraph& graph, std::int32_t id, DrawPart part) {
  const Op& op = graph.op(id);
  if (graph.is_request(id) || &op == &number_op || &op == &literal_op) return false;
  if (part == DrawPart::forward && graph.is_backward(id)) return false;
  return true;
}

std::string dot_string(std::string_view text) {
  std::string result = "\"";
  for (const char character : text) {
    if (character == '"' || character == '\\') result += '\\';
    if (character == '\n')
      result += "\\n";
    else
      result += character;
  }
  return result + "\"";
}

std::string node_title(const TapeGraph& graph, std::int32_t id) {
  std::string name = graph.parameter_name(id);
  if (graph.kind(id) == Kind::effect) return fmt::format("assign {}", name);
  if (!name.empty()) return name;
  std::string title = graph.op(id).name;
  const std::string attribute = graph.attribute(id);
  if (!attribute.empty() && graph.kind(id) != Kind::view && graph.kind(id) != Kind::broadcast) title += " " + attribute;
  std::vector<std::string> inputs;  // a number, or a dot for an input drawn as a node
  for (const std::int32_t input : graph.inputs(id)) {
    const Op& op = graph.op(input);
    const bool is_number = &op == &number_op || &op == &literal_op;
    inputs.push_back(is_number ? fmt::format("{:.6g}", graph.number(input)) : "·");
  }
  const auto first_number = std::find_if(inputs.begin(), inputs.end(), [](const auto& text) { return text != "·"; });
  if (std::find(first_number, inputs.end(), "·") != inputs.end())
    return fmt::format("{}({})", title, fmt::join(inputs, ", "));
  if (first_number == inputs.end()) return title;
  return fmt::format("{} {}", title, fmt::join(first_number, inputs.end(), " "));
}

std::string dot_node(const TapeGraph& graph, std::int32_t id) {
  const bool is_leaf = graph.kind(id) == Kind::source;
  return fmt::format("n{} [label={}, fillcolor=\"{}\", shape=box, style=\"filled{}\", tooltip={}];\n", id,
                     dot_string(fmt::format("{}\n{}", node_title(graph, id), to_string(graph.shape(id)))),
                     fill_color(graph, id), is_leaf ? "" : ",rounded",
                     dot_string(graph.scope(id) + at_place(graph.line(id))));
}

std::string dot_page(std::string_view attributes, std::string_view body) {
  return fmt::format(
      "digraph tape {{\nrankdir=TB; compound=true; nodesep=0.25; ranksep=0.35; bgcolor=\"#FFFFFF\"; fontname=\"sans\"; "
      "fontsize=12; {}\nnode [fontname=\"sans\", fontsize=11, color=\"#666666\", margin=\"0.09,0.05\", "
      "height=0.3];\nedge "
      "[color=\"#444444\", arrowsize=0.6];\n{}}}\n",
      attributes, body);
}

std::string tape_dot(const TapeGraph& graph, const DrawOptions& options) { return DotWriter(graph, options).text(); }

}  // namespace thalweg::internal
