// Making random graphs. They are built on an eager tape, so that shapes and values are known on the way.

#include <algorithm>
#include <array>
#include <cmath>
#include <random>

#include <fmt/format.h>

#include "tests/ops/table/fuzz.hpp"
#include "tests/ops/table/fuzz_record.hpp"

namespace thalweg::op_table {

namespace {

/// Draws that are the same with every standard library.
class Dice {
 public:
  explicit Dice(std::uint64_t seed) : engine_(seed) {}
  int below(int bound) { return static_cast<int>(engine_() % static_cast<unsigned>(bound)); }
  bool one_in(int count) { return below(count) == 0; }
  /// In (−2, 2); hardly ever one that was drawn before: equal numbers are kinks.
  double value() { return (static_cast<double>(engine_() % (1 << 24)) + 0.3) / (1 << 22) - 2; }

 private:
  std::mt19937_64 engine_;
};

std::vector<std::vector<const Row*>> rows_by_op() {
  std::map<std::string, std::vector<const Row*>> by_name;
  for (const Family& family : families())
    for (const Row& row : family.rows) by_name[row.op].push_back(&row);
  std::vector<std::vector<const Row*>> ops;
  for (const auto& [name, rows] : by_name) ops.push_back(rows);
  return ops;
}

bool broadcast(const Shape& a, const Shape& b, std::int64_t& size) {
  size = 1;
  for (int i = 1; i <= std::max(a.rank(), b.rank()); ++i) {
    const std::int64_t left = i <= a.rank() ? a[a.rank() - i] : 1, right = i <= b.rank() ? b[b.rank() - i] : 1;
    if (left != right && left != 1 && right != 1) return false;
    size *= left == 1 ? right : left;
  }
  return true;
}

class GraphMaker {
 public:
  explicit GraphMaker(std::uint64_t seed) : dice_(seed), recording_(graph_, Engine::eager) {
    graph_.dtype = dice_.one_in(3) ? DType::f32 : DType::f64;
    graph_.is_smooth = graph_.dtype == DType::f64 && !dice_.one_in(4);
    graph_.order = dice_.one_in(4) ? 2 : 1;
    graph_.trains = !graph_.is_smooth && dice_.one_in(2);
    has_special_values_ = !graph_.is_smooth && dice_.one_in(4);
    is_large_ = dice_.one_in(100);
    largest_size_ = is_large_ ? 100'000 : dice_.one_in(4) ? 3000 : 200;
  }

  Graph make() {
    if (!graph_.is_smooth)
      for (std::size_t i = 0; i < was_read_.size(); ++i) graph_.parameters.push_back(values(random_shape()));
    for (int i = 2 + dice_.below(4); i > 0; --i) add_input();
    const int wanted = is_large_ ? 20 : 20 + dice_.below(dice_.one_in(4) ? 181 : 40);
    for (int attempt = 0; static_cast<int>(graph_.nodes.size()) < wanted && attempt < 4 * wanted; ++attempt) add_step();
    for (int i = 1 + dice_.below(4); i > 0; --i) graph_.outputs.push_back(pick());
    graph_.outputs.push_back(newest());
    return std::move(graph_);
  }

 private:
  Tensor values(const Shape& shape) {
    Tensor result = Tensor::empty(shape, DType::f64);
    for (double& x : result.mutable_data<double>()) x = static_cast<double>(static_cast<float>(dice_.value()));
    if (has_special_values_ && result.size() > 0 && dice_.one_in(3)) {
      constexpr double special[] = {nan, inf, -inf, -0.0};
      result.mutable_data<double>()[static_cast<std::size_t>(dice_.below(static_cast<int>(result.size())))] =
          special[dice_.below(4)];
    }
    return result;
  }

  Shape random_shape() {
    static constexpr std::int64_t lengths[] = {1, 1, 2, 3, 3, 4, 5, 7, 8, 16, 17, 33};
    if (is_large_) return dice_.one_in(2) ? Shape{301, 257} : dice_.one_in(2) ? Shape{257} : Shape{301, 1};
    std::vector<std::int64_t> dimensions;
    std::int64_t size = 1;
    for (int axis = dice_.below(5); axis > 0; --axis) {
      std::int64_t dimension = dice_.one_in(60) ? 0 : lengths[dice_.below(12)];
      if (size * dimension > largest_size_) dimension = 1;
      dimensions.push_back(dimension);
      size *= dimension;
    }
    return Shape(std::span<const std::int64_t>(dimensions));
  }

  int newest() const { return pool_.back(); }
  /// Newer ones more often.
  int pick() {
    const int size = static_cast<int>(pool_.size());
    const int at = dice_.one_in(2) ? dice_.below(size) : size - 1 - dice_.below(std::min(size, 5));
    return pool_[static_cast<std::size_t>(at)];
  }
  /// A node that broadcasts with `shape`, and the shape they have together.
  int pick_beside(Shape& shape, const std::vector<int>& taken) {
    std::int64_t size = 0;
    for (int attempt = 0; attempt < 8; ++attempt) {
      const int node = pick();
      // Beside itself every op of two operands is at its kink.
      if (graph_.is_smooth && std::find(taken.begin(), taken.end(), node) != taken.end()) continue;
      if (!broadcast(shape, shape_of(node), size) || size > largest_size_) continue;
      shape = broadcast_shapes("fuzz", shape, shape_of(node));
      return node;
    }
    return -1;
  }
  const Shape& shape_of(int node) const { return graph_.nodes[static_cast<std::size_t>(node)].shape; }

  /// Appends a step and records it; not one whose values are an error, as NaN is to a cast to i64.
  void append(GraphNode node) {
    graph_.nodes.push_back(std::move(node));
    Var result;
    try {
      result = recording_.record(graph_.nodes.size() - 1);
    } catch (const ValueError&) {
      graph_.nodes.pop_back();
      return;
    }
    GraphNode& appended = graph_.nodes.back();
    if (!result.empty()) appended.shape = result.shape();
    if (appended.kind != GraphNode::Kind::assign) pool_.push_back(static_cast<int>(graph_.nodes.size()) - 1);
    appended.asked = dice_.one_in(30) && appended.kind != GraphNode::Kind::assign;
  }

  void add_input() { append({.kind = GraphNode::Kind::input, .tensors = {values(random_shape())}}); }

  void add_step() {
    if (!graph_.parameters.empty() && dice_.one_in(12)) {
      const int parameter = dice_.below(static_cast<int>(graph_.parameters.size()));
      // What was read is not assigned any more: it could not be recomputed.
      bool& was_read = was_read_[static_cast<std::size_t>(parameter)];
      if (parameter % 2 == 0 || was_read || dice_.one_in(2)) {
        was_read = true;
        return append({.kind = GraphNode::Kind::read, .parameter = parameter});
      }
      return append({.kind = GraphNode::Kind::assign,
                     .parameter = parameter,
                     .operands = {pick()},
                     .shapes = {graph_.parameters[static_cast<std::size_t>(parameter)].shape()}});
    }
    static const std::vector<std::vector<const Row*>> ops = rows_by_op();
    const std::vector<const Row*>& rows = ops[static_cast<std::size_t>(dice_.below(static_cast<int>(ops.size())))];
    const Row& row = *rows[static_cast<std::size_t>(dice_.below(static_cast<int>(rows.size())))];
    if (graph_.is_smooth && !row.differences) return;
    row.elementwise ? add_elementwise(row) : add_shaped(row);
  }

  void add_elementwise(const Row& row) {
    GraphNode node{.kind = GraphNode::Kind::op, .row = &row};
    Shape shape{};
    for (const Domain& domain : row.domains) {
      if (domain.dtype != DType::f64) {
        node.operands.push_back(-1);
        node.tensors.push_back(draw(domain, shape, dice_.below(5)));
        node.bounded.push_back(false);
        continue;
      }
      const int operand = shape.rank() == 0 && !dice_.one_in(8) ? pick() : pick_beside(shape, node.operands);
      if (operand < 0) return;
      if (std::int64_t size = 0; !broadcast(shape, shape_of(operand), size) || size > largest_size_) return;
      shape = broadcast_shapes("fuzz", shape, shape_of(operand));
      node.operands.push_back(operand);
      node.tensors.emplace_back();
      node.bounded.push_back(leaves(operand, domain));
    }
    append(std::move(node));
  }

  void add_shaped(const Row& row) {
    const auto& all = is_large_ && !row.large.empty() ? row.large : shapes_of(row);
    GraphNode node{.kind = GraphNode::Kind::op,
                   .row = &row,
                   .shapes = all[static_cast<std::size_t>(dice_.below(static_cast<int>(all.size())))]};
    for (std::size_t i = 0; i < row.domains.size(); ++i) {
      const bool is_drawn = row.domains[i].dtype != DType::f64;
      const int operand = is_drawn ? -1 : pick();
      node.operands.push_back(operand);
      node.tensors.push_back(is_drawn ? draw(row.domains[i], node.shapes[i], dice_.below(5)) : Tensor());
      node.bounded.push_back(!is_drawn && leaves(operand, row.domains[i]));
    }
    append(std::move(node));
  }

  /// Whether a node's elements lie outside the domain.
  bool leaves(int node, const Domain& domain) {
    const Tensor value = recording_.var(node).value().to(DType::f64);
    const auto is_inside = [&](double x) { return x >= domain.low && x <= domain.high; };
    const std::span<const double> elements = value.data<double>();
    return !std::all_of(elements.begin(), elements.end(), is_inside);
  }

  Dice dice_;
  Graph graph_;
  GraphRecording recording_;
  std::vector<int> pool_;
  std::array<bool, 4> was_read_{};  // parameters
  bool has_special_values_ = false, is_large_ = false;
  std::int64_t largest_size_ = 0;
};

}  // namespace

Graph make_graph(std::uint64_t seed) { return GraphMaker(seed).make(); }

void count_ops(const Graph& graph, std::map<std::string, std::int64_t>& counts) {
  for (const GraphNode& node : graph.nodes)
    if (node.row != nullptr) ++counts[node.row->op];
}

std::string text_of(const Graph& graph) {
  std::string text = fmt::format("{}, order {}{}\n", name(graph.dtype), graph.order, graph.trains ? ", backward" : "");
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    const GraphNode& node = graph.nodes[i];
    text += fmt::format("  #{} {} = ", i, to_string(node.shape));
    switch (node.kind) {
      case GraphNode::Kind::input: text += "input"; break;
      case GraphNode::Kind::read: text += fmt::format("parameter {}", node.parameter); break;
      case GraphNode::Kind::assign:
        text += fmt::format("assign parameter {} #{}", node.parameter, node.operands[0]);
        break;
      case GraphNode::Kind::op:
        text += name_of(*node.row);
        for (std::size_t k = 0; k < node.operands.size(); ++k) {
          text += node.operands[k] < 0 ? " drawn" : fmt::format(" #{}", node.operands[k]);
          if (k < node.shapes.size()) text += " as " + to_string(node.shapes[k]);
          if (node.bounded[k]) text += " bounded";
        }
        break;
    }
    text += node.asked ? ", asked\n" : "\n";
  }
  text += "  outputs";
  for (const int output : graph.outputs) text += fmt::format(" #{}", output);
  return text + "\n";
}

}  // namespace thalweg::op_table
