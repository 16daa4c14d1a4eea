// The plans of a tape as a picture: passes as boxes, the buffers between them colored by their place in memory.

#include <algorithm>
#include <array>
#include <map>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "src/graph/dot.hpp"
#include "src/plan/plan.hpp"
#include "src/tensor/place_text.hpp"

namespace thalweg::internal {

namespace {

constexpr std::array<const char*, 8> colors = {"#9CCBEA", "#F6C58F", "#A9DEC9", "#E4C1D9",
                                               "#F3E79B", "#F2B5A7", "#C9C2E8", "#D5D5C0"};

class PlanWriter {
 public:
  PlanWriter(const TapeGraph& graph, const Segment& segment, std::string prefix)
      : graph_(graph), segment_(segment), plan_(*segment.plan), prefix_(std::move(prefix)) {}

  std::string text() {
    std::string text;
    int number = 0;
    for (const Plan::PassSummary& pass : plan_.pass_summaries()) {
      ++number;
      text += pass_text(pass, number);
      for (const std::int32_t buffer : pass.reads)
        edges_ += fmt::format("{} -> {}g{};\n", buffer_node(buffer), prefix_, number);
      for (const std::int32_t buffer : pass.writes)
        edges_ += fmt::format("{}g{} -> {};\n", prefix_, number, buffer_node(buffer));
    }
    return text + buffers_ + edges_;
  }

 private:
  std::string pass_text(const Plan::PassSummary& pass, int number) const {
    std::string what;
    std::size_t in_line = 0;
    for (const std::int32_t id : pass.nodes) {
      if (!what.empty()) what += in_line > 28 ? ",\n" : ", ";
      if (in_line > 28) in_line = 0;
      const std::string title = node_title(graph_, id);
      what += title;
      in_line += title.size() + 2;
    }
    return fmt::format("{}g{} [shape=box, style=\"filled\", fillcolor=\"#FFFFFF\", label={}];\n", prefix_, number,
                       dot_string(fmt::format("{}. {}{}\n{}", number, pass.title, where(pass), what)));
  }

  /// " in affine1, norm1, backward": the outermost scopes.
  std::string where(const Plan::PassSummary& pass) const {
    std::vector<std::string> scopes;
    bool is_forward = false, is_backward = false;
    for (const std::int32_t id : pass.nodes) {
      (graph_.is_backward(id) ? is_backward : is_forward) = true;
      const std::string scope = graph_.scope(id);
      const std::string outermost = scope.substr(0, scope.find('/'));
      if (!outermost.empty() && std::find(scopes.begin(), scopes.end(), outermost) == scopes.end())
        scopes.push_back(outermost);
    }
    return fmt::format("{}{}{}", scopes.empty() ? "" : " in ", fmt::join(scopes, ", "),
                       !is_backward ? ""
                       : is_forward ? ", forward and backward"
                                    : ", backward");
  }

  /// Draws a buffer when it is first used. Buffers at the same place have the same color.
  std::string buffer_node(std::int32_t buffer) {
    const Plan::BufferView view = plan_.buffer_view(buffer);
    std::string name = fmt::format("\"{}b{}\"", prefix_, view.root);
    if (!drawn_.emplace(view.root, true).second) return name;
    std::string label;
    const char* color = "#FFFFFF";
    if (view.is_arena) {
      const auto place = static_cast<std::size_t>(places_.emplace(view.offset, places_.size()).first->second);
      color = colors[place % colors.size()];
      label = fmt::format("arena + {}\n{} bytes", view.offset, view.bytes);
    } else {
      const std::string owner = view.node >= 0        ? node_title(graph_, view.node)
                                : view.parameter >= 0 ? gradient_name(view)
                                                      : "";
      label = fmt::format("{}{}{}\n{} bytes", view.where, *view.where ? " " : "", owner, view.bytes);
    }
    buffers_ +=
        fmt::format("{} [shape=ellipse, style=filled, fillcolor=\"{}\", label={}];\n", name, color, dot_string(label));
    return name;
  }

  std::string gradient_name(const Plan::BufferView& view) const {
    const std::uint32_t uid = segment_.registries[view.registry];
    return graph_.recorder().reads().find(uid)->entries[view.parameter].name;
  }

  const TapeGraph& graph_;
  const Segment& segment_;
  const Plan& plan_;
  std::string prefix_, buffers_, edges_;
  std::map<std::int32_t, bool> drawn_;
  std::map<std::size_t, std::size_t> places_;
};

}  // namespace

std::string plan_dot(const TapeGraph& graph) {
  std::string body;
  int number = 0;
  for (const Segment* segment : graph.recorder().path()) {
    if (!segment->plan || segment->plan->pass_summaries().empty()) continue;
    const std::string title = graph.op(segment->request).name + at_place(graph.recorder().line(segment->request));
    ++number;
    body += fmt::format("subgraph cluster_{} {{ label={}; style=rounded; color=\"#999999\";\n{}}}\n", number,
                        dot_string(title), PlanWriter(graph, *segment, fmt::format("p{}", number)).text());
  }
  if (number == 0)
    throw TapeError(error_text("write_graph", "nothing has been requested of this tape yet: there is no plan"));
  return dot_page("", body);
}

}  // namespace thalweg::internal
