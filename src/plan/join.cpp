// How nodes join sweeps, and the sweep values they become.

#include <algorithm>
#include <stdexcept>

#include "src/core_ops/core_ops.hpp"
#include "src/plan/planner.hpp"

namespace thalweg::internal {

using run::Extent;
using run::SweepValue;

namespace {

/// The most values in one sweep: bounds the size of the machine's programs and the time to plan.
constexpr std::size_t max_values = 96;
/// How many sweeps back a node looks for one to join.
constexpr int passes_to_try = 8;

}  // namespace

Planner::SweepBuild& Planner::new_sweep(std::int64_t size, std::int64_t columns, DType dtype) {
  if (sweep_count_ == sweeps_.size()) sweeps_.emplace_back();
  SweepBuild& sweep = sweeps_[sweep_count_++];
  sweep.size = size;
  sweep.columns = columns;
  sweep.batches = 0;
  sweep.reduces = sweep.has_rows = sweep.by_rows = false;
  sweep.sweep.dtype = dtype;
  sweep.sweep.values.clear();
  sweep.sweep.outputs.clear();
  sweep.nodes.clear();
  sweep.pass = add_pass(Pass::Kind::sweep, sweep_count_);
  return sweep;
}

std::int32_t Planner::earliest_pass(std::span<const std::int32_t> ids) {
  std::int32_t pass = -1;
  for (const std::int32_t id : ids) pass = std::max(pass, node(id).pass);
  return pass;
}

/// Joins the sweep that computes the latest operand, or else the newest sweep after it that accepts the node, or else a
/// new one.
void Planner::place_in_sweep(std::span<const std::int32_t> inputs, DType dtype, std::int64_t size,
                             FunctionRef<bool(SweepBuild&)> try_join) {
  std::int32_t earliest = earliest_pass(inputs);
  for (const CopiedOut& copied : copied_out_) earliest = std::max(earliest, copied.pass);
  std::size_t room = 8;
  for (const std::int32_t input : inputs) room += node(input).number_size;
  const auto joins = [&](std::int32_t pass) {
    if (pass < 0 || passes_[pass].kind != Pass::Kind::sweep) return false;
    SweepBuild& sweep = sweeps_[passes_[static_cast<std::size_t>(pass)].index];
    if (sweep.sweep.dtype != dtype || sweep.sweep.values.size() + room > max_values) return false;
    return try_join(sweep);
  };
  if (!eager_) {
    if (joins(earliest)) return;
    int tried = 0;
    for (auto pass = static_cast<std::int32_t>(passes_.size()); pass-- > earliest + 1 && tried < passes_to_try;) {
      if (passes_[pass].kind != Pass::Kind::sweep) continue;
      ++tried;
      if (joins(pass)) return;
    }
  }
  for (const std::int32_t input : inputs) {
    const bool is_transposed = this->node(input).where == PlannedNode::Where::lazy &&
                               this->key(input).op->kind == Kind::view && shape(input).size() != 1 && !is_rows(input);
    if (this->node(input).where == PlannedNode::Where::sweep || is_transposed) materialize(input);
  }
  if (!try_join(new_sweep(size, 0, dtype))) throw std::logic_error("plan: a node that no pass takes");
}

bool Planner::is_read_in_sweep(std::int32_t id, const SweepBuild& sweep) {
  const PlannedNode& operand = node(id);
  return operand.where == PlannedNode::Where::sweep && operand.sweep == sweep_index(sweep);
}

Planner::Fit Planner::fit(const SweepBuild& sweep, std::int32_t id, const Shape& domain) {
  const PlannedNode& operand = node(id);
  if (const CopiedOut* copied = copied_out(id))
    return {copied->pass < sweep.pass, copied->geometry.extent, copied->geometry.columns, copied->geometry.batches,
            copied->geometry.moves};
  const bool is_lazy = operand.where == PlannedNode::Where::lazy && !is_copied(operand, sweep);
  if (is_lazy && this->key(id).op->kind == Kind::broadcast) return fit(sweep, this->key(id).inputs[0], domain);
  const OperandGeometry geometry = operand_geometry(shape(id), domain);
  if (!geometry.simple) return {};
  Fit fit{true, geometry.extent, geometry.columns, geometry.batches, geometry.moves};
  if (is_read_in_sweep(id, sweep)) {
    const Extent extent = sweep.sweep.values[operand.value].extent;
    if (sweep.size == 1 || extent == geometry.extent) {
      fit.extent = extent;
    } else {
      fit.ok = false;
    }
    return fit;
  }
  if (!is_lazy) {
    fit.ok = (operand.where == PlannedNode::Where::lazy ? operand.buffer_pass : operand.pass) < sweep.pass;
    return fit;
  }
  if (is_rows(id)) {
    const bool is_taken = sweep.by_rows || (!sweep.has_rows && !sweep.reduces);
    return {.ok = operand.pass < sweep.pass && shape(id).size() == domain.size() && is_taken,
            .columns = rows_of(id).length,
            .batches = domain.size() / rows_of(id).length,
            .step = rows_of(id).stride};
  }
  const Key& key = this->key(id);
  if (key.op == &column_index_op) {
    fit.ok =
        geometry.extent == Extent::per_column || (geometry.extent == Extent::element && sweep.size == shape(id).size());
    fit.columns = shape(id).size();
    return fit;
  }
  if (key.op->kind == Kind::view && shape(id).size() != 1) {
    fit.ok = false;  // a transpose: place_in_sweep copies it out before it makes a new sweep
    return fit;
  }
  fit.ok = operand.pass < sweep.pass;
  return fit;
}

/// Whether a lazy node has been copied out before this pass.
bool Planner::is_copied(const PlannedNode& node, const SweepBuild& sweep) const {
  return node.where == PlannedNode::Where::lazy && node.buffer >= 0 && node.buffer_pass < sweep.pass;
}

bool Planner::join(SweepBuild& sweep, PlannedNode& node, const Key& key) {
  const Shape& domain = shape(node.id);
  const std::span<const std::int32_t> inputs = recorder_->inputs(key);
  if (domain.size() != sweep.size || (sweep.size == 1 && sweep.reduces)) return join_reduced(sweep, node, key);
  Fit fits[3];
  Extent joined = Extent::single;
  std::int64_t columns = sweep.columns, batches = sweep.batches;
  bool by_rows = sweep.by_rows, has_rows = sweep.has_rows;
  const auto agrees = [](std::int64_t wanted, std::int64_t& known) {
    if (wanted != 0 && known != 0 && wanted != known) return false;
    if (wanted != 0) known = wanted;
    return true;
  };
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    fits[i] = fit(sweep, inputs[i], domain);
    if (!fits[i].ok || !agrees(fits[i].columns, columns) || !agrees(fits[i].batches, batches))
      return join_reduced(sweep, node, key);
    joined = join_extents(joined, fits[i].extent);
    by_rows |= fits[i].step != 0;
    has_rows |= fits[i].extent == Extent::per_row;
  }
  // A row is too short for anything but code in line, and has no values of its own.
  if (by_rows &&
      (has_rows || sweep.sweep.values.size() > most_values_by_rows || !can_run_by_rows(key, sweep.sweep.dtype)))
    return false;
  if (joined != Extent::element && sweep.size != 1) return false;
  return emit_all(sweep, node, key, inputs, {fits, inputs.size()}, columns, batches);
}

bool Planner::emit_all(SweepBuild& sweep, PlannedNode& node, const Key& key, std::span<const std::int32_t> inputs,
                       std::span<const Fit> fits, std::int64_t columns, std::int64_t batches) {
  const SweepBuild::State before = sweep.state();
  sweep.columns = columns;
  sweep.batches = batches;
  std::int32_t operands[3];
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    sweep.by_rows |= fits[i].step != 0;
    operands[i] = emit(sweep, inputs[i], fits[i].extent, fits[i].moves);
  }
  const std::int32_t value = apply(sweep, key, {operands, inputs.size()});
  if (sweep.has_rows && !fuses(sweep)) {
    sweep.restore(before);
    return false;
  }
  put(node, sweep, value);
  return true;
}

/// Makes the node value `value` of the sweep.
void Planner::put(PlannedNode& node, SweepBuild& sweep, std::int32_t value) {
  node.where = PlannedNode::Where::sweep;
  node.sweep = sweep_index(sweep);
  node.value = value;
  node.pass = sweep.pass;
  sweep.nodes.push_back(node.id);
}

std::int32_t Planner::add_value(SweepBuild& sweep, const SweepValue& value) {
  sweep.sweep.values.push_back(value);
  sweep.has_rows |= value.extent == Extent::per_row || value.kind == SweepValue::Kind::reduce;
  return static_cast<std::int32_t>(sweep.sweep.values.size()) - 1;
}

bool Planner::join_draw(SweepBuild& sweep, PlannedNode& node, const Key& key) {
  if (sweep.size != shape(node.id).size() || sweep.batches > 1) return false;
  sweep.batches = 1;  // a number of the draw depends on its place in the whole
  SweepValue value;
  value.kind = SweepValue::Kind::draw;
  value.extent = Extent::element;
  value.distribution = key.op->normal ? run::Distribution::normal : run::Distribution::uniform;
  value.slot = static_cast<std::int32_t>(draft_.draw_nodes_.size());
  draft_.draw_nodes_.push_back(node.id);
  put(node, sweep, add_value(sweep, value));
  return true;
}

bool Planner::fuses(SweepBuild& sweep) {
  set_domain(sweep);
  return run::CompiledSweep::can_fuse(sweep.sweep);
}

void Planner::set_domain(SweepBuild& sweep) {
  sweep.sweep.batches = std::max<std::int64_t>(1, sweep.batches);
  const std::int64_t size = sweep.size / sweep.sweep.batches, columns = sweep.columns == 0 ? size : sweep.columns;
  sweep.sweep.columns = columns;
  sweep.sweep.rows = columns == 0 ? 0 : size / columns;
}

/// Joins a node of the size of a reduction's result to the sweep that reduces.
bool Planner::join_reduced(SweepBuild& sweep, PlannedNode& node, const Key& key) {
  const Shape& domain = shape(node.id);
  const std::span<const std::int32_t> inputs = recorder_->inputs(key);
  Extent extent = Extent::element;
  for (const std::int32_t input : inputs)
    if (is_read_in_sweep(input, sweep)) {
      const Extent found = sweep.sweep.values[this->node(input).value].extent;
      if (found == Extent::element || shape(input).size() != domain.size()) continue;
      if (extent != Extent::element && extent != found) return false;
      extent = found;
    }
  if (extent == Extent::element) return false;
  Fit fits[3];
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const PlannedNode& operand = this->node(inputs[i]);
    const OperandGeometry geometry = operand_geometry(shape(inputs[i]), domain);
    if (!geometry.simple || (geometry.extent != Extent::element && geometry.extent != Extent::single)) return false;
    fits[i].extent = geometry.extent == Extent::element ? extent : Extent::single;
    fits[i].moves = geometry.extent == Extent::element;
    if (is_read_in_sweep(inputs[i], sweep)) {
      if (sweep.sweep.values[operand.value].extent != fits[i].extent) return false;
    } else if (operand.where == PlannedNode::Where::lazy) {
      if (shape(inputs[i]).size() != 1 || operand.pass >= sweep.pass) return false;
      fits[i] = {.extent = Extent::single, .moves = false};
    } else if (operand.pass >= sweep.pass) {
      return false;
    }
  }
  return emit_all(sweep, node, key, inputs, {fits, inputs.size()}, sweep.columns, sweep.batches);
}

bool Planner::join_reduction(SweepBuild& sweep, PlannedNode& node, const Key& key, const ReductionGeometry& geometry) {
  const std::int32_t input = key.inputs[0];
  const Shape& from = shape(input);
  if (sweep.by_rows || from.size() != sweep.size || (sweep.columns != 0 && sweep.columns != geometry.columns))
    return false;
  const Fit operand = fit(sweep, input, from);
  if (!operand.ok || operand.extent != Extent::element) return false;
  const bool is_within_rows = geometry.form == ReductionGeometry::Form::per_row;
  if (!is_within_rows && sweep.batches != 0 && sweep.batches != geometry.batches) return false;
  const SweepBuild::State before = sweep.state();
  sweep.columns = geometry.columns;
  if (!is_within_rows) sweep.batches = geometry.batches;
  const std::int32_t value = emit(sweep, input, Extent::element);
  using Form = ReductionGeometry::Form;
  append_reduction(sweep, node, key, value,
                   geometry.form == Form::to_single ? Extent::single
                   : geometry.form == Form::per_row ? Extent::per_row
                                                    : Extent::per_column);
  if (fuses(sweep)) return true;
  sweep.restore(before);
  node.where = PlannedNode::Where::nowhere;
  return false;
}

void Planner::append_reduction(SweepBuild& sweep, PlannedNode& node, const Key& key, std::int32_t value,
                               Extent extent) {
  SweepValue reduction;
  reduction.kind = SweepValue::Kind::reduce;
  reduction.extent = extent;
  reduction.reduction = static_cast<run::Reduction>(key.op->reduction);
  reduction.operand_count = 1;
  reduction.operands[0] = value;
  sweep.reduces = true;
  put(node, sweep, add_value(sweep, reduction));
}

std::int32_t Planner::apply(SweepBuild& sweep, const Key& key, std::span<const std::int32_t> operands) {
  SweepValue value;
  value.kind = SweepValue::Kind::apply;
  value.kernel = key.op->kernel;
  value.operand_count = static_cast<std::uint8_t>(operands.size());
  value.extent = Extent::single;
  for (std::size_t i = 0; i < operands.size(); ++i) {
    value.operands[i] = operands[i];
    value.extent = join_extents(value.extent, sweep.sweep.values[operands[i]].extent);
  }
  // In a domain of one row, a value per column is a value per element.
  if (value.extent == Extent::per_column && sweep.columns == sweep.size) value.extent = Extent::element;
  return add_value(sweep, value);
}

std::int32_t Planner::emit(SweepBuild& sweep, std::int32_t id, Extent extent, bool moves) {
  if (const CopiedOut* copied = copied_out(id)) return emit_input(sweep, copied->buffer, extent, info(id).dtype, moves);
  PlannedNode& operand = node(id);
  if (is_read_in_sweep(id, sweep)) return operand.value;
  if (operand.where == PlannedNode::Where::lazy && !is_copied(operand, sweep)) {
    if (is_rows(id)) return emit_input(sweep, rows_of(id).buffer, extent, info(id).dtype, moves, rows_of(id).stride);
    const Key& key = this->key(id);
    if (is_number(key)) return emit_number(sweep, id);
    if (key.op->kind == Kind::broadcast) return emit(sweep, key.inputs[0], extent, moves);
    if (key.op == &column_index_op) {
      SweepValue value;
      value.kind = SweepValue::Kind::column;
      value.extent = Extent::per_column;
      return add_value(sweep, value);
    }
    if (key.op == &cast_op)
      return emit_input(sweep, materialize(key.inputs[0]), extent, info(key.inputs[0]).dtype, moves);
    if (key.op->kind == Kind::view && shape(id).size() == 1)
      return emit(sweep, recorder_->inputs(key)[0], extent, moves);
    if (key.op->kind == Kind::elementwise) {  // arithmetic on numbers
      if (const ComputedNumber* const number = computed_number(id, sweep.sweep.dtype))
        return emit_input(sweep, number->buffer, Extent::single, number->dtype, false);
      std::int32_t operands[3];
      const std::span<const std::int32_t> inputs = recorder_->inputs(key);
      for (std::size_t i = 0; i < inputs.size(); ++i) operands[i] = emit(sweep, inputs[i], Extent::single);
      return apply(sweep, key, {operands, inputs.size()});
    }
  }
  return emit_input(sweep, materialize(id), extent, info(id).dtype, moves);
}

std::int32_t Planner::emit_number(SweepBuild& sweep, std::int32_t id) {
  const std::int32_t slot = number_slot(id);
  SweepValue value;
  value.kind = SweepValue::Kind::number;
  value.extent = Extent::single;
  value.slot = slot;
  return add_value(sweep, value);
}

std::int32_t Planner::emit_input(SweepBuild& sweep, std::int32_t buffer, Extent extent, DType dtype, bool moves,
                                 std::int64_t step) {
  bool lies_differently = false;
  for (std::size_t i = 0; i < sweep.sweep.values.size(); ++i) {
    const SweepValue& known = sweep.sweep.values[i];
    if (known.kind != SweepValue::Kind::input || known.slot != buffer) continue;
    if (known.extent == extent && known.dtype == dtype && known.moves == moves && known.step == step)
      return static_cast<std::int32_t>(i);
    lies_differently |= known.extent != extent || known.moves != moves || known.step != step;
  }
  if (lies_differently && sweep.batches != 1) {  // in batches, a buffer moves in one way
    PlanBuffer same;
    same.place = PlanBuffer::Place::alias;
    same.base = buffer;
    same.node = this->buffer(buffer).node;
    same.dtype = this->buffer(buffer).dtype;
    same.bytes = this->buffer(buffer).bytes;
    buffer = add_buffer(same);
  }
  SweepValue value;
  value.kind = SweepValue::Kind::input;
  value.extent = extent;
  value.dtype = dtype;
  value.slot = buffer;
  value.moves = moves;
  value.step = step;
  return add_value(sweep, value);
}

}  // namespace thalweg::internal
