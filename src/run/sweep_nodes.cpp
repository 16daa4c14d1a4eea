#include "src/run/sweep_nodes.hpp"

#include <algorithm>

namespace thalweg::run {

using Kind = SweepValue::Kind;

void SweepNodes::assign(const Sweep& sweep) {
  read(sweep, false);
  schedule();
}

bool SweepNodes::fit(const Sweep& sweep) {
  read(sweep, true);  // any value may become an output
  return fits;
}

void SweepNodes::read(const Sweep& sweep, bool all_live) {
  dtype = sweep.dtype;
  geometry = Geometry(sweep.rows, sweep.columns, sweep.dtype, machine(sweep.dtype).lanes);
  read_values(sweep);
  mark_live(all_live);
  choose_walk();
}

void SweepNodes::read_values(const Sweep& sweep) {
  nodes.clear();
  outputs.clear();
  nodes.resize(sweep.values.size());
  // A reduction over a single element equals its operand; `output_slot` temporarily has the id that replaces each
  // value.
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const SweepValue& value = sweep.values[i];
    SweepNode& node = nodes[i];
    node.kind = value.kind;
    node.extent = geometry.canonical(value.extent);
    node.dtype = value.dtype;
    node.reduction = value.reduction;
    node.distribution = value.distribution;
    node.operand_count = value.operand_count;
    node.slot = value.slot;
    node.kernel = value.kernel;
    for (int k = 0; k < value.operand_count; ++k)
      node.operands[k] = static_cast<std::int16_t>(nodes[value.operands[k]].output_slot);
    const bool is_operand = value.kind == Kind::reduce && (*this)[node.operands[0]].extent == node.extent;
    node.output_slot = is_operand ? node.operands[0] : static_cast<std::int16_t>(i);
  }
  for (const SweepOutput& output : sweep.outputs)
    outputs.push_back({static_cast<std::int16_t>((*this)[output.value].output_slot), output.slot, output.dtype});
  for (SweepNode& node : nodes) node.output_slot = -1;
  if (geometry.one_dimensional() && geometry.columns <= geometry.wide) make_one_row();
}

/// Treats a domain of one block as one row: its reductions are then values of the row, available in the same program.
void SweepNodes::make_one_row() {
  for (SweepNode& node : nodes) {
    if (node.extent != Extent::single) continue;
    if (geometry.elements() == 1 && node.is_apply()) {  // arithmetic on single values counts as elementwise
      node.extent = Extent::element;
      continue;
    }
    bool of_row = reduces_elements(node);
    for (int k = 0; k < node.operand_count && node.is_apply(); ++k)
      of_row |= (*this)[node.operands[k]].extent == Extent::per_row;
    if (of_row) node.extent = Extent::per_row;
  }
}

void SweepNodes::mark_live(bool all) {
  if (all)
    for (SweepNode& node : nodes) node.live = !node.is_reduce() || (*this)[node.operands[0]].extent != node.extent;
  for (const SweepNodeOutput& output : outputs) (*this)[output.value].live = true;
  for (int v = count() - 1; v >= 0; --v) {
    const SweepNode& node = (*this)[v];
    if (!node.live) continue;
    for (int k = 0; k < node.operand_count; ++k) (*this)[node.operands[k]].live = true;
  }
}

void SweepNodes::choose_walk() {
  bool row = false, flat = false;
  has_column_folds = has_singles = false;
  for (SweepNode& node : nodes) {
    if (!node.live) continue;
    if (node.is_apply()) node.handlers = &handlers_of(*node.kernel, dtype);
    row |= node.extent == Extent::per_row;
    if (!reduces_in_walk(node)) continue;
    if (node.extent == Extent::per_column) {
      has_column_folds = true;
      row |= !geometry.tiled;
    } else {
      has_singles = true;
      (geometry.single_is_flat() ? flat : row) = true;
    }
  }
  row_walk = row;
  fits = !(row_walk && flat);
  one_block_rows = row_walk && geometry.columns <= geometry.wide;
}

void SweepNodes::place(SweepNode& node) const {
  for (int k = 0; k < node.operand_count; ++k) {
    const SweepNode& operand = (*this)[node.operands[k]];
    node.walk = std::max<std::int16_t>(node.walk, operand.walk + (reduces_in_walk(operand) ? 1 : 0));
  }
  if (node.is_reduce() && node.small() && (*this)[node.operands[0]].extent == Extent::per_row) {
    node.walk = static_cast<std::int16_t>((*this)[node.operands[0]].walk + 1);
    return;
  }
  for (int k = 0; k < node.operand_count; ++k) {
    const SweepNode& operand = (*this)[node.operands[k]];
    if (operand.walk != node.walk || in_walk(operand) != in_walk(node)) continue;
    // The result of a reduction of a vector is available one level later.
    const int wait = operand.is_reduce() && operand.small() ? 1 : 0;
    node.stage = std::max<std::int16_t>(node.stage, static_cast<std::int16_t>(operand.stage + wait));
  }
  if (node.is_reduce() && node.extent == Extent::per_row && !one_block_rows) ++node.stage;
}

void SweepNodes::schedule() {
  walks = 1;
  for (SweepNode& node : nodes) {
    if (!node.live) continue;
    place(node);
    walks = std::max<std::int16_t>(walks, static_cast<std::int16_t>(node.walk + 1));
    if (reduces_in_walk(node)) walks = std::max<std::int16_t>(walks, static_cast<std::int16_t>(node.walk + 2));
  }
  const auto size = static_cast<std::size_t>(walks);
  stage_counts.assign(size, 0);
  level_counts.assign(size, 0);
  first_segments.assign(size, 0);
  for (const SweepNode& node : nodes) {
    if (!node.live || (node.small() && !node.is_apply() && !node.is_reduce())) continue;
    auto& counts = in_walk(node) ? stage_counts : level_counts;
    auto& entry = counts[node.walk];
    entry = std::max<std::int16_t>(entry, static_cast<std::int16_t>(node.stage + 1));
    if (!reduces_in_walk(node)) continue;
    auto& next = level_counts[static_cast<std::size_t>(node.walk) + 1];
    next = std::max<std::int16_t>(next, 1);  // the result may have to be repeated to a tile
  }
  for (std::size_t p = 1; p < size; ++p)
    first_segments[p] = static_cast<std::int16_t>(first_segments[p - 1] + stage_counts[p - 1]);
}

}  // namespace thalweg::run
