#include <algorithm>
#include <stdexcept>

#include "src/plan/fusion.hpp"

namespace thalweg::internal {

using run::Extent;
using run::SweepValue;

namespace {

/// The most values in one sweep: bounds the size of the machine's programs and the time to plan.
constexpr std::size_t max_values = 96;
/// How many sweeps back a node looks for one to join.
constexpr int passes_to_try = 8;
/// The most values of a sweep by rows before it takes another: a row starts one function.
constexpr std::size_t most_values_by_rows = 16;

}  // namespace

std::int32_t Fusion::last_pass_of(std::span<const std::int32_t> ids) const {
  std::int32_t pass = -1;
  for (const std::int32_t id : ids) pass = std::max(pass, graph_.node(id).pass);
  return pass;
}

void Fusion::place_elementwise(PlannedNode& node, const Key& key) {
  const std::span<const std::int32_t> inputs = graph_.inputs(key);
  const Shape& domain = graph_.shape(node.id);
  operands_.copy_out(inputs, domain);
  place(inputs, graph_.compute_dtype(key), domain.size(), [&](SweepBuild& sweep) { return join(sweep, node, key); });
  operands_.end_copies();
}

void Fusion::place_reduction(PlannedNode& node, const Key& key, const ReductionGeometry& geometry) {
  const std::int32_t input = key.inputs[0];
  const Shape& domain = graph_.shape(input);
  const OperandGeometry there = operands_.geometry_in(input, domain);
  if (!there.simple || there.extent != Extent::element || operands_.is_rows(input)) operands_.materialize(input);
  place(graph_.inputs(key), graph_.info(node.id).dtype, domain.size(),
        [&](SweepBuild& sweep) { return join_reduction(sweep, node, key, geometry); });
}

void Fusion::place_draw(PlannedNode& node, const Key& key) {
  place({}, graph_.info(node.id).dtype, graph_.shape(node.id).size(),
        [&](SweepBuild& sweep) { return join_draw(sweep, node, key); });
}

/// Finds the sweep: `try_join` joins the node to a sweep if it fits.
void Fusion::place(std::span<const std::int32_t> inputs, DType dtype, std::int64_t size,
                   FunctionRef<bool(SweepBuild&)> try_join) {
  std::int32_t earliest = last_pass_of(inputs);
  for (const Operands::CopiedOut& copied : operands_.copied_out()) earliest = std::max(earliest, copied.pass);
  std::size_t room = 8;
  for (const std::int32_t input : inputs) room += graph_.node(input).number_size;
  const auto joins = [&](SweepBuild& sweep) {
    if (sweep.sweep.dtype != dtype || sweep.sweep.values.size() + room > max_values) return false;
    return try_join(sweep);
  };
  if (!graph_.is_eager()) {
    SweepBuild* const first = earliest < 0 ? nullptr : schedule_.sweep_at(earliest);
    if (first != nullptr && joins(*first)) return;
    int tried = 0;
    for (std::int32_t pass = schedule_.last_pass(); pass > earliest && tried < passes_to_try; --pass) {
      SweepBuild* const sweep = schedule_.sweep_at(pass);
      if (sweep == nullptr) continue;
      ++tried;
      if (joins(*sweep)) return;
    }
  }
  for (const std::int32_t input : inputs) {
    const PlannedNode& operand = graph_.node(input);
    const bool is_transposed = operand.where == PlannedNode::Where::lazy && graph_.key(input).op->kind == Kind::view &&
                               graph_.shape(input).size() != 1 && !operands_.is_rows(input);
    if (operand.where == PlannedNode::Where::sweep || is_transposed) operands_.materialize(input);
  }
  if (!try_join(schedule_.add_sweep(size, 0, dtype))) throw std::logic_error("plan: a node that no pass takes");
}

Fusion::Fit Fusion::fit(const SweepBuild& sweep, std::int32_t id, const Shape& domain) {
  const PlannedNode& operand = graph_.node(id);
  if (const Operands::CopiedOut* copied = operands_.copied_out(id))
    return {copied->pass < sweep.pass, copied->geometry.extent, copied->geometry.columns,
            copied->geometry.batches,  copied->geometry.moves,  0,
            copied->geometry.period};
  const bool is_lazy = operand.where == PlannedNode::Where::lazy && !Operands::is_materialized_before(operand, sweep);
  if (is_lazy && graph_.key(id).op->kind == Kind::broadcast) return fit(sweep, graph_.key(id).inputs[0], domain);
  const OperandGeometry geometry = operand_geometry(graph_.shape(id), domain);
  if (!geometry.simple) return {};
  Fit fit{true, geometry.extent, geometry.columns, geometry.batches, geometry.moves, 0, geometry.period};
  if (operands_.is_computed_in(id, sweep)) {
    const Extent extent = sweep.sweep.values[static_cast<std::size_t>(operand.value)].extent;
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
  if (operands_.is_rows(id)) {
    const bool is_taken = sweep.by_rows || (!sweep.has_rows && !sweep.reduces);
    return {.ok = operand.pass < sweep.pass && is_taken,
            .columns = operands_.rows_of(id).length,
            .batches = domain.size() / operands_.rows_of(id).length,
            .step = operands_.rows_of(id).stride};
  }
  const Key& key = graph_.key(id);
  if (key.op == &column_index_op) {
    fit.ok = geometry.extent == Extent::per_column ||
             (geometry.extent == Extent::element && sweep.size == graph_.shape(id).size());
    fit.columns = graph_.shape(id).size();
    return fit;
  }
  if (key.op->kind == Kind::view && graph_.shape(id).size() != 1) {
    fit.ok = false;  // a transpose: `place` copies it out before it makes a new sweep
    return fit;
  }
  fit.ok = operand.pass < sweep.pass;
  return fit;
}

bool Fusion::join(SweepBuild& sweep, PlannedNode& node, const Key& key) {
  const Shape& domain = graph_.shape(node.id);
  const std::span<const std::int32_t> inputs = graph_.inputs(key);
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

bool Fusion::emit_all(SweepBuild& sweep, PlannedNode& node, const Key& key, std::span<const std::int32_t> inputs,
                      std::span<const Fit> fits, std::int64_t columns, std::int64_t batches) {
  const SweepBuild::State before = sweep.state();
  sweep.columns = columns;
  sweep.batches = batches;
  std::int32_t operands[3];
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    sweep.by_rows |= fits[i].step != 0;
    operands[i] = operands_.emit(sweep, inputs[i], fits[i].extent, fits[i].moves, fits[i].period);
  }
  const std::int32_t value = Operands::emit_apply(sweep, key, {operands, inputs.size()});
  if (sweep.has_rows && !sweep.fuses()) {
    sweep.restore(before);
    return false;
  }
  put(node, sweep, value);
  return true;
}

void Fusion::put(PlannedNode& node, SweepBuild& sweep, std::int32_t value) {
  node.where = PlannedNode::Where::sweep;
  node.sweep = sweep.index;
  node.value = value;
  node.pass = sweep.pass;
  sweep.nodes.push_back(node.id);
}

bool Fusion::join_draw(SweepBuild& sweep, PlannedNode& node, const Key& key) {
  if (sweep.size != graph_.shape(node.id).size() || sweep.batches > 1) return false;
  sweep.batches = 1;  // a number of the draw depends on its place in the whole
  SweepValue value;
  value.kind = SweepValue::Kind::draw;
  value.extent = Extent::element;
  value.distribution = key.op->normal ? run::Distribution::normal : run::Distribution::uniform;
  value.slot = static_cast<std::int32_t>(schedule_.draw_nodes_.size());
  schedule_.draw_nodes_.push_back(node.id);
  put(node, sweep, sweep.add(value));
  return true;
}

/// Joins a node of the size of a reduction's result to the sweep that reduces.
bool Fusion::join_reduced(SweepBuild& sweep, PlannedNode& node, const Key& key) {
  const Shape& domain = graph_.shape(node.id);
  const std::span<const std::int32_t> inputs = graph_.inputs(key);
  Extent extent = Extent::element;
  for (const std::int32_t input : inputs)
    if (operands_.is_computed_in(input, sweep)) {
      const Extent found = sweep.sweep.values[static_cast<std::size_t>(graph_.node(input).value)].extent;
      if (found == Extent::element || graph_.shape(input).size() != domain.size()) continue;
      if (extent != Extent::element && extent != found) return false;
      extent = found;
    }
  if (extent == Extent::element) return false;
  Fit fits[3];
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const PlannedNode& operand = graph_.node(inputs[i]);
    const OperandGeometry geometry = operand_geometry(graph_.shape(inputs[i]), domain);
    if (!geometry.simple || (geometry.extent != Extent::element && geometry.extent != Extent::single)) return false;
    fits[i].extent = geometry.extent == Extent::element ? extent : Extent::single;
    fits[i].moves = geometry.extent == Extent::element;
    if (operands_.is_computed_in(inputs[i], sweep)) {
      if (sweep.sweep.values[static_cast<std::size_t>(operand.value)].extent != fits[i].extent) return false;
    } else if (operand.where == PlannedNode::Where::lazy) {
      if (graph_.shape(inputs[i]).size() != 1 || operand.pass >= sweep.pass) return false;
      fits[i] = {.extent = Extent::single, .moves = false};
    } else if (operand.pass >= sweep.pass) {
      return false;
    }
  }
  return emit_all(sweep, node, key, inputs, {fits, inputs.size()}, sweep.columns, sweep.batches);
}

bool Fusion::join_reduction(SweepBuild& sweep, PlannedNode& node, const Key& key, const ReductionGeometry& geometry) {
  const std::int32_t input = key.inputs[0];
  const Shape& from = graph_.shape(input);
  if (sweep.by_rows || from.size() != sweep.size || (sweep.columns != 0 && sweep.columns != geometry.columns))
    return false;
  const Fit operand = fit(sweep, input, from);
  if (!operand.ok || operand.extent != Extent::element) return false;
  const bool is_within_rows = geometry.form == ReductionGeometry::Form::per_row;
  if (!is_within_rows && sweep.batches != 0 && sweep.batches != geometry.batches) return false;
  const SweepBuild::State before = sweep.state();
  sweep.columns = geometry.columns;
  if (!is_within_rows) sweep.batches = geometry.batches;
  const std::int32_t value = operands_.emit(sweep, input, Extent::element);
  using Form = ReductionGeometry::Form;
  append_reduction(sweep, node, key, value,
                   geometry.form == Form::to_single ? Extent::single
                   : geometry.form == Form::per_row ? Extent::per_row
                                                    : Extent::per_column);
  if (sweep.fuses()) return true;
  sweep.restore(before);
  node.where = PlannedNode::Where::nowhere;
  return false;
}

void Fusion::append_reduction(SweepBuild& sweep, PlannedNode& node, const Key& key, std::int32_t value, Extent extent) {
  SweepValue reduction;
  reduction.kind = SweepValue::Kind::reduce;
  reduction.extent = extent;
  reduction.reduction = static_cast<run::Reduction>(key.op->reduction);
  reduction.operand_count = 1;
  reduction.operands[0] = value;
  sweep.reduces = true;
  put(node, sweep, sweep.add(reduction));
}

}  // namespace thalweg::internal
