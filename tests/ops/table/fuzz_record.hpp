#pragma once
// A graph on a tape.

#include <memory>
#include <vector>

#include <thalweg/registry.hpp>

#include "tests/ops/table/fuzz.hpp"

namespace thalweg::op_table {

class GraphRecording {
 public:
  /// `graph` may grow while it is recorded.
  GraphRecording(const Graph& graph, Engine engine) : graph_(graph), tape_({.engine = engine}) {}

  /// Moves input number i by `step` times directions[i], in f64.
  void move_inputs(const std::vector<Tensor>* directions, double step) { directions_ = directions, step_ = step; }

  /// Records node `number`, the one after the last recorded; empty for an effect.
  Var record(std::size_t number);
  const Var& var(int number) const { return vars_[static_cast<std::size_t>(number)]; }
  const std::vector<Var>& inputs() const { return inputs_; }
  const std::vector<Parameter>& parameters() const { return parameters_; }

  /// A number that depends on all outputs, and on the first parameter where the graph trains.
  Var loss();

 private:
  Var input(const GraphNode& node);
  Var op(const GraphNode& node);
  Parameter parameter(int number);

  const Graph& graph_;
  Tape tape_;
  std::unique_ptr<ParameterRegistry> registry_;
  std::vector<Parameter> parameters_;
  std::vector<Var> vars_, inputs_;
  const std::vector<Tensor>* directions_ = nullptr;
  double step_ = 0;
};

}  // namespace thalweg::op_table
