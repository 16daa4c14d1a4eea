#pragma once
// Random graphs of the table's ops: the planned engine gives the bits of the eager one, two threads those of one, and
// gradients agree with differences of values. A graph that fails is made smaller while it goes on failing.

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "tests/ops/table/table.hpp"

namespace thalweg::op_table {

/// A step of a graph. Nodes refer to earlier ones by their number.
struct GraphNode {
  enum class Kind : std::uint8_t {
    input,   // a tensor that is differentiated
    read,    // of a parameter
    assign,  // an effect: a parameter becomes the operand
    op,
  };
  Kind kind = Kind::input;
  int parameter = -1;                // read, assign
  const Row* row = nullptr;          // op
  std::vector<int> operands = {};    // −1: the tensor of that place
  std::vector<Tensor> tensors = {};  // an input's value; the operands of an op that are no nodes (indices, truths)
  std::vector<Shape> shapes = {};    // what the operands are brought to; none: they broadcast
  std::vector<bool> bounded = {};    // operands that are brought into the row's domain first
  Shape shape = {};                  // of the result
  bool asked = false;                // its value is asked for before the next step
};

struct Graph {
  DType dtype = DType::f64;
  std::vector<GraphNode> nodes = {};
  std::vector<Tensor> parameters = {};  // those with an even number are trained, the others assigned
  std::vector<int> outputs = {};        // the loss is a sum over these
  int order = 1;                        // of the gradients by the inputs
  bool trains = false;                  // backward() fills the gradients of the parameters
  bool is_smooth = true;                // gradients are those of the values: no stops, no effects
};

/// A graph that `seed` determines.
Graph make_graph(std::uint64_t seed);

/// What is wrong with a graph: "planned beside eager: …", "planned again: …", "on 2 threads: …", "gradient: …"; empty:
/// nothing.
std::string what_fails(const Graph& graph);

/// The first words of a failure.
std::string check_of(const std::string& failure);

/// The smallest graph found of which `fails` holds, as it does of `graph`.
Graph shrunk(const Graph& graph, const std::function<bool(const Graph&)>& fails);

/// One line a step.
std::string text_of(const Graph& graph);

/// Adds how often each op occurs.
void count_ops(const Graph& graph, std::map<std::string, std::int64_t>& counts);

}  // namespace thalweg::op_table
