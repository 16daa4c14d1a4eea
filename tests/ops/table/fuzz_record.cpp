#include "tests/ops/table/fuzz_record.hpp"

#include <algorithm>

#include <fmt/format.h>

#include <thalweg/differentiate.hpp>

namespace thalweg::op_table {

namespace {

/// The elements of x, repeated or cut off, in another shape.
Var brought_to(const Shape& shape, const Var& x) {
  if (x.shape() == shape) return x;
  if (x.size() == shape.size()) return reshape(x, shape);
  if (x.size() == 0) return broadcast_to(sum(x), shape);
  if (x.rank() == 0 || x.size() == 1) return broadcast_to(reshape(x, Shape{}), shape);
  Var row = flatten(x);
  while (row.size() < shape.size()) row = concatenate({row, row});
  return reshape(slice(row, 0, 0, shape.size()), shape);
}

/// x where it is smooth, in [low, high].
Var bounded(const Var& x, const Domain& domain) {
  const double middle = (domain.low + domain.high) / 2, half = (domain.high - domain.low) / 2;
  return tanh(x) * (0.95 * half) + middle;
}

}  // namespace

Var GraphRecording::record(std::size_t number) {
  const GraphNode& node = graph_.nodes[number];
  Var result;
  switch (node.kind) {
    case GraphNode::Kind::input: result = input(node); break;
    case GraphNode::Kind::read: result = parameter(node.parameter); break;
    case GraphNode::Kind::assign:
      assign(parameter(node.parameter), brought_to(node.shapes[0], var(node.operands[0])));
      break;
    case GraphNode::Kind::op: result = op(node); break;
  }
  vars_.push_back(result);
  return result;
}

Var GraphRecording::input(const GraphNode& node) {
  Tensor value = node.tensors[0].to(graph_.dtype);
  if (directions_ != nullptr) {
    const std::span<const double> direction = (*directions_)[inputs_.size()].data<double>();
    const std::span<double> elements = value.mutable_data<double>();
    for (std::size_t i = 0; i < elements.size(); ++i) elements[i] += step_ * direction[i];
  }
  inputs_.emplace_back(value);
  return inputs_.back();
}

Var GraphRecording::op(const GraphNode& node) {
  std::vector<Var> operands;
  for (std::size_t i = 0; i < node.operands.size(); ++i) {
    if (node.operands[i] < 0) {
      operands.emplace_back(node.tensors[i]);
      continue;
    }
    Var operand = var(node.operands[i]);
    if (!node.shapes.empty()) operand = brought_to(node.shapes[i], operand);
    if (node.bounded[i]) operand = bounded(operand, node.row->domains[i]);
    operands.push_back(node.row->domains[i].fixed ? stop_gradient(operand) : operand);
  }
  const Var result = node.row->function(operands);
  return result.dtype() == graph_.dtype ? result : cast(result, graph_.dtype);
}

Parameter GraphRecording::parameter(int number) {
  if (!registry_) {
    registry_ = std::make_unique<ParameterRegistry>(RegistryOptions{.dtype = graph_.dtype});
    for (std::size_t i = 0; i < graph_.parameters.size(); ++i) {
      const Tensor& values = graph_.parameters[i];
      const auto copy = [&values](std::span<double> elements, std::uint64_t, std::uint32_t) {
        std::copy_n(values.data<double>().begin(), elements.size(), elements.begin());
      };
      parameters_.push_back(
          registry_->add(fmt::format("p{}", i), Initializer{values.shape(), copy}, {.trainable = i % 2 == 0}));
    }
  }
  return parameters_[static_cast<std::size_t>(number)];
}

Var GraphRecording::loss() {
  Var total = graph_.trains ? sum(square(parameter(0))) : Var(Tensor::zeros(Shape{}, graph_.dtype));
  for (const int output : graph_.outputs) {
    const Var x = tanh(var(output));
    total = total + (x.size() == 0 ? sum(x) : mean(x));
  }
  return total;
}

}  // namespace thalweg::op_table
