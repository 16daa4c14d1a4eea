#include "src/plan/operands.hpp"

#include <bit>

namespace thalweg::internal {

using run::Extent;
using run::SweepValue;

void Operands::begin() {
  rows_.clear();
  copied_out_.clear();
  stretched_copies_.clear();
  early_passes_.clear();
}

// --- in memory ---

std::int32_t Operands::materialize(std::int32_t id) {
  PlannedNode& node = graph_.node(id);
  if (node.buffer >= 0) return node.buffer;
  if (node.where == PlannedNode::Where::lazy) return materialize_lazy(node);
  SweepBuild& sweep = schedule_.builds[static_cast<std::size_t>(node.sweep)];
  const DType dtype = graph_.info(id).dtype;
  node.buffer_pass = node.pass;
  for (const run::SweepOutput& output : sweep.sweep.outputs)
    if (output.value == node.value && output.dtype == dtype) return node.buffer = output.slot;
  node.buffer = schedule_.add_arena_buffer(graph_.shape(id), dtype);
  sweep.sweep.outputs.push_back({node.value, node.buffer, dtype});
  return node.buffer;
}

std::int32_t Operands::materialize_lazy(PlannedNode& node) {
  const Key& key = graph_.key(node.id);
  if (key.op->kind == Kind::effect) {  // an assign node stands for the assigned value
    const std::int32_t value = graph_.inputs(key)[0];
    node.buffer = materialize(value);
    node.buffer_pass = graph_.node(value).buffer_pass;
    return node.buffer;
  }
  if (is_number(key)) return node.buffer = numbers_.add_cell(node.id);
  const bool is_view =
      key.op->kind == Kind::broadcast || (key.op->kind == Kind::view && graph_.shape(node.id).size() != 1);
  node.buffer = is_view ? copy_lazy_view(node.id, key) : compute_lazy(node.id, key);
  node.buffer_pass = schedule_.last_pass();
  return node.buffer;
}

std::int32_t Operands::copy_lazy_view(std::int32_t id, const Key& key) {
  const std::int32_t input = graph_.inputs(key)[0], from = materialize(input);
  const Shape& shape = graph_.shape(id);
  if (!is_rows(id)) return copy_view(id, from, key.op->view_rule(graph_.shape(input), shape, key.attribute, {}), shape);
  const std::int32_t copied = copy_view(id, from, view_of(id, key), shape);
  schedule_.copies_.back().dynamic = schedule_.buffer(rows_of(id).buffer).index;
  return copied;
}

/// Computes a lazy node in a sweep of its own.
std::int32_t Operands::compute_lazy(std::int32_t id, const Key& key) {
  const DType dtype = graph_.info(id).dtype;
  const Shape& shape = graph_.shape(id);
  SweepBuild& sweep = schedule_.add_sweep(shape.size(), shape.size(), dtype == DType::boolean ? DType::f32 : dtype);
  const Extent extent = key.op == &column_index_op ? Extent::per_column
                        : key.op == &cast_op       ? Extent::element
                                                   : Extent::single;
  const std::int32_t value = emit(sweep, id, extent), buffer = schedule_.add_arena_buffer(shape, dtype);
  sweep.sweep.outputs.push_back({value, buffer, dtype});
  sweep.nodes.push_back(id);
  return buffer;
}

StridedView Operands::view_of(std::int32_t id, const Key& key) const {
  const std::span<const std::int32_t> inputs = graph_.inputs(key);
  double numbers[Shape::max_rank] = {};
  for (std::size_t i = 1; i < inputs.size(); ++i) {
    const Key& number = graph_.key(inputs[i]);
    if (number.op == &number_op) numbers[i - 1] = graph_.recorder().slot(inputs[i]).number;
    if (number.op == &literal_op) numbers[i - 1] = std::bit_cast<double>(number.attribute);
  }
  return key.op->view_rule(graph_.shape(inputs[0]), graph_.shape(id), key.attribute, {numbers, inputs.size() - 1});
}

// --- in a sweep ---

std::int32_t Operands::emit(SweepBuild& sweep, std::int32_t id, Extent extent, bool moves, std::int64_t period) {
  const DType dtype = graph_.info(id).dtype;
  if (const CopiedOut* copied = copied_out(id))
    return emit_input(sweep, copied->buffer, extent, dtype, moves, 0, period);
  const PlannedNode& operand = graph_.node(id);
  if (is_computed_in(id, sweep)) return operand.value;
  if (operand.where == PlannedNode::Where::lazy && !is_materialized_before(operand, sweep)) {
    if (is_rows(id)) return emit_input(sweep, rows_of(id).buffer, extent, dtype, moves, rows_of(id).stride);
    const Key& key = graph_.key(id);
    if (is_number(key)) return emit_number(sweep, id);
    if (key.op->kind == Kind::broadcast) return emit(sweep, key.inputs[0], extent, moves, period);
    if (key.op == &column_index_op) {
      SweepValue value;
      value.kind = SweepValue::Kind::column;
      value.extent = Extent::per_column;
      return sweep.add(value);
    }
    if (key.op == &cast_op)
      return emit_input(sweep, materialize(key.inputs[0]), extent, graph_.info(key.inputs[0]).dtype, moves, 0, period);
    if (key.op->kind == Kind::view && graph_.shape(id).size() == 1)
      return emit(sweep, graph_.inputs(key)[0], extent, moves);
    if (key.op->kind == Kind::elementwise) {  // arithmetic on numbers
      if (const Numbers::Computed* const number = numbers_.computed(id, sweep.sweep.dtype))
        return emit_input(sweep, number->buffer, Extent::single, number->dtype, false);
      std::int32_t operands[3];
      const std::span<const std::int32_t> inputs = graph_.inputs(key);
      for (std::size_t i = 0; i < inputs.size(); ++i) operands[i] = emit(sweep, inputs[i], Extent::single);
      return emit_apply(sweep, key, {operands, inputs.size()});
    }
  }
  return emit_input(sweep, materialize(id), extent, dtype, moves, 0, period);
}

std::int32_t Operands::emit_number(SweepBuild& sweep, std::int32_t id) {
  SweepValue value;
  value.kind = SweepValue::Kind::number;
  value.extent = Extent::single;
  value.slot = numbers_.slot(id);
  return sweep.add(value);
}

std::int32_t Operands::emit_input(SweepBuild& sweep, std::int32_t buffer, Extent extent, DType dtype, bool moves,
                                  std::int64_t step, std::int64_t period) {
  bool lies_differently = false;
  for (std::size_t i = 0; i < sweep.sweep.values.size(); ++i) {
    const SweepValue& known = sweep.sweep.values[i];
    if (known.kind != SweepValue::Kind::input || known.slot != buffer) continue;
    if (known.extent == extent && known.dtype == dtype && known.moves == moves && known.step == step &&
        known.period == period)
      return static_cast<std::int32_t>(i);
    lies_differently |= known.extent != extent || known.moves != moves || known.step != step || known.period != period;
  }
  if (lies_differently && sweep.batches != 1) {  // in batches, a buffer moves in one way
    PlanBuffer same;
    same.place = PlanBuffer::Place::alias;
    same.base = buffer;
    same.node = schedule_.buffer(buffer).node;
    same.dtype = schedule_.buffer(buffer).dtype;
    same.bytes = schedule_.buffer(buffer).bytes;
    buffer = schedule_.add_buffer(same);
  }
  SweepValue value;
  value.kind = SweepValue::Kind::input;
  value.extent = extent;
  value.dtype = dtype;
  value.slot = buffer;
  value.moves = moves;
  value.step = step;
  value.period = period;
  return sweep.add(value);
}

std::int32_t Operands::emit_apply(SweepBuild& sweep, const Key& key, std::span<const std::int32_t> operands) {
  SweepValue value;
  value.kind = SweepValue::Kind::apply;
  value.kernel = key.op->kernel;
  value.operand_count = static_cast<std::uint8_t>(operands.size());
  value.extent = Extent::single;
  for (std::size_t i = 0; i < operands.size(); ++i) {
    value.operands[i] = operands[i];
    value.extent = join_extents(value.extent, sweep.sweep.values[static_cast<std::size_t>(operands[i])].extent);
  }
  // In a domain of one row, a value per column is a value per element.
  if (value.extent == Extent::per_column && sweep.columns == sweep.size) value.extent = Extent::element;
  return sweep.add(value);
}

}  // namespace thalweg::internal
