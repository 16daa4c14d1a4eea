// Gives buffers to values that a pass other than the one that computes them reads.

#include <bit>

#include "src/core_ops/core_ops.hpp"
#include "src/plan/planner.hpp"

namespace thalweg::internal {

using run::Extent;

std::size_t Planner::bytes_of(std::int32_t id) const {
  return static_cast<std::size_t>(shape(id).size()) * size_of(info(id).dtype);
}

std::int32_t Planner::add_buffer(const PlanBuffer& buffer) {
  draft_.buffers_.push_back(buffer);
  return static_cast<std::int32_t>(draft_.buffers_.size()) - 1;
}

std::int32_t Planner::arena_buffer(const Shape& shape, DType dtype) {
  PlanBuffer buffer;
  buffer.bytes = static_cast<std::size_t>(shape.size()) * size_of(dtype);
  buffer.dtype = dtype;
  return add_buffer(buffer);
}

std::int32_t Planner::add_pass(Pass::Kind kind, std::size_t count) {
  passes_.push_back({kind, static_cast<std::int32_t>(count) - 1});
  return last_pass();
}

std::int32_t Planner::number_slot(std::int32_t id) {
  if (number_slots_.contains(id)) return number_slots_[id];
  const auto slot = static_cast<std::int32_t>(draft_.numbers_.size());
  number_slots_.set(id, slot);
  const bool is_literal = key(id).op == &literal_op;
  draft_.numbers_.push_back(is_literal ? std::bit_cast<double>(key(id).attribute) : 0);
  if (!is_literal) draft_.number_nodes_.push_back({slot, id});
  return slot;
}

std::int32_t Planner::materialize(std::int32_t id) {
  PlannedNode& node = this->node(id);
  if (node.buffer >= 0) return node.buffer;
  if (node.where == PlannedNode::Where::lazy) return materialize_lazy(node);
  SweepBuild& sweep = sweeps_[node.sweep];
  const DType dtype = info(id).dtype;
  node.buffer_pass = node.pass;
  for (const run::SweepOutput& output : sweep.sweep.outputs)
    if (output.value == node.value && output.dtype == dtype) return node.buffer = output.slot;
  node.buffer = arena_buffer(shape(id), dtype);
  sweep.sweep.outputs.push_back({node.value, node.buffer, dtype});
  return node.buffer;
}

std::int32_t Planner::materialize_lazy(PlannedNode& node) {
  const Key& key = this->key(node.id);
  const std::int32_t id = node.id;
  if (key.op->kind == Kind::effect) {  // an assign node stands for the assigned value
    const std::int32_t value = recorder_->inputs(key)[0], buffer = materialize(value);
    this->node(id).buffer_pass = this->node(value).buffer_pass;
    return this->node(id).buffer = buffer;
  }
  if (is_number(key)) return this->node(id).buffer = number_cell(id);
  const bool is_view = key.op->kind == Kind::broadcast || (key.op->kind == Kind::view && shape(id).size() != 1);
  if (is_view) {
    const std::int32_t input = recorder_->inputs(key)[0];
    const std::int32_t from = materialize(input);
    if (is_rows(id)) {
      const std::int32_t dynamic = buffer(rows_of(id).buffer).index;
      this->node(id).buffer = copy_view(id, from, view_of(id, key), shape(id));
      draft_.copies_.back().dynamic = dynamic;
    } else {
      const StridedView view = key.op->view_rule(shape(input), shape(id), key.attribute, {});
      this->node(id).buffer = copy_view(id, from, view, shape(id));
    }
  } else {
    const DType dtype = info(id).dtype;
    SweepBuild& sweep = new_sweep(shape(id).size(), shape(id).size(), dtype == DType::boolean ? DType::f32 : dtype);
    const Extent extent = key.op == &column_index_op ? Extent::per_column
                          : key.op == &cast_op       ? Extent::element
                                                     : Extent::single;
    const std::int32_t value = emit(sweep, id, extent);
    PlannedNode& made = this->node(id);
    made.buffer = arena_buffer(shape(id), dtype);
    sweep.sweep.outputs.push_back({value, made.buffer, dtype});
    sweep.nodes.push_back(id);
  }
  PlannedNode& made = this->node(id);
  made.buffer_pass = last_pass();
  return made.buffer;
}

/// A number in memory, for a pass that reads its inputs from there.
std::int32_t Planner::number_cell(std::int32_t id) {
  NumberCell& cell = draft_.number_cells_.emplace_back();
  cell.slot = number_slot(id);
  cell.dtype = info(id).dtype;
  PlanBuffer buffer;
  buffer.place = PlanBuffer::Place::number;
  buffer.node = id;
  buffer.index = static_cast<std::int32_t>(draft_.number_cells_.size()) - 1;
  buffer.bytes = size_of(cell.dtype);
  buffer.dtype = cell.dtype;
  return add_buffer(buffer);
}

std::int32_t Planner::copy_view(std::int32_t id, std::int32_t input, const StridedView& view, const Shape& shape) {
  CopyPass& pass = draft_.copies_.emplace_back();
  pass.node = id;
  pass.input = input;
  pass.dtype = info(id).dtype;
  pass.output = arena_buffer(shape, pass.dtype);
  pass.shape = shape;
  pass.view = view;
  add_pass(Pass::Kind::copy, draft_.copies_.size());
  return pass.output;
}

}  // namespace thalweg::internal
