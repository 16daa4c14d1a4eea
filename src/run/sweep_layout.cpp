// Decides which values a sweep keeps from one program to another, and lays out its memory.

#include <algorithm>
#include <vector>

#include "src/run/sweep_compile.hpp"

namespace thalweg::run {

using Kind = SweepValue::Kind;

namespace {

constexpr std::int64_t padded(std::int64_t bytes) {
  constexpr auto line = static_cast<std::int64_t>(max_vector_bytes);
  return (bytes + line - 1) / line * line;
}

}  // namespace

std::int64_t Compiler::take(std::int64_t bytes) {
  const std::int64_t offset = memory_bytes_;
  memory_bytes_ += padded(bytes);
  return offset;
}
std::int32_t Compiler::take_scratch(std::int64_t bytes) {
  const std::int64_t offset = scratch_bytes_;
  scratch_bytes_ += padded(bytes);
  return static_cast<std::int32_t>(offset);
}

/// The segment that writes an output.
int Compiler::output_segment(const SweepNode& node) const {
  return delay_stores_ ? segments_ - 1 : nodes_.segment_of(node);
}

/// The segment whose blocks accumulate a reduction. The node's own stage is the one in which the result is available.
int Compiler::accumulate_segment(const SweepNode& node) const {
  const bool staged = node.extent == Extent::per_row && !nodes_.one_block_rows;
  return nodes_.segment_of(node) - (staged ? 1 : 0);
}

/// Whether the element programs of a segment must compute the value for its own sake, as an output or to keep it.
bool Compiler::is_root(const SweepNode& node, int v, int segment) const {
  if (node.extent == Extent::per_row && !nodes_.one_block_rows) return false;
  if (outputs_of_[v] != 0 && output_segment(node) == segment) return true;
  return node.extent == Extent::per_row && node.keep == Keep::vector && nodes_.segment_of(node) == segment;
}

void Compiler::keep(SweepNode& node, int walk) {
  if (node.keep == Keep::vector || node.keep == Keep::output) return;
  if (node.extent == Extent::element && node.output_slot >= 0 && !delay_stores_) {
    node.keep = Keep::output;
  } else {
    const bool same_walk = nodes_.first_segments[walk] <= node.segment;
    node.keep = same_walk ? Keep::row_buffer : Keep::vector;
  }
}

/// Marks the values that the blocks of a segment compute. An expensive value that is needed again is kept from its
/// first segment on.
void Compiler::demand(int segment, int walk) {
  marks_.assign(static_cast<std::size_t>(nodes_.count()), 0);
  for (int v = nodes_.count() - 1; v >= 0; --v) {
    SweepNode& node = nodes_[v];
    if (!node.live) continue;
    const bool walk_reduce = nodes_.reduces_elements(node);
    const bool inner_reduce = walk_reduce && nodes_.one_block_rows && node.extent == Extent::per_row;
    if (walk_reduce && !inner_reduce && accumulate_segment(node) == segment) marks_[node.operands[0]] = 1;
    if (node.small() || (marks_[v] == 0 && !is_root(node, v, segment))) continue;
    if (node.extent == Extent::per_row && !nodes_.one_block_rows) {
      if (node.row_slot < 0) node.row_slot = take_scratch(static_cast<std::int64_t>(slot_bytes));
      if (node.walk < walk && node.kind != Kind::input) node.keep = Keep::vector;
      continue;
    }
    if (node.kind == Kind::input) continue;
    if (node.segment < 0) node.segment = static_cast<std::int16_t>(segment);
    if (node.segment < segment && (node.cost >= keep_cost || node.extent == Extent::per_row)) {
      keep(node, walk);
      continue;
    }
    for (int k = 0; k < node.operand_count; ++k) marks_[node.operands[k]] = 1;
  }
}

void Compiler::decide_keeping() {
  outputs_of_.assign(static_cast<std::size_t>(nodes_.count()), 0);
  for (const SweepNodeOutput& output : nodes_.outputs) {
    outputs_of_[output.value] = 1;
    if (output.dtype == nodes_.dtype) nodes_[output.value].output_slot = output.slot;
  }
  segments_ = nodes_.first_segments.back() + nodes_.stage_counts.back();
  for (int v = 0; v < nodes_.count(); ++v) {
    SweepNode& node = nodes_[v];
    if (!node.live) continue;
    node.cost = node.kind == Kind::draw ? 4 * keep_cost : node.is_apply() ? node.kernel->cost : 0;
    for (int k = 0; k < node.operand_count; ++k) {
      SweepNode& operand = nodes_[node.operands[k]];
      const bool computed = operand.extent == Extent::element && operand.cost < keep_cost;
      node.cost += computed ? operand.cost : 1;
      // A vector of values per row is needed for a reduction over rows, and for arithmetic in a later walk.
      if (operand.extent == Extent::per_row &&
          (node.small() || (node.extent == Extent::per_row && operand.walk < node.walk && operand.kind != Kind::input)))
        operand.keep = Keep::vector;
    }
    if (nodes_.reduces_elements(node) && node.extent == Extent::per_row && !nodes_.one_block_rows)
      node.row_slot = take_scratch(static_cast<std::int64_t>(slot_bytes));
  }
  if (segments_ < 2 && !nodes_.row_walk) return;
  for (int p = 0; p < nodes_.walks; ++p)
    for (int s = 0; s < nodes_.stage_counts[p]; ++s) demand(nodes_.first_segments[p] + s, p);
  if (!delay_stores_) lend_outputs();
}

/// A value that is kept from one walk to the last segment, and read there only as one operand of an output, is stored
/// in that output's buffer, which is written anyway. Not if the last segment reads inputs, since these may be the same
/// memory.
void Compiler::lend_outputs() {
  const int last = segments_ - 1;
  for (int v = 0; v < nodes_.count(); ++v)  // marks_ still has the last segment's marks
    if (marks_[v] != 0 && nodes_[v].kind == Kind::input && !nodes_[v].small()) return;
  for (int v = 0; v < nodes_.count(); ++v) {
    SweepNode& node = nodes_[v];
    if (!node.live || node.keep != Keep::vector || node.extent != Extent::element || node.segment == last) continue;
    int reader = -1, readers = 0;
    for (int c = v + 1; c < nodes_.count(); ++c) {
      const SweepNode& other = nodes_[c];
      const auto* end = other.operands + other.operand_count;
      const bool adds_up = nodes_.reduces_elements(other) && accumulate_segment(other) == node.segment;
      if (other.live && !adds_up && std::find(other.operands, end, v) != end) reader = c, ++readers;
    }
    if (readers != 1 || nodes_[reader].segment != last) continue;
    for (const SweepNodeOutput& output : nodes_.outputs) {
      const SweepNode& written = nodes_[output.value];
      const bool is_lent = std::any_of(nodes_.nodes.begin(), nodes_.nodes.end(), [&](const SweepNode& other) {
        return other.keep == Keep::lent && other.output_slot == output.slot;
      });
      if (is_lent || output.dtype != nodes_.dtype || written.extent != Extent::element || written.segment != last ||
          !is_made_of(output.value, reader))
        continue;
      node.keep = Keep::lent;
      node.output_slot = output.slot;
      break;
    }
  }
}

/// Whether v is computed from `operand` by elementwise ops alone.
bool Compiler::is_made_of(int v, int operand) {
  marks_.assign(static_cast<std::size_t>(nodes_.count()), 0);
  marks_[operand] = 1;
  for (int c = operand + 1; c <= v; ++c) {
    const SweepNode& node = nodes_[c];
    if (!node.is_apply() || node.extent != Extent::element) continue;
    for (int k = 0; k < node.operand_count; ++k) marks_[c] |= marks_[node.operands[k]];
  }
  return marks_[v] != 0;
}

/// Finds the small values that another program reads, and the values per column that the flat walk reads as a tile.
void Compiler::choose_shared() {
  for (int v = 0; v < nodes_.count(); ++v) {
    SweepNode& node = nodes_[v];
    if (!node.live) continue;
    const bool is_output = outputs_of_[v] != 0;
    node.vector_wanted |= is_output;
    if (node.small() && (!node.is_apply() || is_output)) node.shared = true;
    for (int k = 0; k < node.operand_count; ++k) {
      SweepNode& operand = nodes_[node.operands[k]];
      if (!operand.small()) continue;
      const bool same_program =
          node.is_apply() && node.extent == operand.extent && node.walk == operand.walk && node.stage == operand.stage;
      if (!same_program) operand.shared = true;
      const bool tile = !node.small() && operand.extent == Extent::per_column && !nodes_.row_walk;
      if (tile) operand.tile = 0;  // marks it as needed
      operand.vector_wanted |= !tile;
    }
  }
}

void Compiler::lay_out_walk_memory(SweepNode& node) {
  const Geometry& g = nodes_.geometry;
  if (node.keep == Keep::row_buffer) {
    node.memory = take_scratch((g.columns + g.wide) * g.size);
  } else if (node.keep == Keep::vector) {
    node.memory = take((node.extent == Extent::per_row ? g.rows : g.elements() + g.wide) * g.size);
  }
}

/// The most columns whose tiles stay in the first-level cache, where all columns' do not even stay in the second-level
/// one; 0 if a walk needs whole rows.
std::int64_t Compiler::strip_columns() const {
  const Geometry& g = nodes_.geometry;
  if (!nodes_.row_walk || nodes_.one_block_rows || nodes_.has_singles) return 0;
  std::int64_t most = 0;  // of a walk's column reductions
  for (int p = 0; p < nodes_.walks; ++p) {
    const auto count = std::ranges::count_if(nodes_.nodes, [&](const SweepNode& node) {
      return node.live && node.walk == p && node.extent == Extent::per_column && nodes_.reduces_elements(node);
    });
    most = std::max<std::int64_t>(most, count);
  }
  const bool has_rows = std::ranges::any_of(
      nodes_.nodes, [](const SweepNode& node) { return node.live && node.extent == Extent::per_row; });
  if (has_rows || most * g.columns * g.size <= strip_bytes_from) return 0;
  return std::max<std::int64_t>(strip_bytes / (most * g.size) / g.wide * g.wide, 8 * g.wide);
}

void Compiler::lay_out_memory() {
  const Geometry& g = nodes_.geometry;
  SweepDraft& program = *program_;
  // A tile of values per column is repeated to whole blocks, or has just a repeated block at its end.
  const bool repeated = g.tiled && (nodes_.has_column_folds || g.elements() >= 8 * g.period);
  program.read_period = repeated && !nodes_.row_walk ? g.period : g.columns;
  for (int v = 0; v < nodes_.count(); ++v) {
    SweepNode& node = nodes_[v];
    if (!node.live) continue;
    if (!node.small()) {
      lay_out_walk_memory(node);
    } else if (node.shared) {
      node.memory =
          take(node.extent == Extent::single ? static_cast<std::int64_t>(slot_bytes) : (g.columns + g.wide) * g.size);
      if (node.tile == 0) node.tile = take((program.read_period + g.wide) * g.size);
    }
  }
  program.strip_columns = strip_columns();
  const bool reduces = nodes_.has_column_folds || nodes_.has_singles;
  program.task_length = g.task_length(nodes_.row_walk, reduces);
  const std::int64_t length = nodes_.row_walk ? g.rows : g.elements();
  program.tasks = std::max<std::int64_t>(1, (length + program.task_length - 1) / program.task_length);
  if (reduces && program.strip_columns == 0) {
    for (int p = 0; p < nodes_.walks; ++p) {
      std::int64_t partials = 0;
      for (const SweepNode& node : nodes_.nodes)
        if (node.live && node.walk == p && nodes_.reduces_in_walk(node))
          partials += node.extent == Extent::single ? 1 : g.columns;
      program.partials_per_task = std::max(program.partials_per_task, partials);
    }
    program.partial_memory =
        take(program.tasks * program.partials_per_task * static_cast<std::int64_t>(sizeof(Partial)));
  }
  program.memory = AlignedMemory(static_cast<std::size_t>(std::max<std::int64_t>(memory_bytes_, 64)));
}

void Compiler::add_inputs() {
  const Geometry& g = nodes_.geometry;
  SweepDraft& program = *program_;
  for (const SweepNode& node : nodes_.nodes) {
    if (!node.live || !node.small()) continue;
    switch (node.kind) {
      case Kind::number: program.single_inputs.push_back({node.slot, DType::f64, node.memory}); break;
      case Kind::input:
        if (node.extent == Extent::single) {
          program.single_inputs.push_back({node.slot, node.dtype, node.memory});
        } else {
          // The tile can be filled from the buffer directly if nothing else reads the vector.
          const bool direct = node.tile >= 0 && node.dtype == program.dtype && !node.vector_wanted;
          program.column_inputs.push_back({node.slot, node.dtype, direct ? -1 : node.memory, node.tile});
        }
        break;
      case Kind::column: {
        if (node.extent == Extent::single) {
          program.machine->fill(program.at(node.memory), g.wide, Partial{});
          break;
        }
        std::vector<std::int64_t> indices(static_cast<std::size_t>(g.columns));
        for (std::size_t c = 0; c < indices.size(); ++c) indices[c] = static_cast<std::int64_t>(c);
        convert_values(program.at(node.memory), program.dtype, indices.data(), DType::i64, g.columns);
        if (node.tile >= 0)
          program.machine->repeat(program.at(node.tile), program.read_period + g.wide, program.at(node.memory),
                                  g.columns);
        break;
      }
      default: break;
    }
  }
  for (const SweepNodeOutput& output : nodes_.outputs) {
    const SweepNode& node = nodes_[output.value];
    if (node.small())
      program.small_outputs.push_back(
          {node.memory, node.extent == Extent::single ? 1 : g.columns, output.slot, output.dtype});
  }
}

}  // namespace thalweg::run
