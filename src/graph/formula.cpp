// A value's formula as text.

#include <map>

#include <fmt/format.h>

#include <thalweg/tape_graph.hpp>

#include "src/core_ops/core_ops.hpp"
#include "src/tape/recorder.hpp"

namespace thalweg {

namespace {

using internal::Recorder;

/// Operator precedence: text of lower precedence than its context goes in parentheses.
enum class Binding : std::uint8_t { comparison, sum, product, tight };

struct Infix {
  const char* name;
  const char* sign;
  Binding binding;
  bool right_is_tighter;  // a − (b − c)
};
constexpr Infix infixes[] = {{"add", "+", Binding::sum, false},
                             {"subtract", "-", Binding::sum, true},
                             {"multiply", "·", Binding::product, false},
                             {"chain", "·", Binding::product, false},
                             {"divide", "/", Binding::product, true},
                             {"less", "<", Binding::comparison, true},
                             {"less_equal", "≤", Binding::comparison, true},
                             {"equal", "==", Binding::comparison, true},
                             {"not_equal", "≠", Binding::comparison, true}};

class Formula {
 public:
  Formula(const TapeGraph& graph, std::int32_t y) : graph_(graph), y_(y) {}

  std::string text() {
    const std::vector<std::int32_t> ids = ancestors(graph_, y_);
    std::map<std::int32_t, int> uses;
    for (const std::int32_t id : ids)
      for (const std::int32_t input : graph_.inputs(id)) ++uses[input];
    std::string lines;
    // In order of ids, a line refers only to lines above it, and deep chains need no recursion.
    for (const std::int32_t id : ids) {
      Piece piece = write(id);
      const bool is_named =
          id == y_ || (graph_.kind(id) != Kind::source && (uses[id] > 1 || piece.text.size() > longest));
      if (is_named) {
        const std::string name = fmt::format("{}_{}", graph_.op(id).name, id);
        lines += fmt::format("{} = {}\n", name, piece.text);
        piece = {name, Binding::tight};
      }
      pieces_[id] = std::move(piece);
    }
    return lines;
  }

 private:
  static constexpr std::size_t longest = 100;
  struct Piece {
    std::string text;
    Binding binding = Binding::tight;
  };

  std::string inner(std::int32_t id, Binding around, bool strictly) const {
    const Piece& piece = pieces_.at(id);
    const bool needs_parentheses = strictly ? piece.binding <= around : piece.binding < around;
    return needs_parentheses ? fmt::format("({})", piece.text) : piece.text;
  }

  Piece write_source(std::int32_t id) const {
    const Op& op = graph_.op(id);
    if (&op == &internal::number_op || &op == &internal::literal_op) return {fmt::format("{}", graph_.number(id))};
    const std::string name = graph_.parameter_name(id);
    if (!name.empty()) return {name};
    return {fmt::format("{}{}", op.name, to_string(graph_.shape(id)))};
  }

  Piece write(std::int32_t id) const {
    const Op& op = graph_.op(id);
    const std::span<const std::int32_t> inputs = graph_.inputs(id);
    if (op.kind == Kind::source) return write_source(id);
    for (const Infix& infix : infixes)
      if (inputs.size() == 2 && std::string_view(op.name) == infix.name)
        return {fmt::format("{} {} {}", inner(inputs[0], infix.binding, false), infix.sign,
                            inner(inputs[1], infix.binding, infix.right_is_tighter)),
                infix.binding};
    if (std::string_view(op.name) == "negate")
      return {fmt::format("-{}", inner(inputs[0], Binding::product, true)), Binding::product};
    std::string arguments;
    for (const std::int32_t input : inputs)
      arguments += fmt::format("{}{}", arguments.empty() ? "" : ", ", pieces_.at(input).text);
    const std::string attribute = graph_.attribute(id);
    if (!attribute.empty()) arguments += fmt::format("{}{}", arguments.empty() ? "" : "; ", attribute);
    return {fmt::format("{}({})", op.name, arguments)};
  }

  const TapeGraph& graph_;
  std::int32_t y_;
  std::map<std::int32_t, Piece> pieces_;
};

}  // namespace

std::string explain(const Var& y) {
  Recorder& recorder = Recorder::require("explain", {});
  const std::int32_t id = recorder.resolve(Operand(y), "explain");
  return Formula(TapeGraph(recorder), id).text();
}

}  // namespace thalweg
